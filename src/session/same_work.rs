//! Whether the passes and the runs of an entry did the same work: what is computed once and remembered
//! would be measured for nothing.

use std::time::Duration;

use crate::domain::submission::Failure;
use crate::domain::trial::{HarnessPhases, PhaseCost, Phases, Trial};

/// Whether the first pass cost so much more than the measured ones that these cannot have done the
/// same work. Memory that is touched first and kernels that are chosen at the first call cost some
/// milliseconds, and a first call of some times the steady one is common.
pub(super) fn remembers(phases: &HarnessPhases, passes: u32) -> bool {
    const ONCE: Duration = Duration::from_millis(20);
    const TIMES: u32 = 10;
    let steady = phases.inference.cpu / passes.max(1);
    phases.first_call.cpu > steady * TIMES + ONCE
}

/// The same of all trials of a session together. What makes one first call slow by chance does not make
/// each of them slow, so that less is taken for chance: memory that keeps what an operator did not write
/// would otherwise hide the whole work of a small model.
pub(super) fn all_remember(trials: &[Trial]) -> bool {
    const ONCE: Duration = Duration::from_millis(5);
    const TIMES: u32 = 4;
    let calls: Option<Vec<(Duration, Duration)>> = (trials.iter())
        .map(|trial| match &trial.phases {
            Phases::Harness { phases, .. } => Some((
                phases.first_call.cpu,
                phases.inference.cpu / trial.passes.max(1),
            )),
            Phases::Calls { .. } | Phases::Script { .. } => None,
        })
        .collect();
    let calls = calls.unwrap_or_default();
    let first = calls.iter().map(|(first, _)| *first).min();
    let steady = calls.iter().map(|(_, steady)| *steady).max();
    (first.zip(steady)).is_some_and(|(first, steady)| first > steady * TIMES + ONCE)
}

pub(super) fn unlike_passes() -> Failure {
    Failure::participant(
        "passes_unlike",
        "The first pass over the test inputs cost many times what the later ones did, so they did not \
         do the same work. A model must compute its predictions anew in every pass.",
    )
}

/// Whether the warm-up of code computed so much more than its trials that these cannot have done the
/// same work. The first run of a kind may read files that later ones find in memory, which costs
/// waiting and little CPU time.
pub(super) fn did_more(pilot: PhaseCost, trials: &[Trial]) -> bool {
    const ONCE: Duration = Duration::from_secs(1);
    const TIMES: u32 = 3;
    let most = trials.iter().map(|trial| trial.total().cpu).max();
    most.is_some_and(|most| pilot.cpu > most * TIMES + ONCE)
}

pub(super) fn unlike_runs() -> Failure {
    Failure::participant(
        "passes_unlike",
        "The run before the trials computed many times as long as they did, so they did not do the same \
         work. An entry must compute its predictions anew in every run.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::energy::Energy;
    use crate::domain::units::Bytes;

    #[test]
    fn a_first_call_may_be_slow_but_not_as_if_it_had_done_the_work_of_all() {
        let remembers = |first_us: u64, steady_us: u64| {
            let cost = |us: u64| PhaseCost {
                wall: Duration::from_micros(us),
                cpu: Duration::from_micros(us),
            };
            let phases = HarnessPhases {
                start_up: cost(1),
                first_call: cost(first_us),
                inference: cost(steady_us * 100),
                finish: cost(1),
            };
            super::remembers(&phases, 100)
        };
        assert!(!remembers(3_000, 180));
        assert!(!remembers(19_000, 100));
        assert!(!remembers(300_000, 100_000));
        assert!(remembers(25_000, 11));
        assert!(remembers(2_000_000, 100_000));
    }

    #[test]
    fn first_calls_that_are_all_slow_are_no_chance() {
        let trial = |first_us: u64, steady_us: u64| {
            let cost = |us: u64| PhaseCost {
                wall: Duration::from_micros(us),
                cpu: Duration::from_micros(us),
            };
            Trial {
                number: 1,
                phases: Phases::Harness {
                    phases: HarnessPhases {
                        start_up: cost(1),
                        first_call: cost(first_us),
                        inference: cost(steady_us * 100),
                        finish: cost(1),
                    },
                    latency: None,
                },
                passes: 100,
                peak_memory: Bytes::default(),
                energy: Energy::missing("nothing was measured"),
                contention: None,
                predictions: Digest::of(b""),
            }
        };
        let all = |calls: &[(u64, u64)]| {
            let trials: Vec<Trial> = (calls.iter())
                .map(|(first, steady)| trial(*first, *steady))
                .collect();
            all_remember(&trials)
        };
        assert!(!all(&[]));
        assert!(!all(&[(3_000, 180), (2_000, 170)]));
        assert!(!all(&[(19_000, 300), (3_000, 300), (18_000, 300)]));
        assert!(!all(&[(390_000, 100_000), (395_000, 100_000)]));
        assert!(all(&[(15_000, 300), (14_000, 300), (19_000, 300)]));
    }
}
