//! A counter while its device is at rest: a line, from which its energy at the end of the window
//! next to it follows.

use super::Absent;
use super::ticks::Ticks;
use super::trace::Trace;

/// The lines before and after a window.
#[derive(Debug)]
pub(super) struct AtRest {
    pub before: EnergyLine,
    pub after: EnergyLine,
    /// The standard error of the time between them, in seconds.
    time_error: f64,
}

/// In joules and watts.
#[derive(Debug)]
pub(super) struct EnergyLine {
    /// What the counter says at the window's end next to it.
    pub at_window: f64,
    pub watts: f64,
    /// The variance of `at_window` by the scatter of the readings.
    variance: f64,
    /// How much of the counter's lateness is unknown: a tick's worth of energy, less what the readings
    /// show of it.
    unknown: f64,
}

impl AtRest {
    /// A device comes to rest within its lag.
    pub fn of(trace: &Trace, counter: &[(f64, f64)]) -> Result<AtRest, Absent> {
        let begun = counter.first().map_or(0.0, |it| it.0);
        let ticks = Ticks::of(counter, trace.lag, trace.period);
        let line = |from: f64, to: f64, at: f64, place: &str| {
            let inside = |of: &[(f64, f64)]| -> Vec<(f64, f64)> {
                let inside = of.iter().filter(|it| from <= it.0 && it.0 <= to);
                inside.copied().collect()
            };
            let rest = inside(counter);
            let draws = rest.first().map(|it| it.1) != rest.last().map(|it| it.1);
            let used = if draws { inside(&ticks.counted) } else { rest };
            EnergyLine::through(&used, at, ticks.late).ok_or_else(|| {
                Absent(format!(
                    "the energy counter ticked {} times at rest {place} the window: more are needed",
                    used.len()
                ))
            })
        };
        let end = trace.duration;
        Ok(AtRest {
            before: line(begun + trace.lag, 0.0, 0.0, "before")?,
            after: line(end + trace.lag, f64::INFINITY, end, "after")?,
            time_error: ticks.stretch * end,
        })
    }

    /// The standard error of the energy between the two lines.
    pub fn error(&self, lag: f64) -> f64 {
        let AtRest { before, after, .. } = self;
        // The variance of what lies anywhere within a width is a twelfth of its square.
        let uniform = |width: f64| width * width / 12.0;
        let other_rest = (after.watts - before.watts) * lag;
        let late = self.time_error * after.watts;
        let variance = before.variance
            + after.variance
            + uniform(before.unknown)
            + uniform(after.unknown)
            + uniform(other_rest)
            + late * late;
        variance.sqrt()
    }
}

impl EnergyLine {
    /// By least squares, prolonged to `at`. `None` with fewer than two readings.
    fn through(readings: &[(f64, f64)], at: f64, longest_late: f64) -> Option<EnergyLine> {
        let count = readings.len() as f64;
        if readings.len() < 2 {
            return None;
        }
        let mean_of = |part: fn(&(f64, f64)) -> f64| readings.iter().map(part).sum::<f64>() / count;
        let (mean_at, mean) = (mean_of(|it| it.0), mean_of(|it| it.1));
        let sum = |of: &dyn Fn(f64, f64) -> f64| {
            let terms = readings.iter().map(|it| of(it.0 - mean_at, it.1 - mean));
            terms.sum::<f64>()
        };
        let spread = sum(&|at, _| at * at);
        let watts = sum(&|at, joules| at * joules) / spread;
        let residuals = readings
            .iter()
            .map(|it| it.1 - mean - watts * (it.0 - mean_at));
        let residuals: Vec<f64> = residuals.collect();
        let squares: f64 = residuals.iter().map(|it| it * it).sum();
        let leverage = 1.0 / count + (at - mean_at).powi(2) / spread;
        let scatter = squares / (count - 2.0).max(1.0);
        let range = residuals.iter().copied().fold(f64::MIN, f64::max)
            - residuals.iter().copied().fold(f64::MAX, f64::min);
        Some(EnergyLine {
            at_window: mean + watts * (at - mean_at),
            watts,
            variance: scatter * leverage * inflation(&residuals, squares),
            unknown: (watts * longest_late - range).max(0.0),
        })
    }
}

/// By how much the variance of a mean grows because one residual resembles the next, as those of a sum
/// of fluctuating power do.
fn inflation(residuals: &[f64], squares: f64) -> f64 {
    if squares <= 0.0 {
        return 1.0;
    }
    let products = residuals.windows(2).map(|pair| pair[0] * pair[1]);
    // Least squares make residuals look less alike than they are.
    let alike = products.sum::<f64>() / squares + 4.0 / residuals.len() as f64;
    let alike = alike.clamp(0.0, 0.9);
    (1.0 + alike) / (1.0 - alike)
}
