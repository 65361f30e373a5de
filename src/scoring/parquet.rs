//! Reads a submission in Parquet, column by column. Only what a host hands over himself: a file's
//! pages may claim any size, which is not for what comes out of a sandbox.

use std::fs;

use parquet::basic::{Compression, ConvertedType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::predictions::BadPredictions;
use super::told::File;
use crate::domain::answers::{Answers, AnswersReader, Side};
use crate::domain::competition::{CompetitionSpec, TaskKind};
use crate::domain::row_ids::{Ids, Matching};
use crate::domain::text_table::TableFault;

/// What a file of this format begins with.
pub const MAGIC: [u8; 4] = *b"PAR1";

/// Rows that are decoded at once.
const BATCH: usize = 1 << 14;

/// A cell as the file has it.
enum Cell<'a> {
    Missing,
    Text(&'a str),
    Whole(i64),
    Number(f64),
}

/// The answers in the order of `ids`.
pub fn read(
    from: fs::File,
    spec: &CompetitionSpec,
    ids: &(impl Ids + ?Sized),
) -> Result<Answers, BadPredictions> {
    let task = &spec.task;
    let told = File::parquet(task);
    let unreadable = |error: ParquetError| told.unreadable(&error.to_string());
    let reader = SerializedFileReader::new(from).map_err(unreadable)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    let Some(id_at) = names.iter().position(|name| *name == task.id) else {
        let why = format!("there is no column `{}` of row ids", task.id);
        return Err(told.unreadable(&why));
    };
    let places = told.places(&names)?;
    let wants_numbers = match task.kind {
        TaskKind::Value | TaskKind::Probability => true,
        TaskKind::Label | TaskKind::List | TaskKind::Text => false,
    };
    let check = |at: usize, floats: bool| {
        let column = &columns[at];
        let kind = column.physical_type();
        let is_fit = is_plain(column) && (floats || !is_float(column));
        let why = || {
            format!(
                "the column `{}` has the type {kind}, which is not read",
                names[at]
            )
        };
        is_fit.then_some(()).ok_or_else(|| told.unreadable(&why()))
    };
    check(id_at, false)?;
    for at in &places {
        check(*at, wants_numbers)?;
    }
    let mut matching = Matching::new(ids);
    let mut answers = AnswersReader::new(task, spec.metric.name, Side::Predicted, ids.count());
    let mut row = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(unreadable)?;
        for column in group.metadata().columns() {
            let compression = column.compression();
            if !is_read(compression) {
                // Its level stands behind it, in brackets.
                let name = compression.to_string();
                let name = name.split('(').next().unwrap_or_default();
                let why = format!("it is compressed by {name}; write it with snappy or gzip");
                return Err(told.unreadable(&why));
            }
        }
        let mut rows = Vec::new();
        let column = group.get_column_reader(id_at).map_err(unreadable)?;
        for_each(column, &columns[id_at], |cell| {
            row += 1;
            let place = match cell {
                Cell::Text(id) => matching.place(id, row),
                Cell::Whole(id) => matching.place(&id.to_string(), row),
                Cell::Missing | Cell::Number(_) => matching.place("", row),
            };
            rows.push(place);
        })
        .map_err(unreadable)?;
        for (target, at) in places.iter().enumerate() {
            let mut rows = rows.iter();
            let column = group.get_column_reader(*at).map_err(unreadable)?;
            for_each(column, &columns[*at], |cell| {
                let Some(Some(place)) = rows.next() else {
                    return;
                };
                match cell {
                    Cell::Missing => answers.set(*place, target, ""),
                    Cell::Text(text) => answers.set(*place, target, text),
                    Cell::Whole(whole) => answers.set(*place, target, &whole.to_string()),
                    Cell::Number(number) => answers.set_number(*place, target, number),
                }
            })
            .map_err(unreadable)?;
        }
    }
    if row == 0 {
        return Err(told.refuse_table(&TableFault::NoRows.at(None)));
    }
    let rows = matching
        .finish()
        .map_err(|differences| told.wrong_ids(&differences))?;
    answers
        .finish()
        .map_err(|wrong| told.wrong_cells(&wrong, &rows))
}

/// Whether its values are what they are stored as: no lists, and no dates or decimals.
fn is_plain(column: &ColumnDescriptor) -> bool {
    let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
    is_flat
        && matches!(
            column.converted_type(),
            ConvertedType::NONE
                | ConvertedType::UTF8
                | ConvertedType::ENUM
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64
                | ConvertedType::UINT_8
                | ConvertedType::UINT_16
        )
        && matches!(
            column.physical_type(),
            parquet::basic::Type::INT32
                | parquet::basic::Type::INT64
                | parquet::basic::Type::BYTE_ARRAY
                | parquet::basic::Type::FLOAT
                | parquet::basic::Type::DOUBLE
        )
}

fn is_float(column: &ColumnDescriptor) -> bool {
    use parquet::basic::Type;
    matches!(column.physical_type(), Type::FLOAT | Type::DOUBLE)
}

fn is_read(compression: Compression) -> bool {
    matches!(
        compression,
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_)
    )
}

/// Hands over each cell of a column of a row group.
fn for_each(
    reader: ColumnReader,
    column: &ColumnDescriptor,
    mut take: impl FnMut(Cell<'_>),
) -> Result<(), ParquetError> {
    let may_lack = column.max_def_level() > 0;
    match reader {
        ColumnReader::Int32ColumnReader(reader) => values(reader, may_lack, |value| {
            take(value.map_or(Cell::Missing, |whole| Cell::Whole((*whole).into())));
            Ok(())
        }),
        ColumnReader::Int64ColumnReader(reader) => values(reader, may_lack, |value| {
            take(value.map_or(Cell::Missing, |whole| Cell::Whole(*whole)));
            Ok(())
        }),
        ColumnReader::FloatColumnReader(reader) => values(reader, may_lack, |value| {
            take(value.map_or(Cell::Missing, |number| Cell::Number((*number).into())));
            Ok(())
        }),
        ColumnReader::DoubleColumnReader(reader) => values(reader, may_lack, |value| {
            take(value.map_or(Cell::Missing, |number| Cell::Number(*number)));
            Ok(())
        }),
        ColumnReader::ByteArrayColumnReader(reader) => values(reader, may_lack, |value| {
            take(match value {
                Some(text) => Cell::Text(text.as_utf8()?),
                None => Cell::Missing,
            });
            Ok(())
        }),
        ColumnReader::BoolColumnReader(_)
        | ColumnReader::Int96ColumnReader(_)
        | ColumnReader::FixedLenByteArrayColumnReader(_) => Err(ParquetError::General(
            "a column's type is not read".to_owned(),
        )),
    }
}

fn values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    may_lack: bool,
    mut take: impl FnMut(Option<&T::T>) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let wanted = may_lack.then_some(&mut levels);
        let (records, _, _) = reader.read_records(BATCH, wanted, None, &mut values)?;
        if records == 0 {
            return Ok(());
        }
        let mut present = values.iter();
        for at in 0..records {
            let is_there = levels.get(at).is_none_or(|level| *level > 0);
            take(is_there.then(|| present.next()).flatten())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    type Rows = [(&'static str, Option<f64>); 4];

    /// A file of ids and of the second class's probability, where there is one, in two row groups.
    fn file(rows: Rows, compression: Compression) -> fs::File {
        let schema = "message m { optional double y; required binary id (utf8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder().set_compression(compression);
        let properties = Arc::new(properties.build());
        let file = tempfile::tempfile().unwrap();
        let handle = file.try_clone().unwrap();
        let mut writer = SerializedFileWriter::new(handle, schema, properties).unwrap();
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
        writer.close().unwrap();
        file
    }

    fn answers(rows: Rows, compression: Compression) -> Result<Answers, String> {
        let spec = "slug = 'ab'\ntitle = 'AB'\nsummary = ''\nopens_at = '2026-01-01T00:00:00Z'\n\
                    starter = []\nmetric = { name = 'log_loss', benchmark = 1 }\n\
                    task = { kind = 'probability', target = 'y', classes = ['a', 'b'] }";
        let ids = ["1", "02", "3", "4"].map(str::to_owned);
        let file = file(rows, compression);
        read(file, &toml::from_str(spec).unwrap(), &ids[..])
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
            assert_eq!(answers(rows, compression), Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_rows() {
        for (rows, expected) in [
            (
                [
                    ("4", Some(0.4)),
                    ("02", None),
                    ("1", Some(1.5)),
                    ("3", Some(0.3)),
                ],
                "values: 2 of 4 predictions in `y` cannot be used; the first of them is not a number \
                 (rows 2 and 3). Give a number for each row, without a unit.",
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
                answers(rows, Compression::UNCOMPRESSED).unwrap_err(),
                expected
            );
        }
    }
}
