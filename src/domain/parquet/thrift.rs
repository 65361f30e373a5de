//! Thrift's compact protocol, as far as Parquet's footer and page headers need it.

use super::Fault;

/// Structs and lists inside each other, at most.
const DEPTH_MAX: u32 = 16;

/// Walks over a buffer. Each step takes at least a byte, so that a walk ends.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A type, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type(u8);

impl Type {
    const TRUE: Type = Type(1);
    const FALSE: Type = Type(2);
    const BYTE: Type = Type(3);
    const I16: Type = Type(4);
    const I32: Type = Type(5);
    const I64: Type = Type(6);
    const DOUBLE: Type = Type(7);
    pub const BINARY: Type = Type(8);
    pub const LIST: Type = Type(9);
    const SET: Type = Type(10);
    const MAP: Type = Type(11);
    pub const STRUCT: Type = Type(12);
    const UUID: Type = Type(13);
}

const CUT_OFF: Fault = Fault::Damaged("its description ends too early");
const WRONG: Fault = Fault::Damaged("its description cannot be read");

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How far it is.
    pub fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.bytes.get(self.at).ok_or(CUT_OFF)?;
        self.at += 1;
        Ok(byte)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(count).ok_or(CUT_OFF)?;
        let bytes = self.bytes.get(self.at..end).ok_or(CUT_OFF)?;
        self.at = end;
        Ok(bytes)
    }

    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WRONG)
    }

    fn zigzag(&mut self) -> Result<i64, Fault> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a struct, by its number; nothing at its end. `last` is the number before it,
    /// 0 at first.
    pub fn field(&mut self, last: &mut i64) -> Result<Option<(i64, Type)>, Fault> {
        let byte = self.byte()?;
        if byte & 0x0f == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.zigzag()?,
            step => last.checked_add(i64::from(step)).ok_or(WRONG)?,
        };
        Ok(Some((*last, Type(byte & 0x0f))))
    }

    /// A list's length and the type of its elements.
    pub fn list(&mut self) -> Result<(u64, Type), Fault> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Ok((count, Type(byte & 0x0f)))
    }

    pub fn whole(&mut self, of: Type) -> Result<i64, Fault> {
        match of {
            Type::I16 | Type::I32 | Type::I64 => self.zigzag(),
            Type::BYTE => Ok(i64::from(self.byte()? as i8)),
            _ => Err(WRONG),
        }
    }

    /// As [`Reader::whole`], of a number that is not negative.
    pub fn size(&mut self, of: Type) -> Result<u64, Fault> {
        u64::try_from(self.whole(of)?).map_err(|_| Fault::Damaged("a size is negative"))
    }

    /// Of a field: its type is its value.
    pub fn truth(&mut self, of: Type) -> Result<bool, Fault> {
        match of {
            Type::TRUE => Ok(true),
            Type::FALSE => Ok(false),
            _ => Err(WRONG),
        }
    }

    pub fn binary(&mut self, of: Type) -> Result<&'a [u8], Fault> {
        if of != Type::BINARY {
            return Err(WRONG);
        }
        let length = usize::try_from(self.varint()?).map_err(|_| CUT_OFF)?;
        self.bytes(length)
    }

    pub fn expect(&self, found: Type, wanted: Type) -> Result<(), Fault> {
        if found == wanted { Ok(()) } else { Err(WRONG) }
    }

    /// Passes over a field.
    pub fn skip(&mut self, of: Type) -> Result<(), Fault> {
        self.skip_within(of, DEPTH_MAX, false)
    }

    fn skip_within(&mut self, of: Type, depth: u32, in_list: bool) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(WRONG)?;
        match of {
            Type::TRUE | Type::FALSE => {
                if in_list {
                    self.byte()?;
                }
            }
            Type::BYTE => drop(self.byte()?),
            Type::I16 | Type::I32 | Type::I64 => drop(self.varint()?),
            Type::DOUBLE => drop(self.bytes(8)?),
            Type::UUID => drop(self.bytes(16)?),
            Type::BINARY => drop(self.binary(of)?),
            Type::LIST | Type::SET => {
                let (count, element) = self.list()?;
                for _ in 0..count {
                    self.skip_within(element, depth, true)?;
                }
            }
            Type::MAP => {
                let count = self.varint()?;
                if count > 0 {
                    let types = self.byte()?;
                    for _ in 0..count {
                        self.skip_within(Type(types >> 4), depth, true)?;
                        self.skip_within(Type(types & 0x0f), depth, true)?;
                    }
                }
            }
            Type::STRUCT => {
                let mut last = 0;
                while let Some((_, of)) = self.field(&mut last)? {
                    self.skip_within(of, depth, false)?;
                }
            }
            _ => return Err(WRONG),
        }
        Ok(())
    }
}
