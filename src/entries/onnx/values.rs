//! The part of the walk that reads what inputs and outputs are: their names, types and shapes.

use std::fmt;
use std::io::{Read, Seek};

use super::types::{numpy_name, onnx_name};
use super::walk::{NAMELESS, NameHash, Stop, Walk, kind_number, once};
use super::{Dim, TensorSpec};
use crate::entries::protobuf::{Message, Value};
use crate::entries::rejection::{RejectionCode, clean};

/// Types inside types; a list of dictionaries of tensors needs 3.
const TYPE_DEPTH_MAX: u32 = 8;
/// numpy's limit.
const AXES_MAX: usize = 64;

impl<R: Read + Seek> Walk<R> {
    /// ValueInfoProto
    pub(super) fn value_info(
        &mut self,
        mut message: Message,
    ) -> Result<(NameHash, TensorSpec), Stop> {
        let (mut hash, mut name) = (NAMELESS, Vec::new());
        let mut has_type = false;
        let mut tensor = TensorSpec {
            name: String::new(),
            dtype: UNKNOWN_TYPE.to_owned(),
            shape: Vec::new(),
        };
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => {
                    name = self.name(bytes)?;
                    hash = self.hash(bytes, &name);
                }
                (2, Value::Bytes(kind)) => {
                    once(&mut has_type, "value's type")?;
                    match self.kind(kind, 0)? {
                        ValueKind::Tensor { element, shape } => {
                            tensor.dtype = element
                                .and_then(numpy_name)
                                .unwrap_or(UNKNOWN_TYPE)
                                .to_owned();
                            tensor.shape = shape;
                        }
                        ValueKind::Other(description) => tensor.dtype = description,
                    }
                }
                (_, _) => {}
            }
        }
        tensor.name = clean(&name);
        Ok((hash, tensor))
    }

    /// TypeProto
    fn kind(&mut self, mut message: Message, depth: u32) -> Result<ValueKind, Stop> {
        if depth > TYPE_DEPTH_MAX {
            return Err(RejectionCode::OnnxUnsupported
                .because(
                    "An input or output of the model is a list of lists of lists without end. \
                     Return tensors.",
                )
                .into());
        }
        let mut kind = ValueKind::Other(UNKNOWN_TYPE.to_owned());
        let mut is_known = false;
        while let Some(field) = self.next(&mut message)? {
            let (number, Value::Bytes(inner)) = (field.number, field.value) else {
                continue;
            };
            if matches!(number, 1 | 4 | 5 | 8 | 9) {
                once(&mut is_known, "value's type")?;
            }
            kind = match number {
                1 => self.tensor_type(inner)?,
                4 => ValueKind::Other(format!("seq({})", self.inner_kind(inner, 1, depth)?)),
                5 => self.map_type(inner, depth)?,
                8 => ValueKind::Other("sparse_tensor".to_owned()),
                9 => ValueKind::Other(format!("optional({})", self.inner_kind(inner, 1, depth)?)),
                _ => kind,
            };
        }
        Ok(kind)
    }

    /// TypeProto.Tensor
    fn tensor_type(&mut self, mut message: Message) -> Result<ValueKind, Stop> {
        let (mut element, mut shape, mut has_shape) = (None, Vec::new(), false);
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Varint(number)) => element = Some(kind_number(number)),
                (2, Value::Bytes(dims)) => {
                    once(&mut has_shape, "value's shape")?;
                    shape = self.shape(dims)?;
                }
                (_, _) => {}
            }
        }
        Ok(ValueKind::Tensor { element, shape })
    }

    /// TypeProto.Map
    fn map_type(&mut self, mut message: Message, depth: u32) -> Result<ValueKind, Stop> {
        let (mut key, mut values) = (UNKNOWN_TYPE, UNKNOWN_TYPE.to_owned());
        let mut has_values = false;
        while let Some(field) = self.next(&mut message)? {
            match (field.number, field.value) {
                (1, Value::Varint(number)) => {
                    key = onnx_name(kind_number(number)).unwrap_or(UNKNOWN_TYPE);
                }
                (2, Value::Bytes(kind)) => {
                    once(&mut has_values, "value's type")?;
                    values = self.kind(kind, depth + 1)?.to_string();
                }
                (_, _) => {}
            }
        }
        Ok(ValueKind::Other(format!("map({key},{values})")))
    }

    /// The type in a field of TypeProto.Sequence or TypeProto.Optional.
    fn inner_kind(
        &mut self,
        mut message: Message,
        wanted: u64,
        depth: u32,
    ) -> Result<String, Stop> {
        let mut description = UNKNOWN_TYPE.to_owned();
        let mut is_known = false;
        while let Some(field) = self.next(&mut message)? {
            if let (number, Value::Bytes(kind)) = (field.number, field.value)
                && number == wanted
            {
                once(&mut is_known, "value's type")?;
                description = self.kind(kind, depth + 1)?.to_string();
            }
        }
        Ok(description)
    }

    /// TensorShapeProto
    fn shape(&mut self, mut message: Message) -> Result<Vec<Dim>, Stop> {
        let mut shape = Vec::new();
        while let Some(field) = self.next(&mut message)? {
            let (1, Value::Bytes(mut dimension)) = (field.number, field.value) else {
                continue;
            };
            if shape.len() == AXES_MAX {
                return Err(RejectionCode::OnnxUnsupported
                    .because(format!(
                        "An input or output of the model has more than {AXES_MAX} axes. Reshape it."
                    ))
                    .into());
            }
            let (mut dim, mut name) = (Dim::Free, Vec::new());
            while let Some(field) = self.next(&mut dimension)? {
                match (field.number, field.value) {
                    // A negative length is some exporters' way to leave it open.
                    (1, Value::Varint(length)) if length <= i64::MAX as u64 => {
                        (dim, name) = (Dim::Fixed(length), Vec::new());
                    }
                    (2, Value::Bytes(bytes)) if bytes.len() > 0 => name = self.name(bytes)?,
                    (_, _) => {}
                }
            }
            if !name.is_empty() {
                dim = Dim::Named(clean(&name));
            }
            shape.push(dim);
        }
        Ok(shape)
    }
}

const UNKNOWN_TYPE: &str = "unknown";

enum ValueKind {
    Tensor {
        element: Option<u64>,
        shape: Vec<Dim>,
    },
    Other(String),
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueKind::Tensor { element, .. } => {
                let name = element.and_then(onnx_name).unwrap_or(UNKNOWN_TYPE);
                write!(f, "tensor({name})")
            }
            ValueKind::Other(description) => f.write_str(description),
        }
    }
}
