//! Test inputs in Parquet: each column has the type that the file says.

use std::collections::HashSet;

use super::{Column, Table, Values};
use crate::domain::arrays::{Arrays, Element, Shape, significant_digits};
use crate::domain::parquet::{Bounds, Cell, Fault, Field, Item, Kind, ParquetFile};
use crate::domain::text_table::{TableError, TableFault, check_ids};

/// How many rows of a fault are named.
const NAMED_MAX: usize = 3;
/// Singles survive as float32 however many digits they have.
const DIGITS_OF_SINGLES: u32 = 6;

impl From<Fault> for TableError {
    fn from(fault: Fault) -> TableError {
        unfit(fault.to_string())
    }
}

/// Reads a whole table whose row ids are in column `id`; stops at the first fault.
pub fn read(bytes: &[u8], bounds: Bounds, id: &str) -> Result<Table, TableError> {
    let mut file = ParquetFile::open(bytes, bounds)?;
    let fields = file.fields().to_vec();
    let mut seen = HashSet::new();
    if let Some(again) = fields.iter().find(|field| !seen.insert(&field.name)) {
        let name = again.name.clone();
        return Err(TableFault::DuplicateColumn { name }.at(None));
    }
    let Some(id_at) = fields.iter().position(|field| field.name == id) else {
        let names: Vec<String> = (fields.iter())
            .map(|field| format!("`{}`", field.name))
            .collect();
        let (id, columns) = (id.to_owned(), names.join(", "));
        return Err(TableFault::NoIdColumn { id, columns }.at(None));
    };
    let ids = read_ids(&mut file, id_at, &fields[id_at])?;
    let lines: Vec<u64> = (1..=ids.len() as u64).collect();
    check_ids(ids.as_slice(), &lines).map_err(in_rows)?;
    let mut columns = Vec::new();
    for (at, field) in fields.iter().enumerate().filter(|(at, _)| *at != id_at) {
        let values = match field.is_list {
            true => read_lists(&mut file, at, field)?,
            false => read_values(&mut file, at, field)?,
        };
        columns.push(Column {
            name: field.name.clone(),
            values,
        });
    }
    Ok(Table { ids, columns })
}

fn unfit(why: String) -> TableError {
    TableFault::Unfit(why).at(None)
}

/// A fault of ids, which has no lines here.
fn in_rows(error: TableError) -> TableError {
    let row = error.line.unwrap_or_default();
    match error.fault {
        TableFault::DuplicateId { id, first_line } => unfit(format!(
            "the rows {first_line} and {row} have the same id, `{id}`"
        )),
        TableFault::NoId => unfit(format!("row {row} has no id")),
        fault => fault.at(None),
    }
}

fn read_ids(
    file: &mut ParquetFile<'_>,
    at: usize,
    field: &Field,
) -> Result<Vec<String>, TableError> {
    let is_fit = !field.is_list && matches!(field.kind, Kind::Text | Kind::Whole { .. });
    if !is_fit {
        let lists = if field.is_list { "lists of " } else { "" };
        let (name, kind) = (&field.name, field.kind);
        let why =
            format!("the row ids in `{name}` are {lists}{kind}; make them text or whole numbers");
        return Err(unfit(why));
    }
    let mut ids = Vec::new();
    file.for_each(at, |item: Item<'_>| {
        ids.push(match item.cell {
            Cell::Text(text) => text.to_owned(),
            Cell::Whole(whole) => whole.to_string(),
            Cell::Unsigned(whole) => whole.to_string(),
            // Refused by and by.
            Cell::Missing | Cell::Bool(_) | Cell::Single(_) | Cell::Double(_) => String::new(),
        });
        Ok::<(), TableError>(())
    })?;
    Ok(ids)
}

/// Rows that lack a number.
#[derive(Default)]
struct Holes {
    count: usize,
    first: Vec<usize>,
}

impl Holes {
    fn add(&mut self, row: usize) {
        self.count += 1;
        if self.first.len() < NAMED_MAX && self.first.last() != Some(&row) {
            self.first.push(row);
        }
    }

    fn refuse(&self, field: &Field) -> Result<(), TableError> {
        if self.count == 0 {
            return Ok(());
        }
        let rows: Vec<String> = self.first.iter().map(usize::to_string).collect();
        let first = if self.count > rows.len() {
            "first in "
        } else {
            ""
        };
        let (name, count, rows) = (&field.name, self.count, rows.join(", "));
        Err(unfit(format!(
            "column `{name}` has {count} nulls ({first}row {rows}); a number must stand there: fill \
             them, or leave the column out"
        )))
    }
}

fn read_values(file: &mut ParquetFile<'_>, at: usize, field: &Field) -> Result<Values, TableError> {
    let (mut whole, mut decimals, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let mut digits = 0;
    let mut row = 0;
    let mut holes = Holes::default();
    let is_text = field.kind == Kind::Text;
    file.for_each(at, |item: Item<'_>| {
        row += 1;
        match item.cell {
            Cell::Missing if is_text => texts.push(String::new()),
            Cell::Missing => holes.add(row),
            Cell::Bool(truth) => whole.push(i64::from(truth)),
            Cell::Whole(number) => whole.push(number),
            Cell::Unsigned(number) => match i64::try_from(number) {
                Ok(number) => whole.push(number),
                Err(_) => {
                    let name = &field.name;
                    let why = format!(
                        "column `{name}` has {number} in row {row}, beyond what int64 holds; write \
                         it as decimals or text"
                    );
                    return Err(unfit(why));
                }
            },
            Cell::Single(number) => {
                check_finite(number.is_finite(), field, row)?;
                digits = DIGITS_OF_SINGLES;
                decimals.push(f64::from(number));
            }
            Cell::Double(number) => {
                check_finite(number.is_finite(), field, row)?;
                digits = digits.max(significant_digits(number));
                decimals.push(number);
            }
            Cell::Text(text) => texts.push(text.to_owned()),
        }
        Ok(())
    })?;
    holes.refuse(field)?;
    Ok(match field.kind {
        Kind::Text => Values::Text(texts),
        Kind::Single | Kind::Double => Values::Decimals {
            values: decimals,
            significant_digits: digits,
        },
        Kind::Bool | Kind::Whole { .. } | Kind::Null | Kind::Other(_) => Values::Integers(whole),
    })
}

fn check_finite(is_finite: bool, field: &Field, row: usize) -> Result<(), TableError> {
    let name = &field.name;
    let why = || {
        format!(
            "column `{name}` has NaN or infinity in row {row}; a finite number must stand there"
        )
    };
    is_finite.then_some(()).ok_or_else(|| unfit(why()))
}

/// Lists of one length, as arrays.
fn read_lists(file: &mut ParquetFile<'_>, at: usize, field: &Field) -> Result<Values, TableError> {
    let name = &field.name;
    let element = match field.kind {
        Kind::Bool => Element::Bool,
        Kind::Whole { signed: true } => Element::Int64,
        Kind::Whole { signed: false } => Element::Uint64,
        Kind::Single => Element::Float32,
        Kind::Double => Element::Float64,
        Kind::Text | Kind::Null | Kind::Other(_) => {
            let kind = field.kind;
            let why =
                format!("column `{name}` holds lists of {kind}; only lists of numbers are read");
            return Err(unfit(why));
        }
    };
    let mut bytes = Vec::new();
    let (mut row, mut length, mut first) = (0usize, 0u64, None);
    let mut holes = Holes::default();
    let uneven = |row: usize, length: u64, first: u64| {
        let why = format!(
            "the lists in column `{name}` must have one length: row 1 has {first} elements and row \
             {row} has {length}"
        );
        unfit(why)
    };
    file.for_each(at, |item: Item<'_>| {
        if item.starts_row {
            if row > 0 {
                let wanted = *first.get_or_insert(length);
                if length != wanted {
                    return Err(uneven(row, length, wanted));
                }
            }
            row += 1;
            length = 0;
        }
        length += u64::from(!item.is_hollow);
        match item.cell {
            Cell::Missing if item.is_hollow => {}
            Cell::Missing => holes.add(row),
            Cell::Bool(truth) => bytes.push(u8::from(truth)),
            Cell::Whole(number) => bytes.extend(number.to_le_bytes()),
            Cell::Unsigned(number) => bytes.extend(number.to_le_bytes()),
            Cell::Single(number) => bytes.extend(number.to_le_bytes()),
            Cell::Double(number) => bytes.extend(number.to_le_bytes()),
            Cell::Text(_) => {}
        }
        Ok(())
    })?;
    let wanted = first.unwrap_or(length);
    if length != wanted {
        return Err(uneven(row, length, wanted));
    }
    holes.refuse(field)?;
    let shape = Shape::new(&[wanted])
        .ok_or_else(|| unfit(format!("the lists in column `{name}` are empty")))?;
    let arrays = Arrays::new(element, shape, bytes);
    let arrays = arrays.map_err(|error| {
        let row = error.row;
        unfit(format!("column `{name}` has NaN or infinity in row {row}"))
    })?;
    Ok(Values::Arrays(arrays))
}
