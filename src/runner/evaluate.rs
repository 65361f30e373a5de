//! One job, from its claim to its end: smoke run, session, score.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::inputs::Prepared;
use super::record::Evaluated;
use super::score::{Scorer, read};
use super::{Desk, JobError, Runner, empty_folder};
use crate::db;
use crate::db::competitions::Competition;
use crate::db::jobs::{Claim, Lease, Purpose};
use crate::db::sessions::{Program, RunLog, SmokeRun};
use crate::domain::competition::{CompetitionSpec, EntryKind};
use crate::domain::ids::CompetitionId;
use crate::domain::model_manifest::ModelManifest;
use crate::domain::submission::{Failure, Phase};
use crate::domain::units::Bytes;
use crate::entries::{self, Rejection};
use crate::session::{
    Candidate, Ended, GoOn, HiddenRun, Observer, SMOKE_RUNS_MAX, SessionError, Smoke,
};

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
        let competition = self.desk.find_competition(claim.competition)?;
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
        let desk = &self.desk;
        let started_at = desk.clock.now();
        let mut watch = Watch { desk, claim, spec };
        if watch.progress(Phase::Smoke) == GoOn::No {
            return Ok(Verdict::Stopped);
        }
        let fetched = self.fetch_entry(claim)?;
        let candidate = Candidate {
            spec,
            kind: claim.kind,
            entry: &fetched.path(claim.kind),
            manifest: &fetched.manifest,
        };
        let mut smoke = self.bench.smoke(&candidate, &prepared.sample)?;
        if let Ok(predictions) = &smoke.verdict
            && let Err(failure) = read(claim.kind, predictions, spec, &prepared.sample_ids)
        {
            smoke.verdict = Err(failure);
        }
        desk.record_smoke_run(claim, &smoke)?;
        if let Err(failure) = smoke.verdict {
            return Ok(Verdict::Failed(failure));
        }
        let session = match self.bench.measure(&candidate, &prepared.test, &mut watch)? {
            Ended::Whole(session) => session,
            Ended::Failed(failure) => return Ok(Verdict::Failed(failure)),
            Ended::Stopped => return Ok(Verdict::Stopped),
        };
        if watch.progress(Phase::Scoring) == GoOn::No {
            return Ok(Verdict::Stopped);
        }
        let mut scorer = Scorer::new(&mut self.bench, &mut watch, &self.folder, prepared);
        Ok(match scorer.score(&session.predictions)? {
            Ok((scores, intervals)) => Verdict::Scored(Evaluated {
                trials: session.trials,
                scores,
                intervals,
                runtime: session.runtime,
                batch_size: session.batch_size,
                started_at,
            }),
            Err(failure) => Verdict::Failed(failure),
        })
    }

    /// The submission's bytes where sandboxes can read them: a model as a file, with what its manifest
    /// says, code unpacked.
    pub(super) fn fetch_entry(&self, claim: &Claim) -> Result<FetchedEntry, JobError> {
        let mut fetched = FetchedEntry {
            folder: self.folder.join(format!("entry-{}", claim.artifact)),
            model: None,
            manifest: ModelManifest::default(),
        };
        let folder = fetched.folder.clone();
        let failed = |source| JobError::File {
            doing: "make",
            path: folder.clone(),
            source,
        };
        // The door took it, so that it is for us to mend; not for ever.
        let refused = |rejection: Rejection| {
            let what = format!(
                "the entry cannot be unpacked any more: {}",
                rejection.message
            );
            JobError::Session(SessionError::Harness(what))
        };
        empty_folder(&fetched.folder)?;
        let file = fetched.file();
        let desk = &self.desk;
        desk.wait_for(desk.store.copy_to(&claim.artifact, &file))?;
        let readable = |path: &Path| {
            let permissions = fs::Permissions::from_mode(0o644);
            fs::set_permissions(path, permissions).map_err(failed)
        };
        readable(&file)?;
        let artifact = fs::File::open(&file).map_err(failed)?;
        let size = Bytes::new(artifact.metadata().map_err(failed)?.len());
        match claim.kind {
            EntryKind::Onnx | EntryKind::Tflite => {
                if entries::is_packed(&artifact).map_err(failed)? {
                    let model = fetched.folder.join("model");
                    fetched.manifest = entries::package::unpack(artifact, size, &model)
                        .map_err(failed)?
                        .map_err(refused)?;
                    readable(&model)?;
                    fetched.model = Some(model);
                }
            }
            EntryKind::Predict | EntryKind::Script => {
                let source = fetched.source();
                fs::create_dir(&source).map_err(failed)?;
                entries::script::unpack(artifact, size, &source)
                    .map_err(failed)?
                    .map_err(refused)?;
            }
        }
        Ok(fetched)
    }
}

/// Passes on what a session says while it lasts.
pub(super) struct Watch<'a> {
    pub desk: &'a Desk,
    pub claim: &'a Claim,
    pub spec: &'a CompetitionSpec,
}

impl Observer for Watch<'_> {
    fn progress(&mut self, phase: Phase) -> GoOn {
        self.desk.heartbeat(self.claim, self.spec, phase)
    }

    fn hidden_run(&mut self, run: HiddenRun) {
        self.keep(&RunLog::from(run));
    }
}

impl Watch<'_> {
    /// Keeps what a run on hidden data printed.
    pub(super) fn keep(&self, log: &RunLog) {
        let inserted = db::sessions::insert_hidden_run(&self.desk.db, self.claim, log);
        // A log that is lost costs nobody a score.
        if let Err(error) = self.desk.wait_for(inserted) {
            tracing::warn!(%error, "the output of a run could not be kept");
        }
    }
}

impl From<HiddenRun> for RunLog {
    fn from(run: HiddenRun) -> RunLog {
        RunLog {
            program: Program::Entry,
            number: run.number,
            outcome: run.outcome,
            stdout: run.stdout,
            stderr: run.stderr,
        }
    }
}

impl Desk {
    pub(super) fn find_competition(&self, id: CompetitionId) -> Result<Competition, JobError> {
        let found = self.wait_for(db::competitions::find(&self.db, id))?;
        found.ok_or_else(|| JobError::Competition {
            slug: id.to_string(),
            what: "it is gone".to_owned(),
        })
    }

    /// Extends the lease and shows the phase. A database that cannot be reached for a moment does
    /// not stop a session: whether the lease held is asked again when it is recorded.
    fn heartbeat(&self, claim: &Claim, spec: &CompetitionSpec, phase: Phase) -> GoOn {
        // A run may last as long as its wall-time limit, and no heartbeat falls into it.
        let runs = if phase == Phase::Smoke {
            SMOKE_RUNS_MAX
        } else {
            1
        };
        let time = match phase {
            Phase::Scoring if spec.metric.is_custom() => spec.metric.time(),
            Phase::Smoke | Phase::WarmUp | Phase::Trial { .. } | Phase::Scoring => {
                spec.limits.time * runs
            }
        };
        let lease = time + self.lease;
        let beat = async {
            let held = db::jobs::heartbeat(&self.db, claim, lease, phase).await?;
            db::runners::touch(&self.db, self.id).await?;
            match claim.purpose {
                Purpose::Evaluate => {
                    db::notifications::submission_moved(&self.db, claim.submission).await?;
                }
                // Nobody watches it.
                Purpose::Deepen => {}
            }
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
                Ok(_) => "ok".to_owned(),
                Err(failure) => failure.code.clone(),
            },
            stdout: smoke.stdout.clone(),
            stderr: smoke.stderr.clone(),
        };
        self.wait_for(db::sessions::insert_smoke_run(&self.db, claim, &logs))
    }
}

/// A folder with a copy of the entry, which goes away with its value.
pub(super) struct FetchedEntry {
    folder: PathBuf,
    /// A model that came in a zip.
    model: Option<PathBuf>,
    /// Says nothing where none came along.
    pub(super) manifest: ModelManifest,
}

impl FetchedEntry {
    fn file(&self) -> PathBuf {
        self.folder.join("artifact")
    }

    fn source(&self) -> PathBuf {
        self.folder.join("source")
    }

    /// What a sandbox reads of it.
    pub(super) fn path(&self, kind: EntryKind) -> PathBuf {
        match kind {
            EntryKind::Onnx | EntryKind::Tflite => {
                self.model.clone().unwrap_or_else(|| self.file())
            }
            EntryKind::Predict | EntryKind::Script => self.source(),
        }
    }
}

impl Drop for FetchedEntry {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the copy of an entry could not be removed");
        }
    }
}
