//! When a counter ticked, as far as it can be told from readings: a reading is late by up to a tick.

/// A counter's energies, each at the time that it was counted as well as that is known.
#[derive(Debug)]
pub(super) struct Ticks {
    /// Seconds and joules.
    pub counted: Vec<(f64, f64)>,
    /// By how much a time may be too late.
    pub late: f64,
    /// The standard error of the time between two ticks that lie apart as many seconds as here in all,
    /// as a part of it. 0 where the times are those of the readings.
    pub stretch: f64,
}

impl Ticks {
    pub fn of(readings: &[(f64, f64)], lag: f64, period: f64) -> Ticks {
        Ticks::located(readings).unwrap_or_else(|| Ticks {
            counted: changes(readings).map(|(_, change)| change).collect(),
            late: lag.min(period),
            stretch: 0.0,
        })
    }

    /// Where ticks are rarer than readings, each lies between two of them. All of them together tell
    /// the rhythm, and with it when each was, much better than to a reading's period. `None` if that
    /// does not hold of every tick.
    fn located(readings: &[(f64, f64)]) -> Option<Ticks> {
        let changes: Vec<_> = changes(readings).collect();
        if changes.len() < 5 {
            return None;
        }
        // Anywhere between two readings: the nearer they are, the more it counts.
        let brackets = changes.iter().enumerate().map(|(number, (from, (to, _)))| {
            let width = to - from;
            (
                number as f64,
                (from + to) / 2.0,
                width,
                12.0 / (width * width),
            )
        });
        let brackets: Vec<_> = brackets.collect();
        let weights: f64 = brackets.iter().map(|it| it.3).sum();
        let mean_number = brackets.iter().map(|it| it.3 * it.0).sum::<f64>() / weights;
        let mean_at = brackets.iter().map(|it| it.3 * it.1).sum::<f64>() / weights;
        let (mut spread, mut products) = (0.0, 0.0);
        for (number, at, _, weight) in &brackets {
            spread += weight * (number - mean_number).powi(2);
            products += weight * (number - mean_number) * (at - mean_at);
        }
        let tick = products / spread;
        let at = |number: f64| mean_at + tick * (number - mean_number);
        // At its ends a line is twice as uncertain as in its middle; three standard errors are allowed.
        let allowed = 3.0 * 2.0 / weights.sqrt();
        let is_rhythm = brackets.iter().all(|(number, middle, width, _)| {
            *width < tick && (at(*number) - middle).abs() <= width / 2.0 + allowed
        });
        is_rhythm.then(|| Ticks {
            counted: (brackets.iter().zip(&changes))
                .map(|(bracket, (_, change))| (at(bracket.0), change.1))
                .collect(),
            late: 0.0,
            stretch: spread.sqrt().recip() / tick,
        })
    }
}

/// The readings that say something new, each with the time of the one before it.
fn changes(readings: &[(f64, f64)]) -> impl Iterator<Item = (f64, (f64, f64))> + '_ {
    let pairs = readings.windows(2).filter(|pair| pair[0].1 < pair[1].1);
    pairs.map(|pair| (pair[0].0, pair[1]))
}
