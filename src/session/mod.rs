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

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use fingerprint::Machine;
pub use inputs::{Calling, Inputs, InputsError, ScriptFiles};
pub use own_metric::{MetricFault, MetricRun};
use run::Finished;
pub use run::without_data;
pub use runtime::{Runtime, RuntimeError};
use same_work::{all_remember, did_more, remembers, unlike_passes, unlike_runs};

use crate::domain::competition::{CompetitionSpec, EntryKind, Profile, Scenario};
use crate::domain::digest::Digest;
use crate::domain::energy::Energy;
use crate::domain::limits::Limits;
use crate::domain::model_manifest::ModelManifest;
use crate::domain::runtime::Manifest;
use crate::domain::submission::{Failure, Phase};
use crate::domain::trial::{PhaseCost, Phases, Trial};
use crate::meter::Meter;
use crate::sandbox::{self, SandboxError, Walls};

/// The recorded trials of the `quick` profile.
const QUICK_TRIALS: u32 = 3;
/// How many void trials a session makes again.
const REPEATS_MAX: u32 = 2;
/// How long a measured window of the `quick` profile should be: long enough that the two messages
/// around it and the reading of the counters weigh nothing.
const QUICK_WINDOW: Duration = Duration::from_millis(500);
/// A window takes at most this part of the wall-time limit, because start-up and the first call
/// lie under the same limit.
const WINDOW_OF_LIMIT: u32 = 4;
/// How often an entry may be run over the public sample.
pub const SMOKE_RUNS_MAX: u32 = 3;
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

/// What became of the next trial.
enum Made {
    /// And its predictions.
    Trial(Box<Trial>, Vec<u8>),
    Failed(Failure),
    /// It was told not to go on.
    Stopped,
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

    /// Measures the candidate over the hidden test inputs.
    pub fn measure(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        observer: &mut dyn Observer,
    ) -> Result<Ended, SessionError> {
        let trials = match candidate.spec.measuring.profile {
            // More are added in the background.
            Profile::Quick | Profile::Standard => QUICK_TRIALS,
        };
        if observer.progress(Phase::WarmUp) == GoOn::No {
            return Ok(Ended::Stopped);
        }
        self.warm_runtime()?;
        // The pilot is the warm-up, too, and is never scored.
        let pilot = self.run_hidden(candidate, test, 1, 0, observer)?;
        let pilot = match pilot.result {
            Ok(measured) => measured,
            Err(failure) => return Ok(Ended::Failed(failure)),
        };
        let (passes, pilot_cost) = match &pilot.phases {
            // What it takes is compared pass by pass.
            Phases::Harness { phases, .. } => {
                let window = QUICK_WINDOW.max(self.meter.shortest_window());
                let passes = passes_for(phases.inference, window, &candidate.spec.limits);
                (passes, None)
            }
            // Code could remember its answers.
            Phases::Calls { .. } | Phases::Script { .. } => (1, Some(pilot.phases.total())),
        };
        let mut session = Session {
            trials: Vec::new(),
            predictions: Vec::new(),
            runtime: pilot.runtime,
            batch_size: pilot.batch_size,
        };
        let mut repeats = REPEATS_MAX;
        for number in 1..=trials {
            let place = (number, trials);
            match self.next_trial(candidate, test, passes, place, &mut repeats, observer)? {
                Made::Trial(trial, predictions) => session.push(*trial, predictions),
                Made::Failed(failure) => return Ok(Ended::Failed(failure)),
                Made::Stopped => return Ok(Ended::Stopped),
            }
        }
        if all_remember(&session.trials) {
            return Ok(Ended::Failed(unlike_passes()));
        }
        match pilot_cost {
            Some(pilot) if did_more(pilot, &session.trials) => Ok(Ended::Failed(unlike_runs())),
            Some(_) | None => Ok(Ended::Whole(session)),
        }
    }

    /// Adds trials to those of former sessions, each as one of theirs: in a fresh process and
    /// sandbox, with as many passes, after a warm-up that is not recorded. Ends early when
    /// `is_enough` says so of those added so far.
    pub fn add_trials(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        more: More,
        is_enough: &dyn Fn(&[Trial]) -> bool,
        observer: &mut dyn Observer,
    ) -> Result<Added, SessionError> {
        let mut session = Session::default();
        if observer.progress(Phase::WarmUp) == GoOn::No {
            return Ok(session.ended(AddedEnd::Stopped));
        }
        self.warm_runtime()?;
        sandbox::warm(candidate.entry)?;
        let warm_up = self.run_hidden(candidate, test, 1, 0, observer)?;
        match warm_up.result {
            Ok(measured) => session.runtime = measured.runtime,
            Err(failure) => return Ok(session.ended(AddedEnd::Failed(failure))),
        }
        let mut repeats = REPEATS_MAX;
        for number in more.former + 1..=more.most {
            let place = (number, more.most);
            match self.next_trial(candidate, test, more.passes, place, &mut repeats, observer)? {
                Made::Trial(trial, predictions) => session.push(*trial, predictions),
                Made::Failed(failure) => return Ok(session.ended(AddedEnd::Failed(failure))),
                Made::Stopped => return Ok(session.ended(AddedEnd::Stopped)),
            }
            if is_enough(&session.trials) {
                break;
            }
        }
        Ok(session.ended(AddedEnd::Whole))
    }

    /// The trial that is the first of `place` of the second. Where the devices that are read told no
    /// energy, because a reading came too late on a busy machine for example, it is void and made
    /// again, as long as `repeats` are left.
    fn next_trial(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        passes: u32,
        (number, of): (u32, u32),
        repeats: &mut u32,
        observer: &mut dyn Observer,
    ) -> Result<Made, SessionError> {
        loop {
            if observer.progress(Phase::Trial { number, of }) == GoOn::No {
                return Ok(Made::Stopped);
            }
            let (trial, predictions) =
                match self.trial(candidate, test, passes, number, observer)? {
                    Ok(made) => made,
                    Err(failure) => return Ok(Made::Failed(failure)),
                };
            match &trial.energy {
                Energy::Missing { reason } if *repeats > 0 && self.meter.reads_any() => {
                    tracing::info!(number, reason, "a trial without energy is made again");
                    *repeats -= 1;
                }
                Energy::Measured(_) | Energy::Missing { .. } => {
                    return Ok(Made::Trial(Box::new(trial), predictions));
                }
            }
        }
    }

    /// One trial and its predictions.
    fn trial(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        passes: u32,
        number: u32,
        observer: &mut dyn Observer,
    ) -> Result<Result<(Trial, Vec<u8>), Failure>, SessionError> {
        let run = self.run_hidden(candidate, test, passes, number, observer)?;
        let measured = match run.result {
            Ok(measured) => measured,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Phases::Harness { phases, .. } = &measured.phases
            && remembers(phases, passes)
        {
            return Ok(Err(unlike_passes()));
        }
        let trial = Trial {
            number,
            phases: measured.phases,
            passes,
            peak_memory: measured.peak_memory,
            energy: measured.energy,
            contention: measured.contention,
            predictions: Digest::of(&measured.predictions),
        };
        Ok(Ok((trial, measured.predictions)))
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

/// How many passes like this one fill a window of this length: at least one. Their work decides, because waiting on
/// a busy machine does not make a window longer; their wall time only keeps it below the limit.
fn passes_for(pass: PhaseCost, window: Duration, limits: &Limits) -> u32 {
    let fitting = |time: Duration, of: Duration| time.as_secs_f64() / of.as_secs_f64().max(1e-6);
    let work = pass.cpu / limits.cpus.max(1);
    let wanted = fitting(window, work).ceil();
    let allowed = fitting(limits.time / WINDOW_OF_LIMIT, pass.wall).floor();
    (wanted.min(allowed) as u32).clamp(1, MOST_PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_as_many_passes_as_fill_it_and_at_least_one() {
        let passes = |cpu_us, wall_us| {
            let pass = PhaseCost {
                cpu: Duration::from_micros(cpu_us),
                wall: Duration::from_micros(wall_us),
            };
            let limits = Limits {
                time: Duration::from_secs(8),
                ..Limits::default()
            };
            passes_for(pass, QUICK_WINDOW, &limits)
        };
        assert_eq!(passes(250, 260), 2000);
        assert_eq!(passes(300_000, 310_000), 2);
        assert_eq!(passes(60_000_000, 60_000_000), 1);
        assert_eq!(passes(0, 0), MOST_PASSES);
        // A pass that mostly waits, on a busy machine, is not measured for less work.
        assert_eq!(passes(1_000, 4_000), 500);
        assert_eq!(passes(1_000, 100_000), 20);
    }
}
