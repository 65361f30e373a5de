//! Reads what a script left: `submission.csv`, with the columns of the competition's sample
//! submission in any order and each row id of the test inputs once. It comes out of the sandbox, so
//! nothing in it is believed.

use std::io::Read;

use super::predictions::BadPredictions;
use super::told::File;
use crate::domain::answers::{Answers, AnswersReader, Side};
use crate::domain::competition::CompetitionSpec;
use crate::domain::row_ids::{Ids, Matching};
use crate::domain::text_rows::TextRows;
use crate::domain::text_table::{TableError, TableFault};

/// The answers in the order of `ids`.
pub fn read(
    from: impl Read,
    spec: &CompetitionSpec,
    ids: &(impl Ids + ?Sized),
) -> Result<Answers, BadPredictions> {
    let task = &spec.task;
    let file = File::csv(task);
    let refused = |error: TableError| file.refuse_table(&error);
    let wanted = task.predicted_columns();
    // A few more than there can be are told as what they are, columns that do not belong there.
    let mut rows = TextRows::open(from, &task.id, wanted.len() + 8).map_err(refused)?;
    let names: Vec<&str> = rows.names().iter().map(String::as_str).collect();
    let columns = file.places(&names)?;
    let id_at = rows.id_at();
    let mut matching = Matching::new(ids);
    let mut answers = AnswersReader::new(task, spec.metric.name, Side::Predicted, ids.count());
    let mut is_empty = true;
    while let Some(row) = rows.next_row().map_err(refused)? {
        is_empty = false;
        if let Some(place) = matching.place(row.cell(id_at), row.line) {
            for (column, at) in columns.iter().enumerate() {
                answers.set(place, column, row.cell(*at));
            }
        }
    }
    if is_empty {
        return Err(file.refuse_table(&TableFault::NoRows.at(None)));
    }
    let lines = matching
        .finish()
        .map_err(|differences| file.wrong_ids(&differences))?;
    answers
        .finish()
        .map_err(|wrong| file.wrong_cells(&wrong, &lines))
}
