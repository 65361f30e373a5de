//! What the server says, as far as the commands show it. Read leniently: a newer server may say
//! more.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// An RFC 9457 problem.
#[derive(Debug, Deserialize)]
pub struct Problem {
    pub status: u16,
    pub code: String,
    pub detail: String,
    /// Of a duplicate: the first submission of the same bytes, and its page's path.
    pub submission: Option<String>,
    url: Option<String>,
    #[serde(skip)]
    server: String,
}

impl Problem {
    pub fn new(status: u16, code: &str, detail: String, server: &str) -> Problem {
        Problem {
            status,
            code: code.to_owned(),
            detail,
            submission: None,
            url: None,
            server: server.to_owned(),
        }
    }

    pub fn of_server(self, server: &str) -> Problem {
        Problem {
            server: server.to_owned(),
            ..self
        }
    }

    fn what_to_do(&self) -> Option<String> {
        let server = &self.server;
        match (self.status, self.code.as_str()) {
            (_, "duplicate") => {
                let first = self.submission.as_deref().unwrap_or("ID");
                let page = self.url.as_deref().unwrap_or("");
                Some(format!(
                    "See how that one fared: leanboard status {first}\nIts report: {server}{page}"
                ))
            }
            (401, _) => Some(format!(
                "Make a token on {server}/account and give it to `leanboard login`, or in the \
                 variable LEANBOARD_TOKEN."
            )),
            (404, _) => Some(format!("What there is stands on {server}/")),
            (413 | 422, _) => Some(
                "Nothing was queued and no quota used. Mend the file and submit it again.".into(),
            ),
            (status, _) if status >= 500 => {
                Some("Nothing is wrong with what you sent, as far as we know.".into())
            }
            (_, _) => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.detail, self.code, self.status)?;
        match self.what_to_do() {
            Some(advice) => write!(f, "\n{advice}"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Started {
    pub id: String,
    pub url: String,
    pub max_size_bytes: u64,
}

#[derive(Debug, Deserialize)]
pub struct Created {
    pub id: String,
    pub number: i64,
    pub url: String,
}

#[derive(Debug, Deserialize)]
pub struct CompetitionDocument {
    pub metric: String,
    /// Servers of an earlier version have none.
    pub metric_title: Option<String>,
    pub window: String,
    pub cost: String,
}

#[derive(Debug, Deserialize)]
pub struct SubmissionList {
    pub submissions: Vec<SubmissionDocument>,
}

#[derive(Debug, Deserialize)]
pub struct SubmissionDocument {
    pub number: i64,
    pub competition: String,
    pub team: String,
    pub file_name: String,
    pub submitted_at: DateTime<Utc>,
    pub status: String,
    pub phase: Option<PhaseDocument>,
    pub queue_position: Option<i64>,
    pub ends_in_s: Option<u64>,
    pub failure: Option<FailureDocument>,
    pub result: Option<ResultDocument>,
    pub url: String,
}

#[derive(Debug, Deserialize)]
pub struct PhaseDocument {
    pub name: String,
    pub trial: Option<u32>,
    pub trials: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub struct FailureDocument {
    pub code: String,
    pub message: String,
    pub uses_quota: Option<bool>,
    pub fault: Option<String>,
    pub advice: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct ResultDocument {
    pub score: f64,
    pub score_low: Option<f64>,
    pub score_high: Option<f64>,
    pub hardware_class: String,
    pub standing: Option<StandingDocument>,
    pub energy: Option<EnergyDocument>,
    pub trials: Vec<serde::de::IgnoredAny>,
}

/// Where a submission stands on the efficiency board of its hardware class.
#[derive(Debug, Deserialize)]
pub struct StandingDocument {
    #[serde(flatten)]
    pub cost: AmountDocument,
    pub efficiency: Option<f64>,
    pub quality_term: Option<f64>,
    pub cost_term: Option<f64>,
    pub unranked: Option<String>,
    pub rank: Option<i32>,
    pub ranked: usize,
    pub behind: Option<BehindDocument>,
}

/// The submission that is the team's line instead.
#[derive(Debug, Deserialize)]
pub struct BehindDocument {
    pub number: i64,
    pub rank: Option<i32>,
}

#[derive(Debug, Deserialize)]
pub struct LeaderboardDocument {
    pub competition: String,
    pub board: String,
    pub hardware_class: Option<String>,
    pub hardware_classes: Vec<String>,
    pub formula: FormulaDocument,
    pub standings: Vec<LineDocument>,
}

#[derive(Debug, Deserialize)]
pub struct FormulaDocument {
    pub metric: String,
    /// Servers of an earlier version have none.
    pub metric_title: Option<String>,
    pub window: String,
    pub cost: String,
    pub why_no_constants: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct LineDocument {
    pub rank: Option<i32>,
    pub rank_best: Option<u32>,
    pub rank_worst: Option<u32>,
    pub team: String,
    pub reference: bool,
    pub score: f64,
    #[serde(flatten)]
    pub cost: AmountDocument,
    pub efficiency: Option<f64>,
    pub quality_term: Option<f64>,
    pub cost_term: Option<f64>,
    pub unranked: Option<String>,
    pub file_size_bytes: u64,
    pub entries: i64,
    /// Servers of an earlier version have one, too, but ranked none.
    pub energy: Option<EnergyDocument>,
}

/// A cost in the unit of the competition's.
#[derive(Debug, Deserialize)]
pub struct AmountDocument {
    pub cost_s: Option<f64>,
    /// Servers of an earlier version have none.
    pub cost_j: Option<f64>,
}

/// Why there is no figure of energy, or whether it was made up.
#[derive(Debug, Deserialize)]
pub struct EnergyDocument {
    pub missing: Option<String>,
    pub simulated: Option<bool>,
}
