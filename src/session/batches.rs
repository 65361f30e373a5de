//! The test inputs of functions, which stay outside the sandbox and go in batch by batch, and the
//! predictions that come back. The other side is `sandbox/harness/frames.py`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::domain::table::{Column, Table, Values};

/// Every column of numbers or texts begins at a multiple of this.
const ALIGNMENT: usize = 8;
/// In the place of a text's length: there is no text.
const MISSING: u32 = u32::MAX;
/// A text that is predicted takes at most this much.
const TEXT_BYTES: usize = 1024;

/// A table as functions see it: the row ids are a column like the others, the first.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    count: usize,
}

/// A column's name and type.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Field<'a> {
    name: &'a str,
    r#type: &'static str,
    /// Of a column of arrays: numpy's description of their elements, and the shape of a row's.
    #[serde(skip_serializing_if = "Option::is_none")]
    array: Option<(&'static str, &'a [u64])>,
}

#[derive(Serialize)]
struct Call {
    call: usize,
    bytes: usize,
}

impl Rows {
    pub fn new(table: &Table, id: &str) -> Rows {
        let ids = Column {
            name: id.to_owned(),
            values: Values::of_ids(&table.ids),
        };
        Rows {
            columns: std::iter::once(ids)
                .chain(table.columns.iter().cloned())
                .collect(),
            count: table.rows(),
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn fields<'a>(&'a self) -> Vec<Field<'a>> {
        let field = |Column { name, values }: &'a Column| {
            let (r#type, array) = match values {
                Values::Integers(_) => ("int64", None),
                Values::Decimals { .. } => ("float64", None),
                Values::Text(_) => ("text", None),
                Values::Arrays(arrays) => {
                    let descr = arrays.element().descr();
                    ("array", Some((descr, arrays.axes())))
                }
            };
            Field {
                name,
                r#type,
                array,
            }
        };
        self.columns.iter().map(field).collect()
    }

    /// The ranges of rows that are handed over one after the other.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = Range<usize>> {
        let count = self.count;
        (0..count)
            .step_by(size.max(1))
            .map(move |start| start..count.min(start + size.max(1)))
    }

    /// The rows as they go through the pipe: a line that says how many and how long they are, and
    /// the columns one after the other.
    pub fn call(&self, rows: Range<usize>) -> Vec<u8> {
        let mut body = Vec::new();
        for column in &self.columns {
            match &column.values {
                Values::Integers(values) => {
                    body.extend(values[rows.clone()].iter().flat_map(|v| v.to_le_bytes()));
                }
                Values::Decimals { values, .. } => {
                    body.extend(values[rows.clone()].iter().flat_map(|v| v.to_le_bytes()));
                }
                Values::Text(values) => append_texts(&mut body, &values[rows.clone()]),
                Values::Arrays(arrays) => {
                    body.extend(arrays.bytes_of(rows.clone()));
                    pad(&mut body);
                }
            }
        }
        let call = Call {
            call: rows.len(),
            bytes: body.len(),
        };
        let mut line = serde_json::to_vec(&call).expect("two numbers are written");
        line.push(b'\n');
        line.append(&mut body);
        line
    }
}

/// The length of each in characters, the length of all in bytes, and all of them as UTF-8. An empty
/// cell is a missing text.
fn append_texts(body: &mut Vec<u8>, texts: &[String]) {
    for text in texts {
        let length = match text.as_str() {
            "" => MISSING,
            text => u32::try_from(text.chars().count()).unwrap_or(MISSING),
        };
        body.extend(length.to_le_bytes());
    }
    pad(body);
    let bytes: usize = texts.iter().map(String::len).sum();
    body.extend((bytes as u64).to_le_bytes());
    for text in texts {
        body.extend(text.as_bytes());
    }
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(ALIGNMENT), 0);
}

/// What the predictions of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PredictedType {
    Float64,
    Int64,
    Text,
}

impl PredictedType {
    /// Whether so many predictions can take so many bytes: nothing that is claimed to be longer is
    /// waited for.
    pub fn fits(self, cells: usize, bytes: usize) -> bool {
        match self {
            PredictedType::Float64 | PredictedType::Int64 => bytes == cells * 8,
            PredictedType::Text => bytes <= cells * (4 + TEXT_BYTES),
        }
    }

    /// The predictions as text, or nothing if there are not that many in the bytes: a stranger
    /// wrote them.
    pub fn read(self, cells: usize, bytes: &[u8]) -> Option<Vec<String>> {
        let eights = || bytes.as_chunks::<8>().0.iter();
        let predictions: Vec<String> = match self {
            // The shortest that is read as the same number.
            PredictedType::Float64 => eights()
                .map(|cell| format!("{:?}", f64::from_le_bytes(*cell)))
                .collect(),
            PredictedType::Int64 => eights()
                .map(|cell| i64::from_le_bytes(*cell).to_string())
                .collect(),
            PredictedType::Text => texts(cells, bytes)?,
        };
        (predictions.len() == cells).then_some(predictions)
    }
}

/// The length of each in bytes, and all of them as UTF-8.
fn texts(cells: usize, bytes: &[u8]) -> Option<Vec<String>> {
    let (lengths, mut left) = bytes.split_at_checked(cells.checked_mul(4)?)?;
    let texts: Option<Vec<String>> = (lengths.as_chunks::<4>().0.iter())
        .map(|length| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (text, rest) = left.split_at_checked(length)?;
            left = rest;
            String::from_utf8(text.to_vec()).ok()
        })
        .collect();
    texts.filter(|_| left.is_empty())
}

/// The file that harness kinds leave, with one line for each row: a column `prediction`, or several by
/// their names. The cells are in the order of rows.
pub fn predictions_file(columns: &[String], cells: &[String]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |line: &[String]| writer.write_record(line).expect("memory can be written");
    match columns {
        [_] => write(&["prediction".to_owned()]),
        columns => write(columns),
    }
    cells.chunks(columns.len().max(1)).for_each(write);
    writer.into_inner().expect("memory can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let table = Table {
            ids: vec!["7".into(), "8".into(), "9".into()],
            columns: vec![
                Column {
                    name: "x".into(),
                    values: Values::Decimals {
                        values: vec![0.5, f64::NAN, 2.0],
                        significant_digits: 1,
                    },
                },
                Column {
                    name: "t".into(),
                    values: Values::Text(vec!["é".into(), String::new(), "NA".into()]),
                },
            ],
        };
        Rows::new(&table, "id")
    }

    #[test]
    fn the_rows_of_a_batch_go_column_by_column_with_the_ids_first() {
        let rows = rows();
        let types: Vec<&str> = rows.fields().iter().map(|field| field.r#type).collect();
        assert_eq!(types, ["int64", "float64", "text"]);
        let batches: Vec<Range<usize>> = rows.batches(2).collect();
        assert_eq!(batches, [0..2, 2..3]);

        let call = rows.call(0..2);
        let newline = call.iter().position(|byte| *byte == b'\n').unwrap();
        assert_eq!(&call[..newline], br#"{"call":2,"bytes":56}"#);
        let body = &call[newline + 1..];
        assert_eq!(body.len(), 56);
        assert_eq!(body[..8], 7i64.to_le_bytes());
        assert_eq!(body[16..24], 0.5f64.to_le_bytes());
        // A character of two bytes, a missing text, two bytes in all.
        assert_eq!(body[32..36], 1u32.to_le_bytes());
        assert_eq!(body[36..40], MISSING.to_le_bytes());
        assert_eq!(body[40..48], 2u64.to_le_bytes());
        assert_eq!(&body[48..50], "é".as_bytes());
    }

    #[test]
    fn predictions_are_read_only_if_there_are_as_many_as_rows() {
        let numbers = [1.0f64.to_le_bytes(), f64::NAN.to_le_bytes()].concat();
        let float = PredictedType::Float64;
        assert_eq!(float.read(2, &numbers).unwrap(), ["1.0", "NaN"]);
        assert_eq!(float.read(3, &numbers), None);
        assert!(float.fits(2, 16) && !float.fits(2, 24));

        let text = PredictedType::Text;
        let sent = [&[2, 0, 0, 0, 1, 0, 0, 0], "éa".as_bytes()].concat();
        assert_eq!(text.read(2, &sent).unwrap(), ["é", "a"]);
        assert_eq!(text.read(2, &sent[..10]), None);
        assert_eq!(text.read(1, &sent), None);
        assert_eq!(text.read(1, &[255; 8]), None);
        assert!(text.fits(2, 10) && !text.fits(2, 1 << 20));
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let file = predictions_file(&texts(&["price"]), &texts(&["1,5", "a"]));
        assert_eq!(file, b"prediction\n\"1,5\"\na\n");
        let file = predictions_file(&texts(&["x", "y"]), &texts(&["1", "2", "3", "4"]));
        assert_eq!(file, b"x,y\n1,2\n3,4\n");
    }
}
