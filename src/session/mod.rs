//! One measuring session: the smoke run on the public sample, the pilot, and the trials over the
//! hidden test inputs, each in a process and a sandbox of its own. Knows no database. The only
//! place where the sandbox and the meter meet.

mod exchange;
mod fingerprint;
mod harness;
mod inputs;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use fingerprint::Machine;
pub use harness::install as install_harness;
pub use inputs::{Inputs, InputsError};

use crate::domain::competition::{CompetitionSpec, Profile};
use crate::domain::digest::Digest;
use crate::domain::submission::{Failure, Phase};
use crate::domain::trial::Trial;
use crate::meter::{Meter, NoMeter};
use crate::sandbox::{SandboxError, Walls};

/// The recorded trials of the `quick` profile.
const QUICK_TRIALS: u32 = 3;
/// How long a measured window of the `quick` profile should be: long enough that the two messages
/// around it and the reading of the counters weigh nothing.
const QUICK_WINDOW: Duration = Duration::from_millis(500);
/// A window takes at most this part of the wall-time limit, because start-up and the first call
/// lie under the same limit.
const WINDOW_OF_LIMIT: u32 = 4;
const MOST_PASSES: u32 = 10_000;

/// A failure of ours, not of the submission.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error("the harness failed: {0}")]
    Harness(String),
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What all sessions on a machine use.
#[derive(Debug)]
pub struct Bench<'a> {
    pub walls: &'a Walls,
    /// The Python environment with onnxruntime.
    pub runtime: &'a Path,
    /// The folder of the harness.
    pub harness: &'a Path,
}

/// What is measured.
#[derive(Debug)]
pub struct Candidate<'a> {
    pub spec: &'a CompetitionSpec,
    /// The model file, readable by everybody.
    pub model: &'a Path,
}

/// What a smoke run came to. Its logs may be shown to the participant: it saw public data only.
#[derive(Debug)]
pub struct Smoke {
    /// What ran the model, such as "onnxruntime 1.32.0".
    pub verdict: Result<String, Failure>,
    pub stdout: String,
    pub stderr: String,
}

/// A session that came to its end.
#[derive(Debug, Default)]
pub struct Session {
    pub trials: Vec<Trial>,
    /// The predictions of each trial, as the harness wrote them.
    pub predictions: Vec<Vec<u8>>,
}

/// How a session ended.
#[derive(Debug)]
pub enum Ended {
    Whole(Session),
    /// The submission failed.
    Failed(Failure),
    /// It was told not to go on.
    Stopped,
}

/// Said between windows, never inside one; answers whether to go on.
pub type Progress<'a> = dyn FnMut(Phase) -> GoOn + 'a;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    Yes,
    /// The lease is lost, or the submission was cancelled.
    No,
}

impl Bench<'_> {
    /// Runs the candidate once over the public sample.
    pub fn smoke(&self, candidate: &Candidate<'_>, sample: &Inputs) -> Result<Smoke, SessionError> {
        let run = exchange::run(self, candidate, sample, 0, &mut NoMeter)?;
        Ok(Smoke {
            verdict: run.result.map(|measured| measured.runtime),
            stdout: run.stdout,
            stderr: run.stderr,
        })
    }

    /// Measures the candidate over the hidden test inputs.
    pub fn measure(
        &self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        meter: &mut dyn Meter,
        progress: &mut Progress<'_>,
    ) -> Result<Ended, SessionError> {
        let trials = match candidate.spec.measuring.profile {
            Profile::Quick => QUICK_TRIALS,
        };
        if progress(Phase::WarmUp) == GoOn::No {
            return Ok(Ended::Stopped);
        }
        let passes = match self.pilot(candidate, test)? {
            Ok(passes) => passes,
            Err(failure) => return Ok(Ended::Failed(failure)),
        };
        let mut session = Session::default();
        for number in 1..=trials {
            if progress(Phase::Trial { number, of: trials }) == GoOn::No {
                return Ok(Ended::Stopped);
            }
            let run = exchange::run(self, candidate, test, passes, meter)?;
            let measured = match run.result {
                Ok(measured) => measured,
                Err(failure) => return Ok(Ended::Failed(failure)),
            };
            session.trials.push(Trial {
                number,
                start_up: measured.start_up,
                first_call: measured.first_call,
                inference: measured.window,
                passes,
                finish: measured.finish,
                peak_memory: measured.peak_memory,
                energy: measured.energy,
                predictions: Digest::of(&measured.predictions),
            });
            session.predictions.push(measured.predictions);
        }
        Ok(Ended::Whole(session))
    }

    /// The warm-up, which is never scored: finds out how many passes fill a window.
    fn pilot(
        &self,
        candidate: &Candidate<'_>,
        test: &Inputs,
    ) -> Result<Result<u32, Failure>, SessionError> {
        let run = exchange::run(self, candidate, test, 1, &mut NoMeter)?;
        let window = QUICK_WINDOW.min(candidate.spec.limits.time / WINDOW_OF_LIMIT);
        Ok(run
            .result
            .map(|measured| passes_for(window, measured.window.wall)))
    }
}

/// How many passes of this duration fill a window: at least one.
fn passes_for(window: Duration, pass: Duration) -> u32 {
    let passes = window.as_secs_f64() / pass.as_secs_f64().max(1e-6);
    (passes.ceil() as u32).clamp(1, MOST_PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_as_many_passes_as_fill_it_and_at_least_one() {
        let passes = |pass_us| passes_for(QUICK_WINDOW, Duration::from_micros(pass_us));
        assert_eq!(passes(250), 2000);
        assert_eq!(passes(300_000), 2);
        assert_eq!(passes(60_000_000), 1);
        assert_eq!(passes(0), MOST_PASSES);
    }
}
