//! A CSV file with a column of row ids, every cell still the text that was written.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;

use super::row_ids::Ids;
use super::text_rows::{Row, TextRows};

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
    /// Of other formats than CSV.
    #[error("{0}")]
    Unfit(String),
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
            columns: (rows.names().iter().enumerate())
                .filter(|(at, _)| *at != rows.id_at())
                .map(|(_, name)| TextColumn {
                    name: name.to_owned(),
                    cells: Vec::new(),
                })
                .collect(),
            lines: Vec::new(),
        };
        let id_at = rows.id_at();
        while let Some(row) = rows.next_row()? {
            if table.ids.len() == rows_max {
                return Err(TableFault::TooManyRows { rows_max }.at(Some(row.line)));
            }
            table.push(&row, id_at);
        }
        check_ids(table.ids.as_slice(), &table.lines)?;
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

    fn push(&mut self, row: &Row<'_>, id_at: usize) {
        self.lines.push(row.line);
        self.ids.push(row.cell(id_at).to_owned());
        let cells = row.cells().enumerate().filter(|(at, _)| *at != id_at);
        for (column, (_, cell)) in self.columns.iter_mut().zip(cells) {
            column.cells.push(cell.to_owned());
        }
    }
}

impl TableFault {
    pub fn at(self, line: Option<u64>) -> TableError {
        TableError { line, fault: self }
    }
}

/// Whether there are rows and each has an id of its own.
pub fn check_ids<I: Ids + ?Sized>(ids: &I, lines: &[u64]) -> Result<(), TableError> {
    let all = || (0..ids.count()).filter_map(|row| ids.id(row));
    if ids.count() == 0 {
        return Err(TableFault::NoRows.at(None));
    }
    if let Some(row) = all().position(str::is_empty) {
        return Err(TableFault::NoId.at(Some(lines[row])));
    }
    // Most are numbers in their order, and of others the hashes all differ: a map takes ten times as
    // long.
    if all().is_sorted_by(|a, b| (a.len(), a) < (b.len(), b)) {
        return Ok(());
    }
    let keys = RandomState::new();
    let mut hashes: Vec<u64> = all().map(|id| keys.hash_one(id)).collect();
    hashes.sort_unstable();
    if hashes.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    let mut first_lines = HashMap::with_capacity(ids.count());
    for (id, &line) in all().zip(lines) {
        if let Some(first_line) = first_lines.insert(id, line) {
            let id = id.to_owned();
            return Err(TableFault::DuplicateId { id, first_line }.at(Some(line)));
        }
    }
    Ok(())
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
