//! One job, from its claim to its end: smoke run, session, score.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inputs::Prepared;
use super::record::Evaluated;
use super::{JobError, Runner};
use crate::db;
use crate::db::competitions::Competition;
use crate::db::jobs::{Claim, Lease};
use crate::db::sessions::SmokeRun;
use crate::domain::competition::CompetitionSpec;
use crate::domain::submission::{Failure, Phase};
use crate::sandbox;
use crate::scoring::{self, Predictions, Scores};
use crate::session::{Bench, Candidate, Ended, GoOn, Session, SessionError};

/// What lies between two windows takes far less than this.
pub const LEASE_BETWEEN_WINDOWS: Duration = Duration::from_secs(60);

impl Runner {
    /// Evaluates what was claimed, and writes down what came of it.
    pub(super) fn evaluate(&mut self, claim: &Claim) -> Result<(), JobError> {
        let competition = self
            .wait_for(db::competitions::find(&self.parts.db, claim.competition))?
            .ok_or_else(|| JobError::Competition("the competition is gone".to_owned()))?;
        let prepared = self.prepared(&competition)?;
        let model = self.fetch_model(claim)?;
        let ended = self.run_behind_walls(claim, &competition, &prepared, &model.0)?;
        match ended {
            Verdict::Scored(evaluated) => self.record(claim, &competition, &evaluated),
            Verdict::Failed(failure) => self.record_failure(claim, &failure),
            Verdict::Stopped => {
                tracing::info!(submission.id = %claim.submission, "stopped: cancelled, or the lease was lost");
                Ok(())
            }
        }
    }

    fn run_behind_walls(
        &mut self,
        claim: &Claim,
        competition: &Competition,
        prepared: &Prepared,
        model: &Path,
    ) -> Result<Verdict, JobError> {
        let spec = &competition.spec;
        let started_at = self.parts.clock.now();
        // A window may last as long as the wall-time limit, and no heartbeat falls into it.
        let lease = spec.limits.time + LEASE_BETWEEN_WINDOWS;
        if self.heartbeat(claim, lease, Phase::Smoke) == GoOn::No {
            return Ok(Verdict::Stopped);
        }
        // Taken out for the session, so that heartbeats can use the rest of the runner.
        let mut meter = self.parts.meter.take().ok_or_else(|| {
            JobError::Competition("the meter is in use by another session".to_owned())
        })?;
        let outcome = self.smoke_and_measure(claim, spec, prepared, model, lease, meter.as_mut());
        self.parts.meter = Some(meter);
        let (session, runtime) = match outcome? {
            Ok(measured) => measured,
            Err(verdict) => return Ok(verdict),
        };
        if self.heartbeat(claim, lease, Phase::Scoring) == GoOn::No {
            return Ok(Verdict::Stopped);
        }
        Ok(match score_session(spec, prepared, &session)? {
            Ok(scores) => Verdict::Scored(Evaluated {
                trials: session.trials,
                scores,
                runtime,
                started_at,
            }),
            Err(failure) => Verdict::Failed(failure),
        })
    }

    fn smoke_and_measure(
        &self,
        claim: &Claim,
        spec: &CompetitionSpec,
        prepared: &Prepared,
        model: &Path,
        lease: Duration,
        meter: &mut dyn crate::meter::Meter,
    ) -> Result<Result<(Session, String), Verdict>, JobError> {
        let bench = Bench {
            walls: &self.parts.walls,
            runtime: &self.parts.runtime,
            harness: &self.harness,
        };
        let candidate = Candidate { spec, model };
        let smoke = bench.smoke(&candidate, &prepared.sample)?;
        let outcome = match &smoke.verdict {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.code.clone(),
        };
        let logs = SmokeRun {
            outcome,
            stdout: smoke.stdout,
            stderr: smoke.stderr,
        };
        self.wait_for(db::sessions::insert_smoke_run(&self.parts.db, claim, &logs))?;
        let runtime = match smoke.verdict {
            Ok(runtime) => runtime,
            Err(failure) => return Ok(Err(Verdict::Failed(failure))),
        };
        let mut progress = |phase| self.heartbeat(claim, lease, phase);
        Ok(
            match bench.measure(&candidate, &prepared.test, meter, &mut progress)? {
                Ended::Whole(session) => Ok((session, runtime)),
                Ended::Failed(failure) => Err(Verdict::Failed(failure)),
                Ended::Stopped => Err(Verdict::Stopped),
            },
        )
    }

    /// Extends the lease and shows the phase. A database that cannot be reached for a moment does
    /// not stop a session: whether the lease held is asked again when it is recorded.
    fn heartbeat(&self, claim: &Claim, lease: Duration, phase: Phase) -> GoOn {
        let beat = async {
            let held = db::jobs::heartbeat(&self.parts.db, claim, lease, phase).await?;
            db::runners::touch(&self.parts.db, self.id).await?;
            db::notifications::submission_moved(&self.parts.db, claim.submission).await?;
            Ok::<_, db::Error>(held)
        };
        match self.wait_for(beat) {
            Ok(Lease::Held) => GoOn::Yes,
            Ok(Lease::Lost) => GoOn::No,
            Err(error) => {
                tracing::warn!(%error, "a heartbeat failed");
                GoOn::Yes
            }
        }
    }

    /// The submission's bytes as a file that sandboxes can read, in memory already.
    fn fetch_model(&self, claim: &Claim) -> Result<FetchedModel, JobError> {
        let path = self.parts.folder.join(format!("{}.onnx", claim.artifact));
        let model = FetchedModel(path);
        self.wait_for(self.parts.store.copy_to(&claim.artifact, &model.0))?;
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&model.0, readable).map_err(|source| JobError::File {
            doing: "open up",
            path: model.0.clone(),
            source,
        })?;
        sandbox::warm(&model.0).map_err(SessionError::from)?;
        Ok(model)
    }
}

/// A copy that goes away with its value.
struct FetchedModel(PathBuf);

impl Drop for FetchedModel {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the copy of a model could not be removed");
        }
    }
}

/// What came of an evaluation that we made no mistake in.
enum Verdict {
    Scored(Evaluated),
    Failed(Failure),
    Stopped,
}

/// Scores the predictions of every trial. The first trial's count; the others must be as usable.
fn score_session(
    spec: &CompetitionSpec,
    prepared: &Prepared,
    session: &Session,
) -> Result<Result<Scores, Failure>, JobError> {
    let mut first = None;
    for predictions in &session.predictions {
        let parsed = match Predictions::parse(predictions, spec, prepared.solution.rows()) {
            Ok(parsed) => parsed,
            Err(bad) => {
                return Ok(Err(Failure::participant(bad.fault.as_str(), bad.message)));
            }
        };
        let scores = scoring::score(spec.metric.name, &prepared.solution, &parsed)
            .map_err(|error| JobError::Competition(error.to_string()))?;
        first.get_or_insert(scores);
    }
    first
        .map(Ok)
        .ok_or_else(|| JobError::Competition("a session had no trials".to_owned()))
}
