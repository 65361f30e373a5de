//! Test inputs as numpy's `.npz`: named arrays whose first axis is the row.

use std::io::Read;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};

use super::{Column, Table, Values};
use crate::domain::arrays::{Arrays, Element, Shape};
use crate::domain::text_table::{TableError, TableFault, check_ids};

const ARRAYS_MAX: usize = 1024;
const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads all arrays; the one named `id` has the row ids, without which they are numbers from 0 on.
pub fn read(bytes: &[u8], id: &str) -> Result<Table, TableError> {
    let mut arrays: Vec<(String, Npy)> = Vec::new();
    for (name, file) in members(bytes)? {
        let array = Npy::read(&name, file)?;
        if arrays.iter().any(|(other, _)| *other == name) {
            return Err(unfit(format!("there are two arrays `{name}`")));
        }
        arrays.push((name, array));
    }
    let (first, rows) = match arrays.first() {
        Some((name, array)) => (name.clone(), array.rows),
        None => return Err(TableFault::Empty.at(None)),
    };
    if let Some((name, array)) = arrays.iter().find(|(_, array)| array.rows != rows) {
        return Err(unfit(format!(
            "the first axis of all arrays is the row: `{first}` has {rows} of them and `{name}` {}",
            array.rows
        )));
    }
    let (mut ids, mut columns) = (None, Vec::new());
    for (name, array) in arrays {
        if name == id {
            ids = Some(array.ids(&name)?);
        } else {
            let values = array.values(&name)?;
            columns.push(Column { name, values });
        }
    }
    let ids = ids.unwrap_or_else(|| (0..rows).map(|row| row.to_string()).collect());
    let lines: Vec<u64> = (0..rows as u64).collect();
    check_ids(ids.as_slice(), &lines).map_err(|error| match (error.fault, error.line) {
        (TableFault::DuplicateId { id, first_line }, Some(row)) => unfit(format!(
            "the rows {first_line} and {row}, counted from 0, have the same id, `{id}`"
        )),
        (fault, _) => fault.at(None),
    })?;
    Ok(Table { ids, columns })
}

fn unfit(why: String) -> TableError {
    TableFault::Unfit(why).at(None)
}

/// The arrays' names and files.
fn members(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, TableError> {
    let broken = |_| unfit("it is no .npz file: write it with numpy.savez".to_owned());
    let archive = ZipArchive::from_slice(bytes).map_err(broken)?;
    let mut members = Vec::new();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        if members.len() == ARRAYS_MAX {
            return Err(unfit(format!("it has more than {ARRAYS_MAX} arrays")));
        }
        let path = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
        let Some(name) = path.strip_suffix(".npy").filter(|name| !name.is_empty()) else {
            return Err(unfit(format!(
                "it holds `{path}`, which is no array: write it with numpy.savez"
            )));
        };
        let (size, method) = (entry.uncompressed_size_hint(), entry.compression_method());
        let packed = archive.get_entry(entry.wayfinder()).map_err(broken)?;
        let data = packed.data();
        let mut file = Vec::new();
        let read = match method {
            CompressionMethod::STORE => {
                let reader = packed.verifying_reader(data);
                reader.take(size.saturating_add(1)).read_to_end(&mut file)
            }
            CompressionMethod::DEFLATE => {
                let reader = packed.verifying_reader(DeflateDecoder::new(data));
                reader.take(size.saturating_add(1)).read_to_end(&mut file)
            }
            _ => return Err(unfit(format!("`{name}` is compressed in an unusual way"))),
        };
        if read.is_err() || file.len() as u64 != size {
            return Err(unfit(format!("the array `{name}` is damaged")));
        }
        members.push((name.to_owned(), file));
    }
    Ok(members)
}

/// One array.
struct Npy {
    descr: String,
    rows: usize,
    /// Without the first axis.
    axes: Vec<u64>,
    data: Vec<u8>,
}

impl Npy {
    /// The header is a Python dictionary: NEP 1.
    fn read(name: &str, mut file: Vec<u8>) -> Result<Npy, TableError> {
        let broken = || unfit(format!("the array `{name}` has no header that can be read"));
        let version = *file.get(MAGIC.len()).ok_or_else(broken)?;
        if !file.starts_with(MAGIC) {
            return Err(broken());
        }
        let (start, length): (usize, usize) = match (version, file.get(8..12)) {
            (1, Some(&[a, b, _, _])) => (10, usize::from(u16::from_le_bytes([a, b]))),
            (2 | 3, Some(&[a, b, c, d])) => (12, u32::from_le_bytes([a, b, c, d]) as usize),
            _ => return Err(broken()),
        };
        let header = file
            .get(start..start.saturating_add(length))
            .ok_or_else(broken)?;
        let header = String::from_utf8_lossy(header).into_owned();
        let data = file.split_off(start + length);
        let value = |key: &str| {
            let at = header.find(&format!("'{key}':"))? + key.len() + 3;
            Some(header[at..].trim_start())
        };
        let descr = value("descr").ok_or_else(broken)?;
        let descr = descr
            .strip_prefix('\'')
            .and_then(|descr| descr.split('\'').next());
        let Some(descr) = descr else {
            return Err(unfit(format!(
                "the array `{name}` has several fields; save an array for each"
            )));
        };
        let shape = value("shape").and_then(|shape| shape.strip_prefix('('));
        let shape = shape
            .and_then(|shape| shape.split(')').next())
            .ok_or_else(broken)?;
        let axes = shape
            .split(',')
            .map(str::trim)
            .filter(|axis| !axis.is_empty());
        let axes: Vec<u64> = (axes.map(|axis| axis.parse().map_err(|_| broken())))
            .collect::<Result<_, TableError>>()?;
        let Some((rows, axes)) = axes.split_first() else {
            return Err(unfit(format!(
                "the array `{name}` is a single value; the first axis of an array is the row"
            )));
        };
        let is_turned = value("fortran_order").is_some_and(|order| order.starts_with("True"));
        if is_turned && !axes.is_empty() {
            return Err(unfit(format!(
                "the array `{name}` lies column by column; save numpy.ascontiguousarray of it"
            )));
        }
        Ok(Npy {
            descr: descr.to_owned(),
            rows: usize::try_from(*rows).map_err(|_| broken())?,
            axes: axes.to_vec(),
            data,
        })
    }

    /// Bytes of text in a cell, where it holds text.
    fn text_width(&self) -> Option<usize> {
        let width = self.descr.strip_prefix("<U")?.parse::<usize>().ok()?;
        width.checked_mul(4)
    }

    fn ids(self, name: &str) -> Result<Vec<String>, TableError> {
        match self.values(name)? {
            Values::Text(ids) => Ok(ids),
            Values::Integers(ids) => Ok(ids.iter().map(i64::to_string).collect()),
            Values::Decimals { .. } | Values::Arrays(_) => Err(unfit(format!(
                "the row ids in `{name}` must be whole numbers or text, one for each row"
            ))),
        }
    }

    /// One number or text for each row makes a column like those of other tables.
    fn values(self, name: &str) -> Result<Values, TableError> {
        if let Some(width) = self.text_width() {
            return self.texts(name, width).map(Values::Text);
        }
        let Some(element) = Element::described(&self.descr) else {
            let why = match self.descr.chars().next() {
                Some('>') => {
                    "has its bytes in the other order; save array.astype(array.dtype.newbyteorder('<'))"
                }
                _ if self.descr.contains('O') => {
                    "holds Python objects; save numbers or text: array.astype(str)"
                }
                _ => "is of a type that is not read; save numbers or text: array.astype(str)",
            };
            let descr = &self.descr;
            return Err(unfit(format!("the array `{name}` (`{descr}`) {why}")));
        };
        let shape = Shape::new(&self.axes).ok_or_else(|| {
            unfit(format!(
                "the array `{name}` has an empty axis, or more axes than can be"
            ))
        })?;
        let values = shape.values() as usize;
        let size =
            (self.rows.checked_mul(values)).and_then(|count| count.checked_mul(element.size()));
        if size != Some(self.data.len()) {
            return Err(unfit(format!(
                "the array `{name}` is not as long as its shape says"
            )));
        }
        let arrays = Arrays::new(element, shape, self.data).map_err(|error| {
            let row = error.row - 1;
            unfit(format!(
                "the array `{name}` has NaN or infinity in row {row}, counted from 0"
            ))
        })?;
        if values > 1 {
            return Ok(Values::Arrays(arrays));
        }
        scalars(&arrays).ok_or_else(|| {
            unfit(format!(
                "the array `{name}` has whole numbers beyond what int64 holds"
            ))
        })
    }

    fn texts(self, name: &str, width: usize) -> Result<Vec<String>, TableError> {
        if !matches!(self.axes.as_slice(), [] | [1]) {
            return Err(unfit(format!(
                "the array `{name}` has more than one text for each row"
            )));
        }
        // Texts without room for a character would be as many as the shape claims.
        if width == 0 || Some(self.data.len()) != self.rows.checked_mul(width) {
            return Err(unfit(format!(
                "the array `{name}` is not as long as its shape says"
            )));
        }
        let text = |cell: &[u8]| {
            let (points, _) = cell.as_chunks::<4>();
            let points = points.iter().map(|point| u32::from_le_bytes(*point));
            let text: Option<String> = points.map(char::from_u32).collect();
            text.map(|text| text.trim_end_matches('\0').to_owned())
        };
        let texts: Option<Vec<String>> = self.data.chunks_exact(width).map(text).collect();
        texts.ok_or_else(|| unfit(format!("the array `{name}` holds what is no text")))
    }
}

/// A column of numbers; `None` where one is too large.
fn scalars(arrays: &Arrays) -> Option<Values> {
    let element = arrays.element();
    let cells = arrays.bytes().chunks_exact(element.size());
    if element.is_decimal() {
        return Some(Values::Decimals {
            values: cells.map(|cell| element.number(cell)).collect(),
            // What comes from a smaller type survives in it.
            significant_digits: arrays.significant_digits().unwrap_or(6),
        });
    }
    let whole = cells.map(|cell| match (element, cell.try_into()) {
        (Element::Int64, Ok(cell)) => Some(i64::from_le_bytes(cell)),
        (Element::Uint64, Ok(cell)) => i64::try_from(u64::from_le_bytes(cell)).ok(),
        // The others are exact as float64.
        _ => Some(element.number(cell) as i64),
    });
    whole.collect::<Option<Vec<i64>>>().map(Values::Integers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::table::ColumnKind;

    #[test]
    fn files_that_numpy_wrote_are_read_or_refused_by_name() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/npz");
        let read = |name: &str| {
            let file = std::fs::read(folder.join(name)).unwrap();
            read(&file, "id").map_err(|error| error.to_string())
        };
        let shown = |name: &str| {
            let table = read(name).unwrap();
            let columns = table.columns.iter().map(|column| {
                let kind: ColumnKind = column.values.kind();
                format!("{}: {kind}", column.name)
            });
            (table.ids, columns.collect::<Vec<String>>().join("; "))
        };
        let texts = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
        assert_eq!(
            shown("images.npz"),
            (
                texts(["a", "bb", "ü"]),
                "image: uint8 [N, 1, 2, 2]; x: decimals; n: whole numbers".to_owned()
            )
        );
        assert_eq!(
            shown("compressed.npz"),
            (
                texts(["0", "1", "2"]),
                "image: float32 [N, 4]; t: text".to_owned()
            )
        );
        for (name, expected) in [
            ("objects.npz", "(`|O`) holds Python objects"),
            ("turned.npz", "save numpy.ascontiguousarray of it"),
            ("big_endian.npz", "has its bytes in the other order"),
            ("nan.npz", "NaN or infinity in row 1, counted from 0"),
            ("half.npz", "`u` has whole numbers beyond what int64 holds"),
            ("uneven.npz", "`a` has 3 of them and `b` 4"),
        ] {
            let error = read(name).unwrap_err();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
