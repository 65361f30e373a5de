//! Reads what the harness wrote: `predictions.csv`, a column `prediction` with one line per test
//! row, in their order. It comes out of the sandbox, so nothing in it is believed, and no message
//! repeats any of it: a model could print the hidden inputs there.

use super::submission;
use crate::domain::answers::{Answers, CellFault, WrongCells};
use crate::domain::competition::CompetitionSpec;

/// The column of predictions.
const COLUMN: &str = "prediction";

/// One usable prediction per test row.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions(Answers);

/// Why predictions cannot be scored: the participant's failure, in a sentence for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPredictions {
    pub fault: PredictionsFault,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionsFault {
    /// Not a CSV file with the one column.
    Columns,
    /// Not as many as test rows.
    Rows,
    /// Not the row ids of the test inputs, each once.
    Ids,
    /// Not numbers in the metric's range.
    Values,
    /// Labels that the competition does not have.
    Classes,
}

impl PredictionsFault {
    /// The code that machines read.
    pub fn as_str(self) -> &'static str {
        match self {
            PredictionsFault::Columns => "columns",
            PredictionsFault::Rows => "rows",
            PredictionsFault::Ids => "ids",
            PredictionsFault::Values => "values",
            PredictionsFault::Classes => "classes",
        }
    }

    pub(super) fn because(self, message: String) -> BadPredictions {
        BadPredictions {
            fault: self,
            message,
        }
    }
}

impl Predictions {
    /// Reads the predictions of `rows` test rows.
    pub fn parse(
        bytes: &[u8],
        spec: &CompetitionSpec,
        rows: usize,
    ) -> Result<Predictions, BadPredictions> {
        let cells = cells(bytes, rows)?;
        let answers = Answers::parse(
            &spec.task,
            spec.metric.name,
            cells.iter().map(String::as_str),
        );
        answers
            .map(Predictions)
            .map_err(|wrong| refuse(wrong, rows))
    }

    /// Reads the submission that a script left, for rows of these ids.
    pub fn parse_submission(
        bytes: &[u8],
        spec: &CompetitionSpec,
        ids: &[String],
    ) -> Result<Predictions, BadPredictions> {
        submission::read(bytes, spec, ids).map(Predictions)
    }

    pub fn answers(&self) -> &Answers {
        &self.0
    }
}

fn cells(bytes: &[u8], rows: usize) -> Result<Vec<String>, BadPredictions> {
    let columns = |why: &str| {
        PredictionsFault::Columns.because(format!(
            "The predictions are not a UTF-8 CSV file with the one column `{COLUMN}`: {why}."
        ))
    };
    let mut records = csv::Reader::from_reader(bytes);
    let names = records
        .headers()
        .map_err(|_| columns("the line of column names cannot be read"))?;
    if names.is_empty() {
        return Err(columns("the file is empty"));
    }
    if names != vec![COLUMN] {
        return Err(columns("the column names are others"));
    }
    let mut cells = Vec::with_capacity(rows);
    let mut found = 0;
    let mut record = csv::StringRecord::new();
    while records
        .read_record(&mut record)
        .map_err(|_| columns("a line below the names cannot be read"))?
    {
        found += 1;
        if found <= rows {
            cells.extend(record.iter().map(str::to_owned));
        }
    }
    if found == rows {
        Ok(cells)
    } else {
        Err(PredictionsFault::Rows.because(format!(
            "There are {found} predictions for {rows} test rows. Return exactly one per row."
        )))
    }
}

fn refuse(wrong: WrongCells, rows: usize) -> BadPredictions {
    let (fault, fix) = match wrong.fault {
        CellFault::UnknownClass => (
            PredictionsFault::Classes,
            "Train on the labels as they stand in the training data.",
        ),
        CellFault::NotANumber => (PredictionsFault::Values, "Return one number per row."),
        CellFault::NotFinite => (
            PredictionsFault::Values,
            "Look for a division by zero, a logarithm or square root of a number below zero, or \
             an overflow.",
        ),
        CellFault::Negative(_) => (
            PredictionsFault::Values,
            "Clip the predictions at 0, for example with the operator Relu at the model's end.",
        ),
    };
    fault.because(format!(
        "{} of {rows} predictions cannot be used; the first of them is {}. {fix}",
        wrong.count, wrong.fault
    ))
}
