//! One run of the harness: what is said to it, what it answers, and what each stretch between two
//! messages cost. The clock and the counters are read out here, where the candidate cannot reach.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::batches::PredictedType;
use super::contention::Others;
use super::ending::{Ending, why_it_ended};
use super::run::{Finished, Measured, finished};
use super::{Bench, Candidate, Inputs, Plan, SessionError};
use crate::domain::competition::Scenario;
use crate::domain::contention::Contention;
use crate::domain::energy::Energy;
use crate::domain::limits::Limits;
use crate::domain::model_manifest::ModelManifest;
use crate::domain::outcome::{Outcome, Usage};
use crate::domain::submission::Failure;
use crate::domain::trial::{HarnessPhases, Latency, PhaseCost, Phases};
use crate::domain::units::Bytes;
use crate::sandbox::{OutputError, ReadOnlyMount, Received, Room, Sandbox, SandboxError};

/// One prediction takes at most this much in the file of predictions.
const PREDICTION_BYTES: u64 = 256;
/// The sandbox kills at the limit by itself; this much later we give up on hearing of it.
pub(super) const GRACE: Duration = Duration::from_secs(10);
pub(crate) const LONGEST_MESSAGE: usize = 1000;
/// What an input may fix, and a competition may give.
const MOST_ROWS_AT_ONCE: u32 = 65_536;

/// What came before the word to finish.
struct Stretches {
    start_up: PhaseCost,
    first_call: PhaseCost,
    /// The measured window, if one was asked for.
    window: PhaseCost,
    /// Of the window's calls, where each is of one row.
    latency: Option<Latency>,
    energy: Energy,
    contention: Option<Contention>,
    runtime: String,
    batch_size: Option<u32>,
}

impl Bench {
    /// Runs the harness once: start-up, a first pass, a measured window, if one is planned, and the
    /// predictions of the last pass.
    pub(super) fn run_harness(
        &mut self,
        candidate: &Candidate<'_>,
        inputs: &Inputs,
        plan: Plan,
    ) -> Result<Finished, SessionError> {
        let limits = &candidate.spec.limits;
        let mut room = self.harness_room(candidate, inputs, plan.batch_size);
        room.limits.time += self.rests(plan);
        let sandbox = self.walls.make_room(&room)?;
        let cpus = self.walls.cpu_set(limits.cpus)?.to_vec();
        let mut exchange = Exchange::start(sandbox, cpus, room.limits.time)?;
        let calls = match candidate.spec.measuring.scenario {
            Scenario::Offline => None,
            Scenario::SingleStream => Some(u64::from(plan.passes.max(1)) * inputs.rows() as u64),
        };
        let failure = match exchange.converse(plan, calls, self) {
            Ok(stretches) => return exchange.end(stretches, inputs.predicted_cells(), limits),
            Err(Stop::Ours(error)) => return Err(error),
            Err(Stop::Refused(failure)) => Some(failure),
            Err(Stop::Silent) => None,
            Err(Stop::Nonsense) => return Ok(Finished::silent(nonsense())),
        };
        let run = exchange.sandbox.wait()?;
        let failure = match failure {
            // Out of memory, the harness may have said something else with its last breath.
            Some(failure) if run.outcome != Outcome::OutOfMemory => failure,
            Some(_) | None => harness_ending(why_it_ended(&run, limits)?)?,
        };
        Ok(finished(&run, Err(failure)))
    }

    fn harness_room(&self, candidate: &Candidate<'_>, inputs: &Inputs, batch_size: usize) -> Room {
        let mut room = Room::new(
            [
                "/runtime/bin/python",
                "-I",
                "-B",
                "/harness/harness.py",
                "--kind",
                candidate.kind.as_str(),
                "--batch-size",
                &batch_size.to_string(),
            ],
            candidate.spec.limits.clone(),
        );
        if candidate.spec.measuring.scenario == Scenario::SingleStream {
            room.command.push("--time-calls".to_owned());
        }
        if *candidate.manifest != ModelManifest::default() {
            let manifest = serde_json::to_string(candidate.manifest)
                .expect("a manifest is texts and finite numbers");
            room.command.extend(["--manifest".to_owned(), manifest]);
        }
        // It would spend the candidate's CPU time.
        room.env = vec![
            ("ORT_DISABLE_TELEMETRY".to_owned(), "1".to_owned()),
            self.runtime.language(),
        ];
        room.mounts = self.runtime.mounts();
        room.mounts.extend([
            ReadOnlyMount::new(&self.harness, "/harness"),
            ReadOnlyMount::new(candidate.entry, "/entry/model"),
            ReadOnlyMount::new(inputs.arrays(), "/inputs"),
        ]);
        room
    }
}

/// An instant and what had been used by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub at: Instant,
    pub usage: Usage,
}

impl Mark {
    pub fn cost_until(&self, end: &Mark) -> PhaseCost {
        PhaseCost {
            wall: end.at.saturating_duration_since(self.at),
            cpu: end.usage.cpu.saturating_sub(self.usage.cpu),
        }
    }
}

/// Why a conversation did not get to its end.
pub(super) enum Stop {
    /// The harness said so itself.
    Refused(Failure),
    /// The program ended or was ended; the outcome says how.
    Silent,
    /// It said what our harness never says: something else speaks in its place.
    Nonsense,
    Ours(SessionError),
}

impl From<SandboxError> for Stop {
    fn from(error: SandboxError) -> Stop {
        Stop::Ours(error.into())
    }
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Ready {
        runtime: String,
        /// Of a model: rows at a time, which it may fix itself.
        batch_size: Option<u32>,
    },
    Done,
    /// Of a function: so many predictions of this type follow in so many bytes.
    Predicted {
        rows: usize,
        r#type: PredictedType,
        bytes: usize,
    },
    Finished {
        /// Of a model that is given one row after the other.
        latency: Option<CallTimes>,
    },
    Failed {
        code: String,
        message: String,
    },
}

/// How long a model's calls took, in nanoseconds of the harness's clock.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct CallTimes {
    calls: u32,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
}

impl CallTimes {
    /// Unless they cannot be those of so many calls within the window.
    fn within(self, calls: u64, window: Duration) -> Option<Latency> {
        let [p50, p90, p99] = [self.p50_ns, self.p90_ns, self.p99_ns].map(Duration::from_nanos);
        let is_sound = u64::from(self.calls) == calls && p50 <= p90 && p90 <= p99;
        // At least half of them took as long as the median.
        let least = p50.as_secs_f64() * calls as f64 / 2.0;
        (is_sound && p99 <= window && least <= window.as_secs_f64()).then_some(Latency {
            calls: self.calls,
            p50,
            p90,
            p99,
        })
    }
}

struct Exchange {
    sandbox: Sandbox,
    /// Those that it runs on.
    cpus: Vec<usize>,
    /// The beginning of the current stretch.
    start: Mark,
    give_up_at: Instant,
}

impl Exchange {
    fn start(
        mut sandbox: Sandbox,
        cpus: Vec<usize>,
        time: Duration,
    ) -> Result<Exchange, SessionError> {
        let usage = Usage {
            cpu: Duration::ZERO,
            peak_memory: Bytes::default(),
        };
        let at = sandbox.start()?;
        Ok(Exchange {
            sandbox,
            cpus,
            start: Mark { at, usage },
            give_up_at: at + time + GRACE,
        })
    }

    /// `calls` says how many are timed one by one, if they are.
    fn converse(
        &mut self,
        plan: Plan,
        calls: Option<u64>,
        bench: &mut Bench,
    ) -> Result<Stretches, Stop> {
        let (
            Event::Ready {
                runtime,
                batch_size,
            },
            start_up,
        ) = self.hear()?
        else {
            return Err(Stop::Nonsense);
        };
        if !batch_size.is_some_and(|rows| (1..=MOST_ROWS_AT_ONCE).contains(&rows)) {
            return Err(Stop::Nonsense);
        }
        let first_call = self.passes(1)?;
        let mut window = PhaseCost::default();
        let mut energy = Energy::missing("nothing was measured");
        let mut contention = None;
        if plan.passes > 0 {
            let watch = bench.meter.watch(plan.energy);
            let others = Others::watch(&self.cpus);
            window = self.passes(plan.passes)?;
            contention = others.until_now(window.cpu);
            energy = watch.end();
        }
        self.say(r#"{"finish":true}"#)?;
        let (Event::Finished { latency }, _) = self.hear()? else {
            return Err(Stop::Nonsense);
        };
        let timed = if plan.passes > 0 { window } else { first_call };
        let latency = match (calls, latency) {
            (None, None) => None,
            (Some(calls), Some(times)) => {
                let latency = times.within(calls, timed.wall);
                Some(latency.ok_or(Stop::Nonsense)?)
            }
            (None, Some(_)) | (Some(_), None) => return Err(Stop::Nonsense),
        };
        Ok(Stretches {
            start_up,
            first_call,
            window,
            latency,
            energy,
            contention,
            runtime: clean(&runtime),
            batch_size,
        })
    }

    /// Has the harness make passes over all rows, and says what they cost.
    fn passes(&mut self, passes: u32) -> Result<PhaseCost, Stop> {
        self.say(&format!(r#"{{"run":{passes}}}"#))?;
        let (Event::Done, cost) = self.hear()? else {
            return Err(Stop::Nonsense);
        };
        Ok(cost)
    }

    /// Starts a stretch with a command.
    fn say(&mut self, command: &str) -> Result<(), Stop> {
        let usage = self.sandbox.usage()?;
        self.start = Mark {
            at: Instant::now(),
            usage,
        };
        Ok(self.sandbox.send(command)?)
    }

    /// Waits for an event, which ends the stretch.
    fn hear(&mut self) -> Result<(Event, PhaseCost), Stop> {
        let (text, at) = match self.sandbox.receive(self.give_up_at)? {
            Received::Line { text, at } => (text, at),
            Received::Ended => return Err(Stop::Silent),
            Received::Garbage => return Err(Stop::Nonsense),
            Received::TimedOut => {
                let outlived = "it outlived its limit".to_owned();
                return Err(Stop::Ours(SessionError::Harness(outlived)));
            }
        };
        let usage = self.sandbox.usage()?;
        let cost = self.start.cost_until(&Mark { at, usage });
        match serde_json::from_str(&text) {
            Ok(Event::Failed { code, message }) => Err(Stop::Refused(Failure::participant(
                plain_code(code),
                clean(&message),
            ))),
            Ok(event) => Ok((event, cost)),
            Err(_) => Err(Stop::Nonsense),
        }
    }

    /// After the last word: waits for the process to end, and takes its predictions.
    fn end(
        self,
        stretches: Stretches,
        cells: u64,
        limits: &Limits,
    ) -> Result<Finished, SessionError> {
        let run = self.sandbox.wait()?;
        if !run.outcome.is_success() {
            let failure = harness_ending(why_it_ended(&run, limits)?)?;
            return Ok(finished(&run, Err(failure)));
        }
        let most = Bytes::new(1024 + cells * PREDICTION_BYTES).min(limits.output);
        let predictions = match run.take_output("predictions.csv", most) {
            Ok(predictions) => predictions,
            Err(error @ OutputError::Unreadable { .. }) => {
                return Err(SessionError::Harness(error.to_string()));
            }
            // A link, a folder, more than the harness can write: whoever left it has left the model.
            Err(_) => return Ok(finished(&run, Err(nonsense()))),
        };
        let end = Mark {
            at: run.ended,
            usage: run.usage,
        };
        let measured = Measured {
            phases: Phases::Harness {
                phases: HarnessPhases {
                    start_up: stretches.start_up,
                    first_call: stretches.first_call,
                    inference: stretches.window,
                    finish: self.start.cost_until(&end),
                },
                latency: stretches.latency,
            },
            energy: stretches.energy,
            contention: stretches.contention,
            runtime: stretches.runtime,
            batch_size: stretches.batch_size,
            peak_memory: run.usage.peak_memory,
            predictions,
        };
        Ok(finished(&run, Ok(measured)))
    }
}

pub(super) fn nonsense() -> Failure {
    Failure::participant(
        "run_failed",
        "Something other than the harness spoke during the run or left its predictions, so it does not \
         count.",
    )
}

/// The harness itself never ends with an exit code that is not 0.
pub(super) fn harness_ending(ending: Ending) -> Result<Failure, SessionError> {
    match ending {
        Ending::Failed(failure) => Ok(failure),
        Ending::Exited { code, last_words } => Err(SessionError::Harness(format!(
            "it exited with {code}: {last_words}"
        ))),
    }
}

/// The harness's codes are words; whatever else comes out of the sandbox is not repeated.
pub(crate) fn plain_code(code: String) -> String {
    let is_word = code.len() <= 40 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_word {
        code
    } else {
        "run_failed".to_owned()
    }
}

pub(crate) fn clean(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_MESSAGE)
        .collect()
}
