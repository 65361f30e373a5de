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
    Script(Script),
}

impl Checked {
    pub fn kind(&self) -> EntryKind {
        match self {
            Checked::Onnx(_) => EntryKind::Onnx,
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
    if is_zip && takes(EntryKind::Script) {
        return Ok(script::check(file, size)?.map(Checked::Script));
    }
    if !takes(EntryKind::Onnx) {
        return Ok(Err(RejectionCode::EntryKind.because(format!(
            "The file is no zip archive. This competition takes scripts: {A_SCRIPT}."
        ))));
    }
    let checked = onnx::check(file, size)?.map(Checked::Onnx);
    Ok(checked.map_err(|rejection| match rejection.code {
        RejectionCode::EntryKind if takes(EntryKind::Script) => Rejection {
            message: format!(
                "{} This competition takes scripts, too: {A_SCRIPT}.",
                rejection.message
            ),
            ..rejection
        },
        _ => rejection,
    }))
}

const A_SCRIPT: &str = "a zip with main.py at its top";
