//! The rows of a CSV file one by one, for files that are too large to be held twice.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::ops::Range;

use memchr::{memchr, memchr3_iter};

use super::text_table::{TableError, TableFault};

/// A file with a line of column names, one of which is that of the row ids.
pub struct TextRows<R> {
    names: Vec<String>,
    id_at: usize,
    source: Source<R>,
    /// The row that was read last, and where its cells stand in it.
    text: String,
    cells: Vec<Range<usize>>,
}

/// A row's cells, and the line on which it stands, counted from 1.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub line: u64,
    text: &'a str,
    cells: &'a [Range<usize>],
}

impl<'a> Row<'a> {
    /// # Panics
    ///
    /// If there is no such column.
    pub fn cell(&self, column: usize) -> &'a str {
        &self.text[self.cells[column].clone()]
    }

    pub fn cells(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let text = self.text;
        self.cells.iter().map(|cell| &text[cell.clone()])
    }
}

enum Source<R> {
    /// Line by line, while no line has a quotation mark. `line` is the number of the next.
    Plain {
        from: BufReader<R>,
        line: u64,
        /// Whether lines end with a carriage return and a line feed.
        has_returns: bool,
    },
    /// As RFC 4180 has it.
    Quoted(Box<Quoted<R>>),
    Done,
}

struct Quoted<R> {
    records: csv::Reader<Chain<Cursor<Vec<u8>>, BufReader<R>>>,
    record: csv::StringRecord,
    /// The number of the line that the reader counts as its first.
    first_line: u64,
    /// The reader ends a line at its carriage return and counts it at the line feed, which is one
    /// record later.
    counts_late: bool,
}

impl<R: Read> TextRows<R> {
    /// Reads the line of column names.
    pub fn open(from: R, id: &str, columns_max: usize) -> Result<TextRows<R>, TableError> {
        let mut from = BufReader::with_capacity(1 << 16, from);
        skip_mark(&mut from)?;
        let mut rows = TextRows {
            names: Vec::new(),
            id_at: 0,
            source: Source::Plain {
                from,
                line: 1,
                has_returns: false,
            },
            text: String::new(),
            cells: Vec::new(),
        };
        let names: Vec<String> = match rows.read()? {
            Some(row) => row.cells().map(str::to_owned).collect(),
            None => return Err(TableFault::Empty.at(None)),
        };
        if names.len() > columns_max {
            let found = names.len();
            return Err(TableFault::TooManyColumns { found, columns_max }.at(Some(1)));
        }
        rows.id_at = check_names(&names, id)?;
        rows.names = names;
        Ok(rows)
    }

    /// Of all columns, ids included, in file order; no two are the same.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of the id column among them.
    pub fn id_at(&self) -> usize {
        self.id_at
    }

    /// The next row, which has as many cells as there are names.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, TableError> {
        let expected = self.names.len();
        match self.read()? {
            Some(row) if row.cells.len() != expected => {
                let (found, expected) = (row.cells.len() as u64, expected as u64);
                Err(TableFault::Ragged { found, expected }.at(Some(row.line)))
            }
            row => Ok(row),
        }
    }

    fn read(&mut self) -> Result<Option<Row<'_>>, TableError> {
        if let Some(line) = self.read_plain()? {
            return Ok(Some(Row {
                line,
                text: &self.text,
                cells: &self.cells,
            }));
        }
        match &mut self.source {
            Source::Quoted(quoted) => quoted.read(&mut self.cells),
            Source::Plain { .. } | Source::Done => Ok(None),
        }
    }

    /// The line of the next row, if it has no quotation marks. Where it has some, the rest of the file
    /// is left to a reader that knows them.
    fn read_plain(&mut self) -> Result<Option<u64>, TableError> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        while let Source::Plain {
            from,
            line,
            has_returns,
        } = &mut self.source
        {
            bytes.clear();
            read_line(from, &mut bytes)
                .map_err(|error| TableFault::Read(error.to_string()).at(None))?;
            if bytes.is_empty() {
                self.source = Source::Done;
                break;
            }
            let end = [&b"\r\n"[..], b"\n", b"\r"];
            let end = end.into_iter().find(|end| bytes.ends_with(end));
            let length = bytes.len() - end.map_or(0, <[u8]>::len);
            if !cut(&bytes[..length], &mut self.cells) {
                self.leave_the_rest(bytes);
                break;
            }
            let here = *line;
            *has_returns = bytes.len() - length == 2;
            *line += 1;
            // An empty line is no row.
            if length > 0 {
                bytes.truncate(length);
                let text = String::from_utf8(bytes);
                self.text = text.map_err(|_| TableFault::NotUtf8.at(Some(here)))?;
                return Ok(Some(here));
            }
        }
        Ok(None)
    }

    fn leave_the_rest(&mut self, first: Vec<u8>) {
        if let Source::Plain {
            from,
            line,
            has_returns,
        } = std::mem::replace(&mut self.source, Source::Done)
        {
            let counts_late = has_returns || first.ends_with(b"\r\n");
            let mut records = csv::ReaderBuilder::new();
            records.has_headers(false).flexible(true);
            self.source = Source::Quoted(Box::new(Quoted {
                records: records.from_reader(Cursor::new(first).chain(from)),
                record: csv::StringRecord::new(),
                first_line: line,
                counts_late,
            }));
        }
    }
}

impl<R: Read> Quoted<R> {
    fn read<'a>(
        &'a mut self,
        cells: &'a mut Vec<Range<usize>>,
    ) -> Result<Option<Row<'a>>, TableError> {
        let read = self.records.read_record(&mut self.record);
        if !read.map_err(|error| table_error(error, self.first_line))? {
            return Ok(None);
        }
        let record = &self.record;
        let line = record.position().map_or(1, csv::Position::line) - 1 + self.first_line;
        if std::mem::take(&mut self.counts_late) {
            self.first_line += 1;
        }
        cells.clear();
        cells.extend((0..record.len()).filter_map(|cell| record.range(cell)));
        Ok(Some(Row {
            line,
            text: record.as_slice(),
            cells,
        }))
    }
}

/// Takes a line with its end, found by `memchr`.
fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let there = match from.fill_buf() {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr(b'\n', there);
        let length = end.map_or(there.len(), |end| end + 1);
        line.extend_from_slice(&there[..length]);
        from.consume(length);
        if end.is_some() || length == 0 {
            return Ok(());
        }
    }
}

/// Cuts a line at its commas, unless it has a character by which it is not that simple.
fn cut(line: &[u8], cells: &mut Vec<Range<usize>>) -> bool {
    cells.clear();
    let mut start = 0;
    for at in memchr3_iter(b',', b'"', b'\r', line) {
        if line[at] != b',' {
            return false;
        }
        cells.push(start..at);
        start = at + 1;
    }
    cells.push(start..line.len());
    true
}

/// Some programs begin a file with a mark that it is UTF-8.
fn skip_mark(from: &mut impl BufRead) -> Result<(), TableError> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let start = from.fill_buf();
    let start = start.map_err(|error| TableFault::Read(error.to_string()).at(None))?;
    if start.starts_with(MARK) {
        from.consume(MARK.len());
    }
    Ok(())
}

/// The place of the id column among the names.
fn check_names(names: &[String], id: &str) -> Result<usize, TableError> {
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

fn first_names(names: &[String]) -> String {
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
    use proptest::prelude::*;

    use super::*;

    /// The rows with their lines, as far as they can be read.
    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut rows = TextRows::open(text.as_bytes(), "id", usize::MAX).unwrap();
        let mut found = Vec::new();
        while let Some(row) = rows.read().unwrap() {
            found.push((row.line, row.cells().map(str::to_owned).collect()));
        }
        found
    }

    #[test]
    fn lines_are_counted_before_and_behind_a_quotation_mark() {
        for end in ["\n", "\r\n"] {
            let text = ["id,a", "1,x", "", "2,\"y", "y\"", "3,z", "\"4\",z"].join(end);
            let lines: Vec<u64> = rows(&text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, [2, 4, 6, 7], "{end:?}");
        }
    }

    proptest! {
        #[test]
        fn rows_are_those_that_a_whole_csv_reader_finds(text in "[a,\"\r\n]{0,40}") {
            let text = format!("id,a\n{text}");
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = (reader.records().skip(1))
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let found: Vec<Vec<String>> = rows(&text).into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
