//! The door check of an `.onnx` file: reads its header, its tensors' shapes and its operators, and
//! skips its weights. It never builds the model and never runs it; what only running can show is
//! for the sandbox.

mod state;
mod tensors;
mod types;
mod values;
mod verdict;
mod walk;

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use super::protobuf::{Malformed, Wire};
use super::recognise::{HEAD_BYTES, is_ort_format, recognise};
use super::rejection::{Rejection, RejectionCode};
use super::tensors::{Dim, TensorSpec};
use crate::domain::units::Bytes;
use walk::{Stop, Walk};

/// The newest versions that onnxruntime 1.32, which runs the entries, loads.
pub const IR_VERSION_MAX: u64 = 14;
/// Operator domains that it has operators of, with the newest version of each.
pub const OPSETS_MAX: [(&str, u64); 3] = [
    (DEFAULT_DOMAIN, 28),
    ("ai.onnx.ml", 5),
    (MICROSOFT_DOMAIN, 1),
];

/// The domain that models write as an empty name.
const DEFAULT_DOMAIN: &str = "ai.onnx";
/// The domain of onnxruntime's own operators.
const MICROSOFT_DOMAIN: &str = "com.microsoft";

/// What an ONNX file says of itself. Names are cleaned for showing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnnxModel {
    pub ir_version: u64,
    /// What wrote it, with its version: "skl2onnx 1.20.0". Empty where it does not say.
    pub producer: String,
    pub opsets: Vec<Opset>,
    /// What is fed; initializers that are listed as inputs are left out.
    pub inputs: Vec<TensorSpec>,
    pub outputs: Vec<TensorSpec>,
    /// Nodes of the graph, of the graphs inside its nodes, and of the model's own functions.
    pub node_count: u64,
    /// Numbers that are stored in the file: elements of initializers and of constant tensors, and
    /// of operators' lists of decimals, where models of scikit-learn have their coefficients.
    pub parameter_count: u64,
    /// The distinct operators, sorted: `MatMul`, `ai.onnx.ml::SVMClassifier`.
    pub operators: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opset {
    pub domain: String,
    pub version: u64,
}

/// Reads a file of `size` bytes from its beginning. The inner error is the participant's; the outer
/// one is ours, when the file could not be read or is not of that size.
pub fn check(file: impl Read + Seek, size: Bytes) -> io::Result<Result<OnnxModel, Rejection>> {
    if size == Bytes::new(0) {
        let message = "The file is empty. Export the model again and upload it.";
        return Ok(Err(RejectionCode::EntryEmpty.because(message)));
    }
    let (wire, whole) = Wire::open(file, size.as_u64())?;
    let mut walk = Walk::new(wire);
    let checked = match walk.model(whole) {
        Ok(model) => Ok(model),
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::Rejected(rejection)) => Err(rejection),
        Err(Stop::Malformed(malformed)) => Err(refuse_malformed(malformed, walk.fields_read())),
    };
    let head = walk.into_wire().head(HEAD_BYTES)?;
    let is_unclear = match &checked {
        Ok(_) => is_ort_format(&head),
        Err(rejection) => rejection.code == RejectionCode::OnnxInvalid,
    };
    Ok(match recognise(&head) {
        Some(kind) if is_unclear => Err(kind),
        _ => checked,
    })
}

/// `fields` of the file were sound before the one that is not.
fn refuse_malformed(malformed: Malformed, fields: u64) -> Rejection {
    let message = if fields == 0 {
        format!("The file is no ONNX model: {malformed}. Export the model with onnx.save.")
    } else {
        format!(
            "The file is no whole ONNX model: {malformed}. It may have been cut off or damaged on \
             its way; check it with onnx.checker and upload it again."
        )
    };
    RejectionCode::OnnxInvalid.because(message)
}

#[cfg(test)]
mod tests;
