//! The real binding of NVML against made-up GPUs: what they draw arrives to a tick, and each fault as
//! its reason, never as a number.

mod windows;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanboard::meter::{Absent, Device, NvmlDevice, Sample, find};
use nix::time::{ClockId, clock_gettime};
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;

use crate::support::FakeNvml;

/// With their ticks in milliseconds.
const PROFILES: [(&str, u64); 3] = [("v100", 20), ("a100", 100), ("rtx_500ms", 500)];

/// A second of 20 W and a second of 80 W, by turns since the clock's zero.
const SQUARE: &str =
    "trace = [{ lasts_ms = 1000, power_mw = 20000 }, { lasts_ms = 1000, power_mw = 80000 }]\n";

fn joules_of_square(at: Duration) -> f64 {
    let at = at.as_secs_f64();
    let rest = at % 2.0;
    (at - rest) * 50.0 + 20.0 * rest.min(1.0) + 80.0 * (rest - 1.0).max(0.0)
}

fn open(fake: &FakeNvml) -> NvmlDevice {
    let mut found = NvmlDevice::find(Some(&fake.library())).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// What it says, for once without being kept from the processor by others.
fn sample(device: &mut NvmlDevice) -> Sample {
    loop {
        let sample = device.sample();
        let is_late = |why: &Absent| why.0.contains("ms to answer");
        if !sample.counter.as_ref().is_err_and(is_late) {
            return sample;
        }
    }
}

/// Why there is no library's device.
fn refused(library: Option<&Path>) -> String {
    let Err(Absent(reason)) = NvmlDevice::find(library) else {
        panic!("it found GPUs")
    };
    reason
}

fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}

/// Both the counter and the power are missing, for reasons with these words.
#[track_caller]
fn assert_missing(sample: Sample, counter: &str, power: &str) {
    let Err(Absent(reason)) = sample.counter else {
        panic!("a number: {sample:?}")
    };
    assert!(reason.contains(counter), "{reason}");
    let Err(Absent(reason)) = sample.power else {
        panic!("a number: {:?}", sample.power)
    };
    assert!(reason.contains(power), "{reason}");
}

#[test]
fn the_energy_counter_follows_the_true_energy_to_a_tick() {
    let check = |profile: &str, tick: Duration| {
        for part in 0..5 {
            let phase_us = (tick * part / 5).as_micros();
            let fake = FakeNvml::playing(&format!(
                "profile = {profile:?}\nphase_us = {phase_us}\n{SQUARE}"
            ));
            let mut device = open(&fake);
            let before = monotonic();
            let said = sample(&mut device);
            let after = monotonic();
            let joules = said.counter.unwrap() as f64 / 1e6;
            let case = format!("{profile}, phase {phase_us} µs: {joules} J");
            assert!(joules <= joules_of_square(after), "{case}");
            // The counter has whole millijoules.
            assert!(joules >= joules_of_square(before - tick) - 0.001, "{case}");
        }
    };
    std::thread::scope(|scope| {
        for (profile, tick_ms) in PROFILES {
            scope.spawn(move || check(profile, Duration::from_millis(tick_ms)));
        }
    });
}

#[test]
fn power_is_what_the_sensor_averages_and_its_gain_reaches_the_counter() {
    let steady = "trace = [{ lasts_ms = 1000, power_mw = 70000 }]\n";
    let truth = sample(&mut open(&FakeNvml::playing(steady)));
    assert_eq!(truth.power, Ok(70_000));
    let said = sample(&mut open(&FakeNvml::playing(&format!(
        "{steady}gain = 0.5"
    ))));
    assert_eq!(said.power, Ok(35_000));
    let share = said.counter.unwrap() as f64 / truth.counter.unwrap() as f64;
    assert!((0.5..0.51).contains(&share), "{share}");
    let noisy = sample(&mut open(&FakeNvml::playing(&format!(
        "{steady}noise = 0.1\nseed = 7"
    ))));
    let noisy = noisy.power.unwrap();
    assert!(
        noisy != 70_000 && (63_000..=77_000).contains(&noisy),
        "{noisy}"
    );
}

#[test]
fn single_calls_stand_in_for_fields_that_an_old_driver_does_not_have() {
    for returns in [
        r#"nvmlDeviceGetFieldValues = "not_supported""#,
        r#"field_83 = "not_supported", field_185 = "not_supported", field_186 = "not_supported""#,
    ] {
        let fake = FakeNvml::playing(&format!("{SQUARE}returns = {{ {returns} }}"));
        let mut device = open(&fake);
        let before = monotonic();
        let said = sample(&mut device);
        let joules = said.counter.unwrap() as f64 / 1e6;
        let tick = Duration::from_millis(100);
        assert!(joules <= joules_of_square(monotonic()));
        assert!(joules >= joules_of_square(before - tick) - 0.001);
        assert!(said.power.is_ok());
    }
}

#[test]
fn a_gpu_tells_what_decides_how_its_counters_behave_and_a_fake_that_it_is_one() {
    let device = open(&FakeNvml::playing("profile = \"v100\""));
    let identity = device.identity();
    assert!(identity.name.contains("V100") && identity.name.contains("FAKE"));
    assert_eq!(identity.scope, "GPU board");
    assert!(identity.simulated);
    assert_eq!(identity.lag, Duration::from_millis(20));
    let gpu = identity.gpu.as_ref().unwrap();
    assert_eq!(gpu.uuid.as_deref().map(|uuid| &uuid[..8]), Some("GPU-FAKE"));
    assert_eq!(gpu.driver.as_deref(), Some("550.54.15-FAKE"));
    assert!(gpu.vbios.is_some());
    assert_eq!(gpu.power_limit_mw, Some(300_000));
    // Either of name and driver is enough.
    for unnamed in ["nvmlDeviceGetName", "nvmlSystemGetDriverVersion"] {
        let fake = FakeNvml::playing(&format!("returns = {{ {unnamed} = \"unknown\" }}"));
        assert!(open(&fake).identity().simulated);
    }
    let two = FakeNvml::playing("gpus = 2");
    assert_eq!(
        find(Some(&two.library()), Path::new("/nowhere"))
            .devices
            .len(),
        2
    );
}

#[test]
fn a_gpu_without_counters_is_not_measured_and_says_why() {
    for (settings, why) in [
        ("profile = \"jetson\"", "Jetson"),
        ("mig = true", "MIG is on"),
        (
            "returns = { device = \"gpu_is_lost\" }",
            "no longer answers",
        ),
        ("returns = { device = \"no_permission\" }", "as root"),
    ] {
        let fake = FakeNvml::playing(settings);
        let mut device = open(&fake);
        let Some(Absent(reason)) = device.tells_nothing().cloned() else {
            panic!("{settings}: it tells something")
        };
        assert!(reason.contains(why), "{reason}");
        assert_missing(sample(&mut device), why, why);
        let found = find(Some(&fake.library()), Path::new("/nowhere"));
        assert!(found.devices.is_empty());
        assert!(found.absent.iter().any(|absent| absent.0.contains(why)));
    }
}

#[test]
fn what_is_lost_later_is_a_reason_from_then_on() {
    for (failure, why) in [
        ("gpu_is_lost", "no longer answers"),
        ("no_permission", "as root"),
        ("not_supported", "is not there"),
        ("unknown", "cannot be read"),
    ] {
        let fake = FakeNvml::playing("");
        let mut device = open(&fake);
        let before = sample(&mut device);
        assert!(before.counter.is_ok() && before.power.is_ok());
        fake.play(&format!(
            "returns = {{ nvmlDeviceGetFieldValues = {failure:?} }}"
        ));
        assert_missing(sample(&mut device), why, why);
        fake.play(&format!("returns = {{ device = {failure:?} }}"));
        assert_missing(sample(&mut device), why, why);
        // One field alone takes nothing from the other.
        fake.play(&format!("returns = {{ field_83 = {failure:?} }}"));
        let said = sample(&mut device);
        assert!(said.counter.unwrap_err().0.contains(why));
        assert!(said.power.is_ok());
        fake.play(&format!("returns = {{ field_186 = {failure:?} }}"));
        let said = sample(&mut device);
        assert!(said.counter.is_ok());
        assert!(said.power.unwrap_err().0.contains(why));
    }
}

#[test]
fn a_counter_that_was_reset_is_believed_no_more() {
    let fake = FakeNvml::playing("");
    let mut device = open(&fake);
    assert!(sample(&mut device).counter.is_ok());
    let reset = monotonic() - Duration::from_secs(3);
    fake.play(&format!("counts_from_ns = {}", reset.as_nanos()));
    let said = sample(&mut device);
    assert!(said.counter.unwrap_err().0.contains("went backwards"));
    // Although it counts on, even beyond where it was.
    fake.play("");
    let said = sample(&mut device);
    assert!(said.counter.unwrap_err().0.contains("went backwards"));
    assert!(said.power.is_ok());
}

#[test]
fn a_frozen_counter_and_a_sensor_at_zero_are_no_figures() {
    let fake = FakeNvml::playing("");
    let mut device = open(&fake);
    let frozen = monotonic().as_nanos();
    fake.play(&format!("freezes_at_ns = {frozen}"));
    let begun = Instant::now();
    let reason = loop {
        match sample(&mut device).counter {
            Ok(_) => assert!(begun.elapsed() < Duration::from_secs(60), "never noticed"),
            Err(Absent(reason)) => break reason,
        }
    };
    assert!(reason.contains("stands still"), "{reason}");

    let said = sample(&mut open(&FakeNvml::playing("zero_power = true")));
    assert!(said.power.unwrap_err().0.contains("0 W"));
    assert!(said.counter.is_ok());
    let no_power = "trace = [{ lasts_ms = 1000, power_mw = 0 }]";
    assert_missing(
        sample(&mut open(&FakeNvml::playing(no_power))),
        "0 mJ",
        "0 W",
    );
}

#[test]
fn a_call_that_takes_long_is_of_no_instant() {
    let fake = FakeNvml::playing("");
    let mut device = open(&fake);
    fake.play("delay_ms = 300");
    let before = Instant::now();
    let sample = device.sample();
    assert!(sample.at > before);
    assert_missing(sample, "ms to answer", "ms to answer");
}

#[test]
fn a_library_that_does_not_start_is_a_reason() {
    let nowhere = PathBuf::from("/nowhere/libnvidia-ml.so.1");
    let reason = refused(Some(&nowhere));
    assert!(reason.contains("was not found (/nowhere/"), "{reason}");
    let another = Path::new("libm.so.6");
    assert!(refused(Some(another)).contains("is not NVML"));
    let script = tempfile::NamedTempFile::new().unwrap();
    assert!(refused(Some(script.path())).contains("cannot be loaded"));
    for (failure, why) in [
        ("driver_not_loaded", "modprobe nvidia"),
        ("no_permission", "as root"),
        ("version_mismatch", "different versions"),
        ("unknown", "does not start"),
    ] {
        for function in ["nvmlInit_v2", "nvmlDeviceGetCount_v2"] {
            let fake = FakeNvml::playing(&format!("returns = {{ {function} = {failure:?} }}"));
            let reason = refused(Some(&fake.library()));
            assert!(reason.contains(why), "{reason}");
        }
    }
    let none = FakeNvml::playing("gpus = 0");
    let found = find(Some(&none.library()), Path::new("/nowhere"));
    assert!(found.devices.is_empty());
    assert!(found.absent.iter().any(|it| it.0.contains("no GPU")));
}

#[test]
fn a_function_that_a_library_does_not_have_is_a_reason() {
    let fake = FakeNvml::without("nvmlDeviceGetFieldValues");
    let said = sample(&mut open(&fake));
    assert!(said.counter.is_ok() && said.power.is_ok());

    let fake = FakeNvml::without("nvmlDeviceGetTotalEnergyConsumption");
    fake.play("returns = { field_83 = \"not_supported\" }");
    let said = sample(&mut open(&fake));
    assert!(said.counter.unwrap_err().0.contains("newer driver"));
    assert!(said.power.is_ok());

    let fake = FakeNvml::without("nvmlDeviceGetHandleByIndex_v2");
    assert_missing(sample(&mut open(&fake)), "newer driver", "newer driver");
    let fake = FakeNvml::without("nvmlInit_v2");
    assert!(refused(Some(&fake.library())).contains("too old"));
}

#[test]
fn the_fake_tells_what_else_disturbs_a_measurement() {
    let fake = FakeNvml::playing("throttle_reasons = 0x40\nforeign_pid = 4242");
    let library = fake.library();
    let nvml = Nvml::builder()
        .lib_path(library.as_os_str())
        .init()
        .unwrap();
    let gpu = nvml.device_by_index(0).unwrap();
    let throttled = gpu.current_throttle_reasons().unwrap();
    assert_eq!(throttled, ThrottleReasons::HW_THERMAL_SLOWDOWN);
    let processes = gpu.running_compute_processes().unwrap();
    assert_eq!(
        processes.iter().map(|it| it.pid).collect::<Vec<_>>(),
        [4242]
    );
    assert_eq!(gpu.memory_info().unwrap().total, 40 << 30);
    assert_eq!(gpu.pci_info().unwrap().bus_id, "00000000:00:00.0");
    assert!(nvml.sys_nvml_version().unwrap().contains("FAKE"));
}
