//! What the fake plays: a file that is read anew at each call, so that a test can change its mind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nvml_wrapper_sys::bindings as nvml;
use serde::Deserialize;

use crate::trace::{Sensor, Step, Trace};

/// Names the file. Without it, the file lies beside the library under [`BESIDE`]; without that, too,
/// all is as by default.
const VARIABLE: &str = "FAKE_NVML";
const BESIDE: &str = "fake-nvml.toml";

/// All times are of CLOCK_MONOTONIC.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub profile: Profile,
    pub gpus: u32,
    /// Played round and round since the clock's zero.
    pub trace: Vec<Step>,
    /// These three are the profile's unless they are given.
    pub tick_ms: Option<u64>,
    pub instant_ms: Option<u64>,
    pub average_ms: Option<u64>,
    /// How far ticks are from the clock's whole ticks.
    pub phase_us: u64,
    /// What sensor and counter say is so many times the truth.
    pub gain: f64,
    /// Power is off by up to this share of it, either way.
    pub noise: f64,
    pub seed: u64,
    /// The counter's zero: a later one than before is a reset.
    pub counts_from_ns: u64,
    pub freezes_at_ns: Option<u64>,
    pub zero_power: bool,
    /// How long each reading takes.
    pub delay_ms: u64,
    pub throttle_reasons: u64,
    pub foreign_pid: Option<u32>,
    pub mig: bool,
    /// Failures, by a function's name, by "field_" and its number, or "device" for all that is
    /// asked of a device.
    pub returns: BTreeMap<String, Failure>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            profile: Profile::A100,
            gpus: 1,
            trace: vec![
                Step {
                    lasts_ms: 700,
                    power_mw: 60_000,
                },
                Step {
                    lasts_ms: 300,
                    power_mw: 250_000,
                },
            ],
            tick_ms: None,
            instant_ms: None,
            average_ms: None,
            phase_us: 0,
            gain: 1.0,
            noise: 0.0,
            seed: 0,
            counts_from_ns: 0,
            freezes_at_ns: None,
            zero_power: false,
            delay_ms: 0,
            throttle_reasons: 0,
            foreign_pid: None,
            mig: false,
            returns: BTreeMap::new(),
        }
    }
}

/// Ticks and averages as arXiv 2312.02741 found them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    V100,
    A100,
    #[serde(rename = "rtx_500ms")]
    Rtx500ms,
    /// Has a name, and no counter.
    Jetson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    NotSupported,
    NoPermission,
    GpuIsLost,
    DriverNotLoaded,
    VersionMismatch,
    Unknown,
}

impl Settings {
    pub fn read() -> Result<Settings, String> {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let Some(path) = named.or_else(beside_the_library) else {
            return Ok(Settings::default());
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub fn trace(&self) -> Trace<'_> {
        let (tick, instant, average) = match self.profile {
            Profile::V100 => (20, 10, 10),
            Profile::A100 | Profile::Jetson => (100, 25, 25),
            Profile::Rtx500ms => (500, 500, 1_000),
        };
        let milliseconds =
            |given: Option<u64>, usual| Duration::from_millis(given.unwrap_or(usual));
        Trace {
            steps: &self.trace,
            sensor: Sensor {
                tick: milliseconds(self.tick_ms, tick),
                instant: milliseconds(self.instant_ms, instant),
                average: milliseconds(self.average_ms, average),
                phase: Duration::from_micros(self.phase_us),
                gain: self.gain,
                noise: self.noise,
                seed: self.seed,
            },
            counts_from: Duration::from_nanos(self.counts_from_ns),
            freezes_at: self.freezes_at_ns.map(Duration::from_nanos),
        }
    }
}

impl Profile {
    pub fn name(self) -> &'static str {
        match self {
            Profile::V100 => "FAKE Tesla V100-SXM2-16GB",
            Profile::A100 => "FAKE NVIDIA A100-SXM4-40GB",
            Profile::Rtx500ms => "FAKE NVIDIA RTX with a tick of 500 ms",
            Profile::Jetson => "FAKE Orin (nvgpu)",
        }
    }

    pub fn architecture(self) -> u32 {
        match self {
            Profile::V100 => nvml::NVML_DEVICE_ARCH_VOLTA,
            Profile::A100 | Profile::Jetson => nvml::NVML_DEVICE_ARCH_AMPERE,
            Profile::Rtx500ms => nvml::NVML_DEVICE_ARCH_ADA,
        }
    }

    pub fn power_limit_mw(self) -> u32 {
        match self {
            Profile::V100 => 300_000,
            Profile::A100 => 400_000,
            Profile::Rtx500ms => 320_000,
            Profile::Jetson => 60_000,
        }
    }
}

impl Failure {
    pub fn code(self) -> nvml::nvmlReturn_t {
        match self {
            Failure::NotSupported => nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED,
            Failure::NoPermission => nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION,
            Failure::GpuIsLost => nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST,
            Failure::DriverNotLoaded => nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED,
            Failure::VersionMismatch => nvml::nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH,
            Failure::Unknown => nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN,
        }
    }
}

/// Where this code was loaded from, as the kernel tells.
fn beside_the_library() -> Option<PathBuf> {
    let here = Settings::read as *const () as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let library = maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        let path = &rest[rest.find('/')?..];
        (start..end).contains(&here).then(|| PathBuf::from(path))
    })?;
    let path = library.with_file_name(BESIDE);
    path.exists().then_some(path)
}
