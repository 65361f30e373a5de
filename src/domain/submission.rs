//! The state of a submission, and the reasons why one fails.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a submission stands. The row of its job says so, and nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Queued,
    Running(Phase),
    Scored,
    Failed,
    Cancelled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running(_) => "running",
            Status::Scored => "scored",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        match self {
            Status::Queued | Status::Running(_) => false,
            Status::Scored | Status::Failed | Status::Cancelled => true,
        }
    }
}

/// What a runner is doing with a submission right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// On the public sample, outside the measurement.
    Smoke,
    /// On the hidden test inputs, not recorded.
    WarmUp,
    Trial {
        number: u32,
        of: u32,
    },
    Scoring,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Smoke => "smoke",
            Phase::WarmUp => "warm-up",
            Phase::Trial { .. } => "trial",
            Phase::Scoring => "scoring",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Smoke => f.write_str("smoke run"),
            Phase::WarmUp => f.write_str("warm-up"),
            Phase::Trial { number, of } => write!(f, "trial {number} of {of}"),
            Phase::Scoring => f.write_str("scoring"),
        }
    }
}

/// Whose failure it was, and so what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The submission's: it stays failed and counts against the quota.
    Participant,
    /// The competition's own metric's: the host mends it.
    Metric,
    /// Ours: re-queued by itself; quota refunded.
    Infrastructure,
    /// The machine was disturbed: measured again free of charge.
    Noise,
}

impl FailureClass {
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Participant => "participant",
            FailureClass::Metric => "metric",
            FailureClass::Infrastructure => "infrastructure",
            FailureClass::Noise => "noise",
        }
    }

    /// Whether the submission counts against the daily limit all the same.
    pub fn uses_quota(self) -> bool {
        match self {
            FailureClass::Participant => true,
            FailureClass::Metric | FailureClass::Infrastructure | FailureClass::Noise => false,
        }
    }
}

/// Why a submission failed. The message is shown to its participant and holds nothing of the
/// hidden data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: FailureClass,
    /// A stable word that programs can match, such as `input_shape`.
    pub code: String,
    pub message: String,
}

impl Failure {
    pub fn participant(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure {
            class: FailureClass::Participant,
            code: code.into(),
            message: message.into(),
        }
    }

    pub fn infrastructure(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure {
            class: FailureClass::Infrastructure,
            code: code.into(),
            message: message.into(),
        }
    }
}
