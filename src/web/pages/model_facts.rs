//! What the door check found in a model file, for showing. All of it is strangers' text.

use serde::Deserialize;

use super::figures;
use crate::domain::model_manifest::{Axis, Constant, InputSource, ModelManifest};
use crate::entries::clean;

/// Operators that are listed by name; the rest is counted.
const OPERATORS_SHOWN: usize = 40;

/// As it was stored; what an older check did not look for is absent.
#[derive(Debug, Deserialize)]
pub struct ModelFacts {
    #[serde(default)]
    producer: String,
    #[serde(default)]
    opsets: Vec<Opset>,
    #[serde(default)]
    pub inputs: Vec<Tensor>,
    #[serde(default)]
    pub outputs: Vec<Tensor>,
    #[serde(default)]
    node_count: u64,
    #[serde(default)]
    parameter_count: u64,
    #[serde(default)]
    operators: Vec<String>,
    #[serde(default)]
    manifest: Option<ModelManifest>,
}

#[derive(Debug, Deserialize)]
struct Opset {
    domain: String,
    version: u64,
}

#[derive(Debug, Deserialize)]
pub struct Tensor {
    pub name: String,
    dtype: String,
    #[serde(default)]
    shape: Vec<serde_json::Value>,
}

impl Tensor {
    /// "float32 [N, 64]".
    pub fn kind(&self) -> String {
        let axes: Vec<String> = self
            .shape
            .iter()
            .map(|axis| match axis {
                serde_json::Value::Number(length) => length.to_string(),
                serde_json::Value::String(name) => name.clone(),
                _ => "?".to_owned(),
            })
            .collect();
        match axes.as_slice() {
            [] => self.dtype.clone(),
            _ => format!("{} [{}]", self.dtype, axes.join(", ")),
        }
    }
}

/// Something that a manifest says: of what, and what of it.
pub struct Said {
    pub name: String,
    pub words: String,
}

impl ModelFacts {
    /// What the manifest says, a line each.
    pub fn manifest(&self) -> Vec<Said> {
        let Some(manifest) = &self.manifest else {
            return Vec::new();
        };
        let said = |name: &str, words: String| Said {
            name: clean(name.as_bytes()),
            words,
        };
        let mut lines: Vec<Said> = (manifest.inputs.iter())
            .map(|(name, source)| said(name, fed(source)))
            .collect();
        let output = manifest.output.as_ref();
        lines.extend(output.map(|name| said(name, "is the output that counts".to_owned())));
        let threshold = manifest.threshold;
        lines.extend(threshold.map(|number| said("threshold", number.to_string())));
        let activation = manifest.activation;
        lines.extend(activation.map(|of| said("activation", of.as_str().to_owned())));
        let rows = manifest.batch_size;
        lines.extend(rows.map(|rows| said("batch_size", figures::count(u64::from(rows)))));
        lines
    }

    /// `None` where nothing was found out.
    pub fn read(model: &serde_json::Value) -> Option<ModelFacts> {
        ModelFacts::deserialize(model).ok()
    }

    pub fn producer(&self) -> Option<&str> {
        Some(self.producer.as_str()).filter(|producer| !producer.is_empty())
    }

    pub fn parameters(&self) -> String {
        figures::count(self.parameter_count)
    }

    pub fn nodes(&self) -> String {
        figures::count(self.node_count)
    }

    /// TensorFlow Lite has none.
    pub fn opsets(&self) -> Option<String> {
        let opsets: Vec<String> = self
            .opsets
            .iter()
            .map(|opset| {
                let domain = match opset.domain.as_str() {
                    "" => "ai.onnx",
                    domain => domain,
                };
                format!("{domain} {}", opset.version)
            })
            .collect();
        (!opsets.is_empty()).then(|| opsets.join(", "))
    }

    pub fn operators(&self) -> &[String] {
        &self.operators[..self.operators.len().min(OPERATORS_SHOWN)]
    }

    pub fn operators_left_out(&self) -> usize {
        self.operators.len().saturating_sub(OPERATORS_SHOWN)
    }
}

fn fed(source: &InputSource) -> String {
    match source {
        InputSource::Array { name } => format!("is fed from {}", clean(name.as_bytes())),
        InputSource::Constant { value, shape } => {
            let value = match value {
                Constant::Truth(truth) => truth.to_string(),
                Constant::Whole(number) => number.to_string(),
                Constant::Decimal(number) => number.to_string(),
                Constant::Text(text) => format!("“{}”", clean(text.as_bytes())),
            };
            let axes: Vec<String> = (shape.iter())
                .map(|axis| match axis {
                    Axis::Fixed(length) => length.to_string(),
                    Axis::Rows(_) => "batch".to_owned(),
                })
                .collect();
            match axes.as_slice() {
                [] => format!("is always {value}"),
                axes => format!("is always {value} [{}]", axes.join(", ")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ModelFacts;

    #[test]
    fn an_axis_is_a_number_a_name_or_unknown() {
        let facts = ModelFacts::read(&json!({
            "inputs": [{"name": "X", "dtype": "float32", "shape": ["N", 64, null]}],
            "outputs": [{"name": "label", "dtype": "int64"}],
            "opsets": [{"domain": "", "version": 17}, {"domain": "ai.onnx.ml", "version": 3}],
        }))
        .unwrap();
        assert_eq!(facts.inputs[0].kind(), "float32 [N, 64, ?]");
        assert_eq!(facts.outputs[0].kind(), "int64");
        assert_eq!(facts.opsets().as_deref(), Some("ai.onnx 17, ai.onnx.ml 3"));
        assert!(ModelFacts::read(&json!(1)).is_none());
    }
}
