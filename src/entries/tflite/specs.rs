//! What a model calls its inputs and outputs, and what it declares of them.

use super::flatbuffer::{Table, Vector};
use super::walk::{AXES_MAX, MANY, SUBGRAPHS_MAX, Walk};
use super::{Dim, Stop, TensorSpec, too_large};

impl Walk {
    pub(super) fn specs(
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
    pub(super) fn take_names_of_signature(
        &mut self,
        model: &Table,
        subgraphs: &Vector,
    ) -> Result<(), Stop> {
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
}

/// numpy's name of an element type, "string" for text, by its number in `TensorType`.
pub(super) fn dtype(number: u8) -> &'static str {
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
