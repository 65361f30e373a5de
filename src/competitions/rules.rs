//! Whether the values of a `competition.toml` fit together.

mod metric;
mod task;

use std::collections::HashSet;

use super::finding::Finding;
use super::manifest::Manifest;
use crate::domain::competition::{CompetitionSpec, Cost, EntryKind, Scenario, Window};

pub fn check(manifest: &Manifest) -> Vec<Finding> {
    let spec = &manifest.spec;
    let mut findings = Vec::new();
    let mut find = |path: &str, message: String| findings.push(manifest.finding(path, message));
    check_dates(spec, &mut find);
    task::check(spec, &mut find);
    metric::check(spec, &mut find);
    if let Some(worth) = spec.efficiency.halving_cost_is_worth
        && worth <= 0.0
    {
        find(
            "efficiency.halving_cost_is_worth",
            "`efficiency.halving_cost_is_worth` must be above 0".to_owned(),
        );
    }
    if spec.measuring.window == Window::Inference && spec.entries.kinds.contains(&EntryKind::Script)
    {
        find(
            "measuring.window",
            "scripts are measured from start to exit: with kind `script`, `measuring.window` must be \
             \"total\""
                .to_owned(),
        );
    }
    check_energy(spec, &mut find);
    check_calls(spec, &mut find);
    if let Some(most) = spec.entries.max_batch_size
        && most < spec.entries.batch_size
    {
        find(
            "entries.max_batch_size",
            format!(
                "`entries.max_batch_size` must be no less than `entries.batch_size`, which is {}",
                spec.entries.batch_size
            ),
        );
    }
    check_starters(spec, &mut find);
    findings
}

/// Energy is read in the measured window: of a script the whole run, of all others inference.
fn check_energy(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    let kinds = &spec.entries.kinds;
    if spec.efficiency.cost == Cost::Energy
        && spec.measuring.window == Window::Total
        && kinds.iter().any(|kind| kind.is_driven_by_harness())
    {
        find(
            "efficiency.cost",
            "the energy from start to exit is measured of scripts alone: with `efficiency.cost = \
             \"energy\"`, either `measuring.window` must be \"inference\" or `entries.kinds` have nothing \
             but \"script\""
                .to_owned(),
        );
    }
}

/// What is there for those alone whose calls are seen one by one.
fn check_calls(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    if spec.measuring.scenario == Scenario::SingleStream
        && spec.entries.kinds.contains(&EntryKind::Script)
    {
        find(
            "measuring.scenario",
            "a script cannot be given one row after the other: with `measuring.scenario = \
             \"single_stream\"`, `entries.kinds` cannot have \"script\""
                .to_owned(),
        );
    }
    if spec.limits.batch.is_some_and(|batch| batch.is_zero()) {
        find(
            "limits.batch_s",
            "`limits.batch_s` must be above 0".to_owned(),
        );
    }
}

fn check_dates(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    if let Some(closes_at) = spec.closes_at
        && closes_at <= spec.opens_at
    {
        find(
            "closes_at",
            "`closes_at` must be later than `opens_at`".to_owned(),
        );
    }
}

fn check_starters(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    let starters = || spec.starter.iter().enumerate();
    let mut references = starters().filter(|(_, starter)| starter.reference);
    match (references.next(), references.next()) {
        (Some(_), None) => {}
        (None, _) => find(
            "starter",
            "one starter must be the reference, the most accurate entry you have: give it \
             `reference = true`"
                .to_owned(),
        ),
        (Some(_), Some((second, _))) => find(
            &format!("starter[{second}].reference"),
            "only one starter can be the reference".to_owned(),
        ),
    }
    let mut seen = HashSet::new();
    for (at, starter) in starters() {
        if !seen.insert(&starter.file) {
            find(
                &format!("starter[{at}].file"),
                format!("`{}` is a starter already", starter.file),
            );
        }
    }
}
