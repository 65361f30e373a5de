//! How a sandboxed run ended, and what it used. A participant's failure is one of these values;
//! only our own failures are errors.

use std::time::Duration;

use super::units::Bytes;

/// How the run of one untrusted program ended. Everything here was done by the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The program ended by itself with this exit code.
    Exited { code: i32 },
    /// A signal ended it that was not ours.
    Killed { signal: i32 },
    /// It still ran at its wall-time limit.
    TimedOut,
    /// The tree needed more memory than its limit.
    OutOfMemory,
    /// It wanted more processes or threads than its limit, and failed.
    TooManyProcesses,
    /// It failed, and had filled its output folder by then or wanted a file larger than that.
    OutputTooLarge,
    /// It wrote more to standard output or standard error than is kept from flooding us.
    TooMuchLog,
}

impl Outcome {
    /// Whether the program did all it was asked for.
    pub fn is_success(&self) -> bool {
        *self == Outcome::Exited { code: 0 }
    }
}

/// What a run has used up to an instant, as its control group counted it: the whole tree, orphans
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// The highest memory use so far.
    pub peak_memory: Bytes,
}
