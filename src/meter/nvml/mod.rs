//! The energy counter and the power sensor of an NVIDIA GPU, by the driver's library NVML.

mod reasons;
mod sensors;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_POWER_AVERAGE, NVML_FI_DEV_POWER_INSTANT, NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION,
};
use nvml_wrapper::{Device as Handle, Nvml};

use super::{Absent, Device, Gpu, Identity, Sample};
use reasons::{COUNTER, SENSOR};

/// One call answers all three, as of one time: energy, power now, power on average.
const FIELDS: [FieldId; 3] = [
    FieldId(NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION),
    FieldId(NVML_FI_DEV_POWER_INSTANT),
    FieldId(NVML_FI_DEV_POWER_AVERAGE),
];
/// Figures are taken to be of the middle of a call. One that takes longer is no figure of any
/// instant: the counter may have ticked twice meanwhile.
const LONGEST_CALL: Duration = Duration::from_millis(200);
/// A board draws watts even at rest, and its counter has a tick of 0.5 s at most.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(2);
/// Three ticks from the first to the last, so that one that was seen late does not matter.
const TICKS_TO_SEE: usize = 4;
const LONGEST_LOOK_AT_TICKS: Duration = Duration::from_secs(3);

/// One GPU. What it cannot tell was found out when it was opened.
pub struct NvmlDevice {
    /// Its library stays loaded as long as there is a device.
    nvml: Arc<Nvml>,
    index: u32,
    identity: Identity,
    counter: Result<CounterSource, Absent>,
    power: Result<PowerSource, Absent>,
    counted: Option<Counted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CounterSource {
    Field,
    Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PowerSource {
    Instant,
    Average,
    Usage,
}

/// Where the counter stood, and since when.
#[derive(Debug, Clone, Copy)]
struct Counted {
    microjoules: u64,
    since: Instant,
}

impl NvmlDevice {
    /// All GPUs of this machine, by the driver's library or another one. A GPU that does not answer
    /// is among them, with the reason in the place of its figures.
    pub fn find(library: Option<&Path>) -> Result<Vec<NvmlDevice>, Absent> {
        let mut builder = Nvml::builder();
        if let Some(library) = library {
            builder.lib_path(library.as_os_str());
        }
        let nvml = builder
            .init()
            .map_err(|error| reasons::of_library(library, &error))?;
        let nvml = Arc::new(nvml);
        let count = nvml
            .device_count()
            .map_err(|error| reasons::of_library(library, &error))?;
        let mut found = Vec::new();
        for index in 0..count {
            let mut device = NvmlDevice::open(Arc::clone(&nvml), index);
            device.identity.lag = sensors::slower(device.identity.lag, &device.ticks());
            found.push(device);
        }
        Ok(found)
    }

    fn open(nvml: Arc<Nvml>, index: u32) -> NvmlDevice {
        let driver = nvml.sys_driver_version().ok();
        let (name, counter, power, lag, gpu) = match nvml.device_by_index(index) {
            Ok(handle) => {
                let name = handle.name().ok();
                let (counter, power) = probe(&handle);
                let architecture = handle.architecture().ok();
                let lag = sensors::lag(
                    architecture.as_ref(),
                    name.as_deref(),
                    power == Ok(PowerSource::Instant),
                );
                let gpu = Gpu {
                    uuid: handle.uuid().ok(),
                    driver,
                    vbios: handle.vbios_version().ok(),
                    power_limit_mw: handle.enforced_power_limit().ok().map(u64::from),
                };
                (name, counter, power, lag, gpu)
            }
            Err(error) => {
                let gpu = Gpu {
                    uuid: None,
                    driver,
                    vbios: None,
                    power_limit_mw: None,
                };
                let counter = Err(reasons::of_reading(COUNTER, &error));
                let power = Err(reasons::of_reading(SENSOR, &error));
                (None, counter, power, sensors::lag(None, None, true), gpu)
            }
        };
        let name = name.unwrap_or_else(|| format!("NVIDIA GPU {index} without a name"));
        let says_fake = |text: &str| text.contains("FAKE");
        let simulated = says_fake(&name) || gpu.driver.as_deref().is_some_and(says_fake);
        NvmlDevice {
            nvml,
            index,
            identity: Identity {
                name,
                scope: "GPU board".to_owned(),
                simulated,
                lag,
                gpu: Some(gpu),
            },
            counter,
            power,
            counted: None,
        }
    }

    /// Why there is neither energy nor power of it; none where there is one of them.
    pub fn tells_nothing(&self) -> Option<&Absent> {
        match (&self.counter, &self.power) {
            (Err(absent), Err(_)) => Some(absent),
            (Ok(_), _) | (_, Ok(_)) => None,
        }
    }

    /// When its counter moves, far more often looked at than while something is measured. Nothing
    /// where it does not count.
    fn ticks(&mut self) -> Vec<Instant> {
        let mut ticks = Vec::new();
        let mut last = None;
        let begun = Instant::now();
        while self.counter.is_ok()
            && ticks.len() < TICKS_TO_SEE
            && begun.elapsed() < LONGEST_LOOK_AT_TICKS
        {
            let sample = self.sample();
            if let Ok(microjoules) = sample.counter {
                if last.is_some_and(|last| last != microjoules) {
                    ticks.push(sample.at);
                }
                last = Some(microjoules);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        ticks
    }

    fn read(&self) -> Result<Reading, NvmlError> {
        let handle = self.nvml.device_by_index(self.index)?;
        let needs_fields = self.counter == Ok(CounterSource::Field)
            || matches!(self.power, Ok(PowerSource::Instant | PowerSource::Average));
        let mut fields = if needs_fields {
            read_fields(&handle)?
        } else {
            Fields::default()
        };
        let counter = self.counter.clone().map(|source| match source {
            CounterSource::Field => fields.energy.take().unwrap_or(Err(NvmlError::NotFound)),
            CounterSource::Call => handle.total_energy_consumption(),
        });
        let power = self.power.clone().map(|source| match source {
            PowerSource::Instant => fields.instant.take().unwrap_or(Err(NvmlError::NotFound)),
            PowerSource::Average => fields.average.take().unwrap_or(Err(NvmlError::NotFound)),
            PowerSource::Usage => handle.power_usage().map(u64::from),
        });
        Ok(Reading { counter, power })
    }

    /// A counter goes on and on. One that goes backwards or stands still counts something else.
    fn checked(&mut self, microjoules: u64, at: Instant) -> Result<u64, Absent> {
        match self.counted {
            Some(counted) if microjoules < counted.microjoules => {
                let absent = Absent(
                    "the GPU's energy counter went backwards, as after a reset of the GPU: \
                     start the runner again"
                        .to_owned(),
                );
                // Nothing that it counts from here on continues what it counted before.
                self.counter = Err(absent.clone());
                Err(absent)
            }
            Some(counted) if microjoules == counted.microjoules => {
                let stood = at.saturating_duration_since(counted.since);
                if stood < LONGEST_STANDSTILL {
                    return Ok(microjoules);
                }
                Err(Absent(format!(
                    "the GPU's energy counter stands still, for {:.1} s now",
                    stood.as_secs_f64()
                )))
            }
            Some(_) | None => {
                self.counted = Some(Counted {
                    microjoules,
                    since: at,
                });
                Ok(microjoules)
            }
        }
    }
}

impl Device for NvmlDevice {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn sample(&mut self) -> Sample {
        let before = Instant::now();
        let reading = self.read();
        let took = before.elapsed();
        let at = before + took / 2;
        let (counter, power) = match reading {
            Ok(reading) if took <= LONGEST_CALL => (reading.counter, reading.power),
            Ok(_) => {
                let absent = Absent(format!(
                    "NVML took {} ms to answer, so that nobody knows of when its figures are",
                    took.as_millis()
                ));
                return Sample {
                    at,
                    counter: Err(absent.clone()),
                    power: Err(absent),
                };
            }
            // What was not there from the start keeps its own reason.
            Err(error) => {
                let counter = self.counter.clone();
                let power = self.power.clone();
                return Sample {
                    at,
                    counter: counter.and_then(|_| Err(reasons::of_reading(COUNTER, &error))),
                    power: power.and_then(|_| Err(reasons::of_reading(SENSOR, &error))),
                };
            }
        };
        let counter = counter
            .and_then(|read| read.map_err(|error| reasons::of_reading(COUNTER, &error)))
            .and_then(microjoules)
            .and_then(|microjoules| self.checked(microjoules, at));
        let power = power
            .and_then(|read| read.map_err(|error| reasons::of_reading(SENSOR, &error)))
            .and_then(plausible_power);
        Sample { at, counter, power }
    }
}

/// What was asked for; the outer reason is why it was not.
struct Reading {
    counter: Result<Result<u64, NvmlError>, Absent>,
    power: Result<Result<u64, NvmlError>, Absent>,
}

/// Finds out once what a GPU can tell, and by which call.
fn probe(handle: &Handle<'_>) -> (Result<CounterSource, Absent>, Result<PowerSource, Absent>) {
    if let Some(absent) = partitioned(handle) {
        return (Err(absent.clone()), Err(absent));
    }
    let fields = read_fields(handle).unwrap_or_default();
    let counter = match fields.energy {
        Some(Ok(_)) => Ok(CounterSource::Field),
        Some(Err(_)) | None => match handle.total_energy_consumption() {
            Ok(_) => Ok(CounterSource::Call),
            Err(error) => Err(reasons::of_reading(COUNTER, &error)),
        },
    };
    let power = match (fields.instant, fields.average) {
        (Some(Ok(_)), _) => Ok(PowerSource::Instant),
        (_, Some(Ok(_))) => Ok(PowerSource::Average),
        (_, _) => match handle.power_usage() {
            Ok(_) => Ok(PowerSource::Usage),
            Err(error) => Err(reasons::of_reading(SENSOR, &error)),
        },
    };
    (counter, power)
}

/// Counters are the board's, and a partition of it is shared with whoever has the others.
fn partitioned(handle: &Handle<'_>) -> Option<Absent> {
    const ENABLED: u32 = 1;
    let mode = handle.mig_mode().ok()?;
    (mode.current == ENABLED).then(|| {
        Absent(
            "MIG is on, and the counters of a GPU cannot tell its partitions apart: \
             switch it off with `nvidia-smi --multi-instance-gpu=0`"
                .to_owned(),
        )
    })
}

/// The fields that came back.
#[derive(Default)]
struct Fields {
    energy: Option<Result<u64, NvmlError>>,
    instant: Option<Result<u64, NvmlError>>,
    average: Option<Result<u64, NvmlError>>,
}

fn read_fields(handle: &Handle<'_>) -> Result<Fields, NvmlError> {
    let mut answers = handle.field_values_for(&FIELDS)?.into_iter().map(|answer| {
        match answer?.value? {
            SampleValue::U32(value) => Ok(u64::from(value)),
            SampleValue::U64(value) => Ok(value),
            SampleValue::I64(value) => u64::try_from(value).map_err(|_| NvmlError::Unknown),
            // Energy and power are whole numbers.
            SampleValue::F64(_) => Err(NvmlError::Unknown),
        }
    });
    Ok(Fields {
        energy: answers.next(),
        instant: answers.next(),
        average: answers.next(),
    })
}

fn microjoules(millijoules: u64) -> Result<u64, Absent> {
    millijoules
        .checked_mul(1_000)
        .filter(|microjoules| *microjoules > 0)
        .ok_or_else(|| {
            Absent(format!(
                "the GPU's energy counter stands at {millijoules} mJ, which cannot be"
            ))
        })
}

fn plausible_power(milliwatts: u64) -> Result<u64, Absent> {
    match milliwatts {
        0 => Err(Absent(
            "the GPU's power sensor says 0 W, which no board draws".to_owned(),
        )),
        milliwatts => Ok(milliwatts),
    }
}
