//! Runs a host's own metric, behind the same walls as entries: it sees right answers and predictions,
//! and nothing of the code that made them.

use std::path::Path;

use serde::Deserialize;

use super::ending::{Ending, why_it_ended};
use super::exchange::clean;
use super::{Bench, SessionError};
use crate::domain::competition::MetricSpec;
use crate::domain::limits::Limits;
use crate::domain::units::Bytes;
use crate::sandbox::{OutputError, ReadOnlyMount, Room, Run};

/// What the harness leaves in the output folder.
const SCORES: &str = "scores.json";
const MOST_SCORES: Bytes = Bytes::from_kib(64);
const MEMORY: Bytes = Bytes::from_mib(2048);
const OUTPUT: Bytes = Bytes::from_mib(16);

/// What one run of a metric came to.
#[derive(Debug)]
pub struct MetricRun {
    pub verdict: Result<RawScores, MetricFault>,
    /// For hosts alone: it saw hidden data.
    pub stdout: String,
    pub stderr: String,
}

/// What the metric returned for each part of the rows. The harness says finite numbers, which are
/// not believed.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct RawScores {
    pub public: f64,
    pub private: f64,
    pub all: f64,
}

/// Why there are no scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricFault {
    /// It refused the predictions, with a text that its host means for participants.
    Visible(String),
    /// What it returned is no finite number.
    NotFinite(String),
    /// It failed, for a reason that is the host's business alone.
    Failed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Scores(RawScores),
    Visible(String),
    NotFinite(String),
    Failed(String),
}

impl Bench {
    /// Runs the metric in `file` on the tables in `frames`, both readable by everybody.
    pub fn run_metric(
        &mut self,
        metric: &MetricSpec,
        file: &Path,
        frames: &Path,
    ) -> Result<MetricRun, SessionError> {
        let limits = Limits {
            time: metric.time(),
            memory: MEMORY,
            cpus: 1,
            output: OUTPUT,
            ..Limits::default()
        };
        let mut sandbox = self
            .walls
            .make_room(&self.metric_room(file, frames, &limits))?;
        sandbox.start()?;
        let run = sandbox.wait()?;
        Ok(MetricRun {
            verdict: verdict(&run, &limits)?,
            stdout: run.stdout.text(),
            stderr: run.stderr.text(),
        })
    }

    fn metric_room(&self, file: &Path, frames: &Path, limits: &Limits) -> Room {
        let mut room = Room::new(
            ["/runtime/bin/python", "-I", "-B", "/harness/own_metric.py"],
            limits.clone(),
        );
        room.env = vec![self.runtime.language()];
        room.mounts = self.runtime.mounts();
        room.mounts.extend([
            ReadOnlyMount::new(&self.harness, "/harness"),
            ReadOnlyMount::new(file, "/metric/metric.py"),
            ReadOnlyMount::new(frames, "/frames/frames.json"),
        ]);
        room
    }
}

fn verdict(run: &Run, limits: &Limits) -> Result<Result<RawScores, MetricFault>, SessionError> {
    let failed = |why: String| Ok(Err(MetricFault::Failed(why)));
    if !run.outcome.is_success() {
        return failed(match why_it_ended(run, limits)? {
            Ending::Failed(failure) => failure.message,
            Ending::Exited { code, .. } => format!("it ended with exit status {code}"),
        });
    }
    let said = match run.take_output(SCORES, MOST_SCORES) {
        Ok(said) => said,
        Err(error @ OutputError::Unreadable { .. }) => {
            return Err(SessionError::Harness(error.to_string()));
        }
        Err(error) => return failed(error.to_string()),
    };
    Ok(match serde_json::from_slice(&said) {
        Ok(Said::Scores(scores)) => Ok(scores),
        Ok(Said::Visible(text)) => Err(MetricFault::Visible(clean(&text))),
        Ok(Said::NotFinite(why)) => Err(MetricFault::NotFinite(clean(&why))),
        Ok(Said::Failed(why)) => Err(MetricFault::Failed(clean(&why))),
        Err(_) => {
            return failed(format!(
                "it wrote over {SCORES}, or ended its process itself"
            ));
        }
    })
}
