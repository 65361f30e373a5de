//! How a model asks to be run: what the `leanboard.toml` beside it says.

use serde::{Deserialize, Serialize};

/// What is not said is as it is for a model without a manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelManifest {
    /// Rows at a time, where axis 0 is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
}
