//! The door check of a `.tflite` file: reads its tables and skips its weights. It never builds the
//! model and never runs it; what only running can show is for the sandbox.
//!
//! The format: `schema.fbs` of LiteRT, version 3, whose field numbers stand below.

mod flatbuffer;
mod operators;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use serde::{Deserialize, Serialize};

use super::recognise::TFLITE;
use super::rejection::{NAME_BYTES_MAX, Rejection, RejectionCode, clean};
use super::tensors::{Dim, TensorSpec};
use crate::domain::units::Bytes;
use flatbuffer::{FlatBuffer, ReadError, Table, Vector};
use operators::{CUSTOM, NAMES, is_stateful};

/// The only version of the format that is in use.
const SCHEMA_VERSION: u32 = 3;
/// Of tensors, of operators, and of buffers: what no real model comes near to.
const MANY: u64 = 1 << 20;
const SUBGRAPHS_MAX: u64 = 1000;
const AXES_MAX: u64 = 32;

/// What a TensorFlow Lite file says of itself. Names are cleaned for showing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TfliteModel {
    /// What wrote it, in its own words: "MLIR Converted.". Empty where it does not say.
    pub producer: String,
    /// What is fed.
    pub inputs: Vec<TensorSpec>,
    pub outputs: Vec<TensorSpec>,
    /// Operators of all subgraphs.
    pub node_count: u64,
    /// Elements of constant tensors.
    pub parameter_count: u64,
    /// The distinct operators, sorted: `CONV_2D`, `FULLY_CONNECTED`.
    pub operators: Vec<String>,
}

/// Reads a file of `size` bytes. The inner error is the participant's; the outer one is ours, when
/// the file could not be read or is not of that size.
pub fn check(file: File, size: Bytes) -> io::Result<Result<TfliteModel, Rejection>> {
    let mut walk = Walk {
        file: FlatBuffer::open(file, size.as_u64())?,
        model: TfliteModel::default(),
        operators: BTreeSet::new(),
    };
    match walk.model() {
        Ok(()) => {
            walk.model.operators = walk.operators.into_iter().map(str::to_owned).collect();
            Ok(Ok(walk.model))
        }
        Err(Stop::Rejected(rejection)) => Ok(Err(rejection)),
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Why reading ended early: through the file's fault, or through ours.
enum Stop {
    Rejected(Rejection),
    Io(io::Error),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Stop {
        Stop::Rejected(rejection)
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Stop {
        match error {
            ReadError::Io(error) => Stop::Io(error),
            ReadError::Malformed { at } => {
                invalid(&format!("what byte {at} leads to does not lie in the file")).into()
            }
        }
    }
}

fn invalid(what: &str) -> Rejection {
    RejectionCode::TfliteInvalid.because(format!(
        "The file is no whole TensorFlow Lite model: {what}. It may have been cut off or damaged on its \
         way; load it with ai_edge_litert.interpreter.Interpreter, and upload it again."
    ))
}

fn too_large(what: &str, count: u64, most: u64) -> Rejection {
    RejectionCode::TfliteUnsupported.because(format!(
        "The model has {count} {what}; up to {most} are taken. Convert it again without what it does \
         not need."
    ))
}

/// What is known of a tensor before an operator is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Nothing has written it: it would show what an earlier pass left in its memory.
    Unwritten,
    Constant,
    /// Fed, or set to zero before each batch.
    Given,
    Computed,
}

/// Where the bytes of a constant lie in the file.
#[derive(Debug, Clone, Copy)]
struct Data {
    at: u64,
    len: u64,
}

struct Walk {
    file: FlatBuffer,
    model: TfliteModel,
    operators: BTreeSet<&'static str>,
}

impl Walk {
    fn model(&mut self) -> Result<(), Stop> {
        if self.file.size() < 8 || self.file.u32_at(4)?.to_le_bytes() != *TFLITE {
            return Err(invalid("it does not begin as one").into());
        }
        let model = self.file.root()?;
        let version = match self.file.field(&model, 0)? {
            Some(at) => self.file.u32_at(at)?,
            None => 0,
        };
        if version != SCHEMA_VERSION {
            return Err(RejectionCode::TfliteUnsupported
                .because(format!(
                    "The model is of version {version} of its format; {SCHEMA_VERSION} can run. Convert \
                     it again with a current converter."
                ))
                .into());
        }
        self.model.producer = self.name(&model, 3)?;
        let codes = self.operator_codes(&model)?;
        let buffers = self.buffers(&model)?;
        let subgraphs = self.file.tables(&model, 2)?;
        if subgraphs.len == 0 {
            return Err(invalid("it has no graph").into());
        }
        if subgraphs.len > SUBGRAPHS_MAX {
            return Err(too_large("subgraphs", subgraphs.len, SUBGRAPHS_MAX).into());
        }
        for number in 0..subgraphs.len {
            let subgraph = self.file.table_of(&subgraphs, number)?;
            self.subgraph(&subgraph, number == 0, &codes, &buffers)?;
        }
        self.take_names_of_signature(&model, &subgraphs)
    }

    /// The operators that the model uses, by its own numbers.
    fn operator_codes(&mut self, model: &Table) -> Result<Vec<&'static str>, Stop> {
        let codes = self.file.tables(model, 1)?;
        if codes.len > MANY {
            return Err(too_large("kinds of operators", codes.len, MANY).into());
        }
        let mut names = Vec::new();
        for index in 0..codes.len {
            let code = self.file.table_of(&codes, index)?;
            // Files of before operator 127 have the number in one byte.
            let old = match self.file.field(&code, 0)? {
                Some(at) => i32::from(self.file.i8_at(at)?),
                None => 0,
            };
            let new = match self.file.field(&code, 3)? {
                Some(at) => self.file.i32_at(at)?,
                None => 0,
            };
            let number = usize::try_from(old.max(new)).unwrap_or(usize::MAX);
            if number == CUSTOM {
                return Err(self.refuse_custom(&code)?.into());
            }
            let name = *NAMES.get(number).ok_or_else(|| {
                RejectionCode::TfliteUnsupported.because(format!(
                    "The model uses the operator number {}, which the runtime does not know. Convert it \
                     for an older version.",
                    old.max(new)
                ))
            })?;
            if is_stateful(name) {
                return Err(RejectionCode::TfliteStateful
                    .because(format!(
                        "The model uses the operator {name}, whose answer depends on more than its \
                         inputs. Each prediction must follow from its row alone: convert the model \
                         without variables, tables and random numbers."
                    ))
                    .into());
            }
            names.push(name);
        }
        Ok(names)
    }

    fn refuse_custom(&mut self, code: &Table) -> Result<Rejection, Stop> {
        let name = self.name(code, 1)?;
        let fix = match name.starts_with("Flex") {
            true => {
                "It is one of TensorFlow's, which TF Lite does not have: convert without SELECT_TF_OPS"
            }
            false => "Convert the model with TFLITE_BUILTINS alone",
        };
        Ok(RejectionCode::TfliteCustomOp.because(format!(
            "The model uses the custom operator '{name}', and only those that come with the runtime can \
             run. {fix}."
        )))
    }

    /// What each buffer holds, if anything. The runtime never looks into the first.
    fn buffers(&mut self, model: &Table) -> Result<Vec<Option<Data>>, Stop> {
        let buffers = self.file.tables(model, 4)?;
        if buffers.len > MANY {
            return Err(too_large("buffers", buffers.len, MANY).into());
        }
        let mut data = Vec::new();
        for index in 0..buffers.len {
            let buffer = self.file.table_of(&buffers, index)?;
            let inside = self.file.vector(&buffer, 0, 1)?;
            // Of models beyond 2 GiB, behind the tables.
            let mut outside = [0; 2];
            for (number, value) in (1..).zip(&mut outside) {
                if let Some(at) = self.file.field(&buffer, number)? {
                    *value = self.file.u64_at(at)?;
                }
            }
            let [offset, size] = outside;
            if size > 0 && (offset.checked_add(size)).is_none_or(|end| end > self.file.size()) {
                return Err(invalid("weights of it lie outside the file").into());
            }
            let (at, len) = match (inside.len, size) {
                (_, 0) => (inside.at, inside.len),
                (0, _) => (offset, size),
                (_, _) => return Err(invalid("weights of it lie in two places").into()),
            };
            data.push((len > 0 && index > 0).then_some(Data { at, len }));
        }
        Ok(data)
    }

    fn subgraph(
        &mut self,
        subgraph: &Table,
        is_main: bool,
        codes: &[&'static str],
        buffers: &[Option<Data>],
    ) -> Result<(), Stop> {
        let tensors = self.file.tables(subgraph, 0)?;
        let operators = self.file.tables(subgraph, 3)?;
        for (what, row) in [("tensors", &tensors), ("operators", &operators)] {
            if row.len > MANY {
                return Err(too_large(what, row.len, MANY).into());
            }
        }
        let mut contents = Vec::new();
        for index in 0..tensors.len {
            let tensor = self.file.table_of(&tensors, index)?;
            contents.push(self.content(&tensor, buffers)?);
        }
        let inputs = self.indexes(subgraph, 1, contents.len())?;
        for index in inputs.iter().flatten() {
            contents[*index] = Content::Given;
        }
        for index in 0..operators.len {
            let operator = self.file.table_of(&operators, index)?;
            let name = self.operator(&operator, codes, &mut contents)?;
            self.check_places(name, &operator, &tensors, buffers)?;
        }
        self.model.node_count = self.model.node_count.saturating_add(operators.len);
        let outputs = self.indexes(subgraph, 2, contents.len())?;
        if (outputs.iter().flatten()).any(|index| contents[*index] == Content::Unwritten) {
            return Err(unwritten("its output").into());
        }
        if is_main {
            self.model.inputs = self.specs(&tensors, &inputs)?;
            self.model.outputs = self.specs(&tensors, &outputs)?;
            if self.model.outputs.is_empty() {
                return Err(invalid("it has no output").into());
            }
        }
        Ok(())
    }

    fn data(&mut self, tensor: &Table, buffers: &[Option<Data>]) -> Result<Option<Data>, Stop> {
        let buffer = match self.file.field(tensor, 2)? {
            Some(at) => self.file.u32_at(at)?,
            None => 0,
        };
        let data = usize::try_from(buffer)
            .ok()
            .and_then(|buffer| buffers.get(buffer))
            .ok_or_else(|| invalid("a tensor's buffer is not there"))?;
        Ok(*data)
    }

    fn content(&mut self, tensor: &Table, buffers: &[Option<Data>]) -> Result<Content, Stop> {
        if self.data(tensor, buffers)?.is_some() {
            let elements = self.elements(tensor)?;
            self.model.parameter_count = self.model.parameter_count.saturating_add(elements);
            return Ok(Content::Constant);
        }
        let is_variable = match self.file.field(tensor, 5)? {
            Some(at) => self.file.u8_at(at)? != 0,
            None => false,
        };
        Ok(match is_variable {
            true => Content::Given,
            false => Content::Unwritten,
        })
    }

    fn elements(&mut self, tensor: &Table) -> Result<u64, Stop> {
        let shape = self.file.vector(tensor, 0, 4)?;
        let mut elements = 1u64;
        for axis in 0..shape.len.min(AXES_MAX) {
            let length = self.file.i32_of(&shape, axis)?;
            elements = elements.saturating_mul(u64::try_from(length).unwrap_or(0));
        }
        Ok(elements)
    }

    /// Whether an operator reads only what is known by then, and writes only what nothing has written:
    /// otherwise memory that outlives a pass could be read in the next.
    fn operator(
        &mut self,
        operator: &Table,
        codes: &[&'static str],
        contents: &mut [Content],
    ) -> Result<&'static str, Stop> {
        let code = match self.file.field(operator, 0)? {
            Some(at) => self.file.u32_at(at)?,
            None => 0,
        };
        let name = *usize::try_from(code)
            .ok()
            .and_then(|code| codes.get(code))
            .ok_or_else(|| invalid("an operator's kind is not there"))?;
        self.operators.insert(name);
        for index in self.indexes(operator, 1, contents.len())?.iter().flatten() {
            if contents[*index] == Content::Unwritten {
                return Err(unwritten(&format!("its operator {name}")).into());
            }
        }
        for index in self.indexes(operator, 2, contents.len())?.iter().flatten() {
            match contents[*index] {
                Content::Unwritten => contents[*index] = Content::Computed,
                Content::Constant | Content::Given | Content::Computed => {
                    return Err(invalid(&format!(
                        "its operator {name} writes a tensor that is there already"
                    ))
                    .into());
                }
            }
        }
        Ok(name)
    }

    /// Two operators take places that the runtime does not check. One that is not in what is read lets
    /// the output keep what an earlier pass left there, so the places must be known and right.
    fn check_places(
        &mut self,
        name: &'static str,
        operator: &Table,
        tensors: &Vector,
        buffers: &[Option<Data>],
    ) -> Result<(), Stop> {
        if !matches!(name, "TRANSPOSE" | "STRIDED_SLICE") {
            return Ok(());
        }
        let shrunk = match name {
            "STRIDED_SLICE" => self.shrunk_axes(operator)?,
            _ => Shrunk::default(),
        };
        if name == "STRIDED_SLICE" && shrunk.axes == 0 {
            return Ok(());
        }
        let inputs = self.indexes(operator, 1, tensors.len as usize)?;
        let [Some(read), Some(places), ..] = inputs.as_slice() else {
            return Err(invalid(&format!("its operator {name} has too few inputs")).into());
        };
        let places = self.file.table_of(tensors, *places as u64)?;
        let Some(places) = self.places(&places, buffers)? else {
            return Err(RejectionCode::TfliteStateful
                .because(format!(
                    "The model computes from where its operator {name} reads, so that it could read \
                     what an earlier pass left in memory. Convert it with constant places: those of \
                     {name} must be known before it runs."
                ))
                .into());
        };
        let read = self.file.table_of(tensors, *read as u64)?;
        let shape = self.file.vector(&read, 0, 4)?;
        let mut axes = Vec::new();
        for axis in 0..shape.len.min(AXES_MAX) {
            axes.push(i64::from(self.file.i32_of(&shape, axis)?));
        }
        let are_right = match name {
            "TRANSPOSE" => is_permutation(&places),
            _ => shrunk.lie_in(&places, &axes),
        };
        if are_right {
            return Ok(());
        }
        Err(RejectionCode::TfliteStateful
            .because(format!(
                "The operator {name} of the model reads past the end of its input, where an earlier pass \
                 may have left something. Convert the model again."
            ))
            .into())
    }

    /// Of STRIDED_SLICE: the axes of which it takes one element.
    fn shrunk_axes(&mut self, operator: &Table) -> Result<Shrunk, Stop> {
        let Some(options) = self.file.table(operator, 4)? else {
            return Ok(Shrunk::default());
        };
        let mut masks = [0; 5];
        for (number, mask) in (0..).zip(&mut masks) {
            if let Some(at) = self.file.field(&options, number)? {
                *mask = self.file.u32_at(at)?;
            }
        }
        let [_, _, ellipsis, new, axes] = masks;
        Ok(Shrunk {
            axes,
            are_in_order: ellipsis == 0 && new == 0,
        })
    }

    /// The numbers of a constant row of them.
    fn places(
        &mut self,
        tensor: &Table,
        buffers: &[Option<Data>],
    ) -> Result<Option<Vec<i64>>, Stop> {
        let Some(data) = self.data(tensor, buffers)? else {
            return Ok(None);
        };
        let number = match self.file.field(tensor, 1)? {
            Some(at) => self.file.u8_at(at)?,
            None => 0,
        };
        let width = match dtype(number) {
            "int32" => 4,
            "int64" => 8,
            _ => return Ok(None),
        };
        let mut numbers = Vec::new();
        for place in 0..(data.len / width).min(AXES_MAX) {
            let at = data.at + width * place;
            numbers.push(match width {
                4 => i64::from(self.file.i32_at(at)?),
                _ => self.file.u64_at(at)?.cast_signed(),
            });
        }
        Ok(Some(numbers))
    }

    /// Numbers of tensors; −1 says that there is none in this place.
    fn indexes(
        &mut self,
        table: &Table,
        field: u64,
        tensors: usize,
    ) -> Result<Vec<Option<usize>>, Stop> {
        let row = self.file.vector(table, field, 4)?;
        if row.len > MANY {
            return Err(too_large("inputs of one operator", row.len, MANY).into());
        }
        let mut indexes = Vec::new();
        for place in 0..row.len {
            let index = match self.file.i32_of(&row, place)? {
                -1 => None,
                index => match usize::try_from(index) {
                    Ok(index) if index < tensors => Some(index),
                    Ok(_) | Err(_) => return Err(invalid("a tensor of it is not there").into()),
                },
            };
            indexes.push(index);
        }
        Ok(indexes)
    }

    fn specs(
        &mut self,
        tensors: &Vector,
        indexes: &[Option<usize>],
    ) -> Result<Vec<TensorSpec>, Stop> {
        let mut specs = Vec::new();
        for index in indexes.iter().flatten() {
            let tensor = self.file.table_of(tensors, *index as u64)?;
            specs.push(self.spec(&tensor)?);
        }
        Ok(specs)
    }

    fn spec(&mut self, tensor: &Table) -> Result<TensorSpec, Stop> {
        let number = match self.file.field(tensor, 1)? {
            Some(at) => self.file.u8_at(at)?,
            None => 0,
        };
        // The signature has −1 where the shape has the length that it was made with.
        let mut axes = self.file.vector(tensor, 7, 4)?;
        if axes.len == 0 {
            axes = self.file.vector(tensor, 0, 4)?;
        }
        if axes.len > AXES_MAX {
            return Err(too_large("axes in one tensor", axes.len, AXES_MAX).into());
        }
        let mut shape = Vec::new();
        for axis in 0..axes.len {
            let length = self.file.i32_of(&axes, axis)?;
            shape.push(u64::try_from(length).map_or(Dim::Free, Dim::Fixed));
        }
        Ok(TensorSpec {
            name: self.name(tensor, 3)?,
            dtype: dtype(number).to_owned(),
            shape,
        })
    }

    /// Inputs and outputs are called what the first signature of the main graph calls them.
    fn take_names_of_signature(&mut self, model: &Table, subgraphs: &Vector) -> Result<(), Stop> {
        let main = self.file.table_of(subgraphs, 0)?;
        let signatures = self.file.tables(model, 7)?;
        for number in 0..signatures.len.min(SUBGRAPHS_MAX) {
            let signature = self.file.table_of(&signatures, number)?;
            let subgraph = match self.file.field(&signature, 4)? {
                Some(at) => self.file.u32_at(at)?,
                None => 0,
            };
            if subgraph != 0 {
                continue;
            }
            for (field, of_main) in [(0, 1), (1, 2)] {
                let tensors = self.file.vector(&main, of_main, 4)?;
                let names = self.file.tables(&signature, field)?;
                for place in 0..names.len.min(MANY) {
                    let map = self.file.table_of(&names, place)?;
                    let index = match self.file.field(&map, 1)? {
                        Some(at) => self.file.u32_at(at)?,
                        None => 0,
                    };
                    let name = self.name(&map, 0)?;
                    self.rename(field == 0, &tensors, index, &name)?;
                }
            }
            break;
        }
        Ok(())
    }

    fn rename(
        &mut self,
        is_input: bool,
        tensors: &Vector,
        index: u32,
        name: &str,
    ) -> Result<(), Stop> {
        let specs = match is_input {
            true => &mut self.model.inputs,
            false => &mut self.model.outputs,
        };
        for (place, spec) in (0..tensors.len).zip(specs) {
            if u32::try_from(self.file.i32_of(tensors, place)?) == Ok(index) {
                spec.name = name.to_owned();
            }
        }
        Ok(())
    }

    fn name(&mut self, table: &Table, field: u64) -> Result<String, Stop> {
        let bytes = self.file.text(table, field, NAME_BYTES_MAX)?;
        Ok(clean(&bytes))
    }
}

/// Axes of which one element is taken, as bits.
#[derive(Debug, Clone, Copy, Default)]
struct Shrunk {
    axes: u32,
    /// Whether places and axes are in the same order, one for one.
    are_in_order: bool,
}

impl Shrunk {
    /// Whether the elements lie within axes of these lengths. One before the beginning is taken for the
    /// first by the runtime.
    fn lie_in(self, places: &[i64], axes: &[i64]) -> bool {
        let shortest = axes.iter().min().copied().unwrap_or(0);
        (0..u32::BITS as usize)
            .filter(|axis| self.axes >> axis & 1 == 1)
            .all(|axis| {
                let length = match self.are_in_order {
                    true => axes.get(axis).copied().unwrap_or(0),
                    false => shortest,
                };
                length > 0 && places.get(axis).is_some_and(|place| *place < length)
            })
    }
}

/// Whether each axis is there once.
fn is_permutation(axes: &[i64]) -> bool {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    (0..).zip(sorted).all(|(axis, is)| axis == is)
}

fn unwritten(what: &str) -> Rejection {
    RejectionCode::TfliteStateful.because(format!(
        "The model reads memory that nothing has written: {what} has an input that no operator before it \
         computes. Convert the model again."
    ))
}

/// numpy's name of an element type, "string" for text, by its number in `TensorType`.
fn dtype(number: u8) -> &'static str {
    const NAMES: [&str; 23] = [
        "float32",
        "float16",
        "int32",
        "uint8",
        "int64",
        "string",
        "bool",
        "int16",
        "complex64",
        "int8",
        "float64",
        "complex128",
        "uint64",
        "resource",
        "variant",
        "uint32",
        "uint16",
        "int4",
        "bfloat16",
        "int2",
        "uint4",
        "float8_e4m3fn",
        "float8_e5m2",
    ];
    NAMES.get(usize::from(number)).copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests;
