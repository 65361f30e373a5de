//! One run of a function: it is given the test inputs batch by batch, and every call is timed out
//! here. At no moment does the sandbox hold more of them than the batch it works on, and what it was
//! given before.
//!
//! The function lives in the same process as our harness, so it can write to the pipe in its place.
//! Nothing is won by that: what comes out is taken for predictions of the batch that was handed
//! over, however it came about, and the time runs from the first byte of the batch to the last of the
//! answer.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::batches::{Field, Rows, predictions_file};
use super::contention::Others;
use super::ending::{Ending, came_too_late, why_it_ended};
use super::exchange::{Event, GRACE, Mark, clean, nonsense, plain_code};
use super::run::{Finished, Measured, finished};
use super::{Bench, Candidate, Inputs, Plan, SessionError};
use crate::domain::competition::CompetitionSpec;
use crate::domain::contention::Contention;
use crate::domain::energy::Energy;
use crate::domain::limits::Limits;
use crate::domain::outcome::{Outcome, Usage};
use crate::domain::submission::Failure;
use crate::domain::trial::{HarnessPhases, Latency, PhaseCost, Phases};
use crate::domain::units::Bytes;
use crate::sandbox::{ReadOnlyMount, Received, ReceivedBytes, Room, Run, Sandbox, SandboxError};

/// Kaggle's places, so that code written for it runs unchanged.
const WORKING: &str = "/kaggle/working";
const SOURCE: &str = "/kaggle/src";

/// The first thing that is said: what the batches look like.
#[derive(Serialize)]
struct Opening<'a> {
    columns: Vec<Field<'a>>,
    id: &'a str,
    /// The columns of predictions.
    predicted: &'a [String],
    /// Stand for the predictions of a row where none are known yet.
    placeholders: &'a [String],
}

/// What came before the word to finish.
struct Stretches {
    start_up: PhaseCost,
    first_call: PhaseCost,
    window: PhaseCost,
    latency: Latency,
    energy: Energy,
    contention: Option<Contention>,
    runtime: String,
    /// Row by row.
    predictions: Vec<String>,
}

impl Bench {
    /// Runs an unpacked bundle's function once over the inputs: start-up, a first call with rows of
    /// the public sample, and one call for each batch.
    pub(super) fn run_predict(
        &mut self,
        candidate: &Candidate<'_>,
        inputs: &Inputs,
        plan: Plan,
    ) -> Result<Finished, SessionError> {
        let limits = &candidate.spec.limits;
        let mut room = self.predict_room(candidate.entry, inputs, limits)?;
        room.limits.time += self.rests(plan);
        let sandbox = self.walls.make_room(&room)?;
        let cpus = self.walls.cpu_set(limits.cpus)?.to_vec();
        let mut calls = Calls::start(sandbox, cpus, candidate.spec, room.limits.time)?;
        let stop = match calls.converse(candidate, inputs, plan, self) {
            Ok(stretches) => return calls.end(stretches, candidate.spec),
            Err(stop) => stop,
        };
        let late = match &stop {
            Stop::Late(late) => Some(*late),
            Stop::Nonsense => return Ok(Finished::silent(nonsense())),
            Stop::Refused(_) | Stop::Silent | Stop::Ours(_) => None,
        };
        if late.is_some() {
            calls.sandbox.time_out();
        }
        let failure = match stop {
            Stop::Ours(error) => return Err(error),
            Stop::Refused(failure) => Some(failure),
            Stop::Silent | Stop::Late(_) | Stop::Nonsense => None,
        };
        let run = calls.sandbox.wait()?;
        let failure = match (failure, late) {
            // Out of memory, the harness may have said something else with its last breath.
            (Some(failure), _) if run.outcome != Outcome::OutOfMemory => failure,
            (_, Some(late)) if run.outcome == Outcome::TimedOut => late.failure(&run, limits)?,
            _ => call_ending(why_it_ended(&run, limits)?),
        };
        Ok(finished(&run, Err(failure)))
    }

    fn predict_room(
        &self,
        source: &Path,
        inputs: &Inputs,
        limits: &Limits,
    ) -> Result<Room, SessionError> {
        let mut room = Room::new(
            ["/runtime/bin/python", "-I", "-B", "/harness/calls.py"],
            limits.clone(),
        );
        room.env = vec![
            ("KAGGLE_IS_COMPETITION_RERUN".to_owned(), "1".to_owned()),
            ("ORT_DISABLE_TELEMETRY".to_owned(), "1".to_owned()),
            self.runtime.language(),
        ];
        room.output = WORKING.into();
        room.working_dir = WORKING.into();
        let public = Path::new("/kaggle/input").join(inputs.slug());
        room.mounts = self.runtime.mounts();
        room.mounts.extend([
            ReadOnlyMount::new(&self.harness, "/harness"),
            ReadOnlyMount::new(source, SOURCE),
            ReadOnlyMount::new(inputs.public()?, public),
        ]);
        Ok(room)
    }
}

/// A limit of less than the whole run.
#[derive(Debug, Clone, Copy)]
enum Late {
    StartUp,
    Batch(Duration),
}

impl Late {
    fn failure(self, run: &Run, limits: &Limits) -> Result<Failure, SessionError> {
        let limit = match self {
            Late::StartUp => limits.start_up,
            Late::Batch(limit) => limit,
        };
        came_too_late(run, limits, limit)?;
        let limit = limit.as_secs_f64();
        Ok(match self {
            Late::StartUp => Failure::participant(
                "start_up_timeout",
                format!(
                    "The code was not imported and loaded within {limit} s. Load less, or something \
                     smaller; what can wait can be done in the first call."
                ),
            ),
            Late::Batch(_) => Failure::participant(
                "batch_timeout",
                format!(
                    "A call of predict() took longer than {limit} s, which each call but the first may \
                     take."
                ),
            ),
        })
    }
}

/// Why a conversation did not get to its end.
enum Stop {
    /// The harness said so itself.
    Refused(Failure),
    /// The program ended or was ended; the outcome says how.
    Silent,
    Late(Late),
    /// It said what our harness never says.
    Nonsense,
    Ours(SessionError),
}

impl From<SandboxError> for Stop {
    fn from(error: SandboxError) -> Stop {
        Stop::Ours(error.into())
    }
}

/// Until when something is waited for, and what it means when it did not come.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    late: Option<Late>,
}

struct Calls {
    sandbox: Sandbox,
    /// Those that it runs on.
    cpus: Vec<usize>,
    /// Where the last stretch ended.
    last: Mark,
    give_up_at: Instant,
    limits: Limits,
    /// Columns of predictions.
    columns: usize,
}

impl Calls {
    fn start(
        mut sandbox: Sandbox,
        cpus: Vec<usize>,
        spec: &CompetitionSpec,
        time: Duration,
    ) -> Result<Calls, SessionError> {
        let limits = &spec.limits;
        let usage = Usage {
            cpu: Duration::ZERO,
            peak_memory: Bytes::default(),
        };
        let at = sandbox.start()?;
        Ok(Calls {
            sandbox,
            cpus,
            last: Mark { at, usage },
            give_up_at: at + time + GRACE,
            limits: limits.clone(),
            columns: spec.task.predicted_columns().len(),
        })
    }

    fn converse(
        &mut self,
        candidate: &Candidate<'_>,
        inputs: &Inputs,
        plan: Plan,
        bench: &mut Bench,
    ) -> Result<Stretches, Stop> {
        let task = &candidate.spec.task;
        let test = inputs.test_rows().map_err(Stop::Ours)?;
        let sample = inputs.sample_rows().map_err(Stop::Ours)?;
        let opening = Opening {
            columns: test.fields(),
            id: &task.id,
            predicted: task.predicted_columns(),
            placeholders: inputs.placeholders().map_err(Stop::Ours)?,
        };
        let opening = serde_json::to_string(&opening).expect("an opening is texts");
        let deadline = self.within(self.last.at, Some(self.limits.start_up), |_| Late::StartUp);
        let line = [opening.as_bytes(), b"\n"].concat();
        self.sandbox.send_bytes(&line, deadline.at)?;
        let (Event::Ready { runtime, .. }, at) = self.hear(deadline)? else {
            return Err(Stop::Nonsense);
        };
        let start_up = self.stretch_until(at)?;

        // What is loaded or compiled at first use is no part of inference, and rows of the public
        // sample are none of the pass.
        let Some(first) = sample.batches(plan.batch_size).next() else {
            return Err(Stop::Nonsense);
        };
        let (_, first_call) = self.call(sample, first, None)?;

        let watch = bench.meter.watch(plan.energy);
        let others = Others::watch(&self.cpus);
        let mut predictions = Vec::with_capacity(test.count());
        let mut window = PhaseCost::default();
        let mut latencies = Vec::new();
        for rows in test.batches(plan.batch_size) {
            let (predicted, cost) = self.call(test, rows, self.limits.batch)?;
            predictions.extend(predicted);
            latencies.push(cost.wall);
            window = window + cost;
        }
        let contention = others.until_now(window.cpu);
        let energy = watch.end();
        // The rest is no part of the finish; what the code computed meanwhile is.
        self.last.at = Instant::now();
        self.sandbox.send(r#"{"finish":true}"#)?;
        let end = Deadline {
            at: self.give_up_at,
            late: None,
        };
        let (Event::Finished { .. }, _) = self.hear(end)? else {
            return Err(Stop::Nonsense);
        };
        Ok(Stretches {
            start_up,
            first_call,
            window,
            latency: Latency::of(&latencies).ok_or(Stop::Nonsense)?,
            energy,
            contention,
            runtime: clean(&runtime),
            predictions,
        })
    }

    /// Hands a batch over, and waits for its predictions. Its wall time begins with its first byte;
    /// its CPU time where the last stretch ended, so that none is lost in between.
    fn call(
        &mut self,
        all: &Rows,
        rows: std::ops::Range<usize>,
        limit: Option<Duration>,
    ) -> Result<(Vec<String>, PhaseCost), Stop> {
        let count = rows.len();
        let batch = all.call(rows);
        let at = Instant::now();
        self.last.at = at;
        let deadline = self.within(at, limit, Late::Batch);
        self.sandbox.send_bytes(&batch, deadline.at)?;
        let (
            Event::Predicted {
                rows,
                r#type,
                bytes,
            },
            _,
        ) = self.hear(deadline)?
        else {
            return Err(Stop::Nonsense);
        };
        let cells = count * self.columns;
        if rows != count || !r#type.fits(cells, bytes) {
            return Err(Stop::Nonsense);
        }
        let (answer, at) = match self.sandbox.receive_bytes(bytes, deadline.at)? {
            ReceivedBytes::Whole { bytes, at } => (bytes, at),
            ReceivedBytes::Ended => return Err(Stop::Silent),
            ReceivedBytes::TimedOut => return Err(deadline.passed()),
        };
        let cost = self.stretch_until(at)?;
        let predictions = r#type.read(cells, &answer).ok_or(Stop::Nonsense)?;
        Ok((predictions, cost))
    }

    /// Waits for an event.
    fn hear(&mut self, deadline: Deadline) -> Result<(Event, Instant), Stop> {
        let (text, at) = match self.sandbox.receive(deadline.at)? {
            Received::Line { text, at } => (text, at),
            Received::Ended => return Err(Stop::Silent),
            Received::Garbage => return Err(Stop::Nonsense),
            Received::TimedOut => return Err(deadline.passed()),
        };
        match serde_json::from_str(&text) {
            Ok(Event::Failed { code, message }) => Err(Stop::Refused(Failure::participant(
                plain_code(code),
                clean(&message),
            ))),
            Ok(event) => Ok((event, at)),
            Err(_) => Err(Stop::Nonsense),
        }
    }

    /// Ends a stretch, which began where the last one ended.
    fn stretch_until(&mut self, at: Instant) -> Result<PhaseCost, Stop> {
        let end = Mark {
            at,
            usage: self.sandbox.usage()?,
        };
        let cost = self.last.cost_until(&end);
        self.last = end;
        Ok(cost)
    }

    /// A limit from here on, where there is one; never later than the end of the whole run.
    fn within(
        &self,
        start: Instant,
        limit: Option<Duration>,
        late: impl Fn(Duration) -> Late,
    ) -> Deadline {
        let sooner = limit
            .map(|limit| (start + limit, limit))
            .filter(|(at, _)| *at < self.give_up_at);
        match sooner {
            Some((at, limit)) => Deadline {
                at,
                late: Some(late(limit)),
            },
            None => Deadline {
                at: self.give_up_at,
                late: None,
            },
        }
    }

    /// After the last word: waits for the process to end.
    fn end(self, stretches: Stretches, spec: &CompetitionSpec) -> Result<Finished, SessionError> {
        let last = self.last;
        let run = self.sandbox.wait()?;
        if !run.outcome.is_success() {
            let failure = call_ending(why_it_ended(&run, &spec.limits)?);
            return Ok(finished(&run, Err(failure)));
        }
        let end = Mark {
            at: run.ended,
            usage: run.usage,
        };
        let measured = Measured {
            phases: Phases::Calls {
                phases: HarnessPhases {
                    start_up: stretches.start_up,
                    first_call: stretches.first_call,
                    inference: stretches.window,
                    finish: last.cost_until(&end),
                },
                latency: stretches.latency,
            },
            energy: stretches.energy,
            contention: stretches.contention,
            runtime: stretches.runtime,
            batch_size: None,
            peak_memory: run.usage.peak_memory,
            predictions: predictions_file(spec.task.predicted_columns(), &stretches.predictions),
        };
        Ok(finished(&run, Ok(measured)))
    }
}

impl Deadline {
    fn passed(self) -> Stop {
        match self.late {
            Some(late) => Stop::Late(late),
            None => Stop::Ours(SessionError::Harness("it outlived its limit".to_owned())),
        }
    }
}

/// The harness never ends by itself before it is told to: the code in it did.
fn call_ending(ending: Ending) -> Failure {
    match ending {
        Ending::Failed(failure) => failure,
        Ending::Exited { code, .. } => Failure::participant(
            "exit_status",
            format!(
                "The process ended with exit status {code} before it had answered every batch. Do not \
                 call exit() or os._exit() in the code."
            ),
        ),
    }
}
