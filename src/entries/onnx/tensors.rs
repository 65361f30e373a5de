//! The part of the walk that reads tensors' headers and skips what they hold.

use std::io::{Read, Seek};

use super::walk::{NAMELESS, NameHash, Stop, Walk, kind_number, once};
use crate::entries::protobuf::{Message, Value};
use crate::entries::rejection::{Rejection, RejectionCode, clean};

/// No element type has more elements in a byte: int2 has four.
const ELEMENTS_PER_BYTE_MAX: u64 = 4;

impl<R: Read + Seek> Walk<R> {
    /// TensorProto; its name.
    pub(super) fn tensor(&mut self, mut message: Message) -> Result<NameHash, Stop> {
        let size = message.len();
        let (mut name, mut elements, mut is_external) = (Vec::new(), 1, false);
        let mut hash = NAMELESS;
        while let Some(field) = self.wire.next(&mut message)? {
            // The numbers and texts themselves, which some exporters write one by one.
            if !matches!(field.number, 4..=7 | 10 | 11) {
                self.count_field()?;
            }
            match (field.number, field.value) {
                (1, Value::Varint(length)) => elements = times(elements, length)?,
                (1, Value::Bytes(mut packed)) => {
                    while let Some(length) = self.wire.next_packed(&mut packed)? {
                        self.count_field()?;
                        elements = times(elements, length)?;
                    }
                }
                (8, Value::Bytes(bytes)) => {
                    name = self.name(bytes)?;
                    hash = self.hash(bytes, &name);
                }
                // `external_data`, and `data_location` = EXTERNAL
                (13, _) => is_external = true,
                (14, Value::Varint(location)) => is_external |= kind_number(location) == 1,
                (_, _) => {}
            }
        }
        if is_external {
            return Err(RejectionCode::OnnxExternalData
                .because(format!(
                    "The weights '{}' are in another file, and an entry is one file. Save the \
                     model with onnx.save(onnx.load(path), path, save_as_external_data=False).",
                    clean(&name)
                ))
                .into());
        }
        if elements > 1 && elements > size.saturating_mul(ELEMENTS_PER_BYTE_MAX) {
            return Err(RejectionCode::OnnxInvalid
                .because(format!(
                    "The tensor '{}' says that it has {elements} elements, for which there are \
                     too few bytes. Check the model with onnx.checker and export it again.",
                    clean(&name)
                ))
                .into());
        }
        self.count_parameters(elements);
        Ok(hash)
    }

    /// SparseTensorProto; the name of its values, which is its own.
    pub(super) fn sparse_tensor(&mut self, mut message: Message) -> Result<NameHash, Stop> {
        let mut hash = NAMELESS;
        let (mut has_values, mut has_indices) = (false, false);
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(values)) => {
                    once(&mut has_values, "sparse tensor's values")?;
                    hash = self.tensor(values)?;
                }
                (2, Value::Bytes(indices)) => {
                    once(&mut has_indices, "sparse tensor's indices")?;
                    let parameters = self.model.parameter_count;
                    self.tensor(indices)?;
                    self.model.parameter_count = parameters;
                }
                (_, _) => {}
            }
        }
        Ok(hash)
    }
}

fn times(elements: u64, length: u64) -> Result<u64, Rejection> {
    if length > i64::MAX as u64 {
        let message = "A tensor of the model has an axis of negative length. Check the model with \
                       onnx.checker and export it again.";
        return Err(RejectionCode::OnnxInvalid.because(message));
    }
    Ok(elements.saturating_mul(length))
}
