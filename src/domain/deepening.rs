//! How many trials are enough: an idle runner measures again what stands on a board, from the
//! profile `quick` to `standard`.

use std::time::Duration;

use super::statistics::{Confidence, Interval, interval_of_median, median};

/// Fewer trials are never enough.
const LEAST_TRIALS: usize = 10;
/// More are never made.
const MOST_TRIALS: usize = 30;
/// A cost is known well enough when both ends of its interval are as near as this.
const PRECISION: f64 = 0.01;
/// What may be spent on one submission. A slow one gets fewer trials, so that the others get
/// theirs.
const BUDGET: Duration = Duration::from_secs(300);
/// A session goes on to the next multiple of it. Then it is another submission's turn, so that all
/// have a range soon and a narrow one later.
const TRIALS_OF_A_TURN: usize = 10;

/// The rule by which a submission has trials enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    /// The interval of its cost is narrow.
    Precise,
    MostTrials,
    /// The time is spent.
    Budget,
}

impl Enough {
    pub fn as_str(self) -> &'static str {
        match self {
            Enough::Precise => "precise",
            Enough::MostTrials => "most_trials",
            Enough::Budget => "budget",
        }
    }
}

/// Whether a submission needs no more trials: from all its ranked costs and the time that was spent
/// on making more of them.
pub fn is_enough(costs_s: &[f64], spent: Duration) -> Option<Enough> {
    if costs_s.len() >= LEAST_TRIALS && is_precise(costs_s) {
        Some(Enough::Precise)
    } else if costs_s.len() >= MOST_TRIALS {
        Some(Enough::MostTrials)
    } else if spent >= BUDGET {
        Some(Enough::Budget)
    } else {
        None
    }
}

fn is_precise(costs_s: &[f64]) -> bool {
    let interval = interval_of_median(costs_s, Confidence::ToStop);
    (interval.zip(median(costs_s)))
        .is_some_and(|(interval, median)| interval.is_within(PRECISION, median))
}

/// The interval by which a submission is ranked; `None` with too few trials, as in the profile
/// `quick`.
pub fn rank_interval(costs_s: &[f64]) -> Option<Interval> {
    interval_of_median(costs_s, Confidence::ToRank)
}

/// How many trials a submission has at the end of its next turn.
pub fn end_of_turn(trials: usize) -> usize {
    (trials / TRIALS_OF_A_TURN + 1) * TRIALS_OF_A_TURN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Costs that lie evenly between 1 − spread and 1 + spread.
    fn costs(n: u32, spread: f64) -> Vec<f64> {
        (0..n)
            .map(|i| 1.0 - spread + 2.0 * spread * f64::from(i) / f64::from(n - 1))
            .collect()
    }

    #[test]
    fn a_precise_cost_needs_ten_trials_and_a_noisy_one_thirty() {
        let in_time = Duration::from_secs(1);
        assert_eq!(is_enough(&costs(9, 0.001), in_time), None);
        assert_eq!(
            is_enough(&costs(10, 0.001), in_time),
            Some(Enough::Precise)
        );
        assert_eq!(is_enough(&costs(29, 0.5), in_time), None);
        assert_eq!(
            is_enough(&costs(30, 0.5), in_time),
            Some(Enough::MostTrials)
        );
    }

    #[test]
    fn outliers_do_not_make_a_cost_imprecise() {
        let mut costs = costs(10, 0.001);
        costs[9] = 30.0;
        assert_eq!(
            is_enough(&costs, Duration::ZERO),
            Some(Enough::Precise)
        );
    }

    #[test]
    fn a_slow_entry_ends_with_its_budget_with_or_without_an_interval() {
        for trials in [3, 12] {
            let costs = costs(trials, 0.5);
            assert_eq!(is_enough(&costs, BUDGET), Some(Enough::Budget));
        }
        assert_eq!(rank_interval(&costs(7, 0.5)), None);
        assert!(rank_interval(&costs(8, 0.5)).is_some());
    }

    #[test]
    fn a_turn_ends_at_ten_twenty_and_thirty_trials() {
        for (trials, end) in [(3, 10), (9, 10), (10, 20), (19, 20), (20, 30)] {
            assert_eq!(end_of_turn(trials), end);
        }
    }
}
