//! What stands at a Parquet file's end: its columns, and where their values lie.

use std::ops::Range;
use std::rc::Rc;

use super::thrift::{Reader, Type};
use super::{Fault, Field, Kind, MAGIC};

/// Columns of the schema, and parts of columns, at most.
const PARTS_MAX: usize = 1 << 17;
/// Bytes of a column's name, at most.
const NAME_BYTES_MAX: usize = 1024;
/// Groups of columns inside each other, at most.
const DEPTH_MAX: usize = 16;

#[derive(Debug)]
pub struct Footer {
    pub fields: Vec<Field>,
    pub leaves: Vec<Leaf>,
    /// Of rows; each has a chunk for every leaf.
    pub groups: Vec<Group>,
    pub rows: u64,
}

/// A column as it is stored.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Of the column of the file's top that it belongs to.
    pub name: Rc<str>,
    pub stored: Stored,
    pub kind: Kind,
    /// Up to which level a value may lack; at this level it is there.
    pub most_defined: u32,
    /// The level from which on a list has an element, of lists.
    pub element_defined: u32,
    /// 1 for lists.
    pub most_repeated: u32,
}

impl Leaf {
    pub fn is_list(&self) -> bool {
        self.most_repeated > 0
    }
}

/// How a value lies in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    Bool,
    Int32,
    Int64,
    Float,
    Double,
    Bytes,
    /// Not read.
    Other,
}

#[derive(Debug)]
pub struct Group {
    pub rows: u64,
    pub chunks: Vec<Chunk>,
}

/// Where the pages of a column lie in the file.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub at: Range<usize>,
    pub codec: i64,
    unpacked: u64,
}

impl Footer {
    /// What the file says that its pages take.
    pub fn unpacked(&self) -> u64 {
        (self.groups.iter().flat_map(|group| &group.chunks))
            .fold(0, |sum, chunk| sum.saturating_add(chunk.unpacked))
    }
}

/// One element of the schema.
#[derive(Debug, Default)]
struct Element {
    name: String,
    physical: Option<i64>,
    repetition: i64,
    children: u64,
    converted: Option<i64>,
    logical: Option<Logical>,
}

#[derive(Debug, Clone, Copy)]
struct Logical {
    kind: i64,
    /// Of whole numbers.
    is_signed: bool,
}

pub fn read(bytes: &[u8]) -> Result<Footer, Fault> {
    let end = (bytes.len().checked_sub(8)).filter(|end| *end >= MAGIC.len());
    let end = end.ok_or(Fault::NotParquet)?;
    if bytes[..4] != MAGIC || bytes[end + 4..] != MAGIC {
        return Err(Fault::NotParquet);
    }
    let length = u32::from_le_bytes([bytes[end], bytes[end + 1], bytes[end + 2], bytes[end + 3]]);
    let start = (end.checked_sub(length as usize)).filter(|start| *start >= MAGIC.len());
    let start = start.ok_or(Fault::Damaged("its description is longer than the file"))?;
    let mut reader = Reader::new(&bytes[start..end]);
    let (mut elements, mut groups, mut rows) = (Vec::new(), Vec::new(), None);
    let mut parts = 0;
    let mut last = 0;
    while let Some((id, of)) = reader.field(&mut last)? {
        match id {
            2 => {
                reader.expect(of, Type::LIST)?;
                let (count, of) = reader.list()?;
                reader.expect(of, Type::STRUCT)?;
                for _ in 0..count {
                    count_part(&mut parts)?;
                    elements.push(read_element(&mut reader)?);
                }
            }
            3 => rows = Some(reader.size(of)?),
            4 => {
                reader.expect(of, Type::LIST)?;
                let (count, of) = reader.list()?;
                reader.expect(of, Type::STRUCT)?;
                for _ in 0..count {
                    count_part(&mut parts)?;
                    groups.push(read_group(&mut reader, start, &mut parts)?);
                }
            }
            _ => reader.skip(of)?,
        }
    }
    let (fields, leaves) = lay_out(elements)?;
    let rows = rows.ok_or(Fault::Damaged("it does not say how many rows it has"))?;
    check(&groups, leaves.len(), rows, start)?;
    Ok(Footer {
        fields,
        leaves,
        groups,
        rows,
    })
}

fn count_part(parts: &mut usize) -> Result<(), Fault> {
    *parts += 1;
    if *parts > PARTS_MAX {
        return Err(Fault::TooManyParts { most: PARTS_MAX });
    }
    Ok(())
}

/// What is said of the rows must agree, and no bytes of the file may be read twice: a small file could
/// otherwise make work for days.
fn check(groups: &[Group], leaves: usize, rows: u64, size: usize) -> Result<(), Fault> {
    let mut found = 0u64;
    let mut claimed = 0usize;
    for group in groups {
        if group.chunks.len() != leaves {
            return Err(Fault::Damaged("a part of it lacks a column"));
        }
        found = found.saturating_add(group.rows);
        for chunk in &group.chunks {
            claimed = claimed.saturating_add(chunk.at.len());
        }
    }
    if found != rows {
        return Err(Fault::Damaged("its parts do not have as many rows as it"));
    }
    if claimed > size {
        return Err(Fault::Damaged("its columns overlap"));
    }
    Ok(())
}

fn read_element(reader: &mut Reader<'_>) -> Result<Element, Fault> {
    let mut element = Element::default();
    let mut last = 0;
    while let Some((id, of)) = reader.field(&mut last)? {
        match id {
            1 => element.physical = Some(reader.whole(of)?),
            3 => element.repetition = reader.whole(of)?,
            4 => {
                let name = reader.binary(of)?;
                if name.len() > NAME_BYTES_MAX {
                    return Err(Fault::Damaged(
                        "the name of a column is longer than 1,024 bytes",
                    ));
                }
                element.name = String::from_utf8_lossy(name).into_owned();
            }
            5 => element.children = reader.size(of)?,
            6 => element.converted = Some(reader.whole(of)?),
            10 => {
                reader.expect(of, Type::STRUCT)?;
                element.logical = read_logical(reader)?;
            }
            _ => reader.skip(of)?,
        }
    }
    Ok(element)
}

/// A union: one field, whose number is the type.
fn read_logical(reader: &mut Reader<'_>) -> Result<Option<Logical>, Fault> {
    const INTEGER: i64 = 10;
    let mut logical = None;
    let mut last = 0;
    while let Some((kind, of)) = reader.field(&mut last)? {
        let mut is_signed = true;
        if kind == INTEGER && of == Type::STRUCT {
            let mut last = 0;
            while let Some((id, of)) = reader.field(&mut last)? {
                match id {
                    2 => is_signed = reader.truth(of)?,
                    _ => reader.skip(of)?,
                }
            }
        } else {
            reader.skip(of)?;
        }
        logical = Some(Logical { kind, is_signed });
    }
    Ok(logical)
}

fn read_group(reader: &mut Reader<'_>, data_end: usize, parts: &mut usize) -> Result<Group, Fault> {
    let mut group = Group {
        rows: 0,
        chunks: Vec::new(),
    };
    let mut last = 0;
    while let Some((id, of)) = reader.field(&mut last)? {
        match id {
            1 => {
                reader.expect(of, Type::LIST)?;
                let (count, of) = reader.list()?;
                reader.expect(of, Type::STRUCT)?;
                for _ in 0..count {
                    count_part(parts)?;
                    group.chunks.push(read_chunk(reader, data_end)?);
                }
            }
            3 => group.rows = reader.size(of)?,
            _ => reader.skip(of)?,
        }
    }
    Ok(group)
}

fn read_chunk(reader: &mut Reader<'_>, data_end: usize) -> Result<Chunk, Fault> {
    let (mut codec, mut unpacked, mut packed) = (0, 0, 0);
    let (mut data, mut dictionary) = (0, None);
    let mut last = 0;
    while let Some((id, of)) = reader.field(&mut last)? {
        match id {
            1 => return Err(Fault::Damaged("a column lies in another file")),
            3 => {
                reader.expect(of, Type::STRUCT)?;
                let mut last = 0;
                while let Some((id, of)) = reader.field(&mut last)? {
                    match id {
                        4 => codec = reader.whole(of)?,
                        6 => unpacked = reader.size(of)?,
                        7 => packed = reader.size(of)?,
                        9 => data = reader.size(of)?,
                        // Some write 0 where there is none.
                        11 => dictionary = Some(reader.size(of)?).filter(|at| *at > 0),
                        _ => reader.skip(of)?,
                    }
                }
            }
            _ => reader.skip(of)?,
        }
    }
    let start = dictionary.map_or(data, |dictionary| dictionary.min(data));
    let end = start
        .checked_add(packed)
        .and_then(|end| usize::try_from(end).ok());
    let at = end
        .filter(|end| *end <= data_end)
        .map(|end| start as usize..end);
    Ok(Chunk {
        at: at.ok_or(Fault::Damaged("a column lies outside of it"))?,
        codec,
        unpacked,
    })
}

/// A group of columns that is being walked through.
struct Open {
    children_left: u64,
    defined: u32,
    repeated: u32,
    element_defined: u32,
}

/// Turns the schema, a tree from top to bottom, into the columns that are stored.
fn lay_out(elements: Vec<Element>) -> Result<(Vec<Field>, Vec<Leaf>), Fault> {
    const WRONG: Fault = Fault::Damaged("its columns cannot be told apart");
    let mut elements = elements.into_iter();
    let root = elements.next().ok_or(WRONG)?;
    let (mut fields, mut leaves): (Vec<Field>, Vec<Leaf>) = (Vec::new(), Vec::new());
    let mut name: Rc<str> = "".into();
    let mut open = vec![Open {
        children_left: root.children,
        defined: 0,
        repeated: 0,
        element_defined: 0,
    }];
    loop {
        while open.last().is_some_and(|group| group.children_left == 0) {
            open.pop();
        }
        let depth = open.len();
        let Some(parent) = open.last_mut() else {
            break;
        };
        parent.children_left -= 1;
        let element = elements.next().ok_or(WRONG)?;
        let mut inside = Open {
            children_left: element.children,
            defined: parent.defined,
            repeated: parent.repeated,
            element_defined: parent.element_defined,
        };
        match element.repetition {
            0 => {}
            1 => inside.defined += 1,
            2 => {
                inside.defined += 1;
                inside.repeated += 1;
                inside.element_defined = inside.defined;
            }
            _ => return Err(WRONG),
        }
        if depth == 1 {
            // Once for all that lies below it, however much that is.
            name = element.name.as_str().into();
            fields.push(Field {
                name: element.name.clone(),
                kind: Kind::Null,
                is_list: false,
                leaf: leaves.len(),
            });
        }
        let field = fields.last_mut().ok_or(WRONG)?;
        if let Some(physical) = element.physical {
            let stored = stored(physical);
            let mut kind = kind(stored, &element);
            // One level of lists, and nothing else, is read of what is nested.
            let is_second = field.leaf != leaves.len();
            if is_second {
                field.kind = Kind::Other("values inside each other");
            } else if inside.repeated > 1 || (depth > 1 && inside.repeated == 0) {
                kind = Kind::Other("values inside each other");
            }
            if !is_second {
                field.kind = kind;
                field.is_list = inside.repeated > 0;
            }
            leaves.push(Leaf {
                name: Rc::clone(&name),
                stored,
                kind,
                most_defined: inside.defined,
                element_defined: inside.element_defined,
                most_repeated: inside.repeated,
            });
        } else {
            if depth > DEPTH_MAX || element.children == 0 {
                return Err(WRONG);
            }
            open.push(inside);
        }
    }
    if elements.next().is_some() {
        return Err(WRONG);
    }
    Ok((fields, leaves))
}

fn stored(physical: i64) -> Stored {
    match physical {
        0 => Stored::Bool,
        1 => Stored::Int32,
        2 => Stored::Int64,
        4 => Stored::Float,
        5 => Stored::Double,
        6 => Stored::Bytes,
        _ => Stored::Other,
    }
}

/// What the values mean, by the newer way of saying so, else by the older one.
fn kind(stored: Stored, element: &Element) -> Kind {
    let whole = |signed| match stored {
        Stored::Int32 | Stored::Int64 => Kind::Whole { signed },
        _ => Kind::Other("values of an unknown type"),
    };
    let text = || match stored {
        Stored::Bytes => Kind::Text,
        _ => Kind::Other("values of an unknown type"),
    };
    match (element.logical, element.converted) {
        (Some(logical), _) => match logical.kind {
            1 | 4 | 12 => text(),
            10 => whole(logical.is_signed),
            11 => Kind::Null,
            5 => Kind::Other("decimals of a fixed number of digits"),
            6..=8 => Kind::Other("dates or times"),
            _ => Kind::Other("values of an unknown type"),
        },
        (None, Some(converted)) => match converted {
            0 | 4 | 19 => text(),
            11..=14 => whole(false),
            15..=18 => whole(true),
            5 => Kind::Other("decimals of a fixed number of digits"),
            6..=10 => Kind::Other("dates or times"),
            _ => Kind::Other("values of an unknown type"),
        },
        (None, None) => match stored {
            Stored::Bool => Kind::Bool,
            Stored::Int32 | Stored::Int64 => Kind::Whole { signed: true },
            Stored::Float => Kind::Single,
            Stored::Double => Kind::Double,
            Stored::Bytes => Kind::Text,
            Stored::Other => Kind::Other("values of an unknown type"),
        },
    }
}
