//! A column's pages one by one, each unpacked within bounds, and the values in them.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use super::footer::{Chunk, Leaf, Stored};
use super::runs::Runs;
use super::thrift::{Reader, Type};
use super::{Cell, Fault, Item, Kind};

/// Writers make pages of about a mebibyte.
const PAGE_BYTES_MAX: u64 = 128 << 20;
const CUT_OFF: Fault = Fault::Damaged("a page ends too early");

/// The pages of a column in a group of rows.
#[derive(Debug)]
pub struct ChunkPages<'a> {
    /// Those that have not been read.
    bytes: &'a [u8],
    codec: i64,
    leaf: &'a Leaf,
    values_max: u64,
    dictionary: Option<Dictionary<'a>>,
}

/// The values that a page's numbers stand for.
#[derive(Debug)]
struct Dictionary<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where each lies.
    places: Vec<Range<usize>>,
}

/// A page with values, unpacked.
#[derive(Debug)]
pub struct Body<'a> {
    /// How many values there are; those that are missing are counted.
    pub count: u64,
    encoding: i64,
    /// Of pages that have their levels beside them: those of repetition, and those of definition.
    levels: Option<(&'a [u8], &'a [u8])>,
    bytes: Cow<'a, [u8]>,
}

/// Walks over a page's values.
#[derive(Debug)]
pub struct Page<'a> {
    leaf: &'a Leaf,
    repeated: Option<Runs<'a>>,
    defined: Option<Runs<'a>>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Plain(&'a [u8]),
    /// Truth values, a bit each.
    Bits {
        bytes: &'a [u8],
        bit: usize,
    },
    /// Truth values as runs.
    Truths(Runs<'a>),
    Places(Runs<'a>, &'a Dictionary<'a>),
}

#[derive(Debug, Default)]
struct Header {
    kind: i64,
    unpacked: u64,
    packed: u64,
    count: u64,
    encoding: i64,
    level_encodings: [i64; 2],
    defined_bytes: u64,
    repeated_bytes: u64,
    is_plain: bool,
}

impl<'a> ChunkPages<'a> {
    /// The column has so many values at most, and a dictionary no more.
    pub fn open(
        bytes: &'a [u8],
        chunk: &Chunk,
        leaf: &'a Leaf,
        values_max: u64,
    ) -> Result<ChunkPages<'a>, Fault> {
        Ok(ChunkPages {
            values_max,
            bytes: bytes.get(chunk.at.clone()).ok_or(CUT_OFF)?,
            codec: chunk.codec,
            leaf,
            dictionary: None,
        })
    }

    /// The next page with values. `left` is how much may still be unpacked.
    pub fn next_body(&mut self, left: &mut u64) -> Result<Option<Body<'a>>, Fault> {
        const INDEX: i64 = 1;
        while !self.bytes.is_empty() {
            let (header, length) = read_header(self.bytes)?;
            let rest = &self.bytes[length..];
            let packed = usize::try_from(header.packed).map_err(|_| CUT_OFF)?;
            let (packed, rest) = rest.split_at_checked(packed).ok_or(CUT_OFF)?;
            self.bytes = rest;
            // A page costs time even where nothing is in it.
            let cost = header.unpacked.max(64);
            if cost > PAGE_BYTES_MAX {
                return Err(Fault::Damaged("a page takes more than 128 MiB unpacked"));
            }
            *left = left.checked_sub(cost).ok_or(Fault::TooLarge { most: 0 })?;
            match header.kind {
                0 | 3 => return self.body(&header, packed).map(Some),
                INDEX => {}
                2 => {
                    if self.dictionary.is_some() {
                        return Err(Fault::Damaged("a column has two dictionaries"));
                    }
                    if header.count > self.values_max {
                        return Err(Fault::Damaged(
                            "a dictionary has more values than its column",
                        ));
                    }
                    let bytes = self.unpack(packed, header.unpacked)?;
                    self.dictionary = Some(Dictionary::read(bytes, header.count, self.leaf)?);
                }
                _ => return Err(Fault::Damaged("a page is of an unknown kind")),
            }
        }
        Ok(None)
    }

    fn body(&self, header: &Header, packed: &'a [u8]) -> Result<Body<'a>, Fault> {
        const RUNS: i64 = 3;
        let mut body = Body {
            count: header.count,
            encoding: header.encoding,
            levels: None,
            bytes: Cow::Borrowed(packed),
        };
        if header.kind == 0 {
            let [defined, repeated] = header.level_encodings;
            let has_odd = (self.leaf.most_defined > 0 && defined != RUNS)
                || (self.leaf.most_repeated > 0 && repeated != RUNS);
            if has_odd {
                return Err(Fault::Damaged("a page has levels of an outdated kind"));
            }
            body.bytes = self.unpack(packed, header.unpacked)?;
            return Ok(body);
        }
        let size = |bytes: u64| usize::try_from(bytes).map_err(|_| CUT_OFF);
        let repeated = size(header.repeated_bytes)?;
        let (repeated, packed) = packed.split_at_checked(repeated).ok_or(CUT_OFF)?;
        let defined = size(header.defined_bytes)?;
        let (defined, packed) = packed.split_at_checked(defined).ok_or(CUT_OFF)?;
        body.levels = Some((repeated, defined));
        let levels = (repeated.len() + defined.len()) as u64;
        let unpacked = (header.unpacked.checked_sub(levels)).ok_or(CUT_OFF)?;
        body.bytes = match header.is_plain {
            true => Cow::Borrowed(packed),
            // Where every value is missing, nothing may be there, not even what is packed.
            false if packed.is_empty() => Cow::Borrowed(packed),
            false => self.unpack(packed, unpacked)?,
        };
        Ok(body)
    }

    /// No more than was said to be there is made room for, and that only where it can be true.
    fn unpack(&self, packed: &'a [u8], unpacked: u64) -> Result<Cow<'a, [u8]>, Fault> {
        const WRONG: Fault = Fault::Damaged("a page cannot be unpacked");
        let size = usize::try_from(unpacked).map_err(|_| WRONG)?;
        let bytes = match self.codec {
            0 => Cow::Borrowed(packed),
            1 => {
                // Three bytes stand for 64 at most.
                let is_possible = size <= packed.len().saturating_mul(32).saturating_add(64);
                if !is_possible || snap::raw::decompress_len(packed) != Ok(size) {
                    return Err(WRONG);
                }
                let mut decoder = snap::raw::Decoder::new();
                Cow::Owned(decoder.decompress_vec(packed).map_err(|_| WRONG)?)
            }
            2 => {
                let decoder = flate2::read::MultiGzDecoder::new(packed);
                let mut bytes = Vec::new();
                let read = decoder
                    .take(unpacked.saturating_add(1))
                    .read_to_end(&mut bytes);
                read.map_err(|_| WRONG)?;
                Cow::Owned(bytes)
            }
            3 => return Err(Fault::Compression("LZO")),
            4 => return Err(Fault::Compression("Brotli")),
            5 | 7 => return Err(Fault::Compression("LZ4")),
            6 => return Err(Fault::Compression("Zstandard")),
            _ => return Err(Fault::Compression("a method without a name")),
        };
        if bytes.len() == size {
            Ok(bytes)
        } else {
            Err(WRONG)
        }
    }

    /// Ready to walk over a page of this column.
    pub fn page<'p>(&'p self, body: &'p Body<'a>) -> Result<Page<'p>, Fault> {
        let leaf = self.leaf;
        let mut bytes: &'p [u8] = &body.bytes;
        let mut runs = |most: u32, beside: Option<&'p [u8]>| {
            if most == 0 {
                return Ok(None);
            }
            let levels = match beside {
                Some(levels) => levels,
                None => take_prefixed(&mut bytes)?,
            };
            Runs::new(levels, Runs::width_for(most)).map(Some)
        };
        let repeated = runs(leaf.most_repeated, body.levels.map(|levels| levels.0))?;
        let defined = runs(leaf.most_defined, body.levels.map(|levels| levels.1))?;
        let values = match (body.encoding, leaf.stored) {
            (0, Stored::Bool) => Values::Bits { bytes, bit: 0 },
            (0, _) => Values::Plain(bytes),
            (3, Stored::Bool) => Values::Truths(match bytes.is_empty() {
                true => Runs::new(bytes, 1)?,
                false => Runs::new(take_prefixed(&mut bytes)?, 1)?,
            }),
            // A page of nothing but nulls may do without.
            (2 | 8, _) => match (&self.dictionary, bytes.split_first()) {
                (Some(dictionary), Some((width, places))) => {
                    Values::Places(Runs::new(places, u32::from(*width))?, dictionary)
                }
                (None, _) | (_, None) => Values::Plain(&[]),
            },
            (encoding, _) => {
                let encoding = match encoding {
                    5 => "DELTA_BINARY_PACKED",
                    6 => "DELTA_LENGTH_BYTE_ARRAY",
                    7 => "DELTA_BYTE_ARRAY",
                    9 => "BYTE_STREAM_SPLIT",
                    _ => "something unknown",
                };
                let column = leaf.name.to_string();
                return Err(Fault::Encoding { column, encoding });
            }
        };
        Ok(Page {
            leaf,
            repeated,
            defined,
            values,
        })
    }
}

impl Page<'_> {
    pub fn next_item(&mut self) -> Result<Item<'_>, Fault> {
        let leaf = self.leaf;
        let level = |runs: &mut Option<Runs<'_>>, most: u32| match runs {
            None => Ok(most),
            Some(runs) => match runs.next_number()? {
                level if level <= most => Ok(level),
                _ => Err(Fault::Damaged("a value has an impossible level")),
            },
        };
        let starts_row = !leaf.is_list() || level(&mut self.repeated, leaf.most_repeated)? == 0;
        let defined = level(&mut self.defined, leaf.most_defined)?;
        let cell = match defined == leaf.most_defined {
            true => self.values.next_cell(leaf)?,
            false => Cell::Missing,
        };
        Ok(Item {
            starts_row,
            is_hollow: leaf.is_list() && defined < leaf.element_defined,
            cell,
        })
    }
}

impl Values<'_> {
    fn next_cell(&mut self, leaf: &Leaf) -> Result<Cell<'_>, Fault> {
        match self {
            Values::Plain(bytes) => {
                let (value, rest) = first_value(bytes, leaf.stored)?;
                *bytes = rest;
                cell(value, leaf)
            }
            Values::Bits { bytes, bit } => {
                let byte = bytes.get(*bit / 8).ok_or(CUT_OFF)?;
                let is_set = byte >> (*bit % 8) & 1 == 1;
                *bit += 1;
                Ok(Cell::Bool(is_set))
            }
            Values::Truths(runs) => Ok(Cell::Bool(runs.next_number()? == 1)),
            Values::Places(runs, dictionary) => {
                let place = dictionary.places.get(runs.next_number()? as usize);
                let place = place.ok_or(Fault::Damaged("a value is not in its dictionary"))?;
                cell(&dictionary.bytes[place.clone()], leaf)
            }
        }
    }
}

impl<'a> Dictionary<'a> {
    fn read(bytes: Cow<'a, [u8]>, count: u64, leaf: &Leaf) -> Result<Dictionary<'a>, Fault> {
        let mut places = Vec::new();
        let mut rest: &[u8] = &bytes;
        // Each takes some bytes, so that the count cannot be a lie.
        for _ in 0..count {
            let (value, after) = first_value(rest, leaf.stored)?;
            let end = bytes.len() - after.len();
            places.push(end - value.len()..end);
            rest = after;
        }
        Ok(Dictionary { places, bytes })
    }
}

/// A value's bytes, and all that follows.
fn first_value(bytes: &[u8], stored: Stored) -> Result<(&[u8], &[u8]), Fault> {
    let mut rest = bytes;
    match stored {
        Stored::Int32 | Stored::Float => bytes.split_at_checked(4).ok_or(CUT_OFF),
        Stored::Int64 | Stored::Double => bytes.split_at_checked(8).ok_or(CUT_OFF),
        Stored::Bytes => Ok((take_prefixed(&mut rest)?, rest)),
        Stored::Bool | Stored::Other => Err(Fault::Damaged("a value is of another type")),
    }
}

/// Takes what stands behind its own length.
fn take_prefixed<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8], Fault> {
    let (length, rest) = bytes.split_first_chunk().ok_or(CUT_OFF)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (taken, rest) = rest.split_at_checked(length).ok_or(CUT_OFF)?;
    *bytes = rest;
    Ok(taken)
}

fn cell<'b>(value: &'b [u8], leaf: &Leaf) -> Result<Cell<'b>, Fault> {
    let four = || <[u8; 4]>::try_from(value).map_err(|_| CUT_OFF);
    let eight = || <[u8; 8]>::try_from(value).map_err(|_| CUT_OFF);
    let is_signed = leaf.kind != Kind::Whole { signed: false };
    Ok(match leaf.stored {
        Stored::Int32 if is_signed => Cell::Whole(i32::from_le_bytes(four()?).into()),
        Stored::Int32 => Cell::Whole(u32::from_le_bytes(four()?).into()),
        Stored::Int64 if is_signed => Cell::Whole(i64::from_le_bytes(eight()?)),
        Stored::Int64 => Cell::Unsigned(u64::from_le_bytes(eight()?)),
        Stored::Float => Cell::Single(f32::from_le_bytes(four()?)),
        Stored::Double => Cell::Double(f64::from_le_bytes(eight()?)),
        Stored::Bytes => match std::str::from_utf8(value) {
            Ok(text) => Cell::Text(text),
            Err(_) => {
                let column = leaf.name.to_string();
                return Err(Fault::NotUtf8 { column });
            }
        },
        Stored::Bool | Stored::Other => {
            return Err(Fault::Damaged("a value is of another type"));
        }
    })
}

/// A page's header and its length.
fn read_header(bytes: &[u8]) -> Result<(Header, usize), Fault> {
    let mut reader = Reader::new(bytes);
    let mut header = Header::default();
    let mut last = 0;
    while let Some((id, of)) = reader.field(&mut last)? {
        match id {
            1 => header.kind = reader.whole(of)?,
            2 => header.unpacked = reader.size(of)?,
            3 => header.packed = reader.size(of)?,
            5 | 7 | 8 => {
                reader.expect(of, Type::STRUCT)?;
                let mut last = 0;
                while let Some((part, of)) = reader.field(&mut last)? {
                    match (id, part) {
                        (_, 1) => header.count = reader.size(of)?,
                        (5 | 7, 2) | (8, 4) => header.encoding = reader.whole(of)?,
                        (5, 3) => header.level_encodings[0] = reader.whole(of)?,
                        (5, 4) => header.level_encodings[1] = reader.whole(of)?,
                        (8, 5) => header.defined_bytes = reader.size(of)?,
                        (8, 6) => header.repeated_bytes = reader.size(of)?,
                        (8, 7) => header.is_plain = !reader.truth(of)?,
                        _ => reader.skip(of)?,
                    }
                }
            }
            _ => reader.skip(of)?,
        }
    }
    Ok((header, reader.at()))
}
