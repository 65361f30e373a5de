//! `leanboard competition check`: what is wrong with a bundle, or else what it holds and what its
//! host should look at once more.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::{check_starter, new, read};
use crate::cli::Failure;
use crate::cli::client::table::{Column, lay_out, width_of_output};
use crate::cli::output::say;
use crate::competitions::{Bundle, BundleFile, FileKind};
use crate::domain::answers::{Answers, Class};
use crate::domain::competition::{CompetitionSpec, Direction, Metric};
use crate::domain::digest::Digest;
use crate::domain::split::Split;
use crate::domain::text_table::TextTable;
use crate::domain::units::Bytes;
use crate::scoring::{accuracy, rmsle};

/// Below this, one row moves a score by more than a point.
const SPLIT_ROWS_MIN: usize = 100;
/// A benchmark this far from the best constant prediction, as a share of the latter's score, is
/// looked at once more.
const BENCHMARK_SLACK: f64 = 0.1;

/// Test rows that also stand among the training data, as a share, from which on they matter.
const KNOWN_ROWS_SHARE: f64 = 0.05;

/// Says all that was found.
///
/// # Errors
/// Everything that would keep the competition from being created.
pub fn check(folder: &Path) -> Result<(), Failure> {
    let read = read(folder);
    let bundle = match &read {
        Ok(bundle) => bundle,
        Err(failure) => {
            // What is wrong with the rules does not hide what is wrong with the models.
            let refused = refused_starters(&starters_on_disk(folder));
            return Err(lines(failure, &refused));
        }
    };
    let starters: Vec<BundleFile> = (bundle.spec.starter.iter())
        .filter_map(|starter| bundle.file(&starter.file))
        .cloned()
        .collect();
    let mut refused = refused_starters(&starters);
    refused.extend(twins(bundle, &starters));
    if !refused.is_empty() {
        let failure = format!("{} is no valid bundle:", folder.display());
        return Err(lines(&failure, &refused));
    }
    for line in summary(bundle) {
        say(line)?;
    }
    let warnings = warnings(bundle);
    if warnings.is_empty() {
        let folder = shell_word(folder);
        return say(format!(
            "\nNothing stands in its way: leanboard competition create {folder}"
        ));
    }
    say("\nIt can be created. Look at these first:")?;
    for warning in warnings {
        say(format!("  {warning}"))?;
    }
    Ok(())
}

/// A path as it is to be typed.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

fn lines(first: &str, more: &[String]) -> String {
    let more = more.iter().map(|line| format!("\n  {line}"));
    format!("{first}{}", more.collect::<String>())
}

/// What the door says no to, by file.
fn refused_starters(files: &[BundleFile]) -> Vec<String> {
    (files.iter())
        .filter_map(|file| check_starter(file).err())
        .collect()
}

/// The files that look like entries, where the rules that name them cannot be read.
fn starters_on_disk(folder: &Path) -> Vec<BundleFile> {
    let kind = FileKind::Starter;
    let entries = std::fs::read_dir(folder.join(kind.folder()));
    let mut files: Vec<BundleFile> = (entries.into_iter().flatten().flatten())
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_entry = [".onnx", ".zip"].iter().any(|end| name.ends_with(end));
            is_entry.then_some(())?;
            Some(BundleFile {
                path: format!("{}/{name}", kind.folder()),
                kind,
                absolute: entry.path(),
                size: Bytes::new(entry.metadata().ok()?.len()),
            })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The same bytes can be entered only once for a team.
fn twins(bundle: &Bundle, files: &[BundleFile]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for starter in &bundle.spec.starter {
        let file = files.iter().find(|file| file.path == starter.file);
        let bytes = file.and_then(|file| std::fs::read(&file.absolute).ok());
        let digest = bytes.map(|bytes| Digest::of(&bytes));
        if let Some(digest) = digest
            && !seen.insert((&starter.team, digest))
        {
            found.push(format!(
                "{}: it has the same bytes as another starter of the team {}; leave one out",
                starter.file, starter.team
            ));
        }
    }
    found
}

fn summary(bundle: &Bundle) -> Vec<String> {
    let spec = &bundle.spec;
    let mut lines = vec![format!("{} (/competitions/{})", spec.title, spec.slug)];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<10} {text}"));
    line("open", dates(spec));
    let splits = bundle.solution.splits();
    let rows_of = |split| splits.iter().filter(|found| **found == split).count();
    line(
        "test",
        format!(
            "{} rows of {} columns: {} public, {} private",
            bundle.test.rows(),
            bundle.test.columns.len(),
            rows_of(Split::Public),
            rows_of(Split::Private)
        ),
    );
    line("sample", format!("{} rows", bundle.sample.rows()));
    for file in bundle.files.iter().filter(|f| f.kind == FileKind::Public) {
        let rows = table(bundle, file).map(|table| format!(", {} rows", table.ids.len()));
        let rows = rows.unwrap_or_default();
        line("download", format!("{}, {}{rows}", file.path, file.size));
    }
    line("metric", metric(bundle));
    let kinds: Vec<&str> = spec
        .entries
        .kinds
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    line(
        "entries",
        format!(
            "{}, at most {}, {} a day and team",
            kinds.join(" or "),
            spec.entries.max_size(),
            spec.daily_limit
        ),
    );
    let limits = &spec.limits;
    line(
        "limits",
        format!(
            "{} s, {} of memory, {} CPU{}, {} processes, {} of output",
            limits.time.as_secs(),
            limits.memory,
            limits.cpus,
            if limits.cpus == 1 { "" } else { "s" },
            limits.processes,
            limits.output
        ),
    );
    line("ranked by", ranked_by(spec));
    lines.push(String::new());
    lines.extend(starters(bundle));
    lines
}

fn dates(spec: &CompetitionSpec) -> String {
    let day = |at: DateTime<Utc>| at.format("%-d %B %Y, %H:%M UTC").to_string();
    match spec.closes_at {
        Some(closes_at) => format!("from {} to {}", day(spec.opens_at), day(closes_at)),
        None => format!("from {}, without an end", day(spec.opens_at)),
    }
}

fn metric(bundle: &Bundle) -> String {
    let metric = &bundle.spec.metric;
    let better = match metric.name.direction() {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    let constant = best_constant(bundle)
        .map(|score| format!("; the best constant prediction scores {score:.4}"));
    format!(
        "{}, {better}, benchmark {}{}",
        metric.name,
        metric.benchmark,
        constant.unwrap_or_default()
    )
}

fn ranked_by(spec: &CompetitionSpec) -> String {
    use crate::domain::competition::{Cost, Window};
    let cost = match spec.efficiency.cost {
        Cost::Cpu => "CPU time",
        Cost::Time => "wall time",
    };
    let window = match spec.measuring.window {
        Window::Inference => "of a pass over the test inputs",
        Window::Total => "from start to exit",
    };
    format!("score and {cost} {window}")
}

fn starters(bundle: &Bundle) -> Vec<String> {
    let columns = [
        Column::left("starter"),
        Column::left("team").cut(),
        Column::right("size"),
        Column::left("the door"),
    ];
    let rows: Vec<Vec<String>> = (bundle.spec.starter.iter())
        .map(|starter| {
            let size = bundle.file(&starter.file).map(|file| file.size.to_string());
            let role = if starter.reference {
                ", the reference"
            } else {
                ""
            };
            vec![
                starter.file.clone(),
                starter.team.clone(),
                size.unwrap_or_default(),
                format!("lets it in{role}"),
            ]
        })
        .collect();
    lay_out(&columns, &rows, width_of_output())
}

/// What is allowed and most likely not meant.
fn warnings(bundle: &Bundle) -> Vec<String> {
    let spec = &bundle.spec;
    let mut warnings = Vec::new();
    warnings.extend(few_rows(bundle));
    warnings.extend(benchmark(bundle));
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
    let advantage = match bundle.spec.metric.name.direction() {
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

/// The score on all rows of the best prediction that is the same for each.
fn best_constant(bundle: &Bundle) -> Option<f64> {
    let score = match (bundle.spec.metric.name, bundle.solution.answers()) {
        (Metric::Accuracy, Answers::Labels(actual)) => {
            let classes: HashSet<Class> = actual.iter().copied().collect();
            let score = |class| accuracy(actual.iter().map(|&actual| (class, actual)));
            classes.into_iter().filter_map(score).max()
        }
        (Metric::Rmsle, Answers::Values(actual)) => {
            let logarithms = actual.iter().map(|value| value.ln_1p());
            let mean = logarithms.sum::<f64>() / actual.len() as f64;
            rmsle(actual.iter().map(|&actual| (mean.exp_m1(), actual)))
        }
        // Refused where the bundle is read.
        (Metric::Accuracy | Metric::Rmsle, Answers::Labels(_) | Answers::Values(_)) => None,
    };
    score.map(|score| score.as_f64())
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
    (shared > 0).then(|| {
        format!(
            "{}: {shared} of its row ids are those of hidden test rows; take public rows",
            bundle.spec.task.sample
        )
    })
}

/// Whether a file that participants download has answers to hidden rows.
fn told_answers(bundle: &Bundle, file: &BundleFile) -> Option<String> {
    let table = table(bundle, file)?;
    let targets = &table.column(&bundle.spec.task.target)?.cells;
    let places: std::collections::HashMap<&String, usize> = (bundle.test.ids.iter().enumerate())
        .map(|(at, id)| (id, at))
        .collect();
    let cells = targets.iter().map(String::as_str);
    let told = Answers::parse(&bundle.spec.task, bundle.spec.metric.name, cells).ok()?;
    let rows: Vec<(usize, usize)> = (table.ids.iter().enumerate())
        .filter_map(|(row, id)| places.get(id).map(|place| (row, *place)))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let right = match (&told, bundle.solution.answers()) {
        (Answers::Labels(told), Answers::Labels(actual)) => rows
            .iter()
            .filter(|(row, at)| told[*row] == actual[*at])
            .count(),
        (Answers::Values(told), Answers::Values(actual)) => {
            let is_same = |a: f64, b: f64| a.total_cmp(&b).is_eq();
            rows.iter()
                .filter(|(row, at)| is_same(told[*row], actual[*at]))
                .count()
        }
        (Answers::Labels(_) | Answers::Values(_), Answers::Labels(_) | Answers::Values(_)) => 0,
    };
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
    public.column(&bundle.spec.task.target)?;
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
fn table(bundle: &Bundle, file: &BundleFile) -> Option<TextTable> {
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
