//! Reads what a script left: `submission.csv`, with the columns of the competition's sample
//! submission in any order and each row id of the test inputs once. It comes out of the sandbox, so
//! nothing in it is believed.

use std::io::Read;

use super::predictions::{BadPredictions, PredictionsFault, advice};
use crate::domain::answers::{Answers, AnswersReader, Side, WrongCells};
use crate::domain::competition::{CompetitionSpec, Task};
use crate::domain::row_ids::{Differences, Lines, Matching};
use crate::domain::text_table::{TableError, TableFault, TextRows};

/// The answers in the order of `ids`.
pub fn read(
    from: impl Read,
    spec: &CompetitionSpec,
    ids: &[String],
) -> Result<Answers, BadPredictions> {
    let task = &spec.task;
    let refused = |error: TableError| refuse_table(&error, task);
    let wanted = task.predicted_columns();
    // A few more than there can be are told as what they are, columns that do not belong there.
    let mut rows = TextRows::open(from, &task.id, wanted.len() + 8).map_err(refused)?;
    let columns = places(&rows.names, wanted, task)?;
    let id_at = rows.id_at;
    let mut matching = Matching::new(ids);
    let mut answers = AnswersReader::new(task, spec.metric.name, Side::Predicted, ids.len());
    let mut is_empty = true;
    while let Some((line, record)) = rows.next_row().map_err(refused)? {
        is_empty = false;
        if let Some(place) = matching.place(&record[id_at], line) {
            for (column, at) in columns.iter().enumerate() {
                answers.set(place, column, &record[*at]);
            }
        }
    }
    if is_empty {
        return Err(refuse_table(&TableFault::NoRows.at(None), task));
    }
    let lines = matching
        .finish()
        .map_err(|differences| wrong_ids(&differences, task))?;
    answers
        .finish()
        .map_err(|wrong| wrong_cells(&wrong, task, &lines))
}

/// Where the wanted columns stand. No other may be there.
fn places(
    names: &csv::StringRecord,
    wanted: &[String],
    task: &Task,
) -> Result<Vec<usize>, BadPredictions> {
    let found: Vec<usize> = (wanted.iter())
        .filter_map(|wanted| names.iter().position(|name| name == wanted))
        .collect();
    if found.len() == wanted.len() && names.len() == wanted.len() + 1 {
        return Ok(found);
    }
    let others: Vec<&str> = names.iter().filter(|name| *name != task.id).collect();
    Err(wrong_columns(&others, task))
}

/// Says which columns there must be, which are missing and which do not belong there.
fn wrong_columns(others: &[&str], task: &Task) -> BadPredictions {
    let wanted = task.predicted_columns();
    let missing: Vec<&str> = (wanted.iter().map(String::as_str))
        .filter(|wanted| !others.contains(wanted))
        .collect();
    let unknown: Vec<&str> = (others.iter().copied())
        .filter(|other| !wanted.iter().any(|wanted| wanted == other))
        .collect();
    let mut faults = Vec::new();
    if !missing.is_empty() {
        faults.push(format!("{} missing", are(&missing)));
    }
    if !unknown.is_empty() {
        faults.push(format!("{} not to be there", are(&unknown)));
    }
    PredictionsFault::Columns.because(format!(
        "submission.csv must have the columns {}, and no other: {}.",
        columns(task),
        faults.join(", and ")
    ))
}

/// "`a` is", "`a` and 3 more are".
fn are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", listed(names))
}

fn listed(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 4;
    let shown: Vec<String> = (names.iter().take(SHOWN_MAX))
        .map(|name| format!("`{name}`"))
        .collect();
    let text = match (shown.as_slice(), names.len().saturating_sub(SHOWN_MAX)) {
        (shown, more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        ([all @ .., last], _) if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        (shown, _) => shown.join(", "),
    };
    shortened(&text)
}

/// The columns that a submission has.
fn columns(task: &Task) -> String {
    let id = std::iter::once(task.id.as_str());
    let all: Vec<&str> = id
        .chain(task.predicted_columns().iter().map(String::as_str))
        .collect();
    listed(&all)
}

fn wrong_ids(differences: &Differences, task: &Task) -> BadPredictions {
    let mut faults = Vec::new();
    if differences.missing > 0 {
        faults.push(format!(
            "{} of {} missing",
            differences.missing, differences.expected
        ));
    }
    for (what, lines) in [
        ("unknown", &differences.unknown),
        ("there a second time", &differences.duplicate),
    ] {
        if lines.count > 0 {
            faults.push(format!("{} {what} ({})", lines.count, on_lines(lines)));
        }
    }
    PredictionsFault::Ids.because(format!(
        "The row ids in `{}` are not those of the test inputs: {}. Copy them from the test inputs as \
         text, each once.",
        task.id,
        faults.join(", ")
    ))
}

fn wrong_cells(wrong: &WrongCells, task: &Task, lines: &[u64]) -> BadPredictions {
    let mut first: Vec<u64> = wrong.first_rows.iter().map(|row| lines[*row]).collect();
    first.sort_unstable();
    let wanted = task.predicted_columns();
    let what = match wrong.column {
        Some(column) => format!("predictions in `{}`", shortened(&wanted[column])),
        None => "rows of predictions".to_owned(),
    };
    let count = wrong.count;
    let several = match (wrong.column, wanted) {
        (Some(_), [_, _, ..]) => {
            format!("{count} cells cannot be used; the first is one of the {what}")
        }
        _ => format!(
            "{count} of {} {what} cannot be used; the first of them is",
            lines.len()
        ),
    };
    let at = on_lines(&Lines { count, first });
    let (_, fix) = advice(wrong.fault);
    PredictionsFault::Values.because(format!("{several} {} ({at}). {fix}", wrong.fault))
}

/// "line 3", "lines 3, 4 and 9", "first on lines 3, 4 and 9".
fn on_lines(lines: &Lines) -> String {
    let first = if lines.count > lines.first.len() {
        "first on "
    } else {
        ""
    };
    let texts: Vec<String> = lines.first.iter().map(u64::to_string).collect();
    match texts.as_slice() {
        [all @ .., last] if !all.is_empty() => {
            format!("{first}lines {} and {last}", all.join(", "))
        }
        texts => format!("{first}line {}", texts.concat()),
    }
}

fn refuse_table(error: &TableError, task: &Task) -> BadPredictions {
    let at = error
        .line
        .map(|line| format!("Line {line} of submission.csv: "))
        .unwrap_or_else(|| "submission.csv: ".to_owned());
    match &error.fault {
        TableFault::NoRows => PredictionsFault::Ids.because(
            "submission.csv has no rows below its column names. Write one for each test row."
                .to_owned(),
        ),
        TableFault::Empty => PredictionsFault::Columns.because(format!(
            "submission.csv is empty. It needs the columns {}.",
            columns(task)
        )),
        TableFault::NotUtf8
        | TableFault::Ragged { .. }
        | TableFault::NoIdColumn { .. }
        | TableFault::TooManyColumns { .. }
        | TableFault::UnnamedColumn { .. }
        | TableFault::DuplicateColumn { .. }
        | TableFault::DuplicateId { .. }
        | TableFault::NoId
        | TableFault::TooManyRows { .. }
        | TableFault::MissingNumber { .. }
        | TableFault::NotFinite { .. }
        | TableFault::Read(_) => PredictionsFault::Columns.because(format!(
            "{at}{}. It needs the columns {}, and no other.",
            shortened(&error.fault.to_string()),
            columns(task)
        )),
    }
}

/// Strangers' column names, fit to be shown.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut shown: String = (text.chars().filter(|c| !c.is_control()))
        .take(CHARS_MAX)
        .collect();
    if text.chars().count() > CHARS_MAX {
        shown.push('…');
    }
    shown
}
