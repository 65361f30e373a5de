//! Reads what was uploaded without running it, so that a broken file is refused at the door with
//! its reason. Nothing here trusts a byte of it: memory is bounded whatever the file claims, and
//! time grows with its size and no faster.

pub mod onnx;
mod protobuf;
mod recognise;
mod rejection;
pub mod script;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::Serialize;

use crate::domain::competition::EntryKind;
use crate::domain::units::Bytes;
use onnx::OnnxModel;
pub use rejection::{Rejection, RejectionCode};
use script::Script;

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Checked {
    Onnx(OnnxModel),
    Predict(Script),
    Script(Script),
}

impl Checked {
    pub fn kind(&self) -> EntryKind {
        match self {
            Checked::Onnx(_) => EntryKind::Onnx,
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
    let mut head = [0; 4];
    let read = file.read_at(&mut head, 0)?;
    let is_zip = recognise::is_zip(&head[..read]);
    let takes = |kind| kinds.contains(&kind);
    let code = code_in_words(kinds);
    if is_zip && code.is_some() {
        let checked = script::check(file, size, kinds)?;
        return Ok(checked.map(|(kind, script)| match kind {
            EntryKind::Predict => Checked::Predict(script),
            EntryKind::Onnx | EntryKind::Script => Checked::Script(script),
        }));
    }
    if let Some(code) = &code
        && !takes(EntryKind::Onnx)
    {
        return Ok(Err(RejectionCode::EntryKind.because(format!(
            "The file is no zip archive. This competition takes {code}."
        ))));
    }
    let checked = onnx::check(file, size)?.map(Checked::Onnx);
    Ok(checked.map_err(|rejection| match (rejection.code, code) {
        (RejectionCode::EntryKind, Some(code)) => Rejection {
            message: format!("{} This competition takes {code}, too.", rejection.message),
            ..rejection
        },
        _ => rejection,
    }))
}

/// The kinds of code that are taken, where there are any.
fn code_in_words(kinds: &[EntryKind]) -> Option<String> {
    let words: Vec<&str> = (kinds.iter())
        .filter_map(|kind| match kind {
            EntryKind::Onnx => None,
            EntryKind::Predict => Some("functions (a zip with predict.py at its top)"),
            EntryKind::Script => Some("scripts (a zip with main.py at its top)"),
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" and "))
}
