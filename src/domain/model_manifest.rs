//! How a model asks to be run: what the `leanboard.toml` beside it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is not said is as it is for a model without a manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelManifest {
    /// Rows at a time, where axis 0 is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// The output that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Of two classes, where the second begins on the output's one number for each row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// By the names of the model's inputs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputSource>,
}

/// What makes probabilities of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Of one score for each class.
    Softmax,
    /// Of one number for each row.
    Sigmoid,
}

impl Activation {
    pub const ALL: [Activation; 2] = [Activation::Softmax, Activation::Sigmoid];

    pub fn as_str(self) -> &'static str {
        match self {
            Activation::Softmax => "softmax",
            Activation::Sigmoid => "sigmoid",
        }
    }
}

/// What an input is fed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputSource {
    /// An array of test inputs.
    Array {
        #[serde(rename = "from")]
        name: String,
    },
    /// The same value in each place; without axes it is a scalar.
    Constant {
        #[serde(rename = "const")]
        value: Constant,
        shape: Vec<Axis>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Constant {
    Truth(bool),
    Whole(i64),
    /// Finite.
    Decimal(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Axis {
    Fixed(u64),
    /// The rows of the batch: axis 0 alone.
    Rows(Rows),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rows {
    #[serde(rename = "batch")]
    Batch,
}
