//! Reads a `leanboard.toml`: each fault is told with its key and its line.

use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::MANIFEST;
use crate::domain::model_manifest::ModelManifest;
use crate::entries::rejection::{Rejection, RejectionCode, clean};

/// What an input may fix is no more.
const BATCH_SIZE_MAX: i64 = 65_536;

/// The keys as they are written; what is wrong with a value is told by the key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    batch_size: Option<Spanned<Value>>,
}

pub fn parse(bytes: &[u8]) -> Result<ModelManifest, Rejection> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| invalid("it is not UTF-8. Save it as plain text".to_owned()))?;
    let reader = Reader { text };
    let written: Written = toml::from_str(text).map_err(|error| {
        let what = clean(error.message().as_bytes());
        match error.span() {
            Some(span) => reader.fault(&span, &what),
            None => invalid(what),
        }
    })?;
    let batch_size = written.batch_size.map(|value| match value.get_ref() {
        Value::Integer(rows @ 1..=BATCH_SIZE_MAX) => {
            Ok(u32::try_from(*rows).expect("it is at most 65,536"))
        }
        other => Err(reader.expected(
            &value.span(),
            "batch_size",
            "a whole number of rows from 1 to 65536",
            other,
        )),
    });
    Ok(ModelManifest {
        batch_size: batch_size.transpose()?,
    })
}

/// The file itself is wrong.
pub fn invalid(what: String) -> Rejection {
    RejectionCode::ManifestInvalid.because(format!("{MANIFEST} cannot be read: {what}."))
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn fault(&self, span: &Range<usize>, what: &str) -> Rejection {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        RejectionCode::ManifestInvalid.because(format!("{MANIFEST}, line {line}: {what}."))
    }

    fn expected(&self, span: &Range<usize>, key: &str, expected: &str, found: &Value) -> Rejection {
        let what = format!("`{key}` must be {expected}, not {}", shown(found));
        self.fault(span, &what)
    }
}

/// A value as it was written, or what it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::String(text) => format!("\"{}\"", clean(text.as_bytes())),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}
