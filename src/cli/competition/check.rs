//! `leanboard competition check`: what is wrong with a bundle, or else what it holds and what its
//! host should look at once more.

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::constant::best_constant;
use super::doubts::{table, warnings};
use super::{check_starter, read};
use crate::cli::Failure;
use crate::cli::client::table::{Column, lay_out, width_of_output};
use crate::cli::output::say;
use crate::competitions::{Bundle, BundleFile, FileKind};
use crate::domain::competition::{CompetitionSpec, Cost, Direction, EntryKind, EntryRules, Window};
use crate::domain::digest::Digest;
use crate::domain::split::Split;
use crate::domain::units::Bytes;

/// What may be an entry, where the rules that say it cannot be read.
fn all_kinds() -> EntryRules {
    EntryRules {
        kinds: vec![
            EntryKind::Onnx,
            EntryKind::Tflite,
            EntryKind::Predict,
            EntryKind::Script,
        ],
        max_batch_size: Some(u32::MAX),
        ..EntryRules::default()
    }
}

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
            let refused = refused_starters(&starters_on_disk(folder), &all_kinds(), None);
            return Err(lines(failure, &refused));
        }
    };
    let starters: Vec<BundleFile> = (bundle.spec.starter.iter())
        .filter_map(|starter| bundle.file(&starter.file))
        .cloned()
        .collect();
    let mut refused = refused_starters(&starters, &bundle.spec.entries, Some(bundle));
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
fn refused_starters(
    files: &[BundleFile],
    rules: &EntryRules,
    bundle: Option<&Bundle>,
) -> Vec<String> {
    (files.iter())
        .filter_map(|file| check_starter(file, rules, bundle).err())
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
            let is_entry = [".onnx", ".tflite", ".zip"]
                .iter()
                .any(|end| name.ends_with(end));
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
    let better = match metric.direction() {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    let constant = best_constant(bundle)
        .map(|score| format!("; the best constant prediction scores {score:.4}"));
    format!(
        "{metric}, {better}, benchmark {}{}",
        metric.benchmark,
        constant.unwrap_or_default()
    )
}

fn ranked_by(spec: &CompetitionSpec) -> String {
    let cost = match spec.efficiency.cost {
        Cost::Cpu => "CPU time",
        Cost::Time => "wall time",
        Cost::Energy => "energy",
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
