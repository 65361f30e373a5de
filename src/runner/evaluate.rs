//! One job, from its claim to its end: smoke run, session, score.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::inputs::Prepared;
use super::record::Evaluated;
use super::{Desk, JobError, Runner};
use crate::db;
use crate::db::jobs::{Claim, Lease};
use crate::db::sessions::SmokeRun;
use crate::domain::competition::CompetitionSpec;
use crate::domain::submission::{Failure, Phase};
use crate::scoring::{self, Predictions, Scores};
use crate::session::{Candidate, Ended, GoOn, Session, Smoke};

/// What came of an evaluation in which we made no mistake.
enum Verdict {
    Scored(Evaluated),
    Failed(Failure),
    /// It was cancelled, or the lease was lost.
    Stopped,
}

impl Runner {
    /// Evaluates what was claimed, and writes down what came of it.
    pub(super) fn evaluate(&mut self, claim: &Claim) -> Result<(), JobError> {
        let desk = &self.desk;
        let competition = desk
            .wait_for(db::competitions::find(&desk.db, claim.competition))?
            .ok_or_else(|| JobError::Competition {
                slug: claim.competition.to_string(),
                what: "it is gone".to_owned(),
            })?;
        let prepared = self.prepared(&competition)?;
        match self.run_behind_walls(claim, &competition.spec, &prepared)? {
            Verdict::Scored(evaluated) => self.record(claim, &competition, &evaluated),
            Verdict::Failed(failure) => self.record_failure(claim, &failure),
            Verdict::Stopped => {
                tracing::info!(submission.id = %claim.submission, "stopped half-way");
                Ok(())
            }
        }
    }

    fn run_behind_walls(
        &mut self,
        claim: &Claim,
        spec: &CompetitionSpec,
        prepared: &Prepared,
    ) -> Result<Verdict, JobError> {
        let model = self.fetch_model(claim)?;
        let desk = &self.desk;
        let started_at = desk.clock.now();
        let mut progress = |phase| desk.heartbeat(claim, spec, phase);
        if progress(Phase::Smoke) == GoOn::No {
            return Ok(Verdict::Stopped);
        }
        let candidate = Candidate {
            spec,
            model: &model.0,
        };
        let smoke = self.bench.smoke(&candidate, &prepared.sample)?;
        desk.record_smoke_run(claim, &smoke)?;
        if let Err(failure) = smoke.verdict {
            return Ok(Verdict::Failed(failure));
        }
        let session = match self
            .bench
            .measure(&candidate, &prepared.test, &mut progress)?
        {
            Ended::Whole(session) => session,
            Ended::Failed(failure) => return Ok(Verdict::Failed(failure)),
            Ended::Stopped => return Ok(Verdict::Stopped),
        };
        if progress(Phase::Scoring) == GoOn::No {
            return Ok(Verdict::Stopped);
        }
        Ok(match score(spec, prepared, &session)? {
            Ok(scores) => Verdict::Scored(Evaluated {
                trials: session.trials,
                scores,
                runtime: session.runtime,
                started_at,
            }),
            Err(failure) => Verdict::Failed(failure),
        })
    }

    /// The submission's bytes as a file that sandboxes can read.
    fn fetch_model(&self, claim: &Claim) -> Result<FetchedModel, JobError> {
        let model = FetchedModel(self.folder.join(format!("{}.onnx", claim.artifact)));
        let desk = &self.desk;
        desk.wait_for(desk.store.copy_to(&claim.artifact, &model.0))?;
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&model.0, readable).map_err(|source| JobError::File {
            doing: "open up",
            path: model.0.clone(),
            source,
        })?;
        Ok(model)
    }
}

impl Desk {
    /// Extends the lease and shows the phase. A database that cannot be reached for a moment does
    /// not stop a session: whether the lease held is asked again when it is recorded.
    fn heartbeat(&self, claim: &Claim, spec: &CompetitionSpec, phase: Phase) -> GoOn {
        // A run may last as long as its wall-time limit, and no heartbeat falls into it.
        let lease = spec.limits.time + self.lease;
        let beat = async {
            let held = db::jobs::heartbeat(&self.db, claim, lease, phase).await?;
            db::runners::touch(&self.db, self.id).await?;
            db::notifications::submission_moved(&self.db, claim.submission).await?;
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

    fn record_smoke_run(&self, claim: &Claim, smoke: &Smoke) -> Result<(), db::Error> {
        let logs = SmokeRun {
            outcome: match &smoke.verdict {
                Ok(()) => "ok".to_owned(),
                Err(failure) => failure.code.clone(),
            },
            stdout: smoke.stdout.clone(),
            stderr: smoke.stderr.clone(),
        };
        self.wait_for(db::sessions::insert_smoke_run(&self.db, claim, &logs))
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

/// Scores the predictions of every trial. The last trial's count; all must be usable.
fn score(
    spec: &CompetitionSpec,
    prepared: &Prepared,
    session: &Session,
) -> Result<Result<Scores, Failure>, JobError> {
    let ours = |what: String| JobError::Competition {
        slug: spec.slug.to_string(),
        what,
    };
    let mut scores = Err(ours("a session had no trials".to_owned()));
    for predictions in &session.predictions {
        match Predictions::parse(predictions, spec, prepared.solution.rows()) {
            Ok(parsed) => {
                scores = scoring::score(spec.metric.name, &prepared.solution, &parsed)
                    .map_err(|error| ours(error.to_string()));
            }
            Err(bad) => return Ok(Err(Failure::participant(bad.fault.as_str(), bad.message))),
        }
    }
    scores.map(Ok)
}
