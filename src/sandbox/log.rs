//! What a program wrote to standard output or standard error, as far as it is kept.

use crate::domain::names::is_invisible;
use crate::domain::units::Bytes;

/// The first [`Log::KEPT`] of a stream. Whoever sees the log of a run on hidden data may see that
/// data, since the program could have printed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    kept: Vec<u8>,
    written: u64,
}

impl Log {
    /// What is kept of one stream.
    pub const KEPT: Bytes = Bytes::from_kib(64);
    /// A program that writes more than this to one stream is killed.
    pub const MOST: Bytes = Bytes::from_mib(16);

    pub(super) fn append(&mut self, bytes: &[u8]) {
        let room = Log::KEPT.as_u64() as usize - self.kept.len();
        self.kept.extend(bytes.iter().take(room));
        self.written += bytes.len() as u64;
    }

    pub(super) fn is_flood(&self) -> bool {
        self.written > Log::MOST.as_u64()
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.kept
    }

    /// All that the program wrote, kept or not.
    pub fn written(&self) -> Bytes {
        Bytes::new(self.written)
    }

    pub fn is_truncated(&self) -> bool {
        self.written > self.kept.len() as u64
    }

    /// Safe to show: no control characters but newlines and tabs, none that hides or turns around
    /// what stands beside it, and what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        let is_shown = |c: &char| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(*c));
        String::from_utf8_lossy(&self.kept)
            .chars()
            .filter(is_shown)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_the_beginning_and_counts_the_rest() {
        let mut log = Log::default();
        log.append(&[b'a'; 60 << 10]);
        assert!(!log.is_truncated());
        log.append(&[b'b'; 60 << 10]);
        assert!(log.is_truncated());
        assert_eq!(log.as_bytes().len() as u64, Log::KEPT.as_u64());
        assert_eq!(log.written(), Bytes::from_kib(120));
    }

    #[test]
    fn terminal_escapes_are_not_shown() {
        let mut log = Log::default();
        log.append(b"red: \x1b[31m\tok\r\n\xff");
        assert_eq!(log.text(), "red: [31m\tok\n\u{fffd}");
    }

    #[test]
    fn what_turns_a_line_around_or_hides_in_it_is_not_shown() {
        let mut log = Log::default();
        log.append("score \u{202e}99.0\u{2066}\u{200b} \u{feff}\u{e0041}ok é\u{85}\0".as_bytes());
        assert_eq!(log.text(), "score 99.0 ok é");
    }
}
