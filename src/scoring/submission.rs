//! Reads what a script left: `submission.csv`, with the columns of the competition's sample
//! submission in any order and each row id of the test inputs once. It comes out of the sandbox, so
//! nothing in it is believed.

use super::predictions::{BadPredictions, PredictionsFault};
use crate::domain::answers::{Answers, CellFault};
use crate::domain::competition::CompetitionSpec;
use crate::domain::solution::order_of;
use crate::domain::text_table::{Extent, TableError, TableFault, TextTable};

/// The answers in the order of `ids`.
pub fn read(
    bytes: &[u8],
    spec: &CompetitionSpec,
    ids: &[String],
) -> Result<Answers, BadPredictions> {
    let (id, target) = (&spec.task.id, &spec.task.target);
    // A little more than there can be is told as what it is, an unknown id or another column.
    let extent = Extent {
        rows_max: ids.len() + 1,
        columns_max: 8,
    };
    let table = TextTable::read_within(bytes, id, extent)
        .map_err(|error| refuse_table(&error, id, target))?;
    let [column] = table.columns.as_slice() else {
        return Err(wrong_columns(&table, id, target));
    };
    if column.name != *target {
        return Err(wrong_columns(&table, id, target));
    }
    let order = order_of(ids, &table.ids).map_err(|differ| {
        PredictionsFault::Ids.because(format!(
            "The row ids in `{id}` are not those of the test inputs: {} of {} are missing and {} are \
             unknown. Copy them from the test inputs as text, each once.",
            differ.missing,
            ids.len(),
            differ.unknown
        ))
    })?;
    let cells = order.iter().map(|&row| column.cells[row].as_str());
    Answers::parse(&spec.task, spec.metric.name, cells).map_err(|wrong| {
        let fix = match wrong.fault {
            CellFault::UnknownClass => "Write the labels as they stand in the training data.",
            CellFault::NotANumber => "Write a number in each row, without a unit.",
            CellFault::NotFinite => {
                "Look for a division by zero, a logarithm of zero, or an overflow."
            }
            CellFault::Negative(_) => "Clip the predictions at 0.",
        };
        PredictionsFault::Values.because(format!(
            "{} of {} predictions in `{target}` cannot be used; the first of them is {}. {fix}",
            wrong.count,
            ids.len(),
            wrong.fault
        ))
    })
}

fn refuse_table(error: &TableError, id: &str, target: &str) -> BadPredictions {
    let at = error
        .line
        .map(|line| format!("Line {line} of submission.csv: "))
        .unwrap_or_else(|| "submission.csv: ".to_owned());
    match &error.fault {
        TableFault::DuplicateId { first_line, .. } => PredictionsFault::Ids.because(format!(
            "{at}the row id was on line {first_line} before. Each id must stand there once."
        )),
        TableFault::NoId => PredictionsFault::Ids.because(format!("{at}the row has no id.")),
        TableFault::TooManyRows { .. } => PredictionsFault::Ids.because(
            "submission.csv has more rows than there are test rows. Write one for each.".to_owned(),
        ),
        TableFault::NoRows => PredictionsFault::Ids.because(
            "submission.csv has no rows below its column names. Write one for each test row."
                .to_owned(),
        ),
        TableFault::Empty => PredictionsFault::Columns.because(format!(
            "submission.csv is empty. It needs the columns `{id}` and `{target}`."
        )),
        TableFault::NotUtf8
        | TableFault::Ragged { .. }
        | TableFault::NoIdColumn { .. }
        | TableFault::TooManyColumns { .. }
        | TableFault::UnnamedColumn { .. }
        | TableFault::DuplicateColumn { .. }
        | TableFault::MissingNumber { .. }
        | TableFault::NotFinite { .. }
        | TableFault::Read(_) => PredictionsFault::Columns.because(format!(
            "{at}{}. It needs the columns `{id}` and `{target}`, and no other.",
            shortened(&error.fault.to_string())
        )),
    }
}

fn wrong_columns(table: &TextTable, id: &str, target: &str) -> BadPredictions {
    let others: Vec<String> = (table.columns.iter())
        .map(|column| format!("`{}`", column.name))
        .collect();
    let others = match others.as_slice() {
        [] => "nothing".to_owned(),
        _ => shortened(&others.join(", ")),
    };
    PredictionsFault::Columns.because(format!(
        "submission.csv must have the columns `{id}` and `{target}`, and no other; beside `{id}` it \
         has {others}."
    ))
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
