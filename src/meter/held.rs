//! Power that is held from one reading to the next.

use super::trace::Trace;

/// The power of a window.
#[derive(Debug)]
pub(super) struct Held {
    pub mean_w: f64,
    pub error_of_mean_w: f64,
    /// At rest; `None` where it was not read there.
    pub idle_w: Option<f64>,
    different_readings: usize,
}

impl Held {
    /// Of the readings that show the window: from its start and the device's lag to its end. Each is
    /// held to the next, the first from the start on. `None` without three of them.
    pub fn of(trace: &Trace, power: &[(f64, f64)]) -> Option<Held> {
        let between = |from: f64, to: f64| {
            let inside = power.iter().filter(move |it| from <= it.0 && it.0 <= to);
            inside.copied().collect::<Vec<_>>()
        };
        let inside = between(trace.lag, trace.duration);
        if inside.len() < 3 {
            return None;
        }
        let ends = inside[1..].iter().map(|it| it.0).chain([trace.duration]);
        let begins = [0.0].into_iter().chain(inside[1..].iter().map(|it| it.0));
        let mut joules = 0.0;
        for ((begin, end), (_, watts)) in begins.zip(ends).zip(&inside) {
            joules += watts * (end - begin);
        }
        let mean_w = joules / trace.duration;
        let mean = |readings: &[(f64, f64)]| {
            let sum: f64 = readings.iter().map(|it| it.1).sum();
            (!readings.is_empty()).then(|| sum / readings.len() as f64)
        };
        let begun = power.first().map_or(0.0, |it| it.0);
        let before = mean(&between(begun + trace.lag, 0.0));
        let after = mean(&between(trace.duration + trace.lag, f64::INFINITY));
        let idle_w = before
            .zip(after)
            .map(|(before, after)| (before + after) / 2.0);
        let squares: f64 = inside.iter().map(|it| (it.1 - mean_w).powi(2)).sum();
        let count = inside.len() as f64;
        // What the device drew at the ends is known to its lag only.
        let ends_w = (mean_w - idle_w.unwrap_or(0.0)) * (trace.lag + trace.period) / trace.duration;
        let mut values: Vec<f64> = inside.iter().map(|it| it.1).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        Some(Held {
            mean_w,
            error_of_mean_w: (squares / (count - 1.0) / count + ends_w.powi(2) / 12.0).sqrt(),
            idle_w,
            different_readings: values.len(),
        })
    }

    /// Whether the sensor is seen to live.
    pub fn moves(&self) -> bool {
        self.different_readings >= 3
    }
}
