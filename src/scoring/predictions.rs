//! Reads what the harness wrote: `predictions.csv`, with one line per test row, in their order, and a
//! column `prediction`, or one for each of several columns of the task. It comes out of the sandbox, so nothing in it is believed, and no message
//! repeats any of it: a model could print the hidden inputs there.

use std::fs::File;
use std::io::{self, Read, Seek};

use super::{parquet, submission};
use crate::domain::answers::{Answers, AnswersReader, CellFault, Side, WrongCells};
use crate::domain::competition::CompetitionSpec;
use crate::domain::parquet::{Bounds, MAGIC};
use crate::domain::row_ids::Ids;

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
    /// Usable each, but the metric has no value for them together.
    Undefined,
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
            PredictionsFault::Undefined => "undefined",
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
        let columns = spec.task.harness_columns();
        let mut answers = AnswersReader::new(&spec.task, spec.metric.name, Side::Predicted, rows);
        let found = read_cells(bytes, &columns, |row, column, cell| {
            if row < rows {
                answers.set(row, column, cell);
            }
        })?;
        if found != rows {
            return Err(PredictionsFault::Rows.because(format!(
                "There are {found} predictions for {rows} test rows. Return exactly one per row."
            )));
        }
        let answers = answers.finish();
        answers
            .map(Predictions)
            .map_err(|wrong| refuse(&wrong, rows))
    }

    /// Reads the submission that a script left, for rows of these ids: CSV, or Parquet, which is known
    /// by its beginning.
    pub fn parse_submission(
        bytes: &[u8],
        spec: &CompetitionSpec,
        ids: &[String],
    ) -> Result<Predictions, BadPredictions> {
        if bytes.starts_with(&MAGIC) {
            let bounds = parquet::bounds(ids.len(), spec.task.predicted_columns().len());
            return parquet::read(bytes, bounds, spec, ids).map(Predictions);
        }
        Predictions::read_submission(bytes, spec, ids)
    }

    /// Reads a submission of which no more is held at once than it needs.
    pub fn read_submission(
        from: impl Read,
        spec: &CompetitionSpec,
        ids: &(impl Ids + ?Sized),
    ) -> Result<Predictions, BadPredictions> {
        submission::read(from, spec, ids).map(Predictions)
    }

    /// Reads a submission from a file that a host trusts, in CSV or in Parquet.
    pub fn read_trusted(
        mut file: File,
        spec: &CompetitionSpec,
        ids: &(impl Ids + ?Sized),
    ) -> io::Result<Result<Predictions, BadPredictions>> {
        let mut start = [0; MAGIC.len()];
        let is_parquet = match file.read_exact(&mut start) {
            Ok(()) => start == MAGIC,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };
        file.rewind()?;
        Ok(match is_parquet {
            true => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                parquet::read(&bytes, Bounds::TRUSTED, spec, ids).map(Predictions)
            }
            false => Predictions::read_submission(file, spec, ids),
        })
    }

    pub fn answers(&self) -> &Answers {
        &self.0
    }
}

/// Hands over each cell with its row and column; answers with the number of rows.
fn read_cells(
    bytes: &[u8],
    columns: &[&str],
    mut set: impl FnMut(usize, usize, &str),
) -> Result<usize, BadPredictions> {
    let wrong = |why: &str| {
        let needed = match columns {
            [only] => format!("the one column `{only}`"),
            columns => format!("the {} columns of the competition", columns.len()),
        };
        PredictionsFault::Columns.because(format!(
            "The predictions are not a UTF-8 CSV file with {needed}: {why}."
        ))
    };
    let mut records = csv::Reader::from_reader(bytes);
    let names = records
        .headers()
        .map_err(|_| wrong("the line of column names cannot be read"))?;
    if names.is_empty() {
        return Err(wrong("the file is empty"));
    }
    if names != columns {
        return Err(wrong("the column names are others"));
    }
    let mut found = 0;
    let mut record = csv::StringRecord::new();
    while records
        .read_record(&mut record)
        .map_err(|_| wrong("a line below the names cannot be read"))?
    {
        for (column, cell) in record.iter().enumerate() {
            set(found, column, cell);
        }
        found += 1;
    }
    Ok(found)
}

fn refuse(wrong: &WrongCells, rows: usize) -> BadPredictions {
    let (fault, fix) = advice(wrong.fault);
    let count = wrong.count;
    fault.because(format!(
        "{count} of {rows} predictions cannot be used; the first of them is {}. {fix}",
        wrong.fault
    ))
}

/// Which kind of fault it is, and what to do.
pub(super) fn advice(fault: CellFault) -> (PredictionsFault, &'static str) {
    let fix = match fault {
        CellFault::UnknownClass => "Answer with the labels as they stand in the training data.",
        CellFault::Missing => "Give a prediction for each row.",
        CellFault::NotANumber => "Give a number for each row, without a unit.",
        CellFault::NotFinite => {
            "Look for a division by zero, a logarithm or square root of a number below zero, or an \
             overflow."
        }
        CellFault::Negative(_) => {
            "Clip the predictions at 0, for example with the operator Relu at a model's end."
        }
        CellFault::NotAProbability => {
            "Give probabilities, not scores: a softmax or a logistic function makes them."
        }
        CellFault::SumNotOne => "Divide each row by its sum, or end with a softmax.",
        CellFault::NoItems => "Give ids, separated by spaces.",
    };
    let kind = match fault {
        CellFault::UnknownClass => PredictionsFault::Classes,
        CellFault::Missing
        | CellFault::NotANumber
        | CellFault::NotFinite
        | CellFault::Negative(_)
        | CellFault::NotAProbability
        | CellFault::SumNotOne
        | CellFault::NoItems => PredictionsFault::Values,
    };
    (kind, fix)
}
