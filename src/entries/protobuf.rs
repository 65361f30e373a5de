//! Reads the wire format of Protocol Buffers from a file, field by field, without ever holding a
//! message: what nobody asks for is skipped by seeking.
//!
//! The format: <https://protobuf.dev/programming-guides/encoding/>. Its groups, which were given up
//! before ONNX began, are refused.

use std::io::{self, BufRead, BufReader, Read, Seek};

/// A file, read forward only.
pub struct Wire<R> {
    file: BufReader<R>,
    at: u64,
}

/// A stretch of the file that holds fields: a message, or what a field has for bytes.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    next: u64,
    end: u64,
}

pub struct Field {
    pub number: u64,
    pub value: Value,
}

pub enum Value {
    Varint(u64),
    Fixed32,
    Fixed64,
    Bytes(Message),
}

#[derive(Debug)]
pub enum WireError {
    /// The bytes break the format.
    Malformed(Malformed),
    Io(io::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("what begins at byte {at} needs more bytes than there are left")]
    TooShort { at: u64 },
    #[error("the number at byte {at} has more than 64 bits")]
    TooLong { at: u64 },
    #[error("no field begins at byte {at}")]
    NoField { at: u64 },
}

impl<R: Read + Seek> Wire<R> {
    /// The whole of a file that is `size` bytes long.
    pub fn open(mut file: R, size: u64) -> io::Result<(Wire<R>, Message)> {
        let length = file.seek(io::SeekFrom::End(0))?;
        if length != size {
            let message = format!("the file has {length} bytes, not {size}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        file.rewind()?;
        let file = BufReader::new(file);
        Ok((Wire { file, at: 0 }, Message { next: 0, end: size }))
    }

    /// The next field of a message, past whatever of the one before it was not read.
    #[inline]
    pub fn next(&mut self, message: &mut Message) -> Result<Option<Field>, WireError> {
        if message.next >= message.end {
            return Ok(None);
        }
        self.skip_to(message.next)?;
        let at = self.at;
        let tag = self.varint(message.end)?;
        let number = tag >> 3;
        // Protobuf's own readers drop the bits of a tag past the 32nd, and would see another field
        // here than we do.
        if number == 0 || tag > u64::from(u32::MAX) {
            return Err(WireError::Malformed(Malformed::NoField { at }));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint(message.end)?),
            1 => Value::Fixed64,
            2 => {
                let length = self.varint(message.end)?;
                let end = self.end_of(length, message.end)?;
                let next = self.at;
                Value::Bytes(Message { next, end })
            }
            5 => Value::Fixed32,
            _ => return Err(WireError::Malformed(Malformed::NoField { at })),
        };
        message.next = match value {
            Value::Varint(_) => self.at,
            Value::Fixed64 => self.end_of(8, message.end)?,
            Value::Fixed32 => self.end_of(4, message.end)?,
            Value::Bytes(Message { end, .. }) => end,
        };
        Ok(Some(Field { number, value }))
    }

    /// The next of the numbers that a packed field has one after the other.
    pub fn next_packed(&mut self, packed: &mut Message) -> Result<Option<u64>, WireError> {
        if packed.next >= packed.end {
            return Ok(None);
        }
        self.skip_to(packed.next)?;
        let number = self.varint(packed.end)?;
        packed.next = self.at;
        Ok(Some(number))
    }

    /// The beginning of a field's bytes: all of them, but `most` at most.
    pub fn bytes(&mut self, field: Message, most: usize) -> Result<Vec<u8>, WireError> {
        let length = usize::try_from(field.len()).map_or(most, |length| length.min(most));
        let mut bytes = vec![0; length];
        self.read(field, &mut bytes)?;
        Ok(bytes)
    }

    /// As many of a field's bytes as fit into `buffer`, at its beginning.
    pub fn bytes_into<'b>(
        &mut self,
        field: Message,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], WireError> {
        let most = buffer.len();
        let length = usize::try_from(field.len()).map_or(most, |length| length.min(most));
        self.read(field, &mut buffer[..length])?;
        Ok(&buffer[..length])
    }

    fn read(&mut self, field: Message, bytes: &mut [u8]) -> Result<(), WireError> {
        self.skip_to(field.next)?;
        self.file.read_exact(bytes).map_err(WireError::Io)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The beginning of the file, at most `most` bytes.
    pub fn head(mut self, most: usize) -> io::Result<Vec<u8>> {
        self.file.rewind()?;
        let mut head = Vec::with_capacity(most);
        self.file.take(most as u64).read_to_end(&mut head)?;
        Ok(head)
    }

    fn end_of(&self, length: u64, end: u64) -> Result<u64, WireError> {
        (self.at.checked_add(length))
            .filter(|field_end| *field_end <= end)
            .ok_or(WireError::Malformed(Malformed::TooShort { at: self.at }))
    }

    #[inline]
    fn varint(&mut self, end: u64) -> Result<u64, WireError> {
        let start = self.at;
        // Most are of one byte, and there can be millions.
        if start < end
            && let Some(&byte) = self.file.buffer().first()
            && byte < 0x80
        {
            self.file.consume(1);
            self.at += 1;
            return Ok(u64::from(byte));
        }
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            if self.at >= end {
                return Err(WireError::Malformed(Malformed::TooShort { at: start }));
            }
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(WireError::Malformed(Malformed::TooLong { at: start }))
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        let buffer = self.file.fill_buf().map_err(WireError::Io)?;
        let Some(&byte) = buffer.first() else {
            return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
        };
        self.file.consume(1);
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn skip_to(&mut self, offset: u64) -> Result<(), WireError> {
        if offset == self.at {
            return Ok(());
        }
        let distance = i64::try_from(offset - self.at)
            .map_err(|_| WireError::Malformed(Malformed::TooShort { at: self.at }))?;
        self.file.seek_relative(distance).map_err(WireError::Io)?;
        self.at = offset;
        Ok(())
    }
}

impl Message {
    pub fn len(self) -> u64 {
        self.end - self.next
    }
}
