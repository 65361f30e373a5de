//! Devices that tell what energy they draw, and nothing else: a meter does not know what it
//! measures.

mod fake;
mod find;
mod held;
mod nvml;
mod rapl;
mod rest;
mod sampler;
mod schedule;
mod ticks;
mod trace;
#[cfg(test)]
mod virtual_device;
mod window;

use std::time::{Duration, Instant};

pub use fake::{FakeDevice, Step};
pub use find::{Found, find};
pub use nvml::NvmlDevice;
pub use rapl::RaplDevice;
pub use sampler::{Meter, Watch};
pub use schedule::nth_reading;
pub use window::energy_of;

/// A device that counts energy or reports power. NVML and RAPL plug in here.
pub trait Device: Send {
    fn identity(&self) -> &Identity;

    /// What the device says now. A counter that is gone is a reason, never a zero.
    fn sample(&mut self) -> Sample;
}

/// What does not change while a device is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What a fingerprint calls it, such as "NVIDIA A100-SXM4-40GB".
    pub name: String,
    /// What its figures cover, such as "GPU board".
    pub scope: String,
    /// Whether its figures are made up.
    pub simulated: bool,
    /// How long the device may take to show a change of what it draws: its tick or averaging window,
    /// whichever is longer.
    pub lag: Duration,
    /// What else a GPU tells of itself.
    pub gpu: Option<Gpu>,
}

/// What decides how a GPU's counters behave, for a fingerprint; `None` where it does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    pub uuid: Option<String>,
    pub driver: Option<String>,
    pub vbios: Option<String>,
    pub power_limit_mw: Option<u64>,
}

/// What a device said at one instant of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub at: Instant,
    /// The energy counted so far, in microjoules as the device counts, wraps made good.
    pub counter: Result<u64, Absent>,
    /// The power now, in milliwatts.
    pub power: Result<u64, Absent>,
}

/// Why there is no value: shown in the figure's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Absent(pub String);
