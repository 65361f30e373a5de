//! Standard output, whose reader may have had enough: `leanboard … | head` is no fault of ours.

use std::fmt::Display;
use std::io::{self, Write};

use super::Failure;
use crate::domain::names;

/// Prints a line, as [`plain`] text whatever a server sent.
pub fn say(line: impl Display) -> Result<(), Failure> {
    write(format!("{}\n", plain(&line.to_string())).as_bytes())
}

/// A text of others without what would move a terminal's cursor.
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || !(c.is_control() || names::is_invisible(*c)))
        .collect()
}

/// Writes bytes as they are.
pub fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output cannot be written: {error}"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
