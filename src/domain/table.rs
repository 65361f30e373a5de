//! Test inputs: a table whose columns have types, as the harness needs them for a model's tensors.

mod npz;
mod parquet;

use std::fmt;
use std::io::Read;

use super::arrays::{Arrays, Element, Shape};
use super::parquet::Bounds;
use super::text_table::{TableError, TableFault, TextColumn, TextTable};

/// A table with a column of row ids, which are text and unchanged, and at least one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub ids: Vec<String>,
    /// All columns but the ids, in file order; each has one value per id.
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Every cell was an integer as Rust and Python write it: no plus sign, no leading zeros.
    Integers(Vec<i64>),
    /// Every cell was a finite decimal. `significant_digits` is the most that any of them was
    /// written with, zeros at either end not counted: a value of up to 6 digits survives as
    /// float32.
    Decimals {
        values: Vec<f64>,
        significant_digits: u32,
    },
    /// Anything else.
    Text(Vec<String>),
    /// More numbers than one for each row, which CSV has not.
    Arrays(Arrays),
}

/// How a table is written, which the end of its file's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    Csv,
    Parquet,
    Npz,
}

impl TableFormat {
    pub fn of(path: &str) -> TableFormat {
        match path.rsplit('.').next() {
            Some("parquet") => TableFormat::Parquet,
            Some("npz") => TableFormat::Npz,
            Some(_) | None => TableFormat::Csv,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            TableFormat::Csv => "CSV",
            TableFormat::Parquet => "Parquet",
            TableFormat::Npz => "npz",
        }
    }
}

/// Whole numbers up to here are exact as float32.
const WHOLE_IN_FLOAT32: u64 = 1 << 24;
/// Decimals of so many significant digits survive as float32.
const DIGITS_IN_FLOAT32: u32 = 6;

/// The type of a column's array, and whether a model that takes float32 may be fed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    Integers {
        fit_float32: bool,
    },
    Decimals {
        fit_float32: bool,
    },
    Text,
    Arrays {
        element: Element,
        shape: Shape,
        fit_float32: bool,
    },
}

impl ColumnKind {
    /// Whether it is one of the numeric columns that stand side by side in one array.
    pub fn is_numeric(self) -> bool {
        match self {
            ColumnKind::Integers { .. } | ColumnKind::Decimals { .. } => true,
            ColumnKind::Text | ColumnKind::Arrays { .. } => false,
        }
    }

    pub fn holds_numbers(self) -> bool {
        match self {
            ColumnKind::Integers { .. }
            | ColumnKind::Decimals { .. }
            | ColumnKind::Arrays { .. } => true,
            ColumnKind::Text => false,
        }
    }

    /// How many values a row has.
    pub fn width(self) -> u64 {
        match self {
            ColumnKind::Integers { .. } | ColumnKind::Decimals { .. } | ColumnKind::Text => 1,
            ColumnKind::Arrays { shape, .. } => shape.values(),
        }
    }

    /// "[N, 1]".
    pub fn array_shape(self) -> String {
        match self {
            ColumnKind::Integers { .. } | ColumnKind::Decimals { .. } | ColumnKind::Text => {
                "[N, 1]".to_owned()
            }
            ColumnKind::Arrays { shape, .. } => shape.to_string(),
        }
    }

    /// As the harness calls the array's type.
    pub fn array_type(self) -> &'static str {
        match self {
            ColumnKind::Integers { .. } => "int64",
            ColumnKind::Decimals { .. } => "float64",
            ColumnKind::Text => "text",
            ColumnKind::Arrays { element, .. } => element.name(),
        }
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            ColumnKind::Integers { fit_float32: true } => "whole numbers",
            ColumnKind::Integers { fit_float32: false } => "whole numbers beyond 16,777,216",
            ColumnKind::Decimals { fit_float32: true } => "decimals",
            ColumnKind::Decimals { fit_float32: false } => "decimals of more than 6 digits",
            ColumnKind::Text => "text",
            ColumnKind::Arrays {
                element,
                shape,
                fit_float32,
            } => {
                let beyond = if *fit_float32 { "" } else { " beyond float32" };
                return write!(f, "{} {shape}{beyond}", element.name());
            }
        };
        f.write_str(plain)
    }
}

impl Table {
    /// Reads a whole table in CSV whose row ids are in column `id`; stops at the first fault. A column
    /// that would be numeric but for cells that are empty, missing ("NA") or not finite is a fault,
    /// because as text it would reach no model that was trained on numbers.
    pub fn read(from: impl Read, id: &str) -> Result<Table, TableError> {
        let text = TextTable::read(from, id)?;
        let columns = (text.columns.iter())
            .map(|column| {
                Ok(Column {
                    name: column.name.clone(),
                    values: typed(column, &text)?,
                })
            })
            .collect::<Result<_, TableError>>()?;
        Ok(Table {
            ids: text.ids,
            columns,
        })
    }

    /// As [`Table::read`], in the format that the name of its file says.
    pub fn read_as(format: TableFormat, bytes: &[u8], id: &str) -> Result<Table, TableError> {
        match format {
            TableFormat::Csv => Table::read(bytes, id),
            TableFormat::Parquet => Table::read_parquet(bytes, Bounds::TRUSTED, id),
            TableFormat::Npz => npz::read(bytes, id),
        }
    }

    /// Reads a table in Parquet that comes to no more than this.
    pub fn read_parquet(bytes: &[u8], bounds: Bounds, id: &str) -> Result<Table, TableError> {
        parquet::read(bytes, bounds, id)
    }

    pub fn rows(&self) -> usize {
        self.ids.len()
    }
}

impl Values {
    /// Row ids as a column: whole numbers where every one is written as such, and text otherwise.
    pub fn of_ids(ids: &[String]) -> Values {
        match ids.iter().map(|id| canonical_integer(id)).collect() {
            Some(integers) => Values::Integers(integers),
            None => Values::Text(ids.to_vec()),
        }
    }

    pub fn is_numeric(&self) -> bool {
        match self {
            Values::Integers(_) | Values::Decimals { .. } => true,
            Values::Text(_) | Values::Arrays(_) => false,
        }
    }

    pub fn kind(&self) -> ColumnKind {
        match self {
            Values::Integers(values) => ColumnKind::Integers {
                fit_float32: values
                    .iter()
                    .all(|value| value.unsigned_abs() <= WHOLE_IN_FLOAT32),
            },
            Values::Decimals {
                significant_digits, ..
            } => ColumnKind::Decimals {
                fit_float32: *significant_digits <= DIGITS_IN_FLOAT32,
            },
            Values::Text(_) => ColumnKind::Text,
            Values::Arrays(arrays) => ColumnKind::Arrays {
                element: arrays.element(),
                shape: arrays.shape(),
                fit_float32: arrays.fit_float32(),
            },
        }
    }
}

fn typed(column: &TextColumn, table: &TextTable) -> Result<Values, TableError> {
    let cells = &column.cells;
    if let Some(integers) = cells.iter().map(|cell| canonical_integer(cell)).collect() {
        return Ok(Values::Integers(integers));
    }
    let is_numeric = cells
        .iter()
        .all(|cell| is_missing(cell) || cell.parse::<f64>().is_ok());
    // A column of nothing but "NA" may well be text; one of nothing at all is a mistake.
    let has_content = cells.iter().any(|cell| !is_missing(cell));
    if !is_numeric || (!has_content && cells.iter().any(|cell| !cell.is_empty())) {
        return Ok(Values::Text(cells.clone()));
    }
    let mut values = Vec::with_capacity(cells.len());
    for (row, cell) in cells.iter().enumerate() {
        let (column, cell) = (column.name.clone(), cell.clone());
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            Ok(_) => {
                return Err(TableFault::NotFinite { column, cell }.at(Some(table.line(row))));
            }
            Err(_) => {
                return Err(TableFault::MissingNumber { column, cell }.at(Some(table.line(row))));
            }
        }
    }
    Ok(Values::Decimals {
        values,
        significant_digits: cells
            .iter()
            .map(|cell| significant_digits(cell))
            .max()
            .unwrap_or(0),
    })
}

fn canonical_integer(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let is_canonical = digits.bytes().all(|b| b.is_ascii_digit())
        && (cell == "0" || (!digits.is_empty() && !digits.starts_with('0')));
    if is_canonical {
        cell.parse().ok()
    } else {
        None
    }
}

/// What pandas and others write for a value that is missing; "NaN" is a number to Rust.
fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "NA" | "N/A" | "<NA>" | "null" | "NULL" | "None")
}

fn significant_digits(decimal: &str) -> u32 {
    let mantissa = decimal.split(['e', 'E']).next().unwrap_or(decimal);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let count = digits.trim_matches('0').len();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(cells: &[&str]) -> Result<Values, String> {
        let rows: String = (cells.iter().enumerate())
            .map(|(row, cell)| format!("{row},{cell}\n"))
            .collect();
        Table::read(format!("id,a\n{rows}").as_bytes(), "id")
            .map(|mut table| table.columns.remove(0).values)
            .map_err(|error| error.to_string())
    }

    fn decimals(values: &[f64], significant_digits: u32) -> Values {
        Values::Decimals {
            values: values.to_vec(),
            significant_digits,
        }
    }

    fn text(cells: &[&str]) -> Values {
        Values::Text(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn a_column_has_the_narrowest_type_that_holds_every_cell() {
        for (cells, expected) in [
            (
                ["0", "-7", "9223372036854775807"],
                Values::Integers(vec![0, -7, i64::MAX]),
            ),
            (["1", "2.50", "-1e-3"], decimals(&[1.0, 2.5, -0.001], 2)),
            (["007", "1", "2"], decimals(&[7.0, 1.0, 2.0], 1)),
            (["-0", "1", "2"], decimals(&[-0.0, 1.0, 2.0], 1)),
            (
                ["0.30000000000000004", "1000", "0.00120"],
                decimals(&[0.300_000_000_000_000_04, 1000.0, 0.0012], 17),
            ),
            (
                ["9223372036854775808", "1", "2"],
                decimals(&[9_223_372_036_854_775_808.0, 1.0, 2.0], 19),
            ),
            (["a", "1", ""], text(&["a", "1", ""])),
            (["nan", "x", "NA"], text(&["nan", "x", "NA"])),
            (["NA", "NA", "NA"], text(&["NA", "NA", "NA"])),
        ] {
            assert_eq!(values(&cells), Ok(expected), "{cells:?}");
        }
    }

    #[test]
    fn a_numeric_column_with_a_hole_is_refused_by_name_and_line() {
        for (cells, expected) in [
            (
                ["1", "", "2"],
                "line 3: column `a` is numeric but for this cell, ``; a number must stand in it",
            ),
            (
                ["1.5", "2", "NA"],
                "line 4: column `a` is numeric but for this cell, `NA`; a number must stand in it",
            ),
            (
                ["1", "NaN", "2"],
                "line 3: column `a` has `NaN`, which is not a finite number",
            ),
            (
                ["1", "2", "1e999"],
                "line 4: column `a` has `1e999`, which is not a finite number",
            ),
            (
                ["", "", ""],
                "line 2: column `a` is numeric but for this cell, ``; a number must stand in it",
            ),
        ] {
            assert_eq!(values(&cells), Err(expected.to_owned()), "{cells:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were_written(integers: Vec<i64>, floats: Vec<f32>) {
            prop_assume!(!integers.is_empty() && !floats.is_empty());
            let cells: Vec<String> = integers.iter().map(i64::to_string).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            prop_assert_eq!(values(&cells), Ok(Values::Integers(integers.clone())));

            prop_assume!(floats.iter().all(|value| value.is_finite()));
            let cells: Vec<String> = floats.iter().map(|value| format!("{value:?}")).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let Ok(Values::Decimals { values, significant_digits }) = values(&cells) else {
                panic!("{cells:?} are decimals");
            };
            let back: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            prop_assert_eq!(back, floats);
            prop_assert!(significant_digits <= 9);
        }
    }
}
