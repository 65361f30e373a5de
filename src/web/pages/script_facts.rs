//! What the door check found in a script's zip, for showing. The names are strangers' text.

use serde::Deserialize;

use super::figures::{self, Figure};
use crate::domain::units::Bytes;

#[derive(Debug, Deserialize)]
pub struct ScriptFacts {
    file_count: u64,
    unpacked_bytes: u64,
    /// The first of them.
    #[serde(default)]
    pub files: Vec<File>,
}

#[derive(Debug, Deserialize)]
pub struct File {
    pub path: String,
    size_bytes: u64,
}

impl File {
    pub fn size(&self) -> Figure {
        figures::bytes(Bytes::new(self.size_bytes))
    }
}

impl ScriptFacts {
    /// `None` where nothing was found out.
    pub fn read(model: &serde_json::Value) -> Option<ScriptFacts> {
        ScriptFacts::deserialize(model).ok()
    }

    pub fn count(&self) -> String {
        let count = i64::try_from(self.file_count).unwrap_or(i64::MAX);
        figures::counted(count, "file")
    }

    pub fn unpacked(&self) -> Figure {
        figures::bytes(Bytes::new(self.unpacked_bytes))
    }

    pub fn left_out(&self) -> u64 {
        self.file_count.saturating_sub(self.files.len() as u64)
    }
}
