//! A device that plays a script of power over time: for laptops without a counter. What it counts is
//! marked as simulated wherever it is shown.

use std::time::{Duration, Instant};

use super::{Device, Identity, Sample};

/// A stretch of constant power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub lasts: Duration,
    pub milliwatts: u64,
}

/// Plays its steps round and round. Its counter is their exact integral, renewed at each tick.
#[derive(Debug, Clone)]
pub struct FakeDevice {
    identity: Identity,
    start: Instant,
    steps: Vec<Step>,
    tick: Duration,
}

impl FakeDevice {
    /// Begins to play at `start`. A script without a step counts nothing.
    pub fn new(start: Instant, steps: Vec<Step>, tick: Duration) -> FakeDevice {
        FakeDevice {
            identity: Identity {
                name: "fake".to_owned(),
                scope: "made-up device".to_owned(),
                simulated: true,
                lag: tick,
                gpu: None,
            },
            start,
            steps,
            tick,
        }
    }

    /// A made-up device of 45 W that pulses a little, with the 20 ms tick of a common GPU. Ten readings
    /// of its power a second are enough to confirm its counter.
    pub fn pulsing() -> FakeDevice {
        let step = |milliseconds, milliwatts| Step {
            lasts: Duration::from_millis(milliseconds),
            milliwatts,
        };
        FakeDevice::new(
            Instant::now(),
            vec![step(250, 44_000), step(250, 46_000)],
            Duration::from_millis(20),
        )
    }

    /// What it says at an instant.
    pub fn sample_at(&self, at: Instant) -> Sample {
        Sample {
            at,
            counter: Ok(self.microjoules_at(at)),
            power: Ok(self.milliwatts_at(at)),
        }
    }

    /// At the last tick.
    fn milliwatts_at(&self, at: Instant) -> u64 {
        let round: u128 = self.steps.iter().map(|step| step.lasts.as_nanos()).sum();
        let mut rest = self.ticked(at).checked_rem(round).unwrap_or(0);
        for step in &self.steps {
            match rest.checked_sub(step.lasts.as_nanos()) {
                Some(left) => rest = left,
                None => return step.milliwatts,
            }
        }
        0
    }

    /// Nanoseconds from its start to the last tick.
    fn ticked(&self, at: Instant) -> u128 {
        let tick = self.tick.as_nanos().max(1);
        at.saturating_duration_since(self.start).as_nanos() / tick * tick
    }

    fn microjoules_at(&self, at: Instant) -> u64 {
        let round_nanoseconds: u128 = self.steps.iter().map(|step| step.lasts.as_nanos()).sum();
        if round_nanoseconds == 0 {
            return 0;
        }
        let elapsed = self.ticked(at);
        let round: u128 = self.steps.iter().map(Step::picojoules).sum();
        let mut rest = elapsed % round_nanoseconds;
        let mut picojoules = elapsed / round_nanoseconds * round;
        for step in &self.steps {
            let part = rest.min(step.lasts.as_nanos());
            picojoules += part * u128::from(step.milliwatts);
            rest -= part;
        }
        u64::try_from(picojoules / 1_000_000).unwrap_or(u64::MAX)
    }
}

impl Step {
    fn picojoules(&self) -> u128 {
        self.lasts.as_nanos() * u128::from(self.milliwatts)
    }
}

impl Device for FakeDevice {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn sample(&mut self) -> Sample {
        self.sample_at(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_the_integral_of_its_script_and_says_that_it_is_a_fake() {
        let start = Instant::now();
        let step = |seconds, milliwatts| Step {
            lasts: Duration::from_secs(seconds),
            milliwatts,
        };
        let steps = vec![step(1, 10_000), step(3, 50_000)];
        let device = FakeDevice::new(start, steps, Duration::from_millis(100));
        let says = |milliseconds| {
            let said = device.sample_at(start + Duration::from_millis(milliseconds));
            (said.counter.unwrap(), said.power.unwrap())
        };
        assert_eq!(says(1_000), (10_000_000, 50_000));
        assert_eq!(says(2_000), (60_000_000, 50_000));
        // A whole round is 160 J.
        assert_eq!(says(9_000), (330_000_000, 50_000));
        // Between two ticks it stands still.
        assert_eq!(says(1_099), (10_000_000, 50_000));
        assert_eq!(says(999), (9_000_000, 10_000));
        assert!(device.identity().simulated);
    }
}
