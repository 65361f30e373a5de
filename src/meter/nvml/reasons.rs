//! What NVML's errors mean for a measurement, and what an operator can do about them.

use std::path::Path;

use nvml_wrapper::error::NvmlError;

use crate::meter::Absent;

pub const COUNTER: &str = "the GPU's energy counter";
pub const SENSOR: &str = "the GPU's power sensor";

/// Why the library is of no use.
pub fn of_library(library: Option<&Path>, error: &NvmlError) -> Absent {
    let named = match library {
        Some(path) => path.display().to_string(),
        None => "libnvidia-ml.so.1".to_owned(),
    };
    Absent(match error {
        NvmlError::LibloadingError(error) => {
            let why = error.to_string();
            if why.contains("No such file") {
                format!(
                    "NVML was not found ({named}): without NVIDIA's driver there is no GPU to \
                     measure"
                )
            } else {
                format!("NVML cannot be loaded: {why}")
            }
        }
        NvmlError::FailedToLoadSymbol(_) => {
            format!("{named} is not NVML, or too old: install a newer driver")
        }
        NvmlError::DriverNotLoaded => {
            "NVIDIA's driver is not loaded: `modprobe nvidia` loads it, and `dmesg` tells why not"
                .to_owned()
        }
        NvmlError::NoPermission => {
            "NVML may not talk to NVIDIA's driver: start the runner as root".to_owned()
        }
        NvmlError::LibRmVersionMismatch => {
            "NVML and the driver that is loaded are of different versions, as after an upgrade: \
             restart the machine"
                .to_owned()
        }
        error => format!("NVML does not start: {error}"),
    })
}

/// Why a counter, which the sentence begins with, cannot be read.
pub fn of_reading(what: &str, error: &NvmlError) -> Absent {
    Absent(match error {
        NvmlError::NotSupported => format!(
            "{what} is not there: NVML has one for most boards from Volta on, and for no module \
             such as Jetson"
        ),
        NvmlError::NoPermission => {
            format!("{what} may not be read by this account: start the runner as root")
        }
        NvmlError::GpuLost | NvmlError::ResetRequired => format!(
            "{what} is lost with its GPU, which no longer answers: reset the GPU or restart the \
             machine"
        ),
        NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            format!("{what} is unknown to this version of NVML: install a newer driver")
        }
        NvmlError::Uninitialized | NvmlError::DriverNotLoaded => {
            format!("{what} went away with NVIDIA's driver: start the runner again")
        }
        error => format!("{what} cannot be read: {error}"),
    })
}
