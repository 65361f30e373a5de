//! Reads what was uploaded without running it, so that a broken file is refused at the door with
//! its reason. Nothing here trusts a byte of it: memory is bounded whatever the file claims, and
//! time grows with its size and no faster.

pub mod fit;
pub mod onnx;
pub mod package;
mod protobuf;
mod recognise;
mod rejection;
pub mod script;
pub mod tensors;
pub mod tflite;
pub mod zip;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::Serialize;

use crate::domain::competition::{EntryKind, EntryRules};
use crate::domain::model_manifest::ModelManifest;
use crate::domain::units::Bytes;
use onnx::OnnxModel;
pub use rejection::{Rejection, RejectionCode, clean};
use script::Script;
use tflite::TfliteModel;

/// An entry that passed the check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    #[serde(flatten)]
    pub content: Content,
    /// How it asks to be run: of a model in a zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ModelManifest>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Content {
    Onnx(OnnxModel),
    Tflite(TfliteModel),
    Predict(Script),
    Script(Script),
}

impl Checked {
    pub fn kind(&self) -> EntryKind {
        match self.content {
            Content::Onnx(_) => EntryKind::Onnx,
            Content::Tflite(_) => EntryKind::Tflite,
            Content::Predict(_) => EntryKind::Predict,
            Content::Script(_) => EntryKind::Script,
        }
    }
}

impl From<Content> for Checked {
    fn from(content: Content) -> Checked {
        Checked {
            content,
            manifest: None,
        }
    }
}

/// Looks at an upload of `size` bytes, which must be of one of the kinds that the rules take. What has
/// to be unpacked for that goes into the folder `spool`, without a name. The inner error is the
/// participant's; the outer one is ours, when the file could not be read.
pub fn check(
    file: File,
    size: Bytes,
    rules: &EntryRules,
    spool: &Path,
) -> io::Result<Result<Checked, Rejection>> {
    let kinds = rules.kinds.as_slice();
    let mut head = [0; 8];
    let read = file.read_at(&mut head, 0)?;
    let head = &head[..read];
    let takes = |kind| kinds.contains(&kind);
    let is_zip = recognise::is_zip(head);
    if is_zip
        && kinds.iter().any(|kind| kind.is_model())
        && let Some(checked) = package::check(file.try_clone()?, size, rules, spool)?
    {
        return Ok(checked);
    }
    if is_zip && kinds.iter().any(|kind| !kind.is_model()) {
        let checked = script::check(file, size, kinds)?;
        return Ok(checked.map(|(kind, script)| match kind {
            EntryKind::Predict => Content::Predict(script).into(),
            EntryKind::Onnx | EntryKind::Tflite | EntryKind::Script => {
                Content::Script(script).into()
            }
        }));
    }
    // The runner takes whatever begins as a zip for one.
    if recognise::is_tflite(head) && !is_zip && takes(EntryKind::Tflite) {
        return Ok(tflite::check(file, size)?.map(|model| Content::Tflite(model).into()));
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
    let checked = onnx::check(file, size)?.map(|model| Content::Onnx(model).into());
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

/// Whether a stored model is a zip with a manifest.
pub fn is_packed(file: &File) -> io::Result<bool> {
    let mut head = [0; 8];
    let read = file.read_at(&mut head, 0)?;
    Ok(recognise::is_zip(&head[..read]))
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
