//! A CSV file with a column of row ids, every cell still the text that was written.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};

/// Ids and cells unchanged: "NA" is not missing, and leading zeros survive. Every column has as
/// many cells as there are ids, which is at least one, and no two ids are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    pub ids: Vec<String>,
    /// All columns but the ids, in file order; no two names are the same.
    pub columns: Vec<TextColumn>,
    lines: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    pub name: String,
    pub cells: Vec<String>,
}

/// How large a table may be, for those that strangers made.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub rows_max: usize,
    /// Ids included.
    pub columns_max: usize,
}

/// Why a file is no table, and on which line, counted from 1, where there is one to name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct TableError {
    pub line: Option<u64>,
    pub fault: TableFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    #[error("the file is empty; it needs a line of column names")]
    Empty,
    #[error("there are no rows below the column names")]
    NoRows,
    #[error("the text is not UTF-8")]
    NotUtf8,
    #[error("the row has {found} cells, where there are {expected} columns")]
    Ragged { found: u64, expected: u64 },
    #[error("there is no column `{id}` of row ids; the columns are {columns}")]
    NoIdColumn { id: String, columns: String },
    #[error(
        "column {position} has no name; a data frame's index is left out with `to_csv(index=False)`"
    )]
    UnnamedColumn { position: usize },
    #[error("there are {found} columns, more than {columns_max}")]
    TooManyColumns { found: usize, columns_max: usize },
    #[error("there are two columns `{name}`")]
    DuplicateColumn { name: String },
    #[error("the row has no id")]
    NoId,
    #[error("there are more than {rows_max} rows")]
    TooManyRows { rows_max: usize },
    #[error("the id `{id}` was on line {first_line} before")]
    DuplicateId { id: String, first_line: u64 },
    #[error("column `{column}` is numeric but for this cell, `{cell}`; a number must stand in it")]
    MissingNumber { column: String, cell: String },
    #[error("column `{column}` has `{cell}`, which is not a finite number")]
    NotFinite { column: String, cell: String },
    #[error("reading failed: {0}")]
    Read(String),
}

impl TextTable {
    /// Reads a whole table whose row ids are in column `id`; stops at the first fault.
    pub fn read(from: impl Read, id: &str) -> Result<TextTable, TableError> {
        let no_limit = Extent {
            rows_max: usize::MAX,
            columns_max: usize::MAX,
        };
        TextTable::read_within(from, id, no_limit)
    }

    /// As [`TextTable::read`], of a table that must not be larger than this.
    pub fn read_within(
        from: impl Read,
        id: &str,
        Extent {
            rows_max,
            columns_max,
        }: Extent,
    ) -> Result<TextTable, TableError> {
        let mut rows = TextRows::open(from, id, columns_max)?;
        let mut table = TextTable {
            ids: Vec::new(),
            columns: (rows.names.iter().enumerate())
                .filter(|(at, _)| *at != rows.id_at)
                .map(|(_, name)| TextColumn {
                    name: name.to_owned(),
                    cells: Vec::new(),
                })
                .collect(),
            lines: Vec::new(),
        };
        let id_at = rows.id_at;
        while let Some((line, record)) = rows.next_row()? {
            if table.ids.len() == rows_max {
                return Err(TableFault::TooManyRows { rows_max }.at(Some(line)));
            }
            table.push(record, id_at, line);
        }
        check_ids(&table.ids, &table.lines)?;
        Ok(table)
    }

    /// The line of the file on which a row stands, counted from 1.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    pub fn column(&self, name: &str) -> Option<&TextColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn push(&mut self, record: &csv::StringRecord, id_at: usize, line: u64) {
        self.lines.push(line);
        let mut columns = self.columns.iter_mut();
        for (at, cell) in record.iter().enumerate() {
            if at == id_at {
                self.ids.push(cell.to_owned());
            } else if let Some(column) = columns.next() {
                column.cells.push(cell.to_owned());
            }
        }
    }
}

/// The rows of such a file one by one, for files that are too large to be held twice.
pub struct TextRows<R> {
    /// Of all columns, ids included, in file order; no two are the same.
    pub names: csv::StringRecord,
    /// The place of the id column among them.
    pub id_at: usize,
    records: csv::Reader<BufReader<R>>,
    record: csv::StringRecord,
    first_line: u64,
}

impl<R: Read> TextRows<R> {
    /// Reads the line of column names.
    pub fn open(from: R, id: &str, columns_max: usize) -> Result<TextRows<R>, TableError> {
        let mut from = BufReader::with_capacity(1 << 16, from);
        let first_line = first_line(&mut from)?;
        let mut records = csv::Reader::from_reader(from);
        let names = records
            .headers()
            .map_err(|error| table_error(error, first_line))?;
        let names = names.clone();
        if names.len() > columns_max {
            let found = names.len();
            return Err(TableFault::TooManyColumns { found, columns_max }.at(Some(1)));
        }
        Ok(TextRows {
            id_at: check_names(&names, id)?,
            names,
            records,
            record: csv::StringRecord::new(),
            first_line,
        })
    }

    /// The ids alone, of a table that is not held.
    pub fn ids(from: R, id: &str) -> Result<Vec<String>, TableError> {
        let mut rows = TextRows::open(from, id, usize::MAX)?;
        let id_at = rows.id_at;
        let (mut ids, mut lines) = (Vec::new(), Vec::new());
        while let Some((line, record)) = rows.next_row()? {
            ids.push(record[id_at].to_owned());
            lines.push(line);
        }
        check_ids(&ids, &lines)?;
        Ok(ids)
    }

    /// The next row with the line on which it stands, counted from 1.
    pub fn next_row(&mut self) -> Result<Option<(u64, &csv::StringRecord)>, TableError> {
        let read = self.records.read_record(&mut self.record);
        if !read.map_err(|error| table_error(error, self.first_line))? {
            return Ok(None);
        }
        let line = self.record.position().map_or(1, csv::Position::line);
        Ok(Some((line - 1 + self.first_line, &self.record)))
    }
}

impl TableFault {
    pub fn at(self, line: Option<u64>) -> TableError {
        TableError { line, fault: self }
    }
}

/// Whether there are rows and each has an id of its own.
fn check_ids(ids: &[String], lines: &[u64]) -> Result<(), TableError> {
    if ids.is_empty() {
        return Err(TableFault::NoRows.at(None));
    }
    let mut first_lines = HashMap::with_capacity(ids.len());
    for (id, &line) in ids.iter().zip(lines) {
        if id.is_empty() {
            return Err(TableFault::NoId.at(Some(line)));
        }
        if let Some(first_line) = first_lines.insert(id, line) {
            let id = id.clone();
            return Err(TableFault::DuplicateId { id, first_line }.at(Some(line)));
        }
    }
    Ok(())
}

/// The place of the id column among the names.
fn check_names(names: &csv::StringRecord, id: &str) -> Result<usize, TableError> {
    if names.is_empty() {
        return Err(TableFault::Empty.at(None));
    }
    let mut seen = HashSet::new();
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(TableFault::UnnamedColumn { position: at + 1 }.at(Some(1)));
        }
        if !seen.insert(name) {
            let name = name.to_owned();
            return Err(TableFault::DuplicateColumn { name }.at(Some(1)));
        }
    }
    names.iter().position(|name| name == id).ok_or_else(|| {
        TableFault::NoIdColumn {
            id: id.to_owned(),
            columns: first_names(names),
        }
        .at(Some(1))
    })
}

fn first_names(names: &csv::StringRecord) -> String {
    const SHOWN_MAX: usize = 6;
    let shown: Vec<String> = (names.iter().take(SHOWN_MAX))
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        format!("{} and {more} more", shown.join(", "))
    } else {
        shown.join(", ")
    }
}

/// The number to give the first line, so that all rows below get theirs: the reader ends a line at
/// its carriage return and counts it at the line feed, which is one record later.
fn first_line(from: &mut impl BufRead) -> Result<u64, TableError> {
    let start = from
        .fill_buf()
        .map_err(|error| TableFault::Read(error.to_string()).at(None))?;
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    Ok(if line.ends_with(b"\r") { 2 } else { 1 })
}

fn table_error(error: csv::Error, first_line: u64) -> TableError {
    let line = (error.position()).map(|position| position.line() - 1 + first_line);
    match error.into_kind() {
        csv::ErrorKind::Utf8 { .. } => TableFault::NotUtf8.at(line),
        csv::ErrorKind::UnequalLengths {
            expected_len: expected,
            len: found,
            ..
        } => TableFault::Ragged { found, expected }.at(line),
        csv::ErrorKind::Io(error) => TableFault::Read(error.to_string()).at(None),
        // The kinds that are left concern writing, seeking and serde, none of which happens here.
        other => TableFault::Read(format!("{other:?}")).at(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<TextTable, TableError> {
        TextTable::read(text.as_ref(), "id")
    }

    #[test]
    fn cells_stay_as_they_were_written_and_lines_are_counted_through_quotes() {
        let table = read("\u{feff}a,id\r\n\"x\ny\",007\r\n NA,NA\n").unwrap();
        assert_eq!(table.ids, ["007", "NA"]);
        assert_eq!(table.column("a").unwrap().cells, ["x\ny", " NA"]);
        assert_eq!((table.line(0), table.line(1)), (2, 4));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (text, expected) in [
            ("", "the file is empty; it needs a line of column names"),
            ("id,a\n", "there are no rows below the column names"),
            (
                "a,b\n1,2\n",
                "line 1: there is no column `id` of row ids; the columns are `a`, `b`",
            ),
            (
                ",id\n0,1\n",
                "line 1: column 1 has no name; a data frame's index is left out with \
                 `to_csv(index=False)`",
            ),
            ("id,a,a\n1,2,3\n", "line 1: there are two columns `a`"),
            (
                "id,a\n1,2\n2\n",
                "line 3: the row has 1 cells, where there are 2 columns",
            ),
            ("id,a\n1,2\n,3\n", "line 3: the row has no id"),
            (
                "id,a\n1,2\n2,3\n1,4\n",
                "line 4: the id `1` was on line 2 before",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text:?}");
        }
        assert_eq!(
            read(b"id,a\n1,2\n2,\xff\n").unwrap_err().to_string(),
            "line 3: the text is not UTF-8"
        );
    }
}
