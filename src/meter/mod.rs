//! Devices that count energy, and nothing else: a meter does not know what it measures.

mod fake;

use std::time::Instant;

pub use fake::{FakeMeter, Step};

use crate::domain::energy::{Energy, MeasuredEnergy, Tier};
use crate::domain::units::Joules;

/// A device with a cumulative energy counter. NVML and RAPL plug in here.
pub trait Meter {
    /// What a fingerprint calls it.
    fn name(&self) -> &'static str;

    /// What the counter covers, such as "GPU board".
    fn scope(&self) -> &str;

    /// Whether its figures are made up.
    fn is_simulated(&self) -> bool;

    /// The counter now, or why there is none.
    fn read(&mut self) -> Result<Reading, Absent>;
}

/// One value of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub at: Instant,
    /// As the device counts, never rounded.
    pub microjoules: u64,
}

/// Why a counter has no value: shown in the figure's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Absent(pub String);

/// The energy between two readings: missing unless both are there and the counter has moved.
pub fn energy_between(
    meter: &dyn Meter,
    start: Result<Reading, Absent>,
    end: Result<Reading, Absent>,
) -> Energy {
    let (start, end) = match (start, end) {
        (Ok(start), Ok(end)) => (start, end),
        (Err(absent), _) | (_, Err(absent)) => return Energy::missing(absent.0),
    };
    match end.microjoules.checked_sub(start.microjoules) {
        None => Energy::missing("the energy counter went backwards"),
        Some(0) => Energy::missing("the window is too short for the energy counter's tick"),
        Some(microjoules) => Energy::Measured(MeasuredEnergy {
            gross: Joules::from_microjoules(microjoules),
            tier: Tier::C,
            method: "counter".to_owned(),
            scope: meter.scope().to_owned(),
            simulated: meter.is_simulated(),
        }),
    }
}

/// A machine without an energy counter.
pub struct NoMeter;

impl Meter for NoMeter {
    fn name(&self) -> &'static str {
        "none"
    }

    fn scope(&self) -> &str {
        "nothing"
    }

    fn is_simulated(&self) -> bool {
        false
    }

    fn read(&mut self) -> Result<Reading, Absent> {
        Err(Absent("no energy counter on this machine".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reading(microjoules: u64) -> Result<Reading, Absent> {
        Ok(Reading {
            at: Instant::now(),
            microjoules,
        })
    }

    #[test]
    fn a_fault_of_the_counter_is_a_reason_and_never_a_number() {
        let energy = |start, end| energy_between(&NoMeter, start, end);
        let absent = || Err(Absent("the GPU was lost".into()));
        assert_eq!(
            energy(reading(5), absent()),
            Energy::missing("the GPU was lost")
        );
        assert_eq!(
            energy(absent(), reading(5)),
            Energy::missing("the GPU was lost")
        );
        assert!(matches!(
            energy(reading(5), reading(4)),
            Energy::Missing { .. }
        ));
        assert!(matches!(
            energy(reading(5), reading(5)),
            Energy::Missing { .. }
        ));
        assert!(matches!(NoMeter.read(), Err(Absent(_))));
    }

    #[test]
    fn the_fake_counts_the_integral_of_its_script_and_says_that_it_is_a_fake() {
        let start = Instant::now();
        let mut meter = FakeMeter::new(
            start,
            vec![
                Step {
                    lasts: Duration::from_secs(1),
                    milliwatts: 10_000,
                },
                Step {
                    lasts: Duration::from_secs(3),
                    milliwatts: 50_000,
                },
            ],
            Duration::from_millis(100),
        );
        let second = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(meter.microjoules_at(second(1)), 10_000_000);
        assert_eq!(meter.microjoules_at(second(2)), 60_000_000);
        // A whole round is 160 J.
        assert_eq!(meter.microjoules_at(second(9)), 330_000_000);
        // Between two ticks the counter stands still.
        assert_eq!(
            meter.microjoules_at(second(1) + Duration::from_millis(99)),
            10_000_000
        );
        let Energy::Measured(energy) = energy_between(
            &meter,
            Ok(meter.reading_at(second(0))),
            Ok(meter.reading_at(second(4))),
        ) else {
            panic!("the counter has moved");
        };
        assert!(energy.simulated);
        assert_eq!(energy.gross, Joules::from_millijoules(160_000));
        assert!(meter.read().is_ok());
    }
}
