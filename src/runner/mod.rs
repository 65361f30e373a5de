//! Takes a job from the queue to its score: claim, smoke run, session, score, record. With nothing
//! else to do it measures again what stands on a board. One thread, one job at a time, and nothing
//! in the background that a measurement could feel.

mod deepen;
mod evaluate;
mod inputs;
mod record;
mod score;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::{self, File};
use std::future::Future;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use sqlx::PgPool;
use tokio::runtime::Runtime;

use crate::db;
use crate::db::jobs::{Claim, Lease, Purpose};
use crate::db::notifications::{JOBS, Listener};
use crate::domain::clock::Clock;
use crate::domain::ids::{CompetitionId, RunnerId};
use crate::domain::submission::{Failure, FailureClass};
use crate::sandbox::SandboxError;
use crate::session::{Bench, Machine, SessionError};
use crate::store::{Store, StoreError};
use inputs::Prepared;

/// How long an idle runner sleeps at most: notifications may be lost.
const POLL: Duration = Duration::from_secs(5);
/// After a failure of ours a job waits this long, and twice as long after each further one.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_RETRY_PAUSE: Duration = Duration::from_secs(600);
/// Attempts at a job that may itself be what makes us fail.
const PATIENCE: i32 = 4;

/// A run is never given more CPUs.
const MOST_CPUS: u32 = 64;

/// A failure of ours: logged for the operator, and the job is tried again.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("the database failed: {0}")]
    Database(#[from] db::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the competition {slug} cannot be evaluated: {what}")]
    Competition { slug: String, what: String },
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl JobError {
    /// What the job itself may bring about each time it is tried, so that trying for ever is no
    /// use. A broken machine, database or store is not of this kind: those are mended, and the job
    /// is done then.
    fn end_of_patience(&self) -> Option<Failure> {
        match self {
            JobError::Session(SessionError::Harness(_)) => Some(Failure::infrastructure(
                "internal",
                "We could not evaluate this submission. The fault is ours and has been logged; the \
                 submission does not count against your daily limit. Send the same file again to \
                 have it tried once more.",
            )),
            JobError::Session(SessionError::Contended { .. }) => Some(Failure {
                class: FailureClass::Noise,
                code: "machine_busy".to_owned(),
                message: "The machine was too busy to evaluate this submission each time it was \
                          tried. It does not count against your daily limit. Send the same file \
                          again to have it tried once more."
                    .to_owned(),
            }),
            // Its tables never change, so only its host can mend it.
            JobError::Competition { .. } => Some(Failure {
                class: FailureClass::Metric,
                code: "not_scorable".to_owned(),
                message:
                    "The competition's tables or its metric failed, whatever was predicted. The \
                          fault is not the submission's, which does not count against your daily \
                          limit. Tell a host of the competition."
                        .to_owned(),
            }),
            // Nothing of ours ends it while a program runs.
            JobError::Session(SessionError::Sandbox(SandboxError::EndedUnreported)) => {
                Some(Failure::participant(
                    "crashed",
                    "The program brought its sandbox down each time it was run.",
                ))
            }
            JobError::Session(
                SessionError::Sandbox(_) | SessionError::Inputs(_) | SessionError::File { .. },
            )
            | JobError::Database(_)
            | JobError::Store(_)
            | JobError::File { .. } => None,
        }
    }

    /// Whether the walls cannot be trusted any more: no job is taken until a new start has tried
    /// them out.
    fn breaks_the_walls(&self) -> bool {
        matches!(
            self,
            JobError::Session(SessionError::Sandbox(
                SandboxError::LimitsNotEnforced(_) | SandboxError::WallsBroken(_)
            ))
        )
    }
}

/// What a runner is made of.
pub struct Parts {
    pub name: String,
    pub db: PgPool,
    pub store: Store,
    pub clock: Clock,
    pub bench: Bench,
    /// A folder of this runner's own, for the files that sandboxes read; see [`empty_folder`].
    pub folder: PathBuf,
    /// See [`lock`].
    pub machine_lock: PathBuf,
    /// How long nothing may be heard of a job between two windows before others take it.
    pub lease: Duration,
}

/// A runner that has announced itself.
pub struct Runner {
    desk: Desk,
    bench: Bench,
    machine: Machine,
    /// All that runs of this machine may be of, by the number of their CPUs.
    hardware_classes: Vec<String>,
    folder: PathBuf,
    machine_lock: PathBuf,
    prepared: HashMap<CompetitionId, Rc<Prepared>>,
}

/// Where a runner reads and writes what others see.
struct Desk {
    id: RunnerId,
    db: PgPool,
    store: Store,
    clock: Clock,
    lease: Duration,
    tokio: Runtime,
}

impl Desk {
    fn wait_for<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.tokio.block_on(future)
    }
}

impl Runner {
    /// Announces the runner and gives back what a former life of it held: the walls, which are
    /// raised under its name, are the proof that no other life of it is left on this machine.
    pub fn start(tokio: Runtime, parts: Parts) -> Result<Runner, JobError> {
        let machine = parts.bench.machine();
        let fingerprint = serde_json::to_value(&machine).expect("a machine is texts and numbers");
        let id = tokio.block_on(async {
            let class = machine.hardware_class(1);
            if let Some(manifest) = parts.bench.manifest() {
                db::runtimes::insert(&parts.db, manifest).await?;
            }
            let id = db::runners::upsert(&parts.db, &parts.name, &class, &fingerprint).await?;
            let released = db::jobs::release_of_runner(&parts.db, id).await?;
            if released > 0 {
                tracing::warn!(
                    jobs = released,
                    "took back what this runner held when it died"
                );
            }
            Ok::<_, db::Error>(id)
        })?;
        tracing::info!(runner.name = %parts.name, "ready to take jobs");
        Ok(Runner {
            desk: Desk {
                id,
                db: parts.db,
                store: parts.store,
                clock: parts.clock,
                lease: parts.lease,
                tokio,
            },
            bench: parts.bench,
            hardware_classes: (1..=MOST_CPUS)
                .map(|cpus| machine.hardware_class(cpus))
                .collect(),
            machine,
            folder: parts.folder,
            machine_lock: parts.machine_lock,
            prepared: HashMap::new(),
        })
    }

    /// Takes one job from the queue, if there is one.
    pub fn run_once(&mut self) -> Result<(), JobError> {
        self.take_one().map(drop)
    }

    /// Takes jobs from the queue for ever. A broken connection to the database does not end it;
    /// limits that do not hold any more do, so that whoever starts it again has the walls tried out.
    pub fn run(&mut self) -> Result<Infallible, JobError> {
        let mut listener = self
            .desk
            .wait_for(Listener::connect(&self.desk.db, &[JOBS]))?;
        loop {
            let took_one = match self.take_one() {
                Ok(took_one) => took_one,
                Err(error) if error.breaks_the_walls() => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "the queue could not be served");
                    false
                }
            };
            if !took_one {
                self.sleep(&mut listener);
            }
        }
    }

    fn sleep(&self, listener: &mut Listener) {
        self.desk.tokio.block_on(async {
            match tokio::time::timeout(POLL, listener.next()).await {
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "new jobs cannot be heard; looking by time");
                    tokio::time::sleep(POLL).await;
                }
            }
        });
    }

    /// Serves the first job of the queue, if there is one that can be taken.
    fn take_one(&mut self) -> Result<bool, JobError> {
        let _quiet = lock(&self.machine_lock)?;
        self.fail_exhausted()?;
        let desk = &self.desk;
        desk.wait_for(db::runners::touch(&desk.db, desk.id))?;
        let claim = db::jobs::claim(&desk.db, desk.id, &self.hardware_classes, desk.lease);
        let Some(claim) = desk.wait_for(claim)? else {
            return Ok(false);
        };
        let (took, done) = match claim.purpose {
            Purpose::Evaluate => ("took a job", Runner::evaluate as fn(&mut _, &_) -> _),
            Purpose::Deepen => ("idle, so measuring an entry again", Runner::deepen as _),
        };
        tracing::info!(
            submission.id = %claim.submission,
            job.attempt = claim.attempt,
            "{took}"
        );
        if let Err(error) = done(self, &claim) {
            self.try_again(&claim, &error)?;
            if error.breaks_the_walls() {
                return Err(error);
            }
        }
        Ok(true)
    }

    /// After a failure of ours: once more, and again, unless the job itself may be what brings it
    /// about.
    fn try_again(&self, claim: &Claim, error: &JobError) -> Result<(), JobError> {
        tracing::error!(
            submission.id = %claim.submission,
            job.attempt = claim.attempt,
            %error,
            "a job failed through our fault"
        );
        let desk = &self.desk;
        let failure = error
            .end_of_patience()
            .filter(|_| claim.attempt >= PATIENCE);
        let lease = match failure {
            Some(failure) => desk.wait_for(db::jobs::finish_failed(&desk.db, claim, &failure))?,
            None => {
                let doublings = claim.attempt.clamp(1, 20).unsigned_abs() - 1;
                let pause = RETRY_PAUSE
                    .saturating_mul(1 << doublings)
                    .min(LONGEST_RETRY_PAUSE);
                desk.wait_for(db::jobs::requeue(&desk.db, claim, pause))?
            }
        };
        if lease == Lease::Lost {
            tracing::warn!(submission.id = %claim.submission, "the lease was lost meanwhile");
        }
        desk.wait_for(db::notifications::submission_moved(
            &desk.db,
            claim.submission,
        ))?;
        Ok(())
    }

    fn fail_exhausted(&self) -> Result<(), JobError> {
        let desk = &self.desk;
        for submission in desk.wait_for(db::jobs::fail_exhausted(&desk.db))? {
            tracing::error!(
                submission.id = %submission,
                "a job was given up: its runner died each time"
            );
            desk.wait_for(db::notifications::submission_moved(&desk.db, submission))?;
        }
        Ok(())
    }
}

/// Writes a file that sandboxes can read.
fn write_readable(path: &Path, content: &[u8]) -> Result<(), JobError> {
    let readable = fs::Permissions::from_mode(0o644);
    fs::write(path, content)
        .and_then(|()| fs::set_permissions(path, readable))
        .map_err(|source| JobError::File {
            doing: "write",
            path: path.to_owned(),
            source,
        })
}

/// Makes a folder that only we can enter, without what a former life left in it.
pub fn empty_folder(folder: &Path) -> Result<(), JobError> {
    let failed = |source| JobError::File {
        doing: "make",
        path: folder.to_owned(),
        source,
    };
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)
}

/// Waits until nobody else measures on this machine, and keeps others from it.
pub fn lock(path: &Path) -> Result<Flock<File>, JobError> {
    let failed = |source| JobError::File {
        doing: "lock",
        path: path.to_owned(),
        source,
    };
    // Nobody else may hold it: whoever can open a file can lock it.
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(error: JobError) -> Option<FailureClass> {
        error.end_of_patience().map(|failure| failure.class)
    }

    #[test]
    fn only_the_job_s_own_troubles_ever_end_it_and_at_no_cost_unless_it_is_to_blame() {
        let session = |error: SandboxError| JobError::Session(SessionError::Sandbox(error));
        let full_disk = JobError::File {
            doing: "make",
            path: "/data".into(),
            source: std::io::Error::from_raw_os_error(nix::libc::ENOSPC),
        };
        let broken_walls = session(SandboxError::LimitsNotEnforced("pids.max".into()));
        assert!(broken_walls.breaks_the_walls() && !full_disk.breaks_the_walls());
        for mended in [full_disk, broken_walls, session(SandboxError::WontDie)] {
            assert_eq!(class(mended), None);
        }
        let harness = JobError::Session(SessionError::Harness("it exited with 1".into()));
        let competition = JobError::Competition {
            slug: "digits".into(),
            what: "it has no rows".into(),
        };
        assert_eq!(class(harness), Some(FailureClass::Infrastructure));
        assert_eq!(class(competition), Some(FailureClass::Metric));
        assert_eq!(
            class(session(SandboxError::EndedUnreported)),
            Some(FailureClass::Participant)
        );
        for ours in [
            FailureClass::Infrastructure,
            FailureClass::Metric,
            FailureClass::Noise,
        ] {
            assert!(!ours.uses_quota());
        }
    }
}
