//! Reads what was uploaded without running it, so that a broken file is refused at the door with
//! its reason. Nothing here trusts a byte of it: memory is bounded whatever the file claims, and
//! time grows with its size and no faster.

pub mod fit;
pub mod onnx;
mod protobuf;
mod recognise;
mod rejection;
pub mod script;
pub mod tensors;
pub mod tflite;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::Serialize;

use crate::domain::competition::EntryKind;
use crate::domain::units::Bytes;
use onnx::OnnxModel;
pub use rejection::{Rejection, RejectionCode};
use script::Script;
use tflite::TfliteModel;

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Checked {
    Onnx(OnnxModel),
    Tflite(TfliteModel),
    Predict(Script),
    Script(Script),
}

impl Checked {
    pub fn kind(&self) -> EntryKind {
        match self {
            Checked::Onnx(_) => EntryKind::Onnx,
            Checked::Tflite(_) => EntryKind::Tflite,
            Checked::Predict(_) => EntryKind::Predict,
            Checked::Script(_) => EntryKind::Script,
        }
    }
}

/// Looks at an upload of `size` bytes, which must be of one of these kinds. The inner error is the
/// participant's; the outer one is ours, when the file could not be read.
pub fn check(
    file: File,
    size: Bytes,
    kinds: &[EntryKind],
) -> io::Result<Result<Checked, Rejection>> {
    let mut head = [0; 8];
    let read = file.read_at(&mut head, 0)?;
    let head = &head[..read];
    let takes = |kind| kinds.contains(&kind);
    if recognise::is_zip(head) && kinds.iter().any(|kind| !kind.is_model()) {
        let checked = script::check(file, size, kinds)?;
        return Ok(checked.map(|(kind, script)| match kind {
            EntryKind::Predict => Checked::Predict(script),
            EntryKind::Onnx | EntryKind::Tflite | EntryKind::Script => Checked::Script(script),
        }));
    }
    if recognise::is_tflite(head) && takes(EntryKind::Tflite) {
        return Ok(tflite::check(file, size)?.map(Checked::Tflite));
    }
    if !takes(EntryKind::Onnx) {
        return Ok(Err(RejectionCode::EntryKind.because(format!(
            "The file is of another kind. This competition takes {}.",
            in_words(kinds)
        ))));
    }
    let others: Vec<EntryKind> = (kinds.iter().copied())
        .filter(|kind| *kind != EntryKind::Onnx)
        .collect();
    let checked = onnx::check(file, size)?.map(Checked::Onnx);
    Ok(checked.map_err(|rejection| match rejection.code {
        RejectionCode::EntryKind if !others.is_empty() => Rejection {
            message: format!(
                "{} This competition takes {}, too.",
                rejection.message,
                in_words(&others)
            ),
            ..rejection
        },
        _ => rejection,
    }))
}

fn in_words(kinds: &[EntryKind]) -> String {
    let words: Vec<&str> = (kinds.iter())
        .map(|kind| match kind {
            EntryKind::Onnx => "ONNX models: one .onnx file",
            EntryKind::Tflite => "TensorFlow Lite models: one .tflite file",
            EntryKind::Predict => "functions: a zip with predict.py at its top",
            EntryKind::Script => "scripts: a zip with main.py at its top",
        })
        .collect();
    words.join("; and ")
}
