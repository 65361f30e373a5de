//! One run of the harness: what is said to it, what it answers, and what each stretch between two
//! messages cost. The clock and the counters are read out here, where the candidate cannot reach.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Bench, Candidate, Inputs, SessionError};
use crate::domain::energy::Energy;
use crate::domain::limits::Limits;
use crate::domain::outcome::{Outcome, Usage};
use crate::domain::submission::Failure;
use crate::domain::trial::PhaseCost;
use crate::domain::units::Bytes;
use crate::meter::{Meter, energy_between};
use crate::sandbox::{ReadOnlyMount, Received, Room, Run, Sandbox};

/// One prediction takes at most this much in the file of predictions.
const PREDICTION_BYTES: u64 = 256;
/// The sandbox kills at the limit by itself; this much later we give up on hearing of it.
const GRACE: Duration = Duration::from_secs(10);
const LONGEST_MESSAGE: usize = 1000;

/// What a run of the harness came to, whether or not the candidate held out.
#[derive(Debug)]
pub struct Ended {
    pub result: Result<Measured, Failure>,
    /// Not for participants where the run saw hidden data.
    pub stdout: String,
    pub stderr: String,
}

/// The stretches of a run that went to its end.
#[derive(Debug)]
pub struct Measured {
    /// Process start to ready.
    pub start_up: PhaseCost,
    /// The first pass.
    pub first_call: PhaseCost,
    /// The measured window, if one was asked for.
    pub window: PhaseCost,
    pub energy: Energy,
    /// Predictions written, process ended.
    pub finish: PhaseCost,
    pub peak_memory: Bytes,
    /// As the harness wrote them.
    pub predictions: Vec<u8>,
    /// What ran the model, such as "onnxruntime 1.32.0".
    pub runtime: String,
}

/// Runs the harness once: start-up, a first pass, a measured window of `passes` passes (none for a
/// smoke run), and the predictions of the last pass.
pub fn run(
    bench: &Bench<'_>,
    candidate: &Candidate<'_>,
    inputs: &Inputs,
    passes: u32,
    meter: &mut dyn Meter,
) -> Result<Ended, SessionError> {
    let limits = &candidate.spec.limits;
    let sandbox = bench.walls.make_room(&room(bench, candidate, inputs))?;
    let mut exchange = Exchange::start(sandbox, limits)?;
    let played = exchange.play(passes, meter)?;
    if let Err(Broken::Nonsense) = played {
        return Ok(Ended {
            result: Err(nonsense()),
            stdout: String::new(),
            stderr: String::new(),
        });
    }
    let last = exchange.last;
    let run = exchange.sandbox.wait()?;
    let result = match played {
        Ok(played) if run.outcome.is_success() => {
            let finish = cost_between(
                &last,
                &Mark {
                    at: run.ended,
                    usage: run.usage,
                },
            );
            collect(&run, played, finish, inputs.rows(), limits)
        }
        Ok(_) => Err(why_it_ended(&run, limits)?),
        Err(Broken::Refused(failure)) if run.outcome != Outcome::OutOfMemory => Err(failure),
        Err(Broken::Refused(_) | Broken::Silent) => Err(why_it_ended(&run, limits)?),
        Err(Broken::Nonsense) => Err(nonsense()),
    };
    Ok(Ended {
        result,
        stdout: run.stdout.text(),
        stderr: run.stderr.text(),
    })
}

fn room(bench: &Bench<'_>, candidate: &Candidate<'_>, inputs: &Inputs) -> Room {
    let mut room = Room::new(
        ["/runtime/bin/python", "-I", "-B", "/harness/harness.py"],
        candidate.spec.limits.clone(),
    );
    let threads = candidate.spec.limits.cpus.to_string();
    room.env = [
        // It would spend the candidate's CPU time.
        ("ORT_DISABLE_TELEMETRY", "1"),
        ("OPENBLAS_NUM_THREADS", threads.as_str()),
        ("OMP_NUM_THREADS", threads.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    room.mounts = vec![
        ReadOnlyMount::new(bench.runtime, "/runtime"),
        ReadOnlyMount::new(bench.harness, "/harness"),
        ReadOnlyMount::new(candidate.model, "/entry/model.onnx"),
        ReadOnlyMount::new(inputs.folder(), "/inputs"),
    ];
    room
}

/// An instant and what had been used by then.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    usage: Usage,
}

fn cost_between(start: &Mark, end: &Mark) -> PhaseCost {
    PhaseCost {
        wall: end.at.saturating_duration_since(start.at),
        cpu: end.usage.cpu.saturating_sub(start.usage.cpu),
    }
}

struct Exchange {
    sandbox: Sandbox,
    last: Mark,
    give_up_at: Instant,
}

/// Why the harness did not get to its end.
enum Broken {
    /// It said so itself.
    Refused(Failure),
    /// It ended or was ended; the outcome says how.
    Silent,
    /// It said what our harness never says: something else speaks in its place.
    Nonsense,
}

/// The stretches up to the word to finish.
struct Played {
    start_up: PhaseCost,
    first_call: PhaseCost,
    window: PhaseCost,
    energy: Energy,
    runtime: String,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Ready { runtime: String },
    Done,
    Finished,
    Failed { code: String, message: String },
}

/// Leaves the function on a broken exchange, which is no error of ours.
macro_rules! or_broken {
    ($step:expr) => {
        match $step {
            Ok(step) => step,
            Err(broken) => return Ok(Err(broken)),
        }
    };
}

impl Exchange {
    fn start(mut sandbox: Sandbox, limits: &Limits) -> Result<Exchange, SessionError> {
        let usage = Usage {
            cpu: Duration::ZERO,
            peak_memory: Bytes::default(),
        };
        let at = sandbox.start()?;
        Ok(Exchange {
            sandbox,
            last: Mark { at, usage },
            give_up_at: at + limits.time + GRACE,
        })
    }

    fn play(
        &mut self,
        passes: u32,
        meter: &mut dyn Meter,
    ) -> Result<Result<Played, Broken>, SessionError> {
        let (ready, start_up) = or_broken!(self.hear()?);
        let Event::Ready { runtime } = ready else {
            return Ok(Err(Broken::Nonsense));
        };
        let first_call = or_broken!(self.passes(1)?);
        let mut window = PhaseCost::default();
        let mut energy = Energy::missing("nothing was measured");
        if passes > 0 {
            let before = meter.read();
            window = or_broken!(self.passes(passes)?);
            let after = meter.read();
            energy = energy_between(meter, before, after);
        }
        self.say(r#"{"finish":true}"#)?;
        let (Event::Finished, _) = or_broken!(self.hear()?) else {
            return Ok(Err(Broken::Nonsense));
        };
        Ok(Ok(Played {
            start_up,
            first_call,
            window,
            energy,
            runtime: clean(&runtime),
        }))
    }

    /// Has the harness make passes over all rows, and says what they cost.
    fn passes(&mut self, passes: u32) -> Result<Result<PhaseCost, Broken>, SessionError> {
        self.say(&format!(r#"{{"run":{passes}}}"#))?;
        let (event, cost) = or_broken!(self.hear()?);
        match event {
            Event::Done => Ok(Ok(cost)),
            Event::Ready { .. } | Event::Finished | Event::Failed { .. } => {
                Ok(Err(Broken::Nonsense))
            }
        }
    }

    /// Starts a stretch with a command.
    fn say(&mut self, command: &str) -> Result<(), SessionError> {
        let usage = self.sandbox.usage()?;
        self.last = Mark {
            at: Instant::now(),
            usage,
        };
        Ok(self.sandbox.send(command)?)
    }

    /// Waits for an event, which ends the stretch.
    fn hear(&mut self) -> Result<Result<(Event, PhaseCost), Broken>, SessionError> {
        let (text, at) = match self.sandbox.receive(self.give_up_at)? {
            Received::Line { text, at } => (text, at),
            Received::Ended => return Ok(Err(Broken::Silent)),
            Received::Garbage => return Ok(Err(Broken::Nonsense)),
            Received::TimedOut => {
                return Err(SessionError::Harness("it outlived its limit".to_owned()));
            }
        };
        let usage = self.sandbox.usage()?;
        let cost = cost_between(&self.last, &Mark { at, usage });
        match serde_json::from_str(&text) {
            Ok(Event::Failed { code, message }) => Ok(Err(Broken::Refused(Failure::participant(
                plain_code(code),
                clean(&message),
            )))),
            Ok(event) => Ok(Ok((event, cost))),
            Err(_) => Ok(Err(Broken::Nonsense)),
        }
    }
}

fn nonsense() -> Failure {
    Failure::participant(
        "run_failed",
        "Something other than the harness spoke during the run, so it was ended.",
    )
}

fn collect(
    run: &Run,
    played: Played,
    finish: PhaseCost,
    rows: usize,
    limits: &Limits,
) -> Result<Measured, Failure> {
    let most = Bytes::new(1024 + rows as u64 * PREDICTION_BYTES).min(limits.output);
    let predictions = run
        .take_output("predictions.csv", most)
        .map_err(|error| Failure::participant("predictions_missing", error.to_string()))?;
    Ok(Measured {
        start_up: played.start_up,
        first_call: played.first_call,
        window: played.window,
        energy: played.energy,
        finish,
        peak_memory: run.usage.peak_memory,
        predictions,
        runtime: played.runtime,
    })
}

/// The outcome of a run that did not get to its end, in words for the participant; an error where
/// the fault is ours.
fn why_it_ended(run: &Run, limits: &Limits) -> Result<Failure, SessionError> {
    Ok(match run.outcome {
        Outcome::TimedOut => Failure::participant(
            "timeout",
            format!(
                "The run was ended at its limit of {} s. Make the model cheaper, or its batches.",
                limits.time.as_secs()
            ),
        ),
        Outcome::OutOfMemory => Failure::participant(
            "memory",
            format!(
                "The run needed more memory than its limit of {}.",
                limits.memory
            ),
        ),
        Outcome::TooManyProcesses => Failure::participant(
            "processes",
            format!(
                "The run wanted more than {} processes and threads.",
                limits.processes
            ),
        ),
        Outcome::TooMuchLog => Failure::participant(
            "log_too_large",
            "The run wrote too much to its standard output.",
        ),
        Outcome::Killed { signal } => Failure::participant(
            "crashed",
            format!("The runtime crashed with signal {signal} while it ran the model."),
        ),
        Outcome::Exited { code } => {
            let log = run.stderr.text();
            let end: String = log
                .chars()
                .skip(log.chars().count().saturating_sub(2000))
                .collect();
            return Err(SessionError::Harness(format!(
                "it exited with {code}: {end}"
            )));
        }
    })
}

/// The harness's codes are words; whatever else comes out of the sandbox is not repeated.
fn plain_code(code: String) -> String {
    let is_word = code.len() <= 40 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_word {
        code
    } else {
        "run_failed".to_owned()
    }
}

fn clean(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_MESSAGE)
        .collect()
}
