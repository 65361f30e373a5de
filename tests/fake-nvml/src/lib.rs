//! The functions of libnvidia-ml.so that a meter calls, of GPUs that are made up: their power follows
//! a script, their energy is its exact integral, and each call can be told to fail. Their names, the
//! driver's and their UUIDs say FAKE, so that a machine with this library never passes for another.

mod settings;
mod trace;

use std::ffi::{c_char, c_int, c_uint, c_ulonglong};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlReturn_t};

use settings::{Profile, Settings};

const SUCCESS: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_SUCCESS;
const INVALID: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT;
const NOT_SUPPORTED: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED;
const TOO_SMALL: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE;
const UNKNOWN: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN;

type Answer<T> = Result<T, nvmlReturn_t>;

/// Writes an answer where the caller wants it. A null there is the caller's mistake.
fn give<T>(to: *mut T, answer: Answer<T>) -> nvmlReturn_t {
    match answer {
        Err(code) => code,
        Ok(_) if to.is_null() => INVALID,
        Ok(value) => {
            // SAFETY: NVML's callers pass a pointer to a value of this type, which they own.
            unsafe { to.write(value) };
            SUCCESS
        }
    }
}

fn give_text(to: *mut c_char, length: c_uint, answer: Answer<String>) -> nvmlReturn_t {
    let text = match answer {
        Ok(text) => text,
        Err(code) => return code,
    };
    if to.is_null() {
        return INVALID;
    }
    if text.len() >= length as usize {
        return TOO_SMALL;
    }
    // SAFETY: the caller's buffer has `length` bytes, and the text with its null fits.
    unsafe {
        to.cast::<u8>()
            .copy_from_nonoverlapping(text.as_ptr(), text.len());
        to.add(text.len()).write(0);
    }
    SUCCESS
}

/// The settings, unless they make this function fail.
fn called(function: &str) -> Answer<Settings> {
    let settings = Settings::read().map_err(|error| {
        eprintln!("fake NVML: {error}");
        UNKNOWN
    })?;
    match settings.returns.get(function) {
        Some(failure) => Err(failure.code()),
        None => Ok(settings),
    }
}

/// The same for what is asked of a device, and which one it is.
fn asked(function: &str, device: nvmlDevice_t) -> Answer<(Settings, u32)> {
    let settings = called(function)?;
    if let Some(failure) = settings.returns.get("device") {
        return Err(failure.code());
    }
    // A handle is the device's number, counted from one.
    match u32::try_from(device.addr()) {
        Ok(number) if (1..=settings.gpus).contains(&number) => Ok((settings, number - 1)),
        Ok(_) | Err(_) => Err(INVALID),
    }
}

/// The same for what a Jetson does not have.
fn read(function: &str, device: nvmlDevice_t) -> Answer<Settings> {
    let (settings, _) = asked(function, device)?;
    if settings.profile == Profile::Jetson {
        return Err(NOT_SUPPORTED);
    }
    Ok(settings)
}

/// The same, after the time that a reading takes.
fn read_slowly(function: &str, device: nvmlDevice_t) -> Answer<(Settings, Duration)> {
    let settings = read(function, device)?;
    std::thread::sleep(Duration::from_millis(settings.delay_ms));
    Ok((settings, now()))
}

fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

fn power(settings: &Settings, milliwatts: u32) -> u32 {
    if settings.zero_power { 0 } else { milliwatts }
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    called("nvmlInit_v2").map_or_else(|code| code, |_| SUCCESS)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn nvmlSystemGetDriverVersion(to: *mut c_char, length: c_uint) -> nvmlReturn_t {
    let answer = called("nvmlSystemGetDriverVersion");
    give_text(to, length, answer.map(|_| "550.54.15-FAKE".to_owned()))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlSystemGetNVMLVersion(to: *mut c_char, length: c_uint) -> nvmlReturn_t {
    let answer = called("nvmlSystemGetNVMLVersion");
    give_text(to, length, answer.map(|_| "12.550.54.15-FAKE".to_owned()))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetCount_v2(to: *mut c_uint) -> nvmlReturn_t {
    give(to, called("nvmlDeviceGetCount_v2").map(|it| it.gpus))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, to: *mut nvmlDevice_t) -> nvmlReturn_t {
    let handle: nvmlDevice_t = std::ptr::without_provenance_mut(index as usize + 1);
    let answer = asked("nvmlDeviceGetHandleByIndex_v2", handle);
    give(to, answer.map(|_| handle))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetUUID(
    device: nvmlDevice_t,
    to: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let answer = asked("nvmlDeviceGetUUID", device);
    let uuid = |index: u32| format!("GPU-FAKE0000-0000-0000-0000-{index:012}");
    give_text(to, length, answer.map(|(_, index)| uuid(index)))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetName(
    device: nvmlDevice_t,
    to: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let answer = asked("nvmlDeviceGetName", device);
    let name = answer.map(|(settings, _)| settings.profile.name().to_owned());
    give_text(to, length, name)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetVbiosVersion(
    device: nvmlDevice_t,
    to: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetVbiosVersion", device);
    give_text(to, length, answer.map(|_| "92.00.FA.KE.00".to_owned()))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetArchitecture(device: nvmlDevice_t, to: *mut c_uint) -> nvmlReturn_t {
    let answer = asked("nvmlDeviceGetArchitecture", device);
    give(
        to,
        answer.map(|(settings, _)| settings.profile.architecture()),
    )
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetTotalEnergyConsumption(
    device: nvmlDevice_t,
    to: *mut c_ulonglong,
) -> nvmlReturn_t {
    let answer = read_slowly("nvmlDeviceGetTotalEnergyConsumption", device);
    give(
        to,
        answer.map(|(settings, now)| settings.trace().millijoules(now)),
    )
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetPowerUsage(device: nvmlDevice_t, to: *mut c_uint) -> nvmlReturn_t {
    let answer = read_slowly("nvmlDeviceGetPowerUsage", device);
    let milliwatts = |(settings, now): (Settings, Duration)| {
        power(&settings, settings.trace().average_milliwatts(now))
    };
    give(to, answer.map(milliwatts))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetFieldValues(
    device: nvmlDevice_t,
    count: c_int,
    values: *mut nvml::nvmlFieldValue_t,
) -> nvmlReturn_t {
    let (settings, now) = match read_slowly("nvmlDeviceGetFieldValues", device) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let count = match usize::try_from(count) {
        Ok(count) if !values.is_null() => count,
        Ok(_) | Err(_) => return INVALID,
    };
    // SAFETY: the caller's array has `count` values.
    for value in unsafe { std::slice::from_raw_parts_mut(values, count) } {
        fill(value, &settings, now);
    }
    SUCCESS
}

/// A field that fails keeps its failure to itself.
fn fill(value: &mut nvml::nvmlFieldValue_t, settings: &Settings, now: Duration) {
    let trace = settings.trace();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    value.timestamp = wall.map_or(0, |wall| wall.as_micros() as i64);
    value.latencyUsec = settings.delay_ms as i64 * 1_000;
    value.nvmlReturn = SUCCESS;
    let mut give_power = |milliwatts| {
        value.valueType = nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT;
        value.value.uiVal = power(settings, milliwatts);
    };
    match value.fieldId {
        nvml::field_id::NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION => {
            value.valueType = nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
            value.value.ullVal = trace.millijoules(now);
        }
        nvml::field_id::NVML_FI_DEV_POWER_INSTANT => give_power(trace.instant_milliwatts(now)),
        nvml::field_id::NVML_FI_DEV_POWER_AVERAGE => give_power(trace.average_milliwatts(now)),
        _ => value.nvmlReturn = NOT_SUPPORTED,
    }
    let field = format!("field_{}", value.fieldId);
    if let Some(failure) = settings.returns.get(&field) {
        value.nvmlReturn = failure.code();
    }
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetTemperature(
    device: nvmlDevice_t,
    _sensor: c_uint,
    to: *mut c_uint,
) -> nvmlReturn_t {
    give(to, read("nvmlDeviceGetTemperature", device).map(|_| 45))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetClockInfo(
    device: nvmlDevice_t,
    _clock: c_uint,
    to: *mut c_uint,
) -> nvmlReturn_t {
    give(to, read("nvmlDeviceGetClockInfo", device).map(|_| 1_410))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(
    device: nvmlDevice_t,
    to: *mut c_ulonglong,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetCurrentClocksThrottleReasons", device);
    give(to, answer.map(|it| it.throttle_reasons))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetEnforcedPowerLimit(
    device: nvmlDevice_t,
    to: *mut c_uint,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetEnforcedPowerLimit", device);
    give(to, answer.map(|it| it.profile.power_limit_mw()))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetPowerManagementLimit(
    device: nvmlDevice_t,
    to: *mut c_uint,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetPowerManagementLimit", device);
    give(to, answer.map(|it| it.profile.power_limit_mw()))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetUtilizationRates(
    device: nvmlDevice_t,
    to: *mut nvml::nvmlUtilization_t,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetUtilizationRates", device);
    let rates = nvml::nvmlUtilization_t { gpu: 0, memory: 0 };
    give(to, answer.map(|_| rates))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetPerformanceState(device: nvmlDevice_t, to: *mut c_uint) -> nvmlReturn_t {
    give(to, read("nvmlDeviceGetPerformanceState", device).map(|_| 0))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: nvmlDevice_t,
    count: *mut c_uint,
    to: *mut nvml::nvmlProcessInfo_t,
) -> nvmlReturn_t {
    let settings = match read("nvmlDeviceGetComputeRunningProcesses_v3", device) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    if count.is_null() {
        return INVALID;
    }
    let Some(pid) = settings.foreign_pid else {
        return give(count, Ok(0));
    };
    // SAFETY: the caller says there how many processes it has room for.
    let room = unsafe { count.replace(1) };
    if room < 1 {
        return TOO_SMALL;
    }
    let process = nvml::nvmlProcessInfo_t {
        pid,
        usedGpuMemory: 1 << 30,
        gpuInstanceId: u32::MAX,
        computeInstanceId: u32::MAX,
    };
    give(to, Ok(process))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetPersistenceMode(device: nvmlDevice_t, to: *mut c_uint) -> nvmlReturn_t {
    give(to, read("nvmlDeviceGetPersistenceMode", device).map(|_| 1))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMigMode(
    device: nvmlDevice_t,
    current: *mut c_uint,
    pending: *mut c_uint,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetMigMode", device).map(|it| c_uint::from(it.mig));
    match give(current, answer) {
        SUCCESS => give(pending, answer),
        code => code,
    }
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMemoryInfo_v2(
    device: nvmlDevice_t,
    to: *mut nvml::nvmlMemory_v2_t,
) -> nvmlReturn_t {
    let answer = read("nvmlDeviceGetMemoryInfo_v2", device);
    let memory = nvml::nvmlMemory_v2_t {
        version: (size_of::<nvml::nvmlMemory_v2_t>() | 2 << 24) as c_uint,
        total: 40 << 30,
        reserved: 0,
        free: 40 << 30,
        used: 0,
    };
    give(to, answer.map(|_| memory))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetPciInfo_v3(
    device: nvmlDevice_t,
    to: *mut nvml::nvmlPciInfo_t,
) -> nvmlReturn_t {
    let answer = asked("nvmlDeviceGetPciInfo_v3", device).map(|(_, index)| {
        let mut bus_id = [0; 32];
        for (to, from) in bus_id
            .iter_mut()
            .zip(format!("00000000:{index:02X}:00.0").bytes())
        {
            *to = from as c_char;
        }
        nvml::nvmlPciInfo_t {
            busIdLegacy: [0; 16],
            domain: 0,
            bus: index,
            device: 0,
            pciDeviceId: 0,
            pciSubSystemId: 0,
            busId: bus_id,
        }
    });
    give(to, answer)
}
