//! What one device said around a window, with all that makes it unusable found out.

use std::time::{Duration, Instant};

use super::{Absent, Sample};

/// A device was not watched if readings lie further apart than so many of the usual pauses.
const LONGEST_GAP: f64 = 3.0;
/// A counter is frozen if it stands still for so many of its longest ticks.
const LONGEST_STILL: f64 = 3.0;

/// The readings of one device. Seconds from the start of the window.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    samples: &'a [Sample],
    start: Instant,
    pub duration: f64,
    /// The longest that its tick, or its averaging, may take.
    pub lag: f64,
    /// The usual time from one reading to the next.
    pub period: f64,
}

impl<'a> Trace<'a> {
    pub fn new(
        samples: &'a [Sample],
        start: Instant,
        end: Instant,
        lag: Duration,
    ) -> Result<Trace<'a>, Absent> {
        if samples.len() <= 2 {
            return Err(Absent(format!(
                "it was read {} times: more are needed",
                samples.len()
            )));
        }
        let is_ended = samples.iter().any(|sample| sample.at >= end);
        if !(is_ended && samples[0].at <= start && start < end) {
            return Err(Absent("the window was not read to its ends".to_owned()));
        }
        let gaps = samples
            .windows(2)
            .map(|pair| seconds(pair[0].at, pair[1].at));
        let (all, longest) = gaps.fold((0.0, 0.0_f64), |(all, longest), gap| {
            (all + gap, longest.max(gap))
        });
        // Of the others, so that a gap does not excuse itself.
        let period = (all - longest) / (samples.len() - 2) as f64;
        if longest > LONGEST_GAP * period {
            return Err(Absent(format!(
                "it was not read for {longest:.2} s, and is read each {period:.2} s"
            )));
        }
        Ok(Trace {
            samples,
            start,
            duration: seconds(start, end),
            lag: lag.as_secs_f64(),
            period,
        })
    }

    /// The counter in joules since the first reading. `None` if there is none; one that is gone
    /// for a time is a reason.
    pub fn counter(&self) -> Result<Option<Vec<(f64, f64)>>, Absent> {
        if self.samples.iter().all(|sample| sample.counter.is_err()) {
            return Ok(None);
        }
        let mut joules = Vec::with_capacity(self.samples.len());
        let (mut first, mut previous) = (None, 0);
        for sample in self.samples {
            let now = sample.counter.clone().map_err(|Absent(reason)| {
                Absent(format!("its counter was lost while it was read: {reason}"))
            })?;
            if now < previous {
                return Err(Absent("the energy counter went backwards".to_owned()));
            }
            previous = now;
            let since = now - *first.get_or_insert(now);
            joules.push((seconds(self.start, sample.at), since as f64 / 1e6));
        }
        Ok(Some(joules))
    }

    pub fn why_no_counter(&self) -> Option<Absent> {
        self.samples.first()?.counter.clone().err()
    }

    /// In watts; a reason as soon as one reading has none.
    pub fn power(&self) -> Result<Vec<(f64, f64)>, Absent> {
        let readings = self.samples.iter().map(|sample| {
            let milliwatts = sample.power.clone()?;
            Ok((seconds(self.start, sample.at), milliwatts as f64 / 1e3))
        });
        readings.collect()
    }

    /// Looks for a counter that stands still, though it is not said that nothing is drawn.
    pub fn check_counter(
        &self,
        counter: &[(f64, f64)],
        power: Option<&[(f64, f64)]>,
    ) -> Result<(), Absent> {
        let longest = LONGEST_STILL * self.lag.max(self.period);
        let mut since = 0;
        for (number, (at, joules)) in counter.iter().enumerate() {
            if *joules > counter[since].1 {
                since = number;
            }
            let still = at - counter[since].0;
            let drawn = power.map(|power| power[since..=number].iter().map(|it| it.1));
            let drawn = drawn.map(|it| it.fold(0.0, f64::max));
            if still > longest && drawn != Some(0.0) {
                let drawn = drawn.map_or(String::new(), |watts| {
                    format!(" while its power was {watts:.1} W")
                });
                return Err(Absent(format!(
                    "the energy counter stood still for {still:.2} s{drawn}"
                )));
            }
        }
        Ok(())
    }

    /// How often the counter ticked in the window at least: as often as it was seen to, and once in
    /// its longest tick.
    pub fn ticks_in_window(&self, counter: &[(f64, f64)]) -> f64 {
        let inside = |at: f64| (0.0..=self.duration).contains(&at);
        let pairs = counter.windows(2);
        let seen =
            pairs.filter(|pair| inside(pair[0].0) && inside(pair[1].0) && pair[0].1 < pair[1].1);
        (seen.count() as f64).max((self.duration / self.lag).floor())
    }
}

/// From one instant to another; negative if that is earlier.
fn seconds(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64(),
        None => -(from - to).as_secs_f64(),
    }
}
