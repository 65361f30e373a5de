//! Whether the values of a `competition.toml` fit together.

use std::collections::HashSet;

use super::finding::Finding;
use super::manifest::Manifest;
use crate::domain::competition::{
    CompetitionSpec, EntryKind, Metric, Scenario, Task, TaskKind, Window,
};
use crate::domain::solution::USAGE;

/// No less than this, or a leaderboard of classes compares nothing.
const CLASSES_MIN: usize = 2;

pub fn check(manifest: &Manifest) -> Vec<Finding> {
    let spec = &manifest.spec;
    let mut findings = Vec::new();
    let mut find = |path: &str, message: String| findings.push(manifest.finding(path, message));
    check_dates(spec, &mut find);
    check_task(&spec.task, &mut find);
    check_metric(spec, &mut find);
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
    check_calls(spec, &mut find);
    check_starters(spec, &mut find);
    findings
}

/// What is there for functions alone, whose calls are seen one by one.
fn check_calls(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    let kinds = &spec.entries.kinds;
    if spec.measuring.scenario == Scenario::SingleStream
        && kinds.iter().any(|kind| *kind != EntryKind::Predict)
    {
        find(
            "measuring.scenario",
            "only a function is asked for one row after the other: with `measuring.scenario = \
             \"single_stream\"`, `entries.kinds` must be [\"predict\"]"
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

fn check_task(task: &Task, find: &mut impl FnMut(&str, String)) {
    if task.id == task.target {
        find(
            "task.target",
            format!("`{}` cannot be both the row id and the target", task.id),
        );
    }
    for (path, column) in [("task.id", &task.id), ("task.target", &task.target)] {
        if column == USAGE {
            find(
                path,
                format!(
                    "the column `{USAGE}` says which split a row belongs to; name this one otherwise"
                ),
            );
        }
    }
    match task.kind {
        TaskKind::Label => check_classes(&task.classes, find),
        TaskKind::Value if !task.classes.is_empty() => find(
            "task.classes",
            "`task.classes` is for label tasks; this one predicts values".to_owned(),
        ),
        TaskKind::Value => {}
    }
}

fn check_classes(classes: &[String], find: &mut impl FnMut(&str, String)) {
    if classes.len() < CLASSES_MIN {
        find(
            "task.classes",
            format!(
                "a label task needs `task.classes`, a list of {CLASSES_MIN} classes or more in \
                 the order of a model's class axis"
            ),
        );
    }
    let mut seen = HashSet::new();
    for class in classes {
        if class.is_empty() || class.contains(char::is_control) {
            find(
                "task.classes",
                "a class is one line of text and not empty".to_owned(),
            );
        } else if !seen.insert(class) {
            find(
                "task.classes",
                format!("the class `{class}` is listed twice"),
            );
        }
    }
}

fn check_metric(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    let (metric, benchmark) = (spec.metric.name, spec.metric.benchmark);
    if metric.task_kind() != spec.task.kind {
        let compares = match metric.task_kind() {
            TaskKind::Label => "label",
            TaskKind::Value => "value",
        };
        find(
            "metric.name",
            format!("{metric} needs `task.kind = \"{compares}\"`"),
        );
    }
    let (is_reachable, range) = match metric {
        Metric::Accuracy => ((0.0..1.0).contains(&benchmark), "from 0 to below 1"),
        Metric::Rmsle => (benchmark > 0.0, "above 0"),
    };
    if !is_reachable {
        find(
            "metric.benchmark",
            format!("`metric.benchmark` must be {range}, or nothing could be better than it"),
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
