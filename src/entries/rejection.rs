//! Why an upload is refused, said to the participant.

use serde::{Deserialize, Serialize};

use crate::domain::names;

/// A participant's failure: a code for machines, and a sentence that names the thing and the fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub code: RejectionCode,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// There are no bytes.
    EntryEmpty,
    /// A file of another kind.
    EntryKind,
    /// Damaged, cut off, or no model at all.
    OnnxInvalid,
    /// Newer than the runtime, or beyond what any reasonable model needs.
    OnnxUnsupported,
    /// Weights in other files.
    OnnxExternalData,
    /// Operators that the runtime does not have, or that entries may not use.
    OnnxCustomOp,
    /// Operators whose answer depends on more than their inputs.
    OnnxStateful,
    /// Damaged, cut off, or no model at all.
    TfliteInvalid,
    /// Of another version, or beyond what any reasonable model needs.
    TfliteUnsupported,
    /// Operators that the runtime does not have.
    TfliteCustomOp,
    /// Operators or tensors whose content depends on more than the inputs.
    TfliteStateful,
    /// An input that no array of the test inputs is for.
    InputUnbound,
    /// A manifest that binds an input which is not there.
    InputUnknown,
    /// An input that fixes its rows as no batch can be.
    BatchAxis,
    /// An input of another size than the array's rows.
    InputShape,
    /// Text where numbers are fed, or numbers where text is.
    InputDtype,
    /// Several outputs, of which none says that it is the prediction.
    OutputAmbiguous,
    /// A manifest that takes an output which is not there.
    OutputUnknown,
    /// An output that is no answer to the task.
    OutputKind,
    /// An output of another number of classes.
    OutputClasses,
    /// An output of another number of values.
    OutputShape,
    /// Damaged, cut off, or compressed in a way that is not supported.
    ZipInvalid,
    /// With a password.
    ZipEncrypted,
    /// A path that leads elsewhere, or that no file system should have.
    ZipPath,
    /// A link or a device.
    ZipLink,
    /// Two paths that are the same on some file system.
    ZipDuplicate,
    /// Too many files, or too much once unpacked.
    ZipTooLarge,
    /// A zip with a model and no manifest.
    ManifestMissing,
    /// A manifest that is no TOML, or has other keys or values.
    ManifestInvalid,
    /// A manifest without a model.
    ModelMissing,
    /// A file beside a model and its manifest.
    ZipExtra,
    /// More rows at a time than the competition gives.
    BatchSize,
    /// No script to run.
    MainMissing,
    /// No function to call.
    PredictMissing,
    /// A script and a function at once, or several models.
    EntryAmbiguous,
}

impl RejectionCode {
    pub fn as_str(self) -> &'static str {
        match self {
            RejectionCode::EntryEmpty => "entry_empty",
            RejectionCode::EntryKind => "entry_kind",
            RejectionCode::OnnxInvalid => "onnx_invalid",
            RejectionCode::OnnxUnsupported => "onnx_unsupported",
            RejectionCode::OnnxExternalData => "onnx_external_data",
            RejectionCode::OnnxCustomOp => "onnx_custom_op",
            RejectionCode::OnnxStateful => "onnx_stateful",
            RejectionCode::TfliteInvalid => "tflite_invalid",
            RejectionCode::TfliteUnsupported => "tflite_unsupported",
            RejectionCode::TfliteCustomOp => "tflite_custom_op",
            RejectionCode::TfliteStateful => "tflite_stateful",
            RejectionCode::InputUnbound => "input_unbound",
            RejectionCode::InputUnknown => "input_unknown",
            RejectionCode::BatchAxis => "batch_axis",
            RejectionCode::InputShape => "input_shape",
            RejectionCode::InputDtype => "input_dtype",
            RejectionCode::OutputAmbiguous => "output_ambiguous",
            RejectionCode::OutputUnknown => "output_unknown",
            RejectionCode::OutputKind => "output_kind",
            RejectionCode::OutputClasses => "output_classes",
            RejectionCode::OutputShape => "output_shape",
            RejectionCode::ZipInvalid => "zip_invalid",
            RejectionCode::ZipEncrypted => "zip_encrypted",
            RejectionCode::ZipPath => "zip_path",
            RejectionCode::ZipLink => "zip_link",
            RejectionCode::ZipDuplicate => "zip_duplicate",
            RejectionCode::ZipTooLarge => "zip_too_large",
            RejectionCode::ManifestMissing => "manifest_missing",
            RejectionCode::ManifestInvalid => "manifest_invalid",
            RejectionCode::ModelMissing => "model_missing",
            RejectionCode::ZipExtra => "zip_extra",
            RejectionCode::BatchSize => "batch_size",
            RejectionCode::MainMissing => "main_missing",
            RejectionCode::PredictMissing => "predict_missing",
            RejectionCode::EntryAmbiguous => "entry_ambiguous",
        }
    }

    pub(super) fn because(self, message: impl Into<String>) -> Rejection {
        Rejection {
            code: self,
            message: message.into(),
        }
    }
}

/// Bytes of a stranger's name that are ever looked at.
pub const NAME_BYTES_MAX: usize = 256;
const NAME_CHARS_MAX: usize = 60;

/// A stranger's name, fit to be shown: on one line, without control or invisible characters, and
/// not too long.
pub fn clean(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES_MAX)]);
    let visible: String = (text.chars())
        .filter(|c| c.is_whitespace() || !(c.is_control() || names::is_invisible(*c)))
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= NAME_CHARS_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(NAME_CHARS_MAX - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_names_are_shown_on_one_short_line() {
        for (name, expected) in [
            (&b"conv1/weight:0"[..], "conv1/weight:0"),
            (b"a\nb\x1b[31m\0c", "a b[31mc"),
            ("\u{202e}gnp.exe".as_bytes(), "gnp.exe"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"", ""),
        ] {
            assert_eq!(clean(name), expected);
        }
        let long = "ä".repeat(1000);
        assert_eq!(clean(long.as_bytes()).chars().count(), NAME_CHARS_MAX);
    }
}
