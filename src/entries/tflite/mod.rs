//! The door check of a `.tflite` file: reads its tables and skips its weights. It never builds the
//! model and never runs it; what only running can show is for the sandbox.
//!
//! The format: `schema.fbs` of LiteRT, version 3, whose field numbers stand below.

mod flatbuffer;
mod operators;
mod places;
mod specs;
mod walk;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use serde::{Deserialize, Serialize};

use super::recognise::TFLITE;
use super::rejection::{NAME_BYTES_MAX, Rejection, RejectionCode, clean};
use super::tensors::{Dim, TensorSpec};
use crate::domain::units::Bytes;
use flatbuffer::{FlatBuffer, ReadError};
use walk::Walk;

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

#[cfg(test)]
mod tests;
