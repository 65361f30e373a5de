//! Energy against traces whose energy is known, on a virtual clock.

use super::*;
use crate::domain::energy::Energy;
use crate::meter::virtual_device::{Load, Random, Sensor};

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
    let mut by_kind = std::collections::BTreeMap::<_, (u32, u32, f64)>::new();
    let traces = 1_000;
    for _ in 0..traces {
        let tick_ms = random.one_of(&[1, 20, 100, 500]);
        let averaging_ms = random.one_of(&[0, tick_ms]);
        let noise = random.one_of(&[0.0, 0.02, 0.1]);
        let window_s = random.between(5.0, 15.0);
        let load = Load::random(random, window_s, noise);
        let played = load.play(&Sensor::new(tick_ms, averaging_ms), random);
        let energy = measured(played.energy());
        let interval = energy.interval.unwrap();
        let (low, high) = (interval.low.as_f64(), interval.high.as_f64());
        let is_inside = (low..=high).contains(&played.true_j);
        inside += u32::from(is_inside);
        widths.push((high - low) / 2.0 / played.true_j);
        let kind = by_kind
            .entry((tick_ms, (noise * 100.0) as u32))
            .or_default();
        *kind = (
            kind.0 + u32::from(is_inside),
            kind.1 + 1,
            kind.2 + widths[widths.len() - 1],
        );
    }
    widths.sort_by(f64::total_cmp);
    println!(
        "{inside} of {traces} intervals have it; half a width is {:.3} % in the median, {:.3} % at most",
        100.0 * widths[widths.len() / 2],
        100.0 * widths[widths.len() - 1]
    );
    for ((tick, noise), (inside, all, width)) in by_kind {
        println!(
            "tick {tick} noise {noise} %: {inside}/{all} {:.3} %",
            100.0 * width / f64::from(all)
        );
    }
    assert!(inside >= 935);
}
