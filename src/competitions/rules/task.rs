//! Whether what is predicted is told in one way only, and can be predicted by what may be entered.

use std::collections::HashSet;

use crate::domain::competition::{CompetitionSpec, EntryKind, Task, TaskKind};
use crate::domain::solution::USAGE;

/// No less than this, or a leaderboard of classes compares nothing.
const CLASSES_MIN: usize = 2;

pub fn check(spec: &CompetitionSpec, find: &mut impl FnMut(&str, String)) {
    let task = &spec.task;
    check_targets(task, find);
    check_columns(task, find);
    match task.kind.has_classes() {
        true => check_classes(task, find),
        false if !task.classes.is_empty() => find(
            "task.classes",
            format!(
                "`task.classes` is for label and probability tasks; this one predicts {}",
                plural(task.kind)
            ),
        ),
        false => {}
    }
    for kind in &spec.entries.kinds {
        if let Err(gives) = can_answer(*kind, task.kind) {
            find(
                "task.kind",
                format!(
                    "an entry of the kind `{}` gives {gives}; this task predicts {}, so leave the \
                     kind out of `entries.kinds`",
                    kind.as_str(),
                    plural(task.kind)
                ),
            );
        }
    }
}

/// Whether entries of a kind can be asked for such predictions, or what they give instead.
fn can_answer(kind: EntryKind, task: TaskKind) -> Result<(), &'static str> {
    match (kind, task) {
        (EntryKind::Predict | EntryKind::Script, _)
        | (
            EntryKind::Onnx | EntryKind::Tflite,
            TaskKind::Label | TaskKind::Value | TaskKind::Probability,
        ) => Ok(()),
        (EntryKind::Onnx | EntryKind::Tflite, TaskKind::List | TaskKind::Text) => {
            Err("labels, probabilities or numbers")
        }
    }
}

fn plural(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Label => "labels",
        TaskKind::Value => "values",
        TaskKind::Probability => "probabilities",
        TaskKind::List => "lists",
        TaskKind::Text => "texts",
    }
}

fn check_targets(task: &Task, find: &mut impl FnMut(&str, String)) {
    match (task.target.is_empty(), task.targets.is_empty()) {
        (true, true) => find(
            "task",
            "missing key `task.target`, the column that is predicted; of several columns of \
             values it is `task.targets`, a list"
                .to_owned(),
        ),
        (false, false) => find(
            "task.targets",
            "`task.targets` stands beside `task.target`: keep one of them".to_owned(),
        ),
        (true, false) | (false, true) => {}
    }
    if task.targets.is_empty() {
        return;
    }
    if task.kind != TaskKind::Value {
        find(
            "task.targets",
            format!(
                "several targets are for values; a task of {} has one `task.target`",
                plural(task.kind)
            ),
        );
    }
    let mut seen = HashSet::new();
    for target in &task.targets {
        if target.trim().is_empty() || target.contains(char::is_control) {
            find(
                "task.targets",
                "a target is one line of text and not empty".to_owned(),
            );
        } else if !seen.insert(target) {
            find(
                "task.targets",
                format!("the target `{target}` is listed twice"),
            );
        }
    }
}

/// The columns of the row id and of the split are not what is predicted.
fn check_columns(task: &Task, find: &mut impl FnMut(&str, String)) {
    let key = match task.targets.is_empty() {
        true => "task.target",
        false => "task.targets",
    };
    let mut columns: Vec<(&str, &String)> =
        task.targets().iter().map(|target| (key, target)).collect();
    if task.predicted_columns() != task.targets() {
        columns.extend(task.classes.iter().map(|class| ("task.classes", class)));
    }
    if task.id == USAGE {
        find("task.id", reserved());
    }
    for (key, column) in columns {
        if *column == task.id {
            let what = match key {
                "task.classes" => "a class, which is a column of a submission",
                _ => "the target",
            };
            find(
                key,
                format!("`{column}` cannot be both the row id and {what}"),
            );
        }
        if column == USAGE && key != "task.classes" {
            find(key, reserved());
        }
    }
}

fn reserved() -> String {
    format!("the column `{USAGE}` says which split a row belongs to; name this one otherwise")
}

fn check_classes(task: &Task, find: &mut impl FnMut(&str, String)) {
    let classes = &task.classes;
    if classes.len() < CLASSES_MIN {
        find(
            "task.classes",
            format!(
                "a {} task needs `task.classes`, a list of {CLASSES_MIN} classes or more in \
                 the order of a model's class axis",
                task.kind.as_str()
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
