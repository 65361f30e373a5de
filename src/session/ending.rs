//! How a run that did not get to its end came to end, in words for the participant.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::SessionError;
use crate::domain::limits::Limits;
use crate::domain::outcome::Outcome;
use crate::domain::submission::Failure;
use crate::sandbox::Run;

/// A program that computes uses its CPUs nearly all the time. One that was ended at its limit with
/// less than this share of it either waited of its own accord, or was kept from computing.
const BUSY_SHARE: f64 = 0.5;
/// Others kept a program from computing if it waited for a CPU for this share of the time.
const WAITED_SHARE: f64 = 0.25;
const LAST_WORDS: usize = 2000;

pub enum Ending {
    Failed(Failure),
    /// By itself, with an exit code; the end of what it wrote to standard error.
    Exited {
        code: i32,
        last_words: String,
    },
}

/// Says how it ended; an error where the fault is ours.
pub fn why_it_ended(run: &Run, limits: &Limits) -> Result<Ending, SessionError> {
    let failure =
        |code: &str, message: String| Ok(Ending::Failed(Failure::participant(code, message)));
    match run.outcome {
        Outcome::TimedOut if was_kept_from_computing(run, limits) => Err(SessionError::Contended {
            used: run.usage.cpu,
            limit: limits.time,
        }),
        Outcome::TimedOut => failure(
            "timeout",
            format!(
                "The run was ended at its limit of {} s. Make the entry cheaper, or its batches.",
                limits.time.as_secs()
            ),
        ),
        Outcome::OutOfMemory => failure(
            "memory",
            format!(
                "The run needed more memory than its limit of {}.",
                limits.memory
            ),
        ),
        Outcome::TooManyProcesses => failure(
            "processes",
            format!(
                "The run wanted more than {} processes and threads.",
                limits.processes
            ),
        ),
        Outcome::OutputTooLarge => failure(
            "output_too_large",
            format!(
                "The run failed with its output folder full: all that it writes there must fit into {}, \
                 in at most {} files.",
                limits.output,
                Run::MOST_OUTPUT_FILES
            ),
        ),
        Outcome::TooMuchLog => failure(
            "log_too_large",
            "The run wrote too much to its standard output or standard error.".to_owned(),
        ),
        Outcome::Killed { signal } => failure(
            "crashed",
            format!("The program crashed with {}.", signal_by_name(signal)),
        ),
        Outcome::Exited { code } => {
            let log = run.stderr.text();
            let length = log.chars().count();
            Ok(Ending::Exited {
                code,
                last_words: log
                    .chars()
                    .skip(length.saturating_sub(LAST_WORDS))
                    .collect(),
            })
        }
    }
}

/// An error where a run that was ended at a limit of less than the whole was kept from computing: then
/// the fault is ours.
pub fn came_too_late(run: &Run, limits: &Limits, limit: Duration) -> Result<(), SessionError> {
    let so_far = Limits {
        time: run.duration(),
        ..limits.clone()
    };
    match was_kept_from_computing(run, &so_far) {
        true => Err(SessionError::Contended {
            used: run.usage.cpu,
            limit,
        }),
        false => Ok(()),
    }
}

/// "signal 11 (SIGSEGV)"; those of real time have no names.
fn signal_by_name(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(name) => format!("signal {signal} ({})", name.as_str()),
        Err(_) => format!("signal {signal}"),
    }
}

/// Whether it hardly computed because others did: for a good part of its time it waited for a CPU
/// that its own threads did not use meanwhile.
fn was_kept_from_computing(run: &Run, limits: &Limits) -> bool {
    let own_share = run.usage.cpu / limits.cpus.max(1);
    // All of it: its threads may have kept to one CPU.
    let waited_for_others = (run.longest_wait).map(|wait| wait.saturating_sub(run.usage.cpu));
    own_share < limits.time.mul_f64(BUSY_SHARE)
        && waited_for_others.is_some_and(|wait| wait > limits.time.mul_f64(WAITED_SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_called_by_name_where_they_have_one() {
        assert_eq!(signal_by_name(11), "signal 11 (SIGSEGV)");
        assert_eq!(signal_by_name(40), "signal 40");
    }
}
