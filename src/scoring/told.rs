//! What a participant is told of a submission that cannot be used: what is wrong, where, and what to
//! do. No cell is repeated.

use super::predictions::{BadPredictions, PredictionsFault, advice};
use crate::domain::answers::WrongCells;
use crate::domain::competition::Task;
use crate::domain::row_ids::{Differences, Lines};
use crate::domain::text_table::{TableError, TableFault};

/// A submission as it is talked of.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    name: &'static str,
    /// What its rows are counted as, from 1.
    line: &'static str,
    task: &'a Task,
}

impl<'a> File<'a> {
    pub fn csv(task: &'a Task) -> File<'a> {
        File {
            name: "submission.csv",
            line: "line",
            task,
        }
    }

    pub fn parquet(task: &'a Task) -> File<'a> {
        File {
            name: "submission.parquet",
            line: "row",
            task,
        }
    }

    /// Where the predicted columns stand among the names of all. No other may be there.
    pub fn places(&self, names: &[&str]) -> Result<Vec<usize>, BadPredictions> {
        let wanted = self.task.predicted_columns();
        let found: Vec<usize> = (wanted.iter())
            .filter_map(|wanted| names.iter().position(|name| name == wanted))
            .collect();
        if found.len() == wanted.len() && names.len() == wanted.len() + 1 {
            return Ok(found);
        }
        let others: Vec<&str> = (names.iter().copied())
            .filter(|name| *name != self.task.id)
            .collect();
        Err(self.wrong_columns(&others))
    }

    /// Says which columns there must be, which are missing and which do not belong there.
    fn wrong_columns(&self, others: &[&str]) -> BadPredictions {
        let wanted = self.task.predicted_columns();
        let missing: Vec<&str> = (wanted.iter().map(String::as_str))
            .filter(|wanted| !others.contains(wanted))
            .collect();
        let unknown: Vec<&str> = (others.iter().copied())
            .filter(|other| !wanted.iter().any(|wanted| wanted == other))
            .collect();
        let mut faults = Vec::new();
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            faults.push(format!("{} {verb} missing", listed(&missing)));
        }
        if !unknown.is_empty() {
            let verb = if unknown.len() == 1 { "does" } else { "do" };
            faults.push(format!("{} {verb} not belong there", listed(&unknown)));
        }
        if faults.is_empty() {
            faults.push("one is there twice".to_owned());
        }
        PredictionsFault::Columns.because(format!(
            "{} must have the columns {}, and no other: {}.",
            self.name,
            self.columns(),
            faults.join(", and ")
        ))
    }

    /// The columns that a submission has.
    fn columns(&self) -> String {
        let id = std::iter::once(self.task.id.as_str());
        let predicted = self.task.predicted_columns().iter().map(String::as_str);
        listed(&id.chain(predicted).collect::<Vec<&str>>())
    }

    /// Of a file that is none, or has a column that cannot be read.
    pub fn unreadable(&self, why: &str) -> BadPredictions {
        PredictionsFault::Columns.because(format!(
            "{}: {}. It needs the columns {}, and no other.",
            self.name,
            shortened(why),
            self.columns()
        ))
    }

    /// So many that they are not looked at.
    pub fn too_many_rows(&self, found: u64, expected: usize) -> BadPredictions {
        PredictionsFault::Ids.because(format!(
            "{} has {found} rows, and there are {expected} test rows. Write exactly one for each.",
            self.name
        ))
    }

    pub fn wrong_ids(&self, differences: &Differences) -> BadPredictions {
        let mut faults = Vec::new();
        if differences.missing > 0 {
            let (missing, expected) = (differences.missing, differences.expected);
            faults.push(format!("{missing} of {expected} missing"));
        }
        for (what, lines) in [
            ("unknown", &differences.unknown),
            ("there a second time", &differences.duplicate),
        ] {
            if lines.count > 0 {
                faults.push(format!("{} {what} ({})", lines.count, self.on_lines(lines)));
            }
        }
        PredictionsFault::Ids.because(format!(
            "The row ids in `{}` are not those of the test inputs: {}. Copy them from the test inputs \
             as text, each once.",
            self.task.id,
            faults.join(", ")
        ))
    }

    /// `lines` has the line of each row.
    pub fn wrong_cells(&self, wrong: &WrongCells, lines: &[u64]) -> BadPredictions {
        let mut first: Vec<u64> = wrong.first_rows.iter().map(|row| lines[*row]).collect();
        first.sort_unstable();
        let wanted = self.task.predicted_columns();
        let (count, rows) = (wrong.count, lines.len());
        let what = match (wrong.column, wanted) {
            (None, _) => format!(
                "{count} of {rows} rows hold predictions that cannot be used; the first of them is"
            ),
            (Some(_), [only]) => format!(
                "{count} of {rows} predictions in `{}` cannot be used; the first of them is",
                shortened(only)
            ),
            (Some(column), _) => format!(
                "{count} predictions cannot be used; the first of them, in `{}`, is",
                shortened(&wanted[column])
            ),
        };
        let at = self.on_lines(&Lines { count, first });
        let (_, fix) = advice(wrong.fault);
        PredictionsFault::Values.because(format!("{what} {} ({at}). {fix}", wrong.fault))
    }

    /// "line 3", "lines 3, 4 and 9", "first on lines 3, 4 and 9".
    fn on_lines(&self, lines: &Lines) -> String {
        let line = self.line;
        let first = if lines.count > lines.first.len() {
            "first on "
        } else {
            ""
        };
        let texts: Vec<String> = lines.first.iter().map(u64::to_string).collect();
        match texts.as_slice() {
            [all @ .., last] if !all.is_empty() => {
                format!("{first}{line}s {} and {last}", all.join(", "))
            }
            texts => format!("{first}{line} {}", texts.concat()),
        }
    }

    pub fn refuse_table(&self, error: &TableError) -> BadPredictions {
        let name = self.name;
        let columns = self.columns();
        match &error.fault {
            TableFault::NoRows => PredictionsFault::Ids.because(format!(
                "{name} has no rows below its column names. Write one for each test row."
            )),
            TableFault::Empty => PredictionsFault::Columns
                .because(format!("{name} is empty. It needs the columns {columns}.")),
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
            | TableFault::Unfit(_)
            | TableFault::Read(_) => {
                let at = match error.line {
                    Some(line) => format!("Line {line} of {name}"),
                    None => name.to_owned(),
                };
                PredictionsFault::Columns.because(format!(
                    "{at}: {}. It needs the columns {columns}, and no other.",
                    shortened(&error.fault.to_string())
                ))
            }
        }
    }
}

/// "`a`, `b` and `c`".
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
