//! Parquet's mixture of runs and packed bits, in which levels, dictionary places and truth values are
//! written.

use super::Fault;

const WRONG: Fault = Fault::Damaged("a page ends too early");

/// Hands out one number after the other.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    bytes: &'a [u8],
    /// Bits of each number, up to 32.
    width: u32,
    /// Of the present run.
    left: u64,
    run: Run<'a>,
}

#[derive(Debug, Clone)]
enum Run<'a> {
    Same(u32),
    Packed { bytes: &'a [u8], bit: usize },
}

impl<'a> Runs<'a> {
    pub fn new(bytes: &'a [u8], width: u32) -> Result<Runs<'a>, Fault> {
        if width > 32 {
            return Err(Fault::Damaged("a page packs more than 32 bits"));
        }
        Ok(Runs {
            bytes,
            width,
            left: 0,
            run: Run::Same(0),
        })
    }

    /// Bits enough for numbers up to `most`.
    pub fn width_for(most: u32) -> u32 {
        32 - most.leading_zeros()
    }

    pub fn next_number(&mut self) -> Result<u32, Fault> {
        if self.width == 0 {
            return Ok(0);
        }
        while self.left == 0 {
            self.start_run()?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Same(number) => Ok(*number),
            Run::Packed { bytes, bit } => {
                let number = packed(bytes, *bit, self.width).ok_or(WRONG)?;
                *bit += self.width as usize;
                Ok(number)
            }
        }
    }

    fn start_run(&mut self) -> Result<(), Fault> {
        let header = self.header()?;
        if header & 1 == 0 {
            self.left = header >> 1;
            let size = self.width.div_ceil(8) as usize;
            let (number, rest) = self.bytes.split_at_checked(size).ok_or(WRONG)?;
            self.bytes = rest;
            let mut wide = [0; 4];
            wide[..size].copy_from_slice(number);
            self.run = Run::Same(u32::from_le_bytes(wide));
        } else {
            // Of eight numbers each. The last may be cut off behind the last number that counts.
            let groups = header >> 1;
            self.left = groups.checked_mul(8).ok_or(WRONG)?;
            let size = usize::try_from(groups.saturating_mul(u64::from(self.width)));
            let size = size.unwrap_or(usize::MAX).min(self.bytes.len());
            let (bytes, rest) = self.bytes.split_at(size);
            self.bytes = rest;
            self.run = Run::Packed { bytes, bit: 0 };
        }
        Ok(())
    }

    fn header(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.bytes.split_first().ok_or(WRONG)?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Damaged("a page's run is too long"))
    }
}

/// `width` bits from `bit` on, the lowest first.
fn packed(bytes: &[u8], bit: usize, width: u32) -> Option<u32> {
    let end = (bit + width as usize).div_ceil(8);
    let touched = bytes.get(bit / 8..end)?;
    let mut wide = [0; 8];
    wide[..touched.len()].copy_from_slice(touched);
    let number = u64::from_le_bytes(wide) >> (bit % 8);
    Some((number & ((1 << width) - 1)) as u32)
}
