//! What is wrong with a bundle, said to its host.

use std::fmt;

/// One fault: `competition.toml:12: unknown key `titel`; did you mean `title`?`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file's path in the bundle; empty for the bundle itself.
    pub file: String,
    /// Counted from 1; absent where the fault is that something is missing, or the file as a whole.
    pub line: Option<u64>,
    /// What is wrong and how to put it right, beginning with a lower-case letter.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}
