//! Reads FlatBuffers out of a file without trusting an offset of it, and without ever holding the
//! file: each place that is asked for must lie in it, and a page of it is kept at a time.
//!
//! The format: <https://flatbuffers.dev/internals/>.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const PAGE_BYTES: u64 = 64 << 10;
/// Whatever a file claims, no more numbers than this are read out of it: some seconds of work.
const READS_MAX: u64 = 50_000_000;

#[derive(Debug)]
pub enum ReadError {
    /// An offset leads out of the file, or the file is a maze.
    Malformed {
        at: u64,
    },
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

pub struct FlatBuffer {
    file: File,
    size: u64,
    page_at: u64,
    page: Vec<u8>,
    reads: u64,
}

/// A table: fields that may be absent, found through a list of where each lies.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    at: u64,
    fields_at: u64,
    /// Bytes of the list.
    fields_len: u64,
}

/// A row of elements.
#[derive(Debug, Clone, Copy)]
pub struct Vector {
    pub at: u64,
    pub len: u64,
}

impl FlatBuffer {
    /// A file of `size` bytes.
    pub fn open(file: File, size: u64) -> io::Result<FlatBuffer> {
        let length = file.metadata()?.len();
        if length != size {
            let message = format!("the file has {length} bytes, not {size}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(FlatBuffer {
            file,
            size,
            page_at: 0,
            page: Vec::new(),
            reads: 0,
        })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The table that the file is about.
    pub fn root(&mut self) -> Result<Table, ReadError> {
        self.table_from(0)
    }

    /// A table that the offset at this place leads to.
    fn table_from(&mut self, offset_at: u64) -> Result<Table, ReadError> {
        let at = self.follow(offset_at)?;
        let back = i64::from(self.i32_at(at)?);
        let fields_at = (at.checked_add_signed(-back)).ok_or(ReadError::Malformed { at })?;
        let fields_len = u64::from(self.u16_at(fields_at)?);
        Ok(Table {
            at,
            fields_at,
            fields_len,
        })
    }

    /// Where a field of a table lies, if it is there.
    pub fn field(&mut self, table: &Table, number: u64) -> Result<Option<u64>, ReadError> {
        let entry = 4 + 2 * number;
        if entry + 2 > table.fields_len {
            return Ok(None);
        }
        let offset = u64::from(self.u16_at(table.fields_at.saturating_add(entry))?);
        Ok((offset > 0).then(|| table.at.saturating_add(offset)))
    }

    /// A field that is a row of elements of `element` bytes each, all within the file.
    pub fn vector(
        &mut self,
        table: &Table,
        number: u64,
        element: u64,
    ) -> Result<Vector, ReadError> {
        let Some(field) = self.field(table, number)? else {
            return Ok(Vector { at: 0, len: 0 });
        };
        let at = self.follow(field)?;
        let len = u64::from(self.u32_at(at)?);
        let begin = at + 4;
        if len * element > self.size.saturating_sub(begin) {
            return Err(ReadError::Malformed { at });
        }
        Ok(Vector { at: begin, len })
    }

    /// A field that is a table.
    pub fn table(&mut self, table: &Table, number: u64) -> Result<Option<Table>, ReadError> {
        match self.field(table, number)? {
            Some(at) => self.table_from(at).map(Some),
            None => Ok(None),
        }
    }

    /// A field that is a row of tables.
    pub fn tables(&mut self, table: &Table, number: u64) -> Result<Vector, ReadError> {
        self.vector(table, number, 4)
    }

    /// One of a row of tables.
    pub fn table_of(&mut self, vector: &Vector, index: u64) -> Result<Table, ReadError> {
        self.table_from(vector.at + 4 * index)
    }

    /// One of a row of 32-bit numbers.
    pub fn i32_of(&mut self, vector: &Vector, index: u64) -> Result<i32, ReadError> {
        self.i32_at(vector.at + 4 * index)
    }

    /// The beginning of a text, `most` bytes of it at most.
    pub fn text(&mut self, table: &Table, number: u64, most: usize) -> Result<Vec<u8>, ReadError> {
        let text = self.vector(table, number, 1)?;
        (0..text.len.min(most as u64))
            .map(|index| self.u8_at(text.at + index))
            .collect()
    }

    pub fn u8_at(&mut self, at: u64) -> Result<u8, ReadError> {
        self.bytes(at).map(u8::from_le_bytes)
    }

    pub fn i8_at(&mut self, at: u64) -> Result<i8, ReadError> {
        self.bytes(at).map(i8::from_le_bytes)
    }

    fn u16_at(&mut self, at: u64) -> Result<u16, ReadError> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    pub fn u32_at(&mut self, at: u64) -> Result<u32, ReadError> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    pub fn i32_at(&mut self, at: u64) -> Result<i32, ReadError> {
        self.bytes(at).map(i32::from_le_bytes)
    }

    pub fn u64_at(&mut self, at: u64) -> Result<u64, ReadError> {
        self.bytes(at).map(u64::from_le_bytes)
    }

    /// Where the offset at a place leads. Offsets lead forward alone.
    fn follow(&mut self, at: u64) -> Result<u64, ReadError> {
        Ok(at + u64::from(self.u32_at(at)?))
    }

    fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], ReadError> {
        self.reads += 1;
        let end = at.checked_add(N as u64);
        if end.is_none_or(|end| end > self.size) || self.reads > READS_MAX {
            return Err(ReadError::Malformed { at });
        }
        let within = |page_at: u64, page: &[u8]| {
            let begin = usize::try_from(at.checked_sub(page_at)?).ok()?;
            page.get(begin..begin + N)?.try_into().ok()
        };
        if let Some(bytes) = within(self.page_at, &self.page) {
            return Ok(bytes);
        }
        // A page begins so that what is asked for lies whole in it.
        self.page_at = at / PAGE_BYTES * PAGE_BYTES;
        let wanted = (PAGE_BYTES + 8).min(self.size - self.page_at) as usize;
        self.page.resize(wanted, 0);
        self.file.read_exact_at(&mut self.page, self.page_at)?;
        Ok(within(self.page_at, &self.page).expect("a page has eight bytes more than its length"))
    }
}
