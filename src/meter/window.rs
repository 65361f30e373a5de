//! The energy of a window, from what the devices said before, in and after it.

use std::time::Instant;

use super::held::Held;
use super::rest::AtRest;
use super::trace::Trace;
use super::{Absent, Identity, Sample};
use crate::domain::energy::{DeviceEnergy, Energy, EnergyInterval, MeasuredEnergy, Tier};
use crate::domain::units::{Joules, Watts};

/// A counter that ticks less often in a window is too coarse for it.
const FEWEST_TICKS: f64 = 10.0;
/// How much of the counter's energy the held power may differ by for the counter to be confirmed.
const CONFIRMED: f64 = 0.03;
/// From here on one of the two is wrong, and nobody knows which.
const CONTRADICTED: f64 = 0.1;
/// An interval reaches as many standard errors to either side: Student's t for 95 % and the ten degrees
/// of freedom or so that the readings at rest have.
const STANDARD_ERRORS: f64 = 2.2;

/// The energy of all devices from `start` to `end`; missing when that of any is. Each trace is in
/// the order of time and reaches from before the window to after it. There is at least one.
///
/// A counter is renewed at its ticks only, so that it is late by up to a tick wherever it is read. It
/// is as late before a window as after it: the lines through its readings at rest, prolonged to the
/// window's ends, differ by the window's energy.
pub fn energy_of(traces: &[(&Identity, Vec<Sample>)], start: Instant, end: Instant) -> Energy {
    let mut devices = Vec::new();
    for (identity, samples) in traces {
        match of_device(identity, samples, start, end) {
            Ok(device) => devices.push(device),
            Err(absent) => return Energy::missing(format!("{}: {absent}", identity.scope)),
        }
    }
    let simulated = traces.iter().any(|(identity, _)| identity.simulated);
    match sum_of(devices, simulated) {
        Some(energy) => Energy::Measured(energy),
        None => Energy::missing("no energy counter on this machine"),
    }
}

fn of_device(
    identity: &Identity,
    samples: &[Sample],
    start: Instant,
    end: Instant,
) -> Result<DeviceEnergy, Absent> {
    let trace = Trace::new(samples, start, end, identity.lag)?;
    let figure = match (trace.counter()?, trace.power()) {
        (Some(counter), power) => counted(&trace, &counter, power)?,
        (None, Ok(power)) => held(&trace, &power)?,
        (None, Err(absent)) => return Err(trace.why_no_counter().unwrap_or(absent)),
    };
    if figure.gross - figure.half_width <= 0.0 {
        return Err(Absent(format!(
            "{:.3} J is below what its readings can tell, which is {:.3} J",
            figure.gross, figure.half_width
        )));
    }
    Ok(DeviceEnergy {
        device: identity.name.clone(),
        scope: identity.scope.clone(),
        gross: Joules::new(figure.gross),
        net: (figure.idle).map(|idle| Joules::new(figure.gross - idle * trace.duration)),
        interval: EnergyInterval {
            low: Joules::new(figure.gross - figure.half_width),
            high: Joules::new(figure.gross + figure.half_width),
        },
        idle: figure.idle.map(Watts::new),
        tier: figure.tier,
        method: figure.method.to_owned(),
        power_differs_by: figure.power_differs_by,
    })
}

/// In joules and watts.
struct Figure {
    gross: f64,
    half_width: f64,
    idle: Option<f64>,
    tier: Tier,
    method: &'static str,
    power_differs_by: Option<f64>,
}

/// By the counter, checked against power where there is any.
fn counted(
    trace: &Trace,
    counter: &[(f64, f64)],
    power: Result<Vec<(f64, f64)>, Absent>,
) -> Result<Figure, Absent> {
    let power = power.ok();
    trace.check_counter(counter, power.as_deref())?;
    let rest = AtRest::of(trace, counter)?;
    let (before, after) = (&rest.before, &rest.after);
    let ticks = trace.ticks_in_window(counter);
    if ticks < FEWEST_TICKS {
        return Err(Absent(format!(
            "the window of {:.2} s is too short: the energy counter ticked {ticks:.0} times in it, \
             and {FEWEST_TICKS:.0} are needed",
            trace.duration
        )));
    }
    let gross = after.at_window - before.at_window;
    let half_width = STANDARD_ERRORS * rest.error(trace.lag);
    let held = power.and_then(|power| Held::of(trace, &power));
    let (tier, method, power_differs_by) = match held {
        None => (Tier::C, "counter", None),
        Some(held) if held.mean_w <= 0.0 => {
            return Err(Absent(format!(
                "its power is said to be 0 W while its counter counts {gross:.3} J"
            )));
        }
        Some(held) => {
            let by_power = held.mean_w * trace.duration;
            let differs_by = by_power / gross - 1.0;
            if gross <= 0.0 || differs_by.abs() > CONTRADICTED {
                return Err(Absent(format!(
                    "its counter says {gross:.3} J and its power {by_power:.3} J: they differ by more \
                     than a tenth, so that neither can be believed"
                )));
            }
            if differs_by.abs() > CONFIRMED {
                let method = "counter, not confirmed by its power";
                (Tier::C, method, Some(differs_by))
            } else {
                (Tier::B, "counter, confirmed by its power", Some(differs_by))
            }
        }
    };
    Ok(Figure {
        gross,
        half_width,
        idle: Some((before.watts + after.watts) / 2.0),
        tier,
        method,
        power_differs_by,
    })
}

/// By power alone.
fn held(trace: &Trace, power: &[(f64, f64)]) -> Result<Figure, Absent> {
    let held = Held::of(trace, power).filter(Held::moves).ok_or_else(|| {
        Absent(
            "it has no energy counter, and fewer than three different readings of its power: a \
             sensor that stands still cannot be told from a steady load"
                .to_owned(),
        )
    })?;
    Ok(Figure {
        gross: held.mean_w * trace.duration,
        half_width: STANDARD_ERRORS * held.error_of_mean_w * trace.duration,
        idle: held.idle_w,
        tier: Tier::C,
        method: "held power",
        power_differs_by: None,
    })
}

/// `None` without devices.
fn sum_of(devices: Vec<DeviceEnergy>, simulated: bool) -> Option<MeasuredEnergy> {
    let sum = |part: fn(&DeviceEnergy) -> Joules| {
        let joules = devices.iter().map(|it| part(it).as_f64());
        joules.sum::<f64>()
    };
    let gross = sum(|it| it.gross);
    // The devices' errors have nothing to do with each other.
    let half_widths = devices.iter().map(|it| it.interval.high - it.gross);
    let half_width = (half_widths.map(|it| it.as_f64().powi(2)).sum::<f64>()).sqrt();
    let nets: Option<Vec<f64>> = (devices.iter())
        .map(|it| it.net.map(Joules::as_f64))
        .collect();
    let idles: Option<Vec<f64>> = (devices.iter())
        .map(|it| it.idle.map(Watts::as_f64))
        .collect();
    Some(MeasuredEnergy {
        gross: Joules::new(gross),
        net: nets.map(|nets| Joules::new(nets.iter().sum())),
        interval: Some(EnergyInterval {
            low: Joules::new(gross - half_width),
            high: Joules::new(gross + half_width),
        }),
        idle: idles.map(|idles| Watts::new(idles.iter().sum())),
        tier: devices.iter().map(|it| it.tier).max()?,
        method: each_once(devices.iter().map(|it| it.method.as_str())).join(" + "),
        scope: counted_scopes(&devices),
        simulated,
        devices,
    })
}

fn each_once<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut once = Vec::new();
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once
}

/// Such as "2 × GPU board + CPU package".
fn counted_scopes(devices: &[DeviceEnergy]) -> String {
    let scopes = || devices.iter().map(|it| it.scope.as_str());
    let counted = each_once(scopes()).into_iter().map(|scope| {
        match scopes().filter(|it| *it == scope).count() {
            1 => scope.to_owned(),
            count => format!("{count} × {scope}"),
        }
    });
    counted.collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests;
