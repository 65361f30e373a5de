//! Takes a job from the queue to its score: claim, smoke run, session, score, record. One thread,
//! one job at a time, and nothing in the background that a measurement could feel.

mod evaluate;
mod inputs;
mod record;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::{self, File};
use std::future::Future;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use sqlx::PgPool;
use tokio::runtime::Runtime;

use crate::db;
use crate::db::jobs::{Claim, Lease};
use crate::db::notifications::{JOBS, Listener};
use crate::domain::clock::Clock;
use crate::domain::ids::{CompetitionId, RunnerId};
use crate::domain::submission::Failure;
use crate::meter::Meter;
use crate::sandbox::Walls;
use crate::session::{self, Machine, SessionError};
use crate::store::{Store, StoreError};
use inputs::Prepared;

/// How long an idle runner sleeps at most: notifications may be lost.
const POLL: Duration = Duration::from_secs(5);
/// After a failure of ours a job waits this long, times its attempts.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// A failure of ours: logged for the operator, and the job is tried again.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("the database failed: {0}")]
    Database(#[from] db::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("{0}")]
    Competition(String),
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What a runner is made of.
pub struct Parts {
    pub name: String,
    pub db: PgPool,
    pub store: Store,
    pub clock: Clock,
    pub walls: Walls,
    /// Taken while a session runs.
    pub meter: Option<Box<dyn Meter>>,
    /// What the fingerprint calls the meter.
    pub meter_name: String,
    /// The Python environment that models run in.
    pub runtime: PathBuf,
    /// A folder of this runner's own, for the files that sandboxes read; emptied at its start.
    pub folder: PathBuf,
    /// Held by whoever measures on this machine: one job at a time.
    pub machine_lock: PathBuf,
}

/// A runner that has announced itself.
pub struct Runner {
    id: RunnerId,
    parts: Parts,
    machine: Machine,
    harness: PathBuf,
    tokio: Runtime,
    prepared: HashMap<CompetitionId, Rc<Prepared>>,
}

impl Runner {
    /// Announces the runner and gives back what a former life of it held: the walls, which are
    /// raised under its name, are the proof that no other life of it is left on this machine.
    pub fn start(tokio: Runtime, parts: Parts) -> Result<Runner, JobError> {
        empty(&parts.folder)?;
        let machine = Machine::look_around(&parts.walls, &parts.meter_name);
        let harness = session::install_harness(&parts.folder)?;
        let fingerprint = serde_json::to_value(&machine).expect("a machine is texts and numbers");
        let id = tokio.block_on(async {
            let class = machine.hardware_class(1);
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
        Ok(Runner {
            id,
            machine,
            harness,
            tokio,
            prepared: HashMap::new(),
            parts,
        })
    }

    /// Takes one job from the queue, if there is one.
    pub fn run_once(&mut self) -> Result<(), JobError> {
        self.take_one().map(drop)
    }

    /// Takes jobs from the queue for ever. A broken connection to the database does not end it.
    pub fn run(&mut self) -> Result<Infallible, JobError> {
        let mut listener = self.wait_for(Listener::connect(&self.parts.db, &[JOBS]))?;
        tracing::info!(runner.name = %self.parts.name, "ready to take jobs");
        loop {
            let took_one = self.take_one().unwrap_or_else(|error| {
                tracing::error!(%error, "the queue could not be served");
                false
            });
            if !took_one {
                self.sleep(&mut listener);
            }
        }
    }

    fn sleep(&self, listener: &mut Listener) {
        self.tokio.block_on(async {
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
        let _quiet = lock(&self.parts.machine_lock)?;
        self.fail_exhausted()?;
        self.wait_for(db::runners::touch(&self.parts.db, self.id))?;
        let lease = evaluate::LEASE_BETWEEN_WINDOWS;
        let claim = self.wait_for(db::jobs::claim(&self.parts.db, self.id, lease))?;
        let Some(claim) = claim else {
            return Ok(false);
        };
        tracing::info!(
            submission.id = %claim.submission,
            job.attempt = claim.attempt,
            "took a job"
        );
        if let Err(error) = self.evaluate(&claim) {
            self.try_again(&claim, &error)?;
        }
        Ok(true)
    }

    /// After a failure of ours: once more, and after too many attempts not at all.
    fn try_again(&self, claim: &Claim, error: &JobError) -> Result<(), JobError> {
        tracing::error!(
            submission.id = %claim.submission,
            job.attempt = claim.attempt,
            %error,
            "a job failed through our fault"
        );
        let lease = if claim.attempt < db::jobs::MAX_ATTEMPTS {
            let pause = RETRY_PAUSE * claim.attempt.unsigned_abs();
            self.wait_for(db::jobs::requeue(&self.parts.db, claim, pause))?
        } else {
            let failure = Failure::infrastructure(
                "internal",
                "We could not evaluate this submission. The fault is ours and has been logged; \
                 the submission does not count against your daily limit.",
            );
            self.wait_for(db::jobs::finish_failed(&self.parts.db, claim, &failure))?
        };
        if lease == Lease::Lost {
            tracing::warn!(submission.id = %claim.submission, "the lease was lost meanwhile");
        }
        self.wait_for(db::notifications::submission_moved(
            &self.parts.db,
            claim.submission,
        ))?;
        Ok(())
    }

    fn fail_exhausted(&self) -> Result<(), JobError> {
        for submission in self.wait_for(db::jobs::fail_exhausted(&self.parts.db))? {
            tracing::error!(
                submission.id = %submission,
                "a job was given up: its runner died each time"
            );
            self.wait_for(db::notifications::submission_moved(
                &self.parts.db,
                submission,
            ))?;
        }
        Ok(())
    }

    fn wait_for<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.tokio.block_on(future)
    }
}

/// Makes a folder that only we can enter, without what a former life left in it.
fn empty(folder: &Path) -> Result<(), JobError> {
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

/// Waits until nobody else measures on this machine.
fn lock(path: &Path) -> Result<Flock<File>, JobError> {
    let failed = |source| JobError::File {
        doing: "lock",
        path: path.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
}
