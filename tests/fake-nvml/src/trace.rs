//! A script of power over time, and what a sensor makes of it.

use std::time::Duration;

use serde::Deserialize;

/// A stretch of constant power.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub lasts_ms: u64,
    pub power_mw: u64,
}

/// How a sensor looks at the script.
#[derive(Debug, Clone, Copy)]
pub struct Sensor {
    /// Counter and power change at ticks only.
    pub tick: Duration,
    /// What "instant" power is the mean of, up to the last tick.
    pub instant: Duration,
    pub average: Duration,
    pub phase: Duration,
    pub gain: f64,
    pub noise: f64,
    pub seed: u64,
}

pub struct Trace<'a> {
    pub steps: &'a [Step],
    pub sensor: Sensor,
    pub counts_from: Duration,
    pub freezes_at: Option<Duration>,
}

impl Trace<'_> {
    /// Up to the last tick before an instant.
    pub fn millijoules(&self, at: Duration) -> u64 {
        let until = self.freezes_at.map_or(at, |freezes_at| at.min(freezes_at));
        let counted = self
            .picojoules(self.ticked(until))
            .saturating_sub(self.picojoules(self.counts_from));
        (counted as f64 * self.sensor.gain / 1e9) as u64
    }

    pub fn instant_milliwatts(&self, at: Duration) -> u32 {
        self.mean_milliwatts(at, self.sensor.instant)
    }

    pub fn average_milliwatts(&self, at: Duration) -> u32 {
        self.mean_milliwatts(at, self.sensor.average)
    }

    fn mean_milliwatts(&self, at: Duration, over: Duration) -> u32 {
        let end = self.ticked(at);
        let over = over.max(Duration::from_nanos(1));
        let energy = self.picojoules(end) - self.picojoules(end.saturating_sub(over));
        let noise = 1.0 + self.sensor.noise * between_minus_one_and_one(self.sensor.seed, end);
        (energy as f64 / over.as_nanos() as f64 * self.sensor.gain * noise) as u32
    }

    fn ticked(&self, at: Duration) -> Duration {
        let tick = self.sensor.tick.as_nanos().max(1);
        let phase = self.sensor.phase.as_nanos() % tick;
        let ticks = at.as_nanos().saturating_sub(phase) / tick;
        Duration::from_nanos_u128(ticks * tick + phase)
    }

    /// The exact integral since the clock's zero: milliwatts times nanoseconds.
    fn picojoules(&self, at: Duration) -> u128 {
        let lasts = |step: &Step| u128::from(step.lasts_ms) * 1_000_000;
        let energy = |step: &Step, lasts: u128| lasts * u128::from(step.power_mw);
        let round: u128 = self.steps.iter().map(lasts).sum();
        if round == 0 {
            return 0;
        }
        let whole: u128 = self.steps.iter().map(|it| energy(it, lasts(it))).sum();
        let mut sum = at.as_nanos() / round * whole;
        let mut rest = at.as_nanos() % round;
        for step in self.steps {
            let part = rest.min(lasts(step));
            sum += energy(step, part);
            rest -= part;
        }
        sum
    }
}

/// The same for the same seed and tick. SplitMix64, by Steele, Lea and Flood (2014).
fn between_minus_one_and_one(seed: u64, tick: Duration) -> f64 {
    let mut x = seed ^ (tick.as_nanos() as u64);
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}
