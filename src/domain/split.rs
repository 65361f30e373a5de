//! Which rows count for which leaderboard.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the two parts of the test rows. A solution's `Usage` column spells them as they are
/// shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Scored for everyone to see while the competition is open.
    Public,
    /// Decides in the end; nobody but the host sees its scores before.
    Private,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a row's Usage is `Public` or `Private`")]
pub struct SplitError;

impl Split {
    pub const ALL: [Split; 2] = [Split::Public, Split::Private];

    pub fn as_str(self) -> &'static str {
        match self {
            Split::Public => "Public",
            Split::Private => "Private",
        }
    }
}

impl FromStr for Split {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Split, SplitError> {
        Split::ALL
            .into_iter()
            .find(|split| split.as_str() == text)
            .ok_or(SplitError)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
