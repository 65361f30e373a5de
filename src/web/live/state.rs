//! What a stream tells: the state of a submission, or of a competition's queue, as JSON.

use std::time::Duration;

use serde::Serialize;

use super::Outlook;
use crate::domain::ids::{CompetitionId, SubmissionId, SubmissionNumber};
use crate::domain::submission::{Phase, Status};

/// Where a submission stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubmissionState {
    pub status: &'static str,
    pub phase: Option<PhaseDocument>,
    pub queue_position: Option<usize>,
    pub starts_in_s: Option<u64>,
    pub ends_in_s: Option<u64>,
}

/// A phase, as documents have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PhaseDocument {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trials: Option<u32>,
}

impl From<Phase> for PhaseDocument {
    fn from(phase: Phase) -> PhaseDocument {
        let (trial, trials) = match phase {
            Phase::Trial { number, of } => (Some(number), Some(of)),
            Phase::Smoke | Phase::WarmUp | Phase::Scoring => (None, None),
        };
        PhaseDocument {
            name: phase.as_str(),
            trial,
            trials,
        }
    }
}

impl PhaseDocument {
    pub fn of(status: Status) -> Option<PhaseDocument> {
        match status {
            Status::Running(phase) => Some(phase.into()),
            Status::Queued | Status::Scored | Status::Failed | Status::Cancelled => None,
        }
    }
}

impl SubmissionState {
    /// Without place and forecast.
    pub fn bare(status: Status) -> SubmissionState {
        SubmissionState {
            status: status.as_str(),
            phase: PhaseDocument::of(status),
            queue_position: None,
            starts_in_s: None,
            ends_in_s: None,
        }
    }

    pub fn running(phase: Phase) -> SubmissionState {
        SubmissionState::bare(Status::Running(phase))
    }

    /// The states of a submission in the queue, from the one after `told` phases on.
    pub fn since(outlook: &Outlook, submission: SubmissionId, told: usize) -> Vec<SubmissionState> {
        let Some(place) = outlook.find(submission) else {
            return Vec::new();
        };
        let begun = place.job.phases.iter().skip(told);
        let mut states: Vec<SubmissionState> = begun
            .map(|begun| SubmissionState::running(begun.phase))
            .collect();
        if states.is_empty() {
            states.push(SubmissionState::bare(place.job.status));
        }
        if let Some(last) = states.last_mut() {
            last.queue_position = place.position;
            last.starts_in_s = whole_seconds(place.forecast.starts_in);
            last.ends_in_s = whole_seconds(place.forecast.ends_in);
        }
        states
    }

    /// Whether there is something to tell that time alone does not bring.
    pub fn is_like(&self, other: &SubmissionState) -> bool {
        (self.status, self.phase, self.queue_position)
            == (other.status, other.phase, other.queue_position)
    }
}

/// What is under way in a competition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompetitionState {
    pub queued: usize,
    pub running: usize,
    /// Since the oldest of those was queued.
    pub finished: usize,
    pub measuring: Vec<Measuring>,
    pub ends_in_s: Option<u64>,
    /// Entries that are measured again, or will be, because nobody waits.
    pub deepening: i64,
    /// Counts up whenever a board is ranked anew.
    pub board_version: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measuring {
    pub submission: SubmissionId,
    pub number: SubmissionNumber,
    pub team: String,
    pub phase: Option<PhaseDocument>,
}

impl CompetitionState {
    pub fn of(outlook: &Outlook, competition: CompetitionId) -> CompetitionState {
        let board_version = outlook.board_version(competition);
        let deepening = outlook.deepening(competition).unwrap_or(0);
        let Some(under_way) = outlook.of_competition(competition) else {
            return CompetitionState {
                queued: 0,
                running: 0,
                finished: 0,
                measuring: Vec::new(),
                ends_in_s: None,
                deepening,
                board_version,
            };
        };
        let measuring = under_way.running.iter().map(|job| Measuring {
            submission: job.submission,
            number: job.number,
            team: job.team_name.clone(),
            phase: PhaseDocument::of(job.status),
        });
        CompetitionState {
            queued: under_way.queued,
            running: under_way.running.len(),
            finished: under_way.finished,
            measuring: measuring.collect(),
            ends_in_s: whole_seconds(under_way.ends_in),
            deepening,
            board_version,
        }
    }

    pub fn is_like(&self, other: &CompetitionState) -> bool {
        let timeless = |state: &CompetitionState| CompetitionState {
            ends_in_s: None,
            ..state.clone()
        };
        timeless(self) == timeless(other)
    }
}

fn whole_seconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| time.as_secs_f64().round() as u64)
}
