//! Says what a file that is no model seems to be.

use super::rejection::{Rejection, RejectionCode};

/// How many bytes of a file's beginning are looked at.
pub const HEAD_BYTES: usize = 512;

/// What a TensorFlow Lite file has behind its first four bytes.
pub const TFLITE: &[u8; 4] = b"TFL3";

const EXPORT: &str = "Export the model as ONNX, with torch.onnx.export, skl2onnx or tf2onnx for \
                      example, and upload that file.";

/// The refusal of a file of another kind, by its beginning, or `None` where it is not known.
pub fn recognise(head: &[u8]) -> Option<Rejection> {
    let seems = by_signature(head).or_else(|| by_text(head))?;
    Some(RejectionCode::EntryKind.because(format!(
        "The file is no ONNX model; it seems to be {seems}. {EXPORT}"
    )))
}

/// Whether the runtime would take the file for one in its own format, which the door cannot read,
/// even where it is a sound ONNX model at the same time.
pub fn is_ort_format(head: &[u8]) -> bool {
    has_identifier(head, b"ORTM")
}

pub fn is_tflite(head: &[u8]) -> bool {
    has_identifier(head, TFLITE)
}

/// Whether a FlatBuffers file is of this kind.
fn has_identifier(head: &[u8], identifier: &[u8; 4]) -> bool {
    head.get(4..8) == Some(identifier)
}

/// Whether it begins as zip archives do, an empty one included.
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

fn by_signature(head: &[u8]) -> Option<&'static str> {
    let starts = |signature: &[u8]| head.starts_with(signature);
    Some(if is_zip(head) {
        "a zip archive, as PyTorch (.pt), Keras (.keras) and NumPy (.npz) write them"
    } else if starts(b"\x1f\x8b") {
        "compressed with gzip"
    } else if is_tflite(head) {
        "a TensorFlow Lite model"
    } else if is_ort_format(head) {
        "a model in the ORT format; the .onnx file that it was made from is wanted"
    } else if starts(b"\x89HDF\r\n\x1a\n") {
        "an HDF5 file, as older versions of Keras write them"
    } else if starts(b"\x93NUMPY") {
        "a NumPy array"
    } else if starts(b"GGUF") {
        "a GGUF model"
    } else if head.get(8..10) == Some(b"{\"") {
        "a safetensors file, which has the weights but not the model"
    } else if matches!(head, [0x80, 2..=5, ..]) {
        "a Python pickle, as pickle and joblib write them"
    } else {
        return None;
    })
}

fn by_text(head: &[u8]) -> Option<&'static str> {
    let is_text = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..);
    if head.is_empty() || !head.iter().all(is_text) {
        return None;
    }
    let start = head.trim_ascii_start();
    Some(if start.starts_with(b"version https://git-lfs") {
        "a pointer of Git LFS; `git lfs pull` fetches the file itself"
    } else if start.starts_with(b"<") {
        "a web page or XML; perhaps a download that failed"
    } else if start.starts_with(b"{") {
        "JSON"
    } else if start.starts_with(b"ir_version:") {
        "an ONNX model in its text form; save it with onnx.save, which writes the binary one"
    } else {
        "text"
    })
}
