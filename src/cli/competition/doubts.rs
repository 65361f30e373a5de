//! What is allowed in a bundle and hardly meant.

use std::collections::{HashMap, HashSet};
use std::fs::File;

use chrono::Utc;

use super::constant::best_constant;
use super::new;
use crate::competitions::{Bundle, BundleFile, FileKind};
use crate::domain::answers::{Answers, AnswersReader, Side};
use crate::domain::competition::{Direction, Metric};
use crate::domain::split::Split;
use crate::domain::table::TableFormat;
use crate::domain::text_table::TextTable;

/// Below this, one row moves a score by more than a point.
const SPLIT_ROWS_MIN: usize = 100;
/// A benchmark this far from the best constant prediction, as a share of the latter's score, is
/// looked at once more.
const BENCHMARK_SLACK: f64 = 0.1;

/// Test rows that also stand among the training data, as a share, from which on they matter.
const KNOWN_ROWS_SHARE: f64 = 0.05;

/// What is allowed and most likely not meant.
pub fn warnings(bundle: &Bundle) -> Vec<String> {
    let spec = &bundle.spec;
    let mut warnings = Vec::new();
    warnings.extend(few_rows(bundle));
    warnings.extend(benchmark(bundle));
    warnings.extend(shares_of_nothing(bundle));
    warnings.extend(sample_of_test(bundle));
    for file in bundle.files.iter().filter(|f| f.kind == FileKind::Public) {
        warnings.extend(told_answers(bundle, file));
        warnings.extend(known_rows(bundle, file));
    }
    warnings.extend(starter_files(bundle));
    if spec.starter.len() == 1 {
        warnings.push(
            "competition.toml: the reference is the only starter; a second, cheaper one shows what \
             the race is about"
                .to_owned(),
        );
    }
    if spec
        .closes_at
        .is_some_and(|closes_at| closes_at <= Utc::now())
    {
        warnings.push("competition.toml: `closes_at` is past: nothing can be submitted".to_owned());
    }
    warnings.extend(of_the_template(bundle));
    warnings
}

fn few_rows(bundle: &Bundle) -> Vec<String> {
    let solution = &bundle.spec.task.solution;
    let rows = |split: Split| {
        let splits = bundle.solution.splits().iter();
        splits.filter(|found| **found == split).count()
    };
    (Split::ALL.into_iter())
        .filter(|split| rows(*split) < SPLIT_ROWS_MIN)
        .map(|split| {
            format!(
                "{solution}: {} rows are {split}, so that one of them decides over ranks",
                rows(split)
            )
        })
        .collect()
}

/// The benchmark is meant to be the score that costs nothing.
fn benchmark(bundle: &Bundle) -> Option<String> {
    let benchmark = bundle.spec.metric.benchmark;
    let constant = best_constant(bundle)?;
    let advantage = match bundle.spec.metric.direction() {
        Direction::HigherIsBetter => benchmark - constant,
        Direction::LowerIsBetter => constant - benchmark,
    };
    let slack = BENCHMARK_SLACK * constant.abs();
    if advantage > slack {
        Some(format!(
            "competition.toml: no constant prediction reaches the benchmark of {benchmark} (the \
             best scores {constant:.4}); entries that do not either have no rank"
        ))
    } else if advantage < -slack {
        Some(format!(
            "competition.toml: a constant prediction scores {constant:.4}, which is better than \
             the benchmark of {benchmark}: it would have a rank for knowing nothing"
        ))
    } else {
        None
    }
}

/// A share of an answer of 0 is a share of nothing.
fn shares_of_nothing(bundle: &Bundle) -> Option<String> {
    let (Metric::Mape, Answers::Values(columns)) =
        (bundle.spec.metric.name, bundle.solution.answers())
    else {
        return None;
    };
    let zeros = columns.iter().flatten().filter(|value| **value == 0.0);
    let zeros = zeros.count();
    (zeros > 0).then(|| {
        format!(
            "{}: {zeros} answers are 0, and by MAPE they outweigh all others; take \"mae\"",
            bundle.spec.task.solution
        )
    })
}

/// The log of a run on the sample is shown to participants.
fn sample_of_test(bundle: &Bundle) -> Option<String> {
    let ids: HashSet<&String> = bundle.test.ids.iter().collect();
    let shared = bundle
        .sample
        .ids
        .iter()
        .filter(|id| ids.contains(id))
        .count();
    // Rows without ids are numbered, in either file from 0 on.
    let is_numbered = TableFormat::of(&bundle.spec.task.sample) == TableFormat::Npz;
    (shared > 0 && !is_numbered).then(|| {
        format!(
            "{}: {shared} of its row ids are those of hidden test rows; take public rows",
            bundle.spec.task.sample
        )
    })
}

/// Whether a file that participants download has answers to hidden rows.
fn told_answers(bundle: &Bundle, file: &BundleFile) -> Option<String> {
    let table = table(bundle, file)?;
    let task = &bundle.spec.task;
    let targets: Vec<&Vec<String>> = (task.targets().iter())
        .map(|target| table.column(target).map(|column| &column.cells))
        .collect::<Option<_>>()?;
    let places: HashMap<&String, usize> = (bundle.test.ids.iter().enumerate())
        .map(|(at, id)| (id, at))
        .collect();
    let rows: Vec<(usize, usize)> = (table.ids.iter().enumerate())
        .filter_map(|(row, id)| places.get(id).map(|place| (row, *place)))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let metric = bundle.spec.metric.name;
    let mut told = AnswersReader::new(task, metric, Side::Actual, table.ids.len());
    for (column, cells) in targets.iter().enumerate() {
        for (row, cell) in cells.iter().enumerate() {
            told.set(row, column, cell);
        }
    }
    let (told, actual) = (told.finish().ok()?, bundle.solution.answers());
    let is_right = |(row, at): &&(usize, usize)| told.is_same(*row, actual, *at);
    let right = rows.iter().filter(is_right).count();
    // A sample of predictions is right here and there by chance.
    let is_sample = file.path == bundle.spec.task.sample_submission;
    let allowed = if is_sample { rows.len() - 1 } else { 0 };
    (right > allowed).then(|| {
        format!(
            "{}: it tells the answers to {right} hidden test rows",
            file.path
        )
    })
}

/// Whether many test rows can be looked up in a file with answers, under another id.
fn known_rows(bundle: &Bundle, file: &BundleFile) -> Option<String> {
    let public = table(bundle, file)?;
    for target in bundle.spec.task.targets() {
        public.column(target)?;
    }
    let hidden = table(bundle, bundle.file(&bundle.spec.task.test)?)?;
    let known: HashSet<Vec<&String>> = rows(&public, &hidden)?.into_iter().collect();
    let inputs = rows(&hidden, &hidden)?;
    let found = inputs.iter().filter(|row| known.contains(*row)).count();
    let is_much = found as f64 >= KNOWN_ROWS_SHARE * inputs.len() as f64;
    is_much.then(|| {
        format!(
            "{}: {found} of the {} hidden test rows stand in it too, cell by cell, so that their \
             answers can be looked up; keep rows that are alike on one side",
            file.path,
            inputs.len()
        )
    })
}

/// The rows of a table, in the columns of another, if it has them all.
fn rows<'a>(table: &'a TextTable, of: &TextTable) -> Option<Vec<Vec<&'a String>>> {
    let columns: Vec<&Vec<String>> = (of.columns.iter())
        .map(|column| table.column(&column.name).map(|found| &found.cells))
        .collect::<Option<_>>()?;
    let row = |at: usize| columns.iter().map(|cells| &cells[at]).collect();
    Some((0..table.ids.len()).map(row).collect())
}

/// A file as a table, if it is one with row ids.
pub fn table(bundle: &Bundle, file: &BundleFile) -> Option<TextTable> {
    if !file.path.ends_with(".csv") {
        return None;
    }
    TextTable::read(File::open(&file.absolute).ok()?, &bundle.spec.task.id).ok()
}

fn starter_files(bundle: &Bundle) -> Vec<String> {
    let spec = &bundle.spec;
    let mut warnings = Vec::new();
    for file in bundle.files.iter().filter(|f| f.kind == FileKind::Starter) {
        if !spec.starter.iter().any(|starter| starter.file == file.path) {
            let message = "no [[starter]] names it, so it is not entered";
            warnings.push(format!("{}: {message}", file.path));
        } else if file.size > spec.entries.max_size() {
            warnings.push(format!(
                "{}: participants could not enter it, as it is larger than {}",
                file.path,
                spec.entries.max_size()
            ));
        }
    }
    warnings
}

/// What is still as `competition new` wrote it.
fn of_the_template(bundle: &Bundle) -> Vec<String> {
    let text = |name| {
        new::TEMPLATE
            .get_file(name)
            .and_then(|file| file.contents_utf8())
    };
    let mut files = Vec::new();
    for (name, found) in [
        ("description.md", &bundle.description),
        ("rules.md", &bundle.rules),
    ] {
        if text(name) == Some(found.as_str()) {
            files.push(name);
        }
    }
    let solution = &bundle.spec.task.solution;
    let found = bundle
        .file(solution)
        .and_then(|file| std::fs::read(&file.absolute).ok());
    let template = new::TEMPLATE.get_file("hidden/solution.csv");
    if found.as_deref() == template.map(include_dir::File::contents) {
        files.push(solution);
    }
    (files.into_iter())
        .map(|name| format!("{name}: it is still that of `leanboard competition new`"))
        .collect()
}
