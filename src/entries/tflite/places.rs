//! Whether operators that trust the places that they are told read within their inputs.

use super::specs::dtype;
use super::walk::{AXES_MAX, Data, Walk};
use super::{RejectionCode, Stop, invalid};
use crate::entries::tflite::flatbuffer::{Table, Vector};

impl Walk {
    /// Two operators take places that the runtime does not check. One that is not in what is read lets
    /// the output keep what an earlier pass left there, so the places must be known and right.
    pub(super) fn check_places(
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
