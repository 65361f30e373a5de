//! What model files declare of their inputs and outputs.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    pub name: String,
    /// numpy's name of the element type, "string" for text, and the runtime's description of what
    /// is no tensor: `seq(map(int64,tensor(float)))`.
    pub dtype: String,
    /// Empty for a scalar, an unknown rank, and what is no tensor.
    pub shape: Vec<Dim>,
}

/// The length of an axis: a number, a name, or nothing known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    Fixed(u64),
    Named(String),
    Free,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(length) => length.fmt(f),
            Dim::Named(name) => f.write_str(name),
            Dim::Free => f.write_str("?"),
        }
    }
}

/// "'features' (float32 [?, 64])".
impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self.shape.iter().map(Dim::to_string).collect();
        match axes.as_slice() {
            [] => write!(f, "'{}' ({})", self.name, self.dtype),
            axes => write!(f, "'{}' ({} [{}])", self.name, self.dtype, axes.join(", ")),
        }
    }
}
