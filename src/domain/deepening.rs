//! How many trials are enough: an idle runner measures again what stands on a board, from the
//! profile `quick` to `standard`.

use std::time::Duration;

use super::competition::{Cost, Profile, Window};
use super::cost::{EnergyKind, RankedCost};
use super::energy::Energy;
use super::statistics::{Confidence, Interval, interval_of_median, median};
use super::trial::{Summary, Trial};

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

/// Why a deepening session made no more trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfTurn {
    Enough(Enough),
    /// It is another submission's turn.
    Turn,
    /// Somebody was waiting.
    Interrupted,
    /// This runner's meter does not measure energy as it was measured before.
    OtherMeter,
    /// A trial failed.
    Failed,
}

impl EndOfTurn {
    pub fn as_str(self) -> &'static str {
        match self {
            EndOfTurn::Enough(Enough::Precise) => "precise",
            EndOfTurn::Enough(Enough::MostTrials) => "most_trials",
            EndOfTurn::Enough(Enough::Budget) => "budget",
            EndOfTurn::Turn => "turn",
            EndOfTurn::Interrupted => "interrupted",
            EndOfTurn::OtherMeter => "other_meter",
            EndOfTurn::Failed => "failed",
        }
    }
}

/// How well the ranked cost of a submission is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Precision {
    /// The interval by which it is ranked, in the unit of the cost; `None` with too few trials, as in
    /// the profile `quick`.
    pub cost: Option<Interval>,
    /// The code of the failure of a trial that was made after the evaluation. What fails now and
    /// then claims no interval.
    pub later_failure: Option<String>,
}

impl Precision {
    /// What these trials of a submission say, once one after the evaluation failed with this code.
    pub fn of(costs: &[f64], later_failure: Option<String>) -> Precision {
        let interval = interval_of_median(costs, Confidence::ToRank);
        Precision {
            cost: interval.filter(|_| later_failure.is_none()),
            later_failure,
        }
    }

    /// A submission is of the profile `standard` once it has an interval.
    pub fn profile(&self) -> Profile {
        match self.cost {
            Some(_) => Profile::Standard,
            None => Profile::Quick,
        }
    }
}

/// The ranked costs of trials, in their unit. None at all if one lacks it, or if they are not alike.
pub fn ranked_costs(trials: &[Trial], window: Window, cost: Cost) -> Vec<f64> {
    let of = |trial: &Trial| trial.ranked_cost(window, cost).ok();
    let ranked: Vec<RankedCost> =
        (trials.iter().map(of).collect::<Option<_>>()).unwrap_or_default();
    let covers = |cost: &RankedCost| {
        let energy = cost.energy.as_ref();
        energy.map(|energy| (energy.scope.clone(), energy.simulated))
    };
    match ranked.first().map(covers) {
        Some(first) if ranked.iter().all(|cost| covers(cost) == first) => {
            ranked.iter().map(|cost| cost.amount.value).collect()
        }
        Some(_) | None => Vec::new(),
    }
}

/// How many of these trials, from the first on, can be pooled with those before them. Where energy is
/// ranked, a meter that was lost, reaches less far or is trusted less takes nothing from what was
/// measured before.
pub fn poolable(former: &[Trial], added: &[Trial], cost: Cost) -> usize {
    let kind = |more: &[Trial]| match Summary::of(&[former, more].concat())?.energy {
        Energy::Measured(energy) => Some(EnergyKind::of(&energy)),
        Energy::Missing { .. } => None,
    };
    match (cost, kind(&[])) {
        (Cost::Energy, Some(first)) => (0..=added.len())
            .rfind(|many| kind(&added[..*many]).as_ref() == Some(&first))
            .unwrap_or(0),
        (Cost::Energy, None) | (Cost::Cpu | Cost::Time, _) => added.len(),
    }
}

/// Whether a submission needs no more trials: from all its ranked costs and the time that was spent
/// on making more of them.
pub fn is_enough(costs: &[f64], spent: Duration) -> Option<Enough> {
    if costs.len() >= LEAST_TRIALS && is_precise(costs) {
        Some(Enough::Precise)
    } else if costs.len() >= MOST_TRIALS {
        Some(Enough::MostTrials)
    } else if spent >= BUDGET {
        Some(Enough::Budget)
    } else {
        None
    }
}

fn is_precise(costs: &[f64]) -> bool {
    let interval = interval_of_median(costs, Confidence::ToStop);
    (interval.zip(median(costs)))
        .is_some_and(|(interval, median)| interval.is_within(PRECISION, median))
}

/// How many trials a submission has after its next turn.
pub fn trials_after_turn(trials: usize) -> usize {
    (trials / TRIALS_OF_A_TURN + 1) * TRIALS_OF_A_TURN
}

#[cfg(test)]
mod tests {
    use super::super::random::SplitMix64;
    use super::*;

    struct Random(SplitMix64);

    impl Random {
        /// A log-normal cost whose median is 1, one in twenty of them half as much off again.
        fn cost(&mut self, variation: f64) -> f64 {
            let (radius, turn) = (1.0 - self.0.part(), self.0.part());
            let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos();
            let outlier = match self.0.part() {
                part if part < 0.025 => 1.5,
                part if part < 0.05 => 1.0 / 1.5,
                _ => 1.0,
            };
            (normal * variation).exp() * outlier
        }
    }

    /// Measures as an idle runner does, looking after each trial whether they are enough.
    fn measured(random: &mut Random, variation: f64) -> Vec<f64> {
        let mut costs: Vec<f64> = (0..3).map(|_| random.cost(variation)).collect();
        while is_enough(&costs, Duration::ZERO).is_none() {
            costs.push(random.cost(variation));
        }
        costs
    }

    #[test]
    fn intervals_hold_the_true_cost_although_one_looks_after_each_trial() {
        const RUNS: u32 = 2000;
        let mut random = Random(SplitMix64::new(3));
        for variation in [0.005, 0.01, 0.02, 0.05] {
            let hits = (0..RUNS).filter(|_| {
                let precision = Precision::of(&measured(&mut random, variation), None);
                let interval = precision.cost.unwrap();
                interval.low <= 1.0 && 1.0 <= interval.high
            });
            let share = hits.count() as f64 / f64::from(RUNS);
            assert!(share >= 0.97, "{share} at {variation}");
        }
    }

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
        assert_eq!(is_enough(&costs(10, 0.001), in_time), Some(Enough::Precise));
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
        assert_eq!(is_enough(&costs, Duration::ZERO), Some(Enough::Precise));
    }

    #[test]
    fn a_slow_entry_ends_with_its_budget_with_or_without_an_interval() {
        for trials in [3, 12] {
            let costs = costs(trials, 0.5);
            assert_eq!(is_enough(&costs, BUDGET), Some(Enough::Budget));
        }
    }

    #[test]
    fn eight_trials_are_of_the_profile_standard_unless_one_failed() {
        let profile = |trials, failure: Option<&str>| {
            let failure = failure.map(str::to_owned);
            Precision::of(&costs(trials, 0.5), failure).profile()
        };
        assert_eq!(profile(7, None), Profile::Quick);
        assert_eq!(profile(8, None), Profile::Standard);
        assert_eq!(profile(8, Some("timeout")), Profile::Quick);
    }

    #[test]
    fn a_turn_ends_at_ten_twenty_and_thirty_trials() {
        for (trials, end) in [(3, 10), (9, 10), (10, 20), (19, 20), (20, 30)] {
            assert_eq!(trials_after_turn(trials), end);
        }
    }
}
