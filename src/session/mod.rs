//! One measuring session: the smoke run on the public sample, the pilot, and the trials over the
//! hidden test inputs, each in a process and a sandbox of its own; or more trials of what was
//! measured before. Knows no database. The only
//! place where the sandbox and the meter meet.

mod batches;
mod contention;
mod ending;
pub(crate) mod exchange;
mod fingerprint;
mod harness;
mod inputs;
mod invariance;
mod own_metric;
mod predict;
mod run;
pub mod runtime;
mod same_work;
mod script;
mod trials;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use fingerprint::Machine;
pub use inputs::{Calling, Inputs, InputsError, ScriptFiles};
pub use own_metric::{MetricFault, MetricRun};
use run::Finished;
pub use run::without_data;
pub use runtime::{Runtime, RuntimeError};

use crate::domain::competition::{CompetitionSpec, EntryKind, Scenario};
use crate::domain::model_manifest::ModelManifest;
use crate::domain::runtime::Manifest;
use crate::domain::submission::{Failure, Phase};
use crate::domain::trial::Trial;
use crate::meter::Meter;
use crate::sandbox::{self, SandboxError, Walls};

/// How often an entry may be run over the public sample.
pub const SMOKE_RUNS_MAX: u32 = 3;

/// A failure of ours, not of the submission.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error("the harness failed: {0}")]
    Harness(String),
    #[error(
        "the machine was too busy: at its limit of {} s the run had computed for {:.1} s",
        limit.as_secs(), used.as_secs_f64()
    )]
    Contended { used: Duration, limit: Duration },
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What all sessions on a machine use.
pub struct Bench {
    walls: Walls,
    meter: Meter,
    runtime: Runtime,
    harness: PathBuf,
    /// Such as "Python 3.11.2".
    python: String,
    /// What the kernel had taken out of memory when the runtime was last read.
    taken_at_warming: Option<u64>,
}

/// What is measured.
#[derive(Debug)]
pub struct Candidate<'a> {
    pub spec: &'a CompetitionSpec,
    pub kind: EntryKind,
    /// Readable by everybody: the model file, or the folder that a script was unpacked into.
    pub entry: &'a Path,
    /// How a model asks to be run.
    pub manifest: &'a ModelManifest,
}

/// How a run is made.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Those of a measured window, of kinds that have one; none in a smoke run.
    passes: u32,
    /// Rows that a model or a function is given at a time.
    batch_size: usize,
    /// Whether its energy is measured, for which the devices are left at rest before and after.
    energy: bool,
}

impl Plan {
    fn smoke(batch_size: usize) -> Plan {
        Plan {
            passes: 0,
            batch_size,
            energy: false,
        }
    }
}

/// What a smoke run came to. Its logs may be shown to the participant: it saw public data only.
#[derive(Debug)]
pub struct Smoke {
    /// The predictions for the public sample, as the entry wrote them.
    pub verdict: Result<Vec<u8>, Failure>,
    pub stdout: String,
    pub stderr: String,
}

/// What a run on hidden inputs printed. Not for participants.
#[derive(Debug)]
pub struct HiddenRun {
    /// 0 is the pilot, then the trials.
    pub number: u32,
    /// "ok", or the failure's code and its whole message.
    pub outcome: String,
    pub stdout: String,
    pub stderr: String,
}

/// What a session recorded.
#[derive(Debug, Default)]
pub struct Session {
    /// At least one, unless a session that adds trials was told to stop before the first.
    pub trials: Vec<Trial>,
    /// The predictions of each trial, as the entry wrote them.
    pub predictions: Vec<Vec<u8>>,
    /// What ran it, such as "onnxruntime 1.32.0".
    pub runtime: String,
    /// Rows that a model was given at once.
    pub batch_size: Option<u32>,
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

/// The trials that a session adds to those of former ones.
#[derive(Debug, Clone, Copy)]
pub struct More {
    /// The passes of the former ones, so that their windows are alike.
    pub passes: u32,
    /// How many there are already.
    pub former: u32,
    /// How many there are at most at the end.
    pub most: u32,
}

/// A session that added trials to those of former ones.
#[derive(Debug)]
pub struct Added {
    /// Whatever ended it, these trials held out.
    pub session: Session,
    pub end: AddedEnd,
}

#[derive(Debug)]
pub enum AddedEnd {
    Whole,
    /// The next trial failed.
    Failed(Failure),
    /// It was told not to go on.
    Stopped,
}

/// Hears how a session gets on, between windows and never inside one.
pub trait Observer {
    /// Says what comes next; answers whether to go on.
    fn progress(&mut self, phase: Phase) -> GoOn;
    /// A run on hidden inputs has ended.
    fn hidden_run(&mut self, run: HiddenRun);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    Yes,
    /// The lease is lost, the submission was cancelled, or somebody waits for what is done in the
    /// background.
    No,
}

impl Bench {
    /// Sets the bench up, with the harness in `folder`.
    ///
    /// `runtime` is read once, so that no sandbox is charged for the page cache.
    pub fn set_up(
        walls: Walls,
        meter: Meter,
        runtime: Runtime,
        folder: &Path,
    ) -> Result<Bench, SessionError> {
        let harness = harness::install(folder)?;
        sandbox::warm(&harness)?;
        let mut bench = Bench {
            walls,
            meter,
            python: runtime.python(),
            runtime,
            harness,
            taken_at_warming: None,
        };
        bench.warm_runtime()?;
        Ok(bench)
    }

    /// The machine, as sessions on this bench name it.
    pub fn machine(&self) -> Machine {
        Machine::look_around(&self.walls, &self.runtime, self.meter.identities())
    }

    /// What its image holds, where it has one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.runtime.manifest()
    }

    /// Reads it into the page cache again, if anything may have been taken out since.
    fn warm_runtime(&mut self) -> Result<(), SessionError> {
        let taken = sandbox::pages_taken();
        if taken.is_none() || taken != self.taken_at_warming {
            self.runtime.warm()?;
            self.taken_at_warming = taken;
        }
        Ok(())
    }

    /// Runs the candidate over the public sample: a script once, others up to [`SMOKE_RUNS_MAX`] times.
    pub fn smoke(
        &mut self,
        candidate: &Candidate<'_>,
        sample: &Inputs,
    ) -> Result<Smoke, SessionError> {
        sandbox::warm(candidate.entry)?;
        let run = self.run(candidate, sample, Plan::smoke(rows_at_once(candidate)))?;
        let run = match candidate.kind {
            EntryKind::Onnx | EntryKind::Tflite | EntryKind::Predict => {
                self.vary_batches(candidate, sample, run)?
            }
            EntryKind::Script => run,
        };
        Ok(Smoke {
            verdict: run.result.map(|measured| measured.predictions),
            stdout: run.stdout,
            stderr: run.stderr,
        })
    }

    /// How much longer a run lasts because the devices are left at rest in it, which is not the
    /// candidate's time.
    fn rests(&self, plan: Plan) -> Duration {
        match plan.energy {
            true => 2 * self.meter.longest_rest(),
            false => Duration::ZERO,
        }
    }

    /// A run of which participants see no output, and no message that could hold hidden data.
    fn run_hidden(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        passes: u32,
        number: u32,
        observer: &mut dyn Observer,
    ) -> Result<Finished, SessionError> {
        let plan = Plan {
            passes,
            batch_size: rows_at_once(candidate),
            energy: number > 0,
        };
        let run = self.run(candidate, test, plan)?;
        observer.hidden_run(HiddenRun {
            number,
            outcome: match &run.result {
                Ok(_) => "ok".to_owned(),
                Err(failure) => format!("{}: {}", failure.code, failure.message),
            },
            stdout: run.stdout.clone(),
            stderr: run.stderr.clone(),
        });
        Ok(run.without_data())
    }

    fn run(
        &mut self,
        candidate: &Candidate<'_>,
        inputs: &Inputs,
        plan: Plan,
    ) -> Result<Finished, SessionError> {
        match candidate.kind {
            EntryKind::Onnx | EntryKind::Tflite => self.run_harness(candidate, inputs, plan),
            EntryKind::Predict => self.run_predict(candidate, inputs, plan),
            EntryKind::Script => self.run_script(candidate, inputs, plan),
        }
    }
}

/// How many rows a model or a function is given at a time.
fn rows_at_once(candidate: &Candidate<'_>) -> usize {
    let rules = &candidate.spec.entries;
    let wanted = candidate.manifest.batch_size.unwrap_or(rules.batch_size);
    match candidate.spec.measuring.scenario {
        // What a manifest may ask for was checked at the door.
        Scenario::Offline => wanted as usize,
        Scenario::SingleStream => 1,
    }
}

impl Session {
    fn push(&mut self, trial: Trial, predictions: Vec<u8>) {
        self.trials.push(trial);
        self.predictions.push(predictions);
    }

    fn ended(self, end: AddedEnd) -> Added {
        Added { session: self, end }
    }
}
