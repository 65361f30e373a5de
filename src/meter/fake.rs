//! A meter that plays a script of power over time: for laptops without a counter. What it counts is
//! marked as simulated wherever it is shown.

use std::time::{Duration, Instant};

use super::{Absent, Meter, Reading};

/// A stretch of constant power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub lasts: Duration,
    pub milliwatts: u64,
}

/// Plays its steps round and round. Its counter is their exact integral, renewed at each tick.
#[derive(Debug, Clone)]
pub struct FakeMeter {
    start: Instant,
    steps: Vec<Step>,
    tick: Duration,
}

impl FakeMeter {
    /// Begins to play at `start`. A script without a step counts nothing.
    pub fn new(start: Instant, steps: Vec<Step>, tick: Duration) -> FakeMeter {
        FakeMeter { start, steps, tick }
    }

    /// A made-up device of 45 W that pulses, with the 20 ms tick of a common GPU.
    pub fn pulsing() -> FakeMeter {
        let step = |milliseconds, milliwatts| Step {
            lasts: Duration::from_millis(milliseconds),
            milliwatts,
        };
        FakeMeter::new(
            Instant::now(),
            vec![step(250, 30_000), step(250, 60_000)],
            Duration::from_millis(20),
        )
    }

    pub(super) fn reading_at(&self, at: Instant) -> Reading {
        Reading {
            at,
            microjoules: self.microjoules_at(at),
        }
    }

    pub(super) fn microjoules_at(&self, at: Instant) -> u64 {
        let round_nanoseconds: u128 = self.steps.iter().map(|step| step.lasts.as_nanos()).sum();
        if round_nanoseconds == 0 {
            return 0;
        }
        let elapsed = at.saturating_duration_since(self.start).as_nanos();
        let tick = self.tick.as_nanos().max(1);
        let elapsed = elapsed / tick * tick;
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

impl Meter for FakeMeter {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn scope(&self) -> &str {
        "made-up device"
    }

    fn is_simulated(&self) -> bool {
        true
    }

    fn read(&mut self) -> Result<Reading, Absent> {
        Ok(self.reading_at(Instant::now()))
    }
}
