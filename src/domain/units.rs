//! Units in the type, so that the compiler checks the physics and no name has to repeat them.

use std::fmt;
use std::ops::{Add, Div, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Energy in joules. Finite; negative only as the difference of two energies.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Joules(f64);

impl Joules {
    /// Of a sum or an estimate, which is finite.
    pub fn new(joules: f64) -> Joules {
        Joules(joules)
    }

    /// A counter's reading in millijoules, the unit of NVML's total energy counter.
    pub fn from_millijoules(millijoules: u64) -> Joules {
        Joules(millijoules as f64 / 1e3)
    }

    /// A counter's reading in microjoules, the unit of powercap's RAPL counters.
    pub fn from_microjoules(microjoules: u64) -> Joules {
        Joules(microjoules as f64 / 1e6)
    }

    pub fn as_f64(self) -> f64 {
        self.0
    }
}

impl Add for Joules {
    type Output = Joules;
    fn add(self, other: Joules) -> Joules {
        Joules(self.0 + other.0)
    }
}

impl Sub for Joules {
    type Output = Joules;
    fn sub(self, other: Joules) -> Joules {
        Joules(self.0 - other.0)
    }
}

impl Div<Duration> for Joules {
    type Output = Watts;
    fn div(self, time: Duration) -> Watts {
        Watts(self.0 / time.as_secs_f64())
    }
}

impl Div<f64> for Joules {
    type Output = Joules;
    fn div(self, parts: f64) -> Joules {
        Joules(self.0 / parts)
    }
}

/// Power in watts.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watts(f64);

impl Watts {
    /// Of a mean or an estimate, which is finite.
    pub fn new(watts: f64) -> Watts {
        Watts(watts)
    }

    pub fn from_milliwatts(milliwatts: u64) -> Watts {
        Watts(milliwatts as f64 / 1e3)
    }

    pub fn as_f64(self) -> f64 {
        self.0
    }
}

impl Add for Watts {
    type Output = Watts;
    fn add(self, other: Watts) -> Watts {
        Watts(self.0 + other.0)
    }
}

impl std::ops::Mul<Duration> for Watts {
    type Output = Joules;
    fn mul(self, time: Duration) -> Joules {
        Joules(self.0 * time.as_secs_f64())
    }
}

/// A number of bytes. Shown with binary prefixes: "1.5 MiB".
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    pub const fn new(bytes: u64) -> Bytes {
        Bytes(bytes)
    }

    pub const fn from_kib(kib: u64) -> Bytes {
        Bytes(kib << 10)
    }

    pub const fn from_mib(mib: u64) -> Bytes {
        Bytes(mib << 20)
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// For PostgreSQL's `bigint`; a size above 8 EiB cannot have been stored.
    pub fn as_i64(self) -> i64 {
        i64::try_from(self.0).expect("a size in bytes fits a bigint")
    }

    /// From PostgreSQL's `bigint`, which the table's check keeps from being negative.
    pub fn from_i64(bytes: i64) -> Bytes {
        Bytes(u64::try_from(bytes).expect("a stored size is not negative"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIXES: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut prefix = PREFIXES[0];
        for next in &PREFIXES[1..] {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            prefix = next;
        }
        if value < 10.0 && value.fract() != 0.0 {
            write!(f, "{value:.1} {prefix}")
        } else {
            write!(f, "{value:.0} {prefix}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_over_time_is_power_and_power_times_time_is_energy() {
        let energy = Joules::from_millijoules(12_000);
        let time = Duration::from_secs(4);
        assert_eq!(energy / time, Watts::from_milliwatts(3_000));
        assert_eq!((energy / time) * time, energy);
    }

    #[test]
    fn bytes_are_shown_with_binary_prefixes() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (200 << 20, "200 MiB"),
            (3 << 30, "3 GiB"),
        ] {
            assert_eq!(Bytes::new(bytes).to_string(), shown);
        }
    }
}
