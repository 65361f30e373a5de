//! Energy against traces whose energy is known, on a virtual clock.

use super::{Absent, MeasuredEnergy, Sample, Tier, energy_of};
use crate::domain::energy::Energy;
use crate::meter::virtual_device::{Load, Played, Random, Sensor};

fn measured(energy: Energy) -> MeasuredEnergy {
    match energy {
        Energy::Measured(energy) => energy,
        Energy::Missing { reason } => panic!("it is missing: {reason}"),
    }
}

fn missing(energy: Energy) -> String {
    match energy {
        Energy::Measured(energy) => panic!("it has a figure: {energy:?}"),
        Energy::Missing { reason } => reason,
    }
}

/// By what part the measured energy differs from the true one.
fn errors_at(sensor: &Sensor, random: &mut Random, count: usize) -> Vec<f64> {
    let mut errors: Vec<f64> = (0..count)
        .map(|_| {
            let window_s = random.between(5.0, 12.0);
            let load = Load::random(random, window_s, 0.02);
            let played = load.play(sensor, random);
            let energy = measured(played.energy());
            (energy.gross.as_f64() / played.true_j - 1.0).abs()
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    errors
}

#[test]
fn energy_is_that_of_the_trace_whatever_the_phase_of_the_tick() {
    let random = &mut Random::new(1);
    for (tick_ms, averaging_ms, each, median) in [
        (20, 0, 0.005, 0.001),
        (20, 20, 0.005, 0.001),
        (100, 0, 0.005, 0.001),
        (100, 100, 0.005, 0.001),
        (100, 25, 0.005, 0.001),
        (500, 0, 0.01, 0.01),
        (500, 500, 0.01, 0.01),
    ] {
        let sensor = Sensor::new(tick_ms, averaging_ms);
        let errors = errors_at(&sensor, random, 200);
        let (largest, middle) = (errors[errors.len() - 1], errors[errors.len() / 2]);
        println!(
            "tick {tick_ms} ms, averaging {averaging_ms} ms: at most {:.3} %, median {:.3} %",
            100.0 * largest,
            100.0 * middle
        );
        assert!(largest <= each, "{largest}");
        assert!(middle <= median, "{middle}");
    }
}

#[test]
fn the_interval_has_the_true_energy_in_it() {
    let random = &mut Random::new(2);
    let (mut inside, mut widths) = (0, Vec::new());
    for _ in 0..1_000 {
        let tick_ms = random.one_of(&[1, 20, 100, 500]);
        let averaging_ms = random.one_of(&[0, tick_ms]);
        let noise = random.one_of(&[0.0, 0.02, 0.1]);
        let window_s = random.between(5.0, 15.0);
        let load = Load::random(random, window_s, noise);
        let played = load.play(&Sensor::new(tick_ms, averaging_ms), random);
        let interval = measured(played.energy()).interval.unwrap();
        let (low, high) = (interval.low.as_f64(), interval.high.as_f64());
        inside += u32::from((low..=high).contains(&played.true_j));
        widths.push((high - low) / 2.0 / played.true_j);
    }
    widths.sort_by(f64::total_cmp);
    let (middle, widest) = (widths[widths.len() / 2], widths[widths.len() - 1]);
    println!(
        "{inside} of 1000 intervals have it; half of one is {:.3} % in the median and {:.3} % at most",
        100.0 * middle,
        100.0 * widest
    );
    assert!(inside >= 935, "{inside}");
    assert!(middle < 0.002 && widest < 0.02, "{middle} {widest}");
}

#[test]
fn constant_power_is_exact_to_a_tick() {
    let random = &mut Random::new(3);
    for tick_ms in [1, 20, 100, 500] {
        let sensor = Sensor::new(tick_ms, 0);
        let (mut worst, mut most_net): (f64, f64) = (0.0, 0.0);
        for _ in 0..50 {
            let played = Load::constant(6.0, 50.0).play(&sensor, random);
            let energy = measured(played.energy());
            worst = worst.max((energy.gross.as_f64() - 300.0).abs());
            most_net = most_net.max(energy.net.unwrap().as_f64().abs());
            assert!((energy.idle.unwrap().as_f64() - 50.0).abs() < 1.5);
            assert_eq!(energy.tier, Tier::B);
        }
        println!("tick {tick_ms} ms: within {worst:.3} J of 300 J, net {most_net:.3} J");
        assert!(worst <= 50.0 * sensor.tick_s, "{worst}");
        // Nothing is drawn beyond rest, whose power is known less well than the counter's ends.
        assert!(most_net <= 50.0 * 3.0 * sensor.tick_s, "{most_net}");
    }
}

/// A steady load of 200 W above a rest of 50 W.
fn steady() -> Load {
    Load {
        window: vec![(6.0, 200.0)],
        ..Load::constant(6.0, 50.0)
    }
}

fn played(load: &Load, sensor: &Sensor) -> Played {
    load.play(sensor, &mut Random::new(4))
}

#[test]
fn idle_power_is_told_apart() {
    let energy = measured(played(&steady(), &Sensor::new(20, 0)).energy());
    let close = |value: f64, to: f64| (value / to - 1.0).abs() < 0.002;
    assert!(close(energy.gross.as_f64(), 1_200.0), "{energy:?}");
    assert!(close(energy.net.unwrap().as_f64(), 900.0), "{energy:?}");
    assert!(close(energy.idle.unwrap().as_f64(), 50.0), "{energy:?}");
}

#[test]
fn power_confirms_the_counter_or_lowers_the_tier_or_voids_it() {
    let with_gain = |power_gain| Sensor {
        power_gain,
        ..Sensor::new(20, 0)
    };
    let energy = |gain| played(&steady(), &with_gain(gain)).energy();
    let confirmed = measured(energy(1.02));
    assert_eq!(confirmed.tier, Tier::B);
    let differs_by = confirmed.devices[0].power_differs_by.unwrap();
    assert!((differs_by - 0.02).abs() < 0.005, "{differs_by}");
    for gain in [0.95, 1.05] {
        let flagged = measured(energy(gain));
        assert_eq!(flagged.tier, Tier::C);
        assert_eq!(flagged.method, "counter, not confirmed by its power");
    }
    let reason = missing(energy(1.2));
    assert!(
        reason.contains("1199.") && reason.contains("1439."),
        "{reason}"
    );
    let unchecked = Sensor {
        has_power: false,
        ..with_gain(1.0)
    };
    let unchecked = measured(played(&steady(), &unchecked).energy());
    assert_eq!(
        (unchecked.tier, unchecked.method.as_str()),
        (Tier::C, "counter")
    );
    assert_eq!(unchecked.devices[0].power_differs_by, None);
}

#[test]
fn without_a_counter_there_is_held_power_if_it_is_seen_to_change() {
    let sensor = Sensor {
        has_counter: false,
        ..Sensor::new(20, 0)
    };
    let random = &mut Random::new(5);
    let load = Load::random(random, 10.0, 0.02);
    let played_back = load.play(&sensor, random);
    let energy = measured(played_back.energy());
    assert_eq!(
        (energy.tier, energy.method.as_str()),
        (Tier::C, "held power")
    );
    let interval = energy.interval.unwrap();
    let (low, high) = (interval.low.as_f64(), interval.high.as_f64());
    assert!((low..=high).contains(&played_back.true_j), "{energy:?}");
    let reason = missing(played(&steady(), &sensor).energy());
    assert!(
        reason.contains("fewer than three different readings"),
        "{reason}"
    );
    let neither = Sensor {
        has_power: false,
        ..sensor
    };
    assert_eq!(
        missing(played(&steady(), &neither).energy()),
        "GPU board: NotSupported"
    );
}

#[test]
fn every_fault_is_a_reason_and_no_figure() {
    type Fault = fn(&mut Vec<Sample>);
    let faults: [(&str, Fault, &str); 10] = [
        ("no reading", |it| it.clear(), "read 0 times"),
        (
            "two readings",
            |it| drop(it.drain(1..it.len() - 1)),
            "read 2 times",
        ),
        (
            "begun late",
            |it| drop(it.drain(..30)),
            "not read to its ends",
        ),
        ("ended early", |it| it.truncate(50), "not read to its ends"),
        ("a gap", |it| drop(it.drain(40..44)), "it was not read for"),
        (
            "a reset",
            |it| it.iter_mut().skip(50).for_each(|it| less(it, 500_000_000)),
            "went backwards",
        ),
        (
            "a frozen counter",
            |it| {
                let frozen = it[45].counter.clone();
                it.iter_mut()
                    .skip(45)
                    .for_each(|it| it.counter.clone_from(&frozen));
            },
            "stood still for",
        ),
        (
            "no power",
            |it| it.iter_mut().for_each(|it| it.power = Ok(0)),
            "is said to be 0 W",
        ),
        (
            "a lost device",
            |it| {
                it.iter_mut().skip(60).for_each(|it| {
                    it.counter = Err(Absent("GPU is lost".to_owned()));
                    it.power = Err(Absent("GPU is lost".to_owned()));
                });
            },
            "lost while it was read: GPU is lost",
        ),
        (
            "a jump",
            |it| it.iter_mut().skip(50).for_each(|it| more(it, 400_000_000)),
            "neither can be believed",
        ),
    ];
    for (name, spoil, words) in faults {
        let mut played = played(&steady(), &Sensor::new(20, 0));
        measured(played.energy());
        spoil(&mut played.samples);
        let reason = missing(played.energy());
        println!("{name}: {reason}");
        assert!(reason.starts_with("GPU board: "), "{reason}");
        assert!(reason.contains(words), "{name}: {reason}");
    }
}

fn less(sample: &mut Sample, microjoules: u64) {
    sample.counter = sample.counter.clone().map(|it| it - microjoules);
}

fn more(sample: &mut Sample, microjoules: u64) {
    sample.counter = sample.counter.clone().map(|it| it + microjoules);
}

#[test]
fn a_window_of_a_few_ticks_has_no_figure() {
    let short = |window_s, tick_ms| {
        let load = Load {
            window: vec![(window_s, 200.0)],
            ..steady()
        };
        played(&load, &Sensor::new(tick_ms, 0)).energy()
    };
    let reason = missing(short(0.7, 100));
    assert!(
        reason.contains("too short") && reason.contains("ticked 6 times"),
        "{reason}"
    );
    measured(short(1.2, 100));
    measured(short(0.3, 20));
}

#[test]
fn devices_are_summed_and_one_without_a_figure_leaves_none_to_the_others() {
    let window = |load: &Load, sensor: &Sensor, scope: &str| {
        let mut played = played(load, sensor);
        played.identity.scope = scope.to_owned();
        played
    };
    let gpu = Sensor::new(100, 100);
    let cpu = Sensor {
        has_power: false,
        ..Sensor::new(1, 0)
    };
    let mut all = [
        window(&steady(), &gpu, "GPU board"),
        window(&steady(), &gpu, "GPU board"),
        window(&Load::constant(6.0, 10.0), &cpu, "CPU package"),
    ];
    // Each was played on a clock of its own.
    let (start, end) = (all[0].start, all[0].end);
    for played in &mut all[1..] {
        let mine = played.start;
        for sample in &mut played.samples {
            sample.at = match sample.at >= mine {
                true => start + (sample.at - mine),
                false => start - (mine - sample.at),
            };
        }
    }
    let energy = |all: &[Played]| {
        let traces: Vec<_> = (all.iter())
            .map(|it| (&it.identity, it.samples.clone()))
            .collect();
        energy_of(&traces, start, end)
    };
    let sum = measured(energy(&all));
    assert_eq!(sum.scope, "2 × GPU board + CPU package");
    assert_eq!(sum.method, "counter, confirmed by its power + counter");
    assert_eq!(sum.tier, Tier::C);
    let tiers: Vec<Tier> = sum.devices.iter().map(|it| it.tier).collect();
    assert_eq!(tiers, [Tier::B, Tier::B, Tier::C]);
    let gross = sum.gross.as_f64();
    assert!((gross / 2_460.0 - 1.0).abs() < 0.003, "{gross}");
    assert!((sum.net.unwrap().as_f64() / 1_800.0 - 1.0).abs() < 0.005);
    let parts: f64 = sum.devices.iter().map(|it| it.gross.as_f64()).sum();
    assert!((parts - gross).abs() < 1e-6);
    for sample in &mut all[2].samples {
        sample.counter = Err(Absent("energy_uj may be read by root only".to_owned()));
    }
    let reason = missing(energy(&all));
    assert!(
        reason.starts_with("CPU package: energy_uj may be read"),
        "{reason}"
    );
}
