//! Reads a submission in Parquet, column by column: the same columns as `submission.csv` has, and each
//! row id once. It comes out of the sandbox, so nothing in it is believed.

use super::predictions::BadPredictions;
use super::told::File;
use crate::domain::answers::{Answers, AnswersReader, Side};
use crate::domain::competition::{CompetitionSpec, TaskKind};
use crate::domain::parquet::{Bounds, Cell, Fault, Field, Item, Kind, ParquetFile};
use crate::domain::row_ids::{Ids, Matching};
use crate::domain::text_table::TableFault;

/// A cell takes at most this much, as in CSV.
const CELL_BYTES: u64 = 1024;
/// What else a file may take.
const SLACK_BYTES: u64 = 1 << 20;
/// So many rows beyond twice those that are expected are still told one by one.
const SLACK_ROWS: u64 = 1000;

/// What a stranger's file may come to, for so many rows and predicted columns.
pub fn bounds(rows: usize, columns: usize) -> Bounds {
    let (rows, columns) = (rows as u64, columns as u64);
    let cells = (rows + 1).saturating_mul(columns + 1);
    let bytes = cells.saturating_mul(CELL_BYTES).saturating_add(SLACK_BYTES);
    Bounds {
        rows: rows.saturating_mul(2).saturating_add(SLACK_ROWS),
        elements: 0,
        unpacked: bytes,
        text: bytes,
    }
}

/// The answers in the order of `ids`.
pub fn read(
    bytes: &[u8],
    bounds: Bounds,
    spec: &CompetitionSpec,
    ids: &(impl Ids + ?Sized),
) -> Result<Answers, BadPredictions> {
    let task = &spec.task;
    let told = File::parquet(task);
    let refuse = |fault: Fault| match fault {
        Fault::TooManyRows { found, .. } => told.too_many_rows(found, ids.count()),
        fault => told.unreadable(&fault.to_string()),
    };
    let mut file = ParquetFile::open(bytes, bounds).map_err(refuse)?;
    let names: Vec<&str> = (file.fields().iter())
        .map(|field| field.name.as_str())
        .collect();
    let Some(id_at) = names.iter().position(|name| *name == task.id) else {
        let why = format!("there is no column `{}` of row ids", task.id);
        return Err(told.unreadable(&why));
    };
    let places = told.places(&names)?;
    let wants_numbers = match task.kind {
        TaskKind::Value | TaskKind::Probability => true,
        TaskKind::Label | TaskKind::List | TaskKind::Text => false,
    };
    let check = |at: usize, takes_decimals: bool| {
        let field = &file.fields()[at];
        unfit(field, takes_decimals).map_or(Ok(()), |why| {
            let why = format!("the column `{}` holds {why}", field.name);
            Err(told.unreadable(&why))
        })
    };
    check(id_at, false)?;
    for at in &places {
        check(*at, wants_numbers)?;
    }
    if file.rows() == 0 {
        return Err(told.refuse_table(&TableFault::NoRows.at(None)));
    }
    let mut matching = Matching::new(ids);
    let mut answers = AnswersReader::new(task, spec.metric.name, Side::Predicted, ids.count());
    let mut rows: Vec<Option<usize>> = Vec::new();
    file.for_each(id_at, |item: Item<'_>| {
        let line = rows.len() as u64 + 1;
        let number;
        let id = match item.cell {
            Cell::Text(text) => text,
            Cell::Whole(whole) => {
                number = whole.to_string();
                number.as_str()
            }
            Cell::Unsigned(whole) => {
                number = whole.to_string();
                number.as_str()
            }
            Cell::Bool(truth) => spelled(truth),
            Cell::Missing | Cell::Single(_) | Cell::Double(_) => "",
        };
        rows.push(matching.place(id, line));
        Ok(())
    })
    .map_err(refuse)?;
    for (target, at) in places.iter().enumerate() {
        let mut rows = rows.iter();
        file.for_each(*at, |item: Item<'_>| {
            let Some(Some(place)) = rows.next() else {
                return Ok(());
            };
            match item.cell {
                Cell::Missing => answers.set_missing(*place, target),
                Cell::Text(text) => answers.set(*place, target, text),
                Cell::Whole(whole) => answers.set(*place, target, &whole.to_string()),
                Cell::Unsigned(whole) => answers.set(*place, target, &whole.to_string()),
                Cell::Bool(truth) if wants_numbers => {
                    answers.set_number(*place, target, f64::from(u8::from(truth)));
                }
                Cell::Bool(truth) => answers.set(*place, target, spelled(truth)),
                Cell::Single(number) => answers.set_number(*place, target, number.into()),
                Cell::Double(number) => answers.set_number(*place, target, number),
            }
            Ok(())
        })
        .map_err(refuse)?;
    }
    let rows = matching
        .finish()
        .map_err(|differences| told.wrong_ids(&differences))?;
    answers
        .finish()
        .map_err(|wrong| told.wrong_cells(&wrong, &rows))
}

/// As data frames write it in CSV.
fn spelled(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

/// Why a column cannot be what it is named like.
fn unfit(field: &Field, takes_decimals: bool) -> Option<String> {
    if field.is_list {
        return Some("lists, where each row must have one value".to_owned());
    }
    match field.kind {
        Kind::Single | Kind::Double if !takes_decimals => {
            Some("decimals, where text or whole numbers must stand".to_owned())
        }
        Kind::Other(what) => Some(format!("{what}, which is not read")),
        Kind::Bool | Kind::Whole { .. } | Kind::Single | Kind::Double | Kind::Text | Kind::Null => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    type Rows = [(&'static str, Option<f64>); 4];

    /// A file of ids and of the second class's probability, where there is one, in two row groups.
    fn file(rows: Rows, compression: Compression) -> Vec<u8> {
        let schema = "message m { optional double y; required binary id (utf8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder().set_compression(compression);
        let properties = Arc::new(properties.build());
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
        for rows in rows.chunks(3) {
            let mut group = writer.next_row_group().unwrap();
            let numbers: Vec<f64> = rows.iter().filter_map(|row| row.1).collect();
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
            let mut column = group.next_column().unwrap().unwrap();
            let typed = column.typed::<DoubleType>();
            typed.write_batch(&numbers, Some(&levels), None).unwrap();
            column.close().unwrap();
            let ids: Vec<ByteArray> = rows.iter().map(|row| row.0.into()).collect();
            let mut column = group.next_column().unwrap().unwrap();
            let typed = column.typed::<ByteArrayType>();
            typed.write_batch(&ids, None, None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.into_inner().unwrap()
    }

    fn answers(rows: Rows, compression: Compression, expected: usize) -> Result<Answers, String> {
        let spec = "slug = 'ab'\ntitle = 'AB'\nsummary = ''\nopens_at = '2026-01-01T00:00:00Z'\n\
                    starter = []\nmetric = { name = 'log_loss', benchmark = 1 }\n\
                    task = { kind = 'probability', target = 'y', classes = ['a', 'b'] }";
        let ids = ["1", "02", "3", "4"].map(str::to_owned);
        let bounds = Bounds {
            rows: expected as u64,
            ..bounds(ids.len(), 1)
        };
        let file = file(rows, compression);
        read(&file, bounds, &toml::from_str(spec).unwrap(), &ids[..])
            .map_err(|bad| format!("{}: {}", bad.fault.as_str(), bad.message))
    }

    #[test]
    fn rows_come_in_any_order_from_several_groups() {
        let rows = [
            ("4", Some(0.4)),
            ("02", Some(0.2)),
            ("1", Some(0.1)),
            ("3", Some(0.3)),
        ];
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            let expected = Answers::Probabilities(vec![vec![0.1, 0.2, 0.3, 0.4]]);
            assert_eq!(answers(rows, compression, 4), Ok(expected));
        }
        assert_eq!(
            answers(rows, Compression::SNAPPY, 3).unwrap_err(),
            "ids: submission.parquet has 4 rows, and there are 4 test rows. Write exactly one for each."
        );
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_rows() {
        for (rows, expected) in [
            (
                [
                    ("4", Some(0.4)),
                    ("02", None),
                    ("1", None),
                    ("3", Some(0.3)),
                ],
                "values: 2 of 4 predictions in `y` cannot be used; the first of them is null (rows 2 and \
                 3). Give a prediction for each row.",
            ),
            (
                [
                    ("4", Some(0.4)),
                    ("02", Some(f64::NAN)),
                    ("1", Some(1.5)),
                    ("3", Some(0.3)),
                ],
                "values: 2 of 4 predictions in `y` cannot be used; the first of them is NaN or infinite \
                 (rows 2 and 3). Look for a division by zero, a logarithm or square root of a number \
                 below zero, or an overflow.",
            ),
            (
                [
                    ("4", Some(0.4)),
                    ("2", None),
                    ("1", Some(0.5)),
                    ("4", Some(0.3)),
                ],
                "ids: The row ids in `id` are not those of the test inputs: 2 of 4 missing, 1 unknown \
                 (row 2), 1 there a second time (row 4). Copy them from the test inputs as text, each \
                 once.",
            ),
        ] {
            assert_eq!(
                answers(rows, Compression::UNCOMPRESSED, 4).unwrap_err(),
                expected
            );
        }
    }
}
