//! The devices of this machine.

use std::path::Path;

use super::{Absent, Device, NvmlDevice, RaplDevice};

/// What was found of a machine, and why the rest was not.
#[derive(Default)]
pub struct Found {
    pub devices: Vec<Box<dyn Device>>,
    pub absent: Vec<Absent>,
}

/// Looks for energy counters: of GPUs through NVIDIA's management library (where it lies if none is
/// named), of CPUs in the kernel's powercap folder.
pub fn find(nvml_library: Option<&Path>, powercap: &Path) -> Found {
    let mut found = Found::default();
    match NvmlDevice::find(nvml_library) {
        Err(absent) => found.absent.push(absent),
        Ok(gpus) => {
            if gpus.is_empty() {
                let none = "NVML knows of no GPU on this machine".to_owned();
                found.absent.push(Absent(none));
            }
            for gpu in gpus {
                match gpu.tells_nothing() {
                    Some(Absent(why)) => {
                        let name = &gpu.identity().name;
                        found.absent.push(Absent(format!("{name}: {why}")));
                    }
                    None => found.devices.push(Box::new(gpu)),
                }
            }
        }
    }
    match RaplDevice::find(powercap) {
        Err(absent) => found.absent.push(absent),
        Ok(None) => {
            let none = format!("{} shows no CPU package", powercap.display());
            found.absent.push(Absent(none));
        }
        Ok(Some(packages)) => found.devices.push(Box::new(packages)),
    }
    found
}
