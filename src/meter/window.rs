//! The energy of a window, from what the devices said before, in and after it.

use std::time::Instant;

use super::{Absent, Identity, Sample};
use crate::domain::energy::{Energy, MeasuredEnergy, Tier};
use crate::domain::units::Joules;

/// The energy of all devices from `start` to `end`; missing when that of any is. Each trace is in
/// the order of time and reaches from before the window to after it.
pub fn energy_of(traces: &[(&Identity, Vec<Sample>)], start: Instant, end: Instant) -> Energy {
    if traces.is_empty() {
        return Energy::missing("no energy counter on this machine");
    }
    let mut gross = 0;
    for (identity, trace) in traces {
        match counted(trace, start, end) {
            Ok(microjoules) => gross += microjoules,
            Err(absent) => return Energy::missing(format!("{}: {absent}", identity.scope)),
        }
    }
    let scopes: Vec<_> = traces.iter().map(|(it, _)| it.scope.as_str()).collect();
    Energy::Measured(MeasuredEnergy {
        gross: Joules::from_microjoules(gross),
        tier: Tier::C,
        method: "counter".to_owned(),
        scope: scopes.join(" + "),
        net: None,
        interval: None,
        idle: None,
        devices: Vec::new(),
        simulated: traces.iter().any(|(identity, _)| identity.simulated),
    })
}

/// In microjoules, between the last reading before the window and the first one after it.
fn counted(trace: &[Sample], start: Instant, end: Instant) -> Result<u64, Absent> {
    let before = trace.iter().rev().find(|sample| sample.at <= start);
    let after = trace.iter().find(|sample| sample.at >= end);
    let (Some(before), Some(after)) = (before, after) else {
        return Err(Absent("the window was not read to its ends".to_owned()));
    };
    let (before, after) = (before.counter.clone()?, after.counter.clone()?);
    match after.checked_sub(before) {
        None => Err(Absent("the energy counter went backwards".to_owned())),
        Some(0) => Err(Absent(
            "the window is too short for the energy counter's tick".to_owned(),
        )),
        Some(microjoules) => Ok(microjoules),
    }
}
