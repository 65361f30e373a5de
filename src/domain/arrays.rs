//! Arrays of numbers as test inputs: one for each row, all of one type and shape.

use std::fmt;
use std::ops::Range;

/// Axes of a row's array, at most.
const RANK_MAX: usize = 7;
/// Whole numbers up to here are exact as float32.
const WHOLE_IN_FLOAT32: u64 = 1 << 24;
/// Decimals of so many significant digits survive as float32.
const DIGITS_IN_FLOAT32: u32 = 6;
/// As many as any float64 needs.
const DIGITS_MAX: u32 = 17;

/// The type of an array's elements; numpy's, in the byte order of our machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float16,
    Float32,
    Float64,
}

impl Element {
    const ALL: [Element; 12] = [
        Element::Bool,
        Element::Int8,
        Element::Int16,
        Element::Int32,
        Element::Int64,
        Element::Uint8,
        Element::Uint16,
        Element::Uint32,
        Element::Uint64,
        Element::Float16,
        Element::Float32,
        Element::Float64,
    ];

    /// The type that a `.npy` file describes so.
    pub fn described(descr: &str) -> Option<Element> {
        let mut all = Element::ALL.into_iter();
        all.find(|element| element.descr() == descr)
    }

    /// As `.npy` files describe it.
    pub fn descr(self) -> &'static str {
        match self {
            Element::Bool => "|b1",
            Element::Int8 => "|i1",
            Element::Int16 => "<i2",
            Element::Int32 => "<i4",
            Element::Int64 => "<i8",
            Element::Uint8 => "|u1",
            Element::Uint16 => "<u2",
            Element::Uint32 => "<u4",
            Element::Uint64 => "<u8",
            Element::Float16 => "<f2",
            Element::Float32 => "<f4",
            Element::Float64 => "<f8",
        }
    }

    /// As numpy calls it.
    pub fn name(self) -> &'static str {
        match self {
            Element::Bool => "bool",
            Element::Int8 => "int8",
            Element::Int16 => "int16",
            Element::Int32 => "int32",
            Element::Int64 => "int64",
            Element::Uint8 => "uint8",
            Element::Uint16 => "uint16",
            Element::Uint32 => "uint32",
            Element::Uint64 => "uint64",
            Element::Float16 => "float16",
            Element::Float32 => "float32",
            Element::Float64 => "float64",
        }
    }

    /// In bytes.
    pub fn size(self) -> usize {
        match self {
            Element::Bool | Element::Int8 | Element::Uint8 => 1,
            Element::Int16 | Element::Uint16 | Element::Float16 => 2,
            Element::Int32 | Element::Uint32 | Element::Float32 => 4,
            Element::Int64 | Element::Uint64 | Element::Float64 => 8,
        }
    }

    pub fn is_decimal(self) -> bool {
        match self {
            Element::Float16 | Element::Float32 | Element::Float64 => true,
            Element::Bool
            | Element::Int8
            | Element::Int16
            | Element::Int32
            | Element::Int64
            | Element::Uint8
            | Element::Uint16
            | Element::Uint32
            | Element::Uint64 => false,
        }
    }

    /// An element as a number: exact but for whole numbers that no float64 holds.
    pub fn number(self, bytes: &[u8]) -> f64 {
        fn le<const N: usize>(bytes: &[u8]) -> [u8; N] {
            bytes.try_into().expect("an element has its size")
        }
        match self {
            Element::Bool => f64::from(u8::from(bytes[0] != 0)),
            Element::Uint8 => f64::from(bytes[0]),
            Element::Int8 => f64::from(i8::from_le_bytes(le(bytes))),
            Element::Int16 => f64::from(i16::from_le_bytes(le(bytes))),
            Element::Uint16 => f64::from(u16::from_le_bytes(le(bytes))),
            Element::Int32 => f64::from(i32::from_le_bytes(le(bytes))),
            Element::Uint32 => f64::from(u32::from_le_bytes(le(bytes))),
            Element::Int64 => i64::from_le_bytes(le(bytes)) as f64,
            Element::Uint64 => u64::from_le_bytes(le(bytes)) as f64,
            Element::Float16 => half(u16::from_le_bytes(le(bytes))),
            Element::Float32 => f64::from(f32::from_le_bytes(le(bytes))),
            Element::Float64 => f64::from_le_bytes(le(bytes)),
        }
    }
}

/// IEEE 754's binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
    }
}

/// The shape of a row's array: that of all rows together, without its first axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    axes: [u64; RANK_MAX],
    rank: usize,
}

impl Shape {
    /// `None` for more axes than can be, for empty ones, and for more values than memory holds.
    pub fn new(axes: &[u64]) -> Option<Shape> {
        let mut shape = Shape {
            axes: [0; RANK_MAX],
            rank: axes.len(),
        };
        shape.axes.get_mut(..axes.len())?.copy_from_slice(axes);
        let values = (axes.iter()).try_fold(1u64, |size, axis| size.checked_mul(*axis))?;
        (1..=1 << 40).contains(&values).then_some(shape)
    }

    pub fn axes(&self) -> &[u64] {
        &self.axes[..self.rank]
    }

    /// How many values a row has.
    pub fn values(&self) -> u64 {
        self.axes().iter().product()
    }
}

/// "[N, 1, 8, 8]".
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[N")?;
        for axis in self.axes() {
            write!(f, ", {axis}")?;
        }
        f.write_str("]")
    }
}

/// One array for each row, one after the other, in C order. All numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrays {
    element: Element,
    shape: Shape,
    bytes: Vec<u8>,
    /// The most digits that a decimal of it needs, where that is not known from its type.
    significant_digits: Option<u32>,
    fit_float32: bool,
}

/// The first row, counted from 1, with NaN or infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFinite {
    pub row: usize,
}

impl Arrays {
    /// # Panics
    ///
    /// If the bytes are no whole number of rows.
    pub fn new(element: Element, shape: Shape, bytes: Vec<u8>) -> Result<Arrays, NotFinite> {
        let per_row = shape.values() as usize * element.size();
        assert!(bytes.len().is_multiple_of(per_row), "rows are whole");
        let mut digits = 0;
        let mut fit_float32 = true;
        if element.is_decimal() {
            for (at, bytes) in bytes.chunks_exact(element.size()).enumerate() {
                let number = element.number(bytes);
                if !number.is_finite() {
                    let row = at / shape.values() as usize + 1;
                    return Err(NotFinite { row });
                }
                // One that needs more decides it.
                if element == Element::Float64 && digits <= DIGITS_IN_FLOAT32 {
                    digits = digits.max(significant_digits(number));
                }
            }
            fit_float32 = digits <= DIGITS_IN_FLOAT32;
        } else if element.size() > 2 {
            let largest = WHOLE_IN_FLOAT32 as f64;
            let mut elements = bytes.chunks_exact(element.size());
            fit_float32 = elements.all(|bytes| element.number(bytes).abs() <= largest);
        }
        let significant_digits = (element == Element::Float64).then_some(match fit_float32 {
            true => digits,
            false => DIGITS_MAX,
        });
        Ok(Arrays {
            element,
            shape,
            bytes,
            significant_digits,
            fit_float32,
        })
    }

    pub fn element(&self) -> Element {
        self.element
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Of a row's array.
    pub fn axes(&self) -> &[u64] {
        self.shape.axes()
    }

    pub fn rows(&self) -> usize {
        self.bytes.len() / self.row_bytes()
    }

    pub fn significant_digits(&self) -> Option<u32> {
        self.significant_digits
    }

    /// Whether all numbers are exact as float32, or were written with few digits.
    pub fn fit_float32(&self) -> bool {
        self.fit_float32
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// # Panics
    ///
    /// If there are no such rows.
    pub fn bytes_of(&self, rows: Range<usize>) -> &[u8] {
        let size = self.row_bytes();
        &self.bytes[rows.start * size..rows.end * size]
    }

    fn row_bytes(&self) -> usize {
        self.shape.values() as usize * self.element.size()
    }
}

/// Of the shortest decimal that is read as this number.
pub fn significant_digits(number: f64) -> u32 {
    let text = format!("{number:e}");
    let mantissa = text.split('e').next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    u32::try_from(digits.trim_matches('0').len()).unwrap_or(DIGITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_numbers_that_they_stand_for() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x3c00, 1.0),
            (0x3555, 0.333_251_953_125),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(half(bits), number, "{bits:#x}");
        }
        assert!(half(0x7c01).is_nan());
    }

    #[test]
    fn whether_float32_holds_the_numbers_is_known() {
        let shape = Shape::new(&[2]).unwrap();
        let floats = |numbers: &[f64]| {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
            Arrays::new(Element::Float64, shape, bytes.collect())
        };
        let few = floats(&[0.1, 1500.0]).unwrap();
        assert!(few.fit_float32() && few.significant_digits() == Some(2) && few.rows() == 1);
        let many = floats(&[0.1, 0.123_456_789]).unwrap();
        assert!(!many.fit_float32() && many.significant_digits() == Some(17));
        assert_eq!(
            floats(&[0.0, 0.0, 1.0, f64::NAN]),
            Err(NotFinite { row: 2 })
        );
        let whole = |numbers: [i32; 2]| {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
            Arrays::new(Element::Int32, shape, bytes.collect()).unwrap()
        };
        assert!(whole([1, -(1 << 24)]).fit_float32());
        assert!(!whole([1, (1 << 24) + 1]).fit_float32());
    }

    #[test]
    fn a_shape_has_a_size_that_can_be() {
        assert_eq!(Shape::new(&[1, 8, 8]).unwrap().to_string(), "[N, 1, 8, 8]");
        for axes in [&[0][..], &[2; 8], &[1 << 40, 2]] {
            assert_eq!(Shape::new(axes), None, "{axes:?}");
        }
    }
}
