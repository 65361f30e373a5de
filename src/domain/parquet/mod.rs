//! Reads Parquet files that strangers may have written, column by column. Nothing is allocated for what
//! a file merely claims, and nothing is unpacked beyond what the caller allows. Of the format it knows
//! what data frames are written with: flat columns and lists of them, plain or with a dictionary, as
//! they are or compressed with snappy or gzip.

mod footer;
mod pages;
mod runs;
mod thrift;

use std::fmt;

use footer::Footer;
use pages::ChunkPages;

/// What a file of this format begins and ends with.
pub const MAGIC: [u8; 4] = *b"PAR1";

/// What a file may come to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub rows: u64,
    /// Of lists: elements in one column of them.
    pub elements: u64,
    /// Bytes of all pages together, once they are unpacked.
    pub unpacked: u64,
    /// Bytes of all texts together: a dictionary has each only once.
    pub text: u64,
}

impl Bounds {
    /// For a file that a host hands over himself.
    pub const TRUSTED: Bounds = Bounds {
        rows: u32::MAX as u64,
        elements: 1 << 36,
        unpacked: 1 << 36,
        text: 1 << 36,
    };

    /// A page only knows that there is no room left for it.
    fn told(&self, fault: Fault) -> Fault {
        match fault {
            Fault::TooLarge { .. } => Fault::TooLarge {
                most: self.unpacked,
            },
            fault => fault,
        }
    }
}

/// Why a file is not read, as the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("it is no Parquet file, or it is cut off: it must begin and end with `PAR1`")]
    NotParquet,
    #[error("the file is damaged: {0}")]
    Damaged(&'static str),
    #[error("it has more than {most} columns or parts of columns")]
    TooManyParts { most: usize },
    #[error("it has {found} rows, more than {most}")]
    TooManyRows { found: u64, most: u64 },
    #[error("the column `{column}` has more than {most} elements in its lists")]
    TooManyElements { column: String, most: u64 },
    #[error("unpacked it takes more than {most} bytes")]
    TooLarge { most: u64 },
    #[error("its texts take more than {most} bytes")]
    TooMuchText { most: u64 },
    #[error("it is compressed with {0}; write it with snappy or gzip, or without compression")]
    Compression(&'static str),
    #[error("the column `{column}` is encoded as {encoding}; write it plain or with a dictionary")]
    Encoding {
        column: String,
        encoding: &'static str,
    },
    #[error("the column `{column}` holds {what}, which is not read")]
    Type { column: String, what: &'static str },
    #[error("the column `{column}` holds text that is not UTF-8")]
    NotUtf8 { column: String },
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    /// Of so many bits, up to 64.
    Whole {
        signed: bool,
    },
    Single,
    Double,
    Text,
    /// Nothing but nulls.
    Null,
    /// Not read, and what to call it.
    Other(&'static str),
}

/// A column of the file's top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    /// Whether a row has a list of such values.
    pub is_list: bool,
    /// Among the columns that are stored.
    leaf: usize,
}

/// A value, or its lack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Bool(bool),
    Whole(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    Text(&'a str),
}

/// One after the other, all that a column holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item<'a> {
    /// Further elements of a row's list do not.
    pub starts_row: bool,
    /// The row has no elements at all: an empty list, or none.
    pub is_hollow: bool,
    pub cell: Cell<'a>,
}

/// A file whose footer has been read.
#[derive(Debug)]
pub struct ParquetFile<'a> {
    bytes: &'a [u8],
    footer: Footer,
    bounds: Bounds,
    unpacked_left: u64,
    text_left: u64,
}

impl<'a> ParquetFile<'a> {
    pub fn open(bytes: &'a [u8], bounds: Bounds) -> Result<ParquetFile<'a>, Fault> {
        let footer = footer::read(bytes)?;
        if footer.rows > bounds.rows {
            return Err(Fault::TooManyRows {
                found: footer.rows,
                most: bounds.rows,
            });
        }
        if footer.unpacked() > bounds.unpacked {
            return Err(Fault::TooLarge {
                most: bounds.unpacked,
            });
        }
        Ok(ParquetFile {
            bytes,
            footer,
            bounds,
            unpacked_left: bounds.unpacked,
            text_left: bounds.text,
        })
    }

    /// The columns in file order.
    pub fn fields(&self) -> &[Field] {
        &self.footer.fields
    }

    pub fn rows(&self) -> u64 {
        self.footer.rows
    }

    /// Hands over each value of a column, in as many rows as the file has.
    pub fn for_each<E: From<Fault>>(
        &mut self,
        field: usize,
        mut take: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let field = &self.footer.fields[field];
        if let Kind::Other(what) = field.kind {
            return Err(E::from(Fault::Type {
                column: field.name.clone(),
                what,
            }));
        }
        let leaf = &self.footer.leaves[field.leaf];
        const TOO_MANY: Fault = Fault::Damaged("a column has more values than rows");
        let mut elements_left = self.bounds.elements;
        for group in &self.footer.groups {
            let values_max = match leaf.is_list() {
                true => group.rows.saturating_add(self.bounds.elements),
                false => group.rows,
            };
            let chunk = &group.chunks[field.leaf];
            let mut pages = ChunkPages::open(self.bytes, chunk, leaf, values_max)?;
            let mut rows_left = group.rows;
            loop {
                let body = pages.next_body(&mut self.unpacked_left);
                let Some(body) = body.map_err(|fault| self.bounds.told(fault))? else {
                    break;
                };
                let mut page = pages.page(&body)?;
                for _ in 0..body.count {
                    let item = page.next_item()?;
                    if item.starts_row {
                        rows_left = rows_left.checked_sub(1).ok_or(TOO_MANY)?;
                    } else if rows_left == group.rows {
                        return Err(E::from(Fault::Damaged("a list begins in its middle")));
                    }
                    if leaf.is_list() {
                        let left = elements_left.checked_sub(1);
                        elements_left = left.ok_or_else(|| Fault::TooManyElements {
                            column: leaf.name.to_string(),
                            most: self.bounds.elements,
                        })?;
                    }
                    if let Cell::Text(text) = item.cell {
                        let left = self.text_left.checked_sub(text.len() as u64);
                        self.text_left = left.ok_or(Fault::TooMuchText {
                            most: self.bounds.text,
                        })?;
                    }
                    take(item)?;
                }
            }
            if rows_left > 0 {
                return Err(E::from(Fault::Damaged(
                    "a column has fewer values than rows",
                )));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Bool => "truth values",
            Kind::Whole { .. } => "whole numbers",
            Kind::Single | Kind::Double => "decimals",
            Kind::Text => "text",
            Kind::Null => "nulls",
            Kind::Other(what) => what,
        })
    }
}

#[cfg(test)]
mod tests;
