//! Reads a `leanboard.toml`: each fault is told with its key and its line.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::MANIFEST;
use crate::domain::model_manifest::{Activation, Axis, Constant, InputSource, ModelManifest, Rows};
use crate::domain::names;
use crate::entries::rejection::{Rejection, RejectionCode, clean};

/// What an input may fix is no more.
const BATCH_SIZE_MAX: i64 = 65_536;
/// Places of a constant in one row or, without rows, in all.
const CONSTANT_MAX: u64 = 1 << 20;
const AXES_MAX: usize = 8;
/// Of what the parser says.
const MESSAGE_CHARS_MAX: usize = 200;

/// The keys as they are written. What is wrong with a value is told by its key, which is why each
/// is any value at first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    batch_size: Option<Spanned<Value>>,
    output: Option<Spanned<Value>>,
    threshold: Option<Spanned<Value>>,
    activation: Option<Spanned<Value>>,
    inputs: Option<BTreeMap<String, Spanned<Value>>>,
}

pub fn parse(bytes: &[u8]) -> Result<ModelManifest, Rejection> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| invalid("it is not UTF-8. Save it as plain text".to_owned()))?;
    let reader = Reader { text };
    let written: Written = toml::from_str(text).map_err(|error| reader.no_toml(&error))?;
    let manifest = ModelManifest {
        batch_size: reader.read(
            "batch_size",
            written.batch_size,
            "a whole number of rows from 1 to 65536",
            batch_size,
        )?,
        output: reader.read(
            "output",
            written.output,
            "the name of one of the model's outputs, in quotation marks",
            |value| match value {
                Value::String(name) => Some(name.clone()),
                _ => None,
            },
        )?,
        threshold: reader.read("threshold", written.threshold, "a finite number", |value| {
            match value {
                Value::Integer(number) => Some(*number as f64),
                Value::Float(number) if number.is_finite() => Some(*number),
                _ => None,
            }
        })?,
        activation: reader.read(
            "activation",
            written.activation,
            "\"softmax\" or \"sigmoid\"",
            |value| {
                let name = value.as_str()?;
                let mut all = Activation::ALL.into_iter();
                all.find(|activation| activation.as_str() == name)
            },
        )?,
        inputs: (written.inputs.unwrap_or_default().into_iter())
            .map(|(name, written)| {
                let source = reader.source(&name, &written)?;
                Ok((name, source))
            })
            .collect::<Result<_, Rejection>>()?,
    };
    // PostgreSQL has no such character.
    let has_nul = serde_json::to_string(&manifest).is_ok_and(|json| json.contains("\\u0000"));
    match has_nul {
        true => Err(invalid(
            "a name or a text in it holds the character U+0000".to_owned(),
        )),
        false => Ok(manifest),
    }
}

fn batch_size(value: &Value) -> Option<u32> {
    match value {
        Value::Integer(rows @ 1..=BATCH_SIZE_MAX) => u32::try_from(*rows).ok(),
        _ => None,
    }
}

/// The file itself is wrong.
pub fn invalid(what: String) -> Rejection {
    RejectionCode::ManifestInvalid.because(format!("{MANIFEST} cannot be read: {what}."))
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn no_toml(&self, error: &toml::de::Error) -> Rejection {
        let what: String = (error.message().chars())
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| !(c.is_control() || names::is_invisible(*c)))
            .take(MESSAGE_CHARS_MAX)
            .collect();
        // Every other key takes any value at first.
        let what = match what.starts_with("invalid type") {
            true => {
                "`inputs` must be a table: [inputs], and below it a line for each input".to_owned()
            }
            false => what,
        };
        match error.span() {
            Some(span) => self.fault(&span, &what),
            None => invalid(what),
        }
    }

    fn fault(&self, span: &Range<usize>, what: &str) -> Rejection {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        RejectionCode::ManifestInvalid.because(format!("{MANIFEST}, line {line}: {what}."))
    }

    /// The value of a key, which must be as `expected`.
    fn read<T>(
        &self,
        key: &str,
        value: Option<Spanned<Value>>,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Rejection> {
        let Some(value) = value else {
            return Ok(None);
        };
        match read(value.get_ref()) {
            Some(read) => Ok(Some(read)),
            None => {
                let found = shown(value.get_ref());
                let what = format!("`{key}` must be {expected}, not {found}");
                Err(self.fault(&value.span(), &what))
            }
        }
    }

    fn source(&self, input: &str, written: &Spanned<Value>) -> Result<InputSource, Rejection> {
        let input = clean(input.as_bytes());
        let fault = |what: String| self.fault(&written.span(), &what);
        let Value::Table(table) = written.get_ref() else {
            return Err(fault(format!(
                "input `{input}` must be {{ from = \"an array\" }} or {{ const = 0 }}, not {}",
                shown(written.get_ref())
            )));
        };
        if let Some(key) = table
            .keys()
            .find(|key| !["from", "const", "shape"].contains(&key.as_str()))
        {
            return Err(fault(format!(
                "input `{input}` has a key `{}`, which means nothing: there are `from`, `const` and `shape`",
                clean(key.as_bytes())
            )));
        }
        match (table.get("from"), table.get("const")) {
            (Some(Value::String(name)), None) if !table.contains_key("shape") => {
                Ok(InputSource::Array { name: name.clone() })
            }
            (Some(Value::String(_)), None) => Err(fault(format!(
                "`shape` of input `{input}` goes with `const` alone: an array takes the shape of the input"
            ))),
            (Some(other), None) => Err(fault(format!(
                "`from` of input `{input}` must be the name of an array, in quotation marks, not {}",
                shown(other)
            ))),
            (None, Some(value)) => Ok(InputSource::Constant {
                value: constant(value).ok_or_else(|| {
                    fault(format!(
                        "`const` of input `{input}` must be a finite number, true, false or a text, not {}",
                        shown(value)
                    ))
                })?,
                shape: shape(table).ok_or_else(|| {
                    fault(format!(
                        "`shape` of input `{input}` must be a list of at most {AXES_MAX} whole numbers from 1, of \
                         which the first may be \"batch\" instead, with at most {CONSTANT_MAX} values in all"
                    ))
                })?,
            }),
            (Some(_), Some(_)) | (None, None) => Err(fault(format!(
                "input `{input}` must have one of `from` and `const`"
            ))),
        }
    }
}

fn constant(value: &Value) -> Option<Constant> {
    match value {
        Value::Boolean(truth) => Some(Constant::Truth(*truth)),
        Value::Integer(number) => Some(Constant::Whole(*number)),
        Value::Float(number) if number.is_finite() => Some(Constant::Decimal(*number)),
        Value::String(text) => Some(Constant::Text(text.clone())),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// A scalar's where there is none.
fn shape(table: &Table) -> Option<Vec<Axis>> {
    let axes = match table.get("shape") {
        None => return Some(Vec::new()),
        Some(Value::Array(axes)) if axes.len() <= AXES_MAX => axes,
        Some(_) => return None,
    };
    let mut values = 1u64;
    axes.iter()
        .enumerate()
        .map(|(at, axis)| match axis {
            Value::String(word) if at == 0 && word == "batch" => Some(Axis::Rows(Rows::Batch)),
            Value::Integer(length) => {
                let length = u64::try_from(*length).ok().filter(|length| *length > 0)?;
                values = values
                    .checked_mul(length)
                    .filter(|all| *all <= CONSTANT_MAX)?;
                Some(Axis::Fixed(length))
            }
            _ => None,
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_manifest_may_say_is_read() {
        let text = r#"
            batch_size = 256
            output = "scores"
            threshold = 1
            activation = "softmax"

            [inputs]
            pixels = { from = "features" }
            "is training:0" = { const = false, shape = [1] }
            noise = { const = 0.5, shape = ["batch", 2] }
            language = { const = "en" }
        "#;
        let constant = |value, shape: &[Axis]| InputSource::Constant {
            value,
            shape: shape.to_vec(),
        };
        let manifest = parse(text.as_bytes()).unwrap();
        let expected = ModelManifest {
            batch_size: Some(256),
            output: Some("scores".to_owned()),
            threshold: Some(1.0),
            activation: Some(Activation::Softmax),
            inputs: BTreeMap::from([
                (
                    "pixels".to_owned(),
                    InputSource::Array {
                        name: "features".to_owned(),
                    },
                ),
                (
                    "is training:0".to_owned(),
                    constant(Constant::Truth(false), &[Axis::Fixed(1)]),
                ),
                (
                    "noise".to_owned(),
                    constant(
                        Constant::Decimal(0.5),
                        &[Axis::Rows(Rows::Batch), Axis::Fixed(2)],
                    ),
                ),
                (
                    "language".to_owned(),
                    constant(Constant::Text("en".to_owned()), &[]),
                ),
            ]),
        };
        assert_eq!(manifest, expected);
        let json = serde_json::to_string(&manifest).unwrap();
        assert!(
            json.contains(r#""noise":{"const":0.5,"shape":["batch",2]}"#),
            "{json}"
        );
        let read: ModelManifest = serde_json::from_str(&json).unwrap();
        assert_eq!(read, expected);
        assert_eq!(parse(b"").unwrap(), ModelManifest::default());
    }

    #[test]
    fn each_fault_is_told_with_its_line_and_what_is_wanted() {
        for (text, line, words) in [
            (
                "\nbatch_size = 0",
                2,
                "`batch_size` must be a whole number of rows",
            ),
            ("batch_size = \"64\"", 1, "not \"64\""),
            ("batch_size = 70000", 1, "from 1 to 65536"),
            ("batch_size = 1.5", 1, "not 1.5"),
            ("\n\nbatchsize = 64", 3, "unknown field `batchsize`"),
            ("batch_size = 1\nbatch_size = 2", 2, "duplicate key"),
            ("output = 3", 1, "`output` must be the name"),
            ("threshold = nan", 1, "`threshold` must be a finite number"),
            ("activation = \"relu\"", 1, "\"softmax\" or \"sigmoid\""),
            ("batch_size = ", 1, ""),
            ("inputs = 3", 1, "`inputs` must be a table"),
            ("[inputs]\nx = \"features\"", 2, "{ from = \"an array\" }"),
            (
                "[inputs]\n\nx = { form = \"features\" }",
                3,
                "has a key `form`",
            ),
            ("[inputs]\nx = { from = 3 }", 2, "`from` of input `x`"),
            ("[inputs]\nx = {}", 2, "one of `from` and `const`"),
            (
                "[inputs]\nx = { from = \"a\", const = 1 }",
                2,
                "one of `from` and `const`",
            ),
            (
                "[inputs]\nx = { from = \"a\", shape = [1] }",
                2,
                "goes with `const` alone",
            ),
            ("[inputs]\nx = { const = inf }", 2, "`const` of input `x`"),
            ("[inputs]\nx = { const = [1] }", 2, "not a list"),
            (
                "[inputs]\nx = { const = 1, shape = 3 }",
                2,
                "`shape` of input `x`",
            ),
            (
                "[inputs]\nx = { const = 1, shape = [2, \"batch\"] }",
                2,
                "the first may be",
            ),
            (
                "[inputs]\nx = { const = 1, shape = [0] }",
                2,
                "whole numbers from 1",
            ),
            (
                "[inputs]\nx = { const = 1, shape = [4096, 4096] }",
                2,
                "at most 1048576 values",
            ),
        ] {
            let rejection = parse(text.as_bytes()).unwrap_err();
            assert_eq!(rejection.code, RejectionCode::ManifestInvalid);
            let message = rejection.message;
            let place = format!("leanboard.toml, line {line}: ");
            assert!(message.starts_with(&place), "{text}: {message}");
            assert!(message.contains(words), "{text}: {message}");
        }
        let message = parse(b"output = '\xff'").unwrap_err().message;
        assert!(message.contains("UTF-8"), "{message}");
    }
}
