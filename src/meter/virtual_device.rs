//! Devices on a virtual clock, whose energy is known to the last digit.

use std::time::{Duration, Instant};

use super::{Absent, Identity, Sample, energy_of, nth_reading};
use crate::domain::energy::Energy;
use crate::domain::random::SplitMix64;

/// What differs from trace to trace.
pub struct Random(SplitMix64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.part()
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.number() as usize % of.len()]
    }
}

/// How a device shows what it draws.
#[derive(Debug, Clone)]
pub struct Sensor {
    pub tick_s: f64,
    /// Its power, and so its counter, is that of the last so many seconds. 0: of the instant.
    pub averaging_s: f64,
    /// How much too large its power is.
    pub power_gain: f64,
    pub has_counter: bool,
    pub has_power: bool,
}

impl Sensor {
    pub fn new(tick_ms: u32, averaging_ms: u32) -> Sensor {
        Sensor {
            tick_s: f64::from(tick_ms) / 1e3,
            averaging_s: f64::from(averaging_ms) / 1e3,
            power_gain: 1.0,
            has_counter: true,
            has_power: true,
        }
    }

    pub fn identity(&self) -> Identity {
        Identity {
            name: "virtual GPU".to_owned(),
            scope: "GPU board".to_owned(),
            simulated: false,
            lag: Duration::from_secs_f64(self.tick_s.max(self.averaging_s)),
            gpu: None,
        }
    }
}

/// What a device draws: seconds and watts, one after the other.
#[derive(Debug, Clone)]
pub struct Load {
    pub before: Vec<(f64, f64)>,
    pub window: Vec<(f64, f64)>,
    pub after: Vec<(f64, f64)>,
}

impl Load {
    /// The same power at rest and in the window.
    pub fn constant(window_s: f64, watts: f64) -> Load {
        Load {
            before: vec![(10.0, watts)],
            window: vec![(window_s, watts)],
            after: vec![(10.0, watts)],
        }
    }

    /// Steps of random power, above a rest that fluctuates by a part of itself.
    pub fn random(random: &mut Random, window_s: f64, noise: f64) -> Load {
        let idle = random.between(20.0, 80.0);
        let full = idle * random.between(1.5, 5.0);
        let mut rest = |idle: f64| {
            let fluctuates = |random: &mut Random| idle * random.between(1.0 - noise, 1.0 + noise);
            (0..200)
                .map(|_| (0.05, fluctuates(random)))
                .collect::<Vec<_>>()
        };
        let before = rest(idle);
        let after = rest(idle);
        let mut window = Vec::new();
        let mut left = window_s;
        while left > 0.0 {
            let lasts = random.between(0.05, 1.0).min(left);
            window.push((lasts, random.between(idle + 0.5 * (full - idle), full)));
            left -= lasts;
        }
        Load {
            before,
            window,
            after,
        }
    }

    /// Reads the device ten times a second, from a random phase, as a sampler does that is sometimes
    /// late.
    pub fn play(&self, sensor: &Sensor, random: &mut Random) -> Played {
        let curve = Curve::new(self);
        let lag = sensor.tick_s.max(sensor.averaging_s);
        // The clocks of a sensor and of a computer are never quite the same.
        let tick_s = sensor.tick_s * random.between(0.999, 1.001);
        let phase_s = random.between(0.0, sensor.tick_s);
        let begun = curve.start - 2.0 - lag - random.between(0.0, lag);
        let ended = curve.end + 2.0 + lag;
        let origin = Instant::now();
        let at = |seconds: f64| origin + Duration::from_secs_f64(seconds);
        let absent = || Absent("NotSupported".to_owned());
        let mut samples = Vec::new();
        let mut number = 0;
        loop {
            let late = if random.between(0.0, 1.0) < 0.02 {
                0.03
            } else {
                0.001
            };
            let due = nth_reading(number, Duration::from_millis(100)).as_secs_f64();
            let now = begun + due + random.between(0.0, late);
            if now > ended {
                break;
            }
            let ticked = ((now - phase_s) / tick_s).floor() * tick_s + phase_s;
            let watts = curve.mean_power(ticked, sensor.averaging_s) * sensor.power_gain;
            let joules = curve.mean_energy(ticked, sensor.averaging_s);
            samples.push(Sample {
                at: at(now),
                counter: (sensor.has_counter)
                    .then(|| (joules * 1e3) as u64 * 1_000)
                    .ok_or_else(absent),
                power: (sensor.has_power)
                    .then_some((watts * 1e3) as u64)
                    .ok_or_else(absent),
            });
            number += 1;
        }
        Played {
            identity: sensor.identity(),
            samples,
            start: at(curve.start),
            end: at(curve.end),
            true_j: curve.energy(curve.end) - curve.energy(curve.start),
        }
    }
}

/// What was read, and what is true.
pub struct Played {
    pub identity: Identity,
    pub samples: Vec<Sample>,
    pub start: Instant,
    pub end: Instant,
    pub true_j: f64,
}

impl Played {
    pub fn energy(&self) -> Energy {
        energy_of(
            &[(&self.identity, self.samples.clone())],
            self.start,
            self.end,
        )
    }
}

/// The integral of a load and the integral of that, exactly.
struct Curve {
    start: f64,
    end: f64,
    /// When each step begins, its watts, and both integrals up to there.
    steps: Vec<[f64; 4]>,
}

impl Curve {
    fn new(load: &Load) -> Curve {
        let lasts = |of: &[(f64, f64)]| of.iter().map(|it| it.0).sum::<f64>();
        let mut steps = Vec::new();
        let (mut at, mut once, mut twice) = (0.0, 0.0, 0.0);
        for (lasts, watts) in load.before.iter().chain(&load.window).chain(&load.after) {
            steps.push([at, *watts, once, twice]);
            twice += once * lasts + watts * lasts * lasts / 2.0;
            once += watts * lasts;
            at += lasts;
        }
        let start = lasts(&load.before);
        Curve {
            start,
            end: start + lasts(&load.window),
            steps,
        }
    }

    fn integrals(&self, at: f64) -> (f64, f64) {
        let number = self.steps.partition_point(|step| step[0] <= at).max(1) - 1;
        let [begun, watts, once, twice] = self.steps[number];
        let since = at - begun;
        (
            once + watts * since,
            twice + once * since + watts * since * since / 2.0,
        )
    }

    fn energy(&self, at: f64) -> f64 {
        self.integrals(at).0
    }

    /// What a counter says that integrates averaged power.
    fn mean_energy(&self, at: f64, averaging: f64) -> f64 {
        match averaging > 0.0 {
            true => (self.integrals(at).1 - self.integrals(at - averaging).1) / averaging,
            false => self.energy(at),
        }
    }

    fn mean_power(&self, at: f64, averaging: f64) -> f64 {
        // Of an instant that is as long as nothing changes.
        let averaging = averaging.max(1e-6);
        (self.energy(at) - self.energy(at - averaging)) / averaging
    }
}
