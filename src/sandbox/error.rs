//! What can go wrong on our side of the walls. What an untrusted program does wrong is an outcome.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum SandboxError {
    /// The machine lacks something; every lack is named with its remedy.
    #[error("this machine cannot raise the walls: {}", .0.join("; "))]
    Missing(Vec<String>),
    /// The canary did what must be impossible.
    #[error("the walls do not hold, so no job is taken: {0}")]
    WallsBroken(String),
    /// The kernel does not enforce what was configured, so the program was not started.
    #[error("limits-not-enforced: {0}")]
    LimitsNotEnforced(String),
    #[error("another runner uses the folder {}; give this one another name (--runner-name, LEANBOARD_RUNNER_NAME)", .0.display())]
    InUse(PathBuf),
    #[error("{} cannot be read by everyone, and the sandbox's user is nobody special: give it the mode o+r (o+rx for a folder)", .0.display())]
    NotReadable(PathBuf),
    #[error("a run wants {wanted} CPUs and this runner has {available} for it")]
    TooFewCpus { wanted: u32, available: usize },
    #[error("a mount target must be an absolute path without '..': {0}")]
    BadTarget(String),
    #[error("{command} failed: {message}")]
    Engine { command: String, message: String },
    /// The command itself is ours, so that it cannot be executed is our mistake.
    #[error("{program} cannot be executed inside the sandbox")]
    CannotExecute { program: String, source: io::Error },
    #[error("the sandbox's first process ended without a report")]
    InitDied,
    #[error("the sandbox's first process ended during the run, without a report")]
    EndedUnreported,
    #[error("processes of the sandbox do not die")]
    WontDie,
    #[error("the run was cancelled")]
    Cancelled,
    #[error("the engine's configuration cannot be built")]
    Config(#[from] oci_spec::OciSpecError),
    #[error("the engine's configuration cannot be written")]
    Json(#[from] serde_json::Error),
    #[error("{doing}")]
    Io { doing: String, source: io::Error },
}

/// Says what was being done when a system call failed.
pub(super) trait Doing<T> {
    fn doing<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, SandboxError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, SandboxError> {
        self.map_err(|error| SandboxError::Io {
            doing: what().into(),
            source: error.into(),
        })
    }
}
