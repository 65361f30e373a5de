//! Goes through a model's tables once.

use std::collections::BTreeSet;

use super::flatbuffer::{FlatBuffer, Table};
use super::operators::{CUSTOM, NAMES, is_stateful};
use super::{
    NAME_BYTES_MAX, Rejection, RejectionCode, Stop, TFLITE, TfliteModel, clean, invalid, too_large,
};

/// The only version of the format that is in use.
const SCHEMA_VERSION: u32 = 3;

/// Of tensors, of operators, and of buffers: what no real model comes near to.
pub(super) const MANY: u64 = 1 << 20;
pub(super) const SUBGRAPHS_MAX: u64 = 1000;
pub(super) const AXES_MAX: u64 = 32;

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
pub(super) struct Data {
    pub at: u64,
    pub len: u64,
}

pub(super) struct Walk {
    pub(super) file: FlatBuffer,
    pub(super) model: TfliteModel,
    pub(super) operators: BTreeSet<&'static str>,
}

impl Walk {
    pub(super) fn model(&mut self) -> Result<(), Stop> {
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

    pub(super) fn data(
        &mut self,
        tensor: &Table,
        buffers: &[Option<Data>],
    ) -> Result<Option<Data>, Stop> {
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

    /// Numbers of tensors; −1 says that there is none in this place.
    pub(super) fn indexes(
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

    pub(super) fn name(&mut self, table: &Table, field: u64) -> Result<String, Stop> {
        let bytes = self.file.text(table, field, NAME_BYTES_MAX)?;
        Ok(clean(&bytes))
    }
}

fn unwritten(what: &str) -> Rejection {
    RejectionCode::TfliteStateful.because(format!(
        "The model reads memory that nothing has written: {what} has an input that no operator before it \
         computes. Convert the model again."
    ))
}
