//! The efficiency formula: what a prediction score is worth against what it cost.
//!
//! Form `norm`: E = (1 − q) + C/C_scale, lower is better; 0 is the best score for nothing, 1 the
//! benchmark's score for nothing. q = (S − b)/(S* − b) is the quality. With time as the cost and
//! C_scale = 32400 s it orders entries exactly as Kaggle's Efficiency Prize,
//! S/(b − S*) + T/32400, does.

use serde::{Deserialize, Serialize};

use super::competition::{Cost, Direction, EfficiencySpec};
use super::cost::{Amount, EnergyKind, RankedCost, Unit};
use super::energy::Tier;
use super::statistics::Interval;

/// The constants of the formula, frozen when the host's reference entry is scored, so that no
/// later entry moves another one's efficiency. One for each hardware class and split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// b: the naive score, quality 0.
    pub benchmark: f64,
    /// S*: the reference entry's score, quality 1.
    pub best: f64,
    /// C_ref: the reference entry's cost per pass, in seconds or in joules.
    pub reference_cost: f64,
    /// δ: the score points the host would give up to halve C_ref.
    pub halving_cost_is_worth: f64,
    /// C_scale, in the same unit: the cost that weighs as much as the whole span of scores.
    pub cost_scale: f64,
    /// How the reference entry's energy was measured, where energy is the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyKind>,
}

/// Why the formula has no constants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Degenerate {
    #[error("the reference entry's score equals the benchmark's, so quality cannot be told apart")]
    DegenerateQuality,
    #[error("the reference entry's score is worse than the benchmark's")]
    ReferenceBelowBenchmark,
    #[error("the reference entry's cost is below what can be measured")]
    ReferenceCostBelowResolution,
    #[error("the reference entry’s energy was not measured ({0})")]
    ReferenceWithoutEnergy(String),
    #[error("the reference entry’s energy is modelled, not measured")]
    ReferenceModelled,
}

impl Scale {
    /// C_scale = ½ · C_ref · |S* − b| / δ; δ is 1 % of |S* − b| unless the host says otherwise, so
    /// that C_scale = 50 · C_ref.
    pub fn freeze(
        benchmark: f64,
        best: f64,
        direction: Direction,
        reference_cost: f64,
        halving_cost_is_worth: Option<f64>,
    ) -> Result<Scale, Degenerate> {
        let span = (best - benchmark).abs();
        // Not "span > limit" reversed: a span that is not a number must be refused as well.
        if !span.is_finite() || span <= 1e-9 * benchmark.abs().max(1.0) {
            return Err(Degenerate::DegenerateQuality);
        }
        if is_better(benchmark, best, direction) {
            return Err(Degenerate::ReferenceBelowBenchmark);
        }
        if !reference_cost.is_finite() || reference_cost <= 0.0 {
            return Err(Degenerate::ReferenceCostBelowResolution);
        }
        let worth = halving_cost_is_worth.unwrap_or(0.01 * span);
        Ok(Scale {
            benchmark,
            best,
            reference_cost,
            halving_cost_is_worth: worth,
            cost_scale: 0.5 * reference_cost * span / worth,
            energy: None,
        })
    }

    /// The same from what the reference entry cost, or the reason why that is missing. With energy
    /// as the cost its kind is frozen, too.
    pub fn freeze_cost(
        benchmark: f64,
        best: f64,
        direction: Direction,
        reference_cost: Result<RankedCost, String>,
        spec: &EfficiencySpec,
    ) -> Result<Scale, Degenerate> {
        let cost = match (reference_cost, spec.cost) {
            (Ok(cost), _) => cost,
            (Err(reason), Cost::Energy) => return Err(Degenerate::ReferenceWithoutEnergy(reason)),
            (Err(_), Cost::Cpu | Cost::Time) => {
                return Err(Degenerate::ReferenceCostBelowResolution);
            }
        };
        if cost.energy.as_ref().is_some_and(|it| it.tier == Tier::D) {
            return Err(Degenerate::ReferenceModelled);
        }
        let worth = spec.halving_cost_is_worth;
        let scale = Scale::freeze(benchmark, best, direction, cost.amount.value, worth)?;
        Ok(Scale {
            energy: cost.energy,
            ..scale
        })
    }

    /// What its costs are counted in.
    pub fn unit(&self) -> Unit {
        match self.energy {
            Some(_) => Unit::Joules,
            None => Unit::Seconds,
        }
    }

    /// An amount of its cost, in its unit.
    pub fn amount(&self, value: f64) -> Amount {
        Amount {
            value,
            unit: self.unit(),
        }
    }

    /// Whether what its entries cost was made up.
    pub fn is_simulated(&self) -> bool {
        self.energy.as_ref().is_some_and(|energy| energy.simulated)
    }

    /// q = (S − b)/(S* − b) for either direction: 1 is the reference's score, 0 the benchmark's.
    /// Above 1 for a score better than the reference's.
    pub fn quality(&self, score: f64) -> f64 {
        (score - self.benchmark) / (self.best - self.benchmark)
    }

    /// How much of the cost weighs as much as `points` of the score: today's exchange rate.
    pub fn cost_of_score_points(&self, points: f64) -> f64 {
        points.abs() / (self.best - self.benchmark).abs() * self.cost_scale
    }

    /// What an entry would have to change to be as efficient as another one, which is ahead: its cost
    /// at this score, or its score at this cost. `perfect` is the metric's best score, where it
    /// is known.
    pub fn gap(&self, score: f64, cost: f64, ahead: f64, perfect: Option<f64>) -> Option<Gap> {
        let own = self.efficiency(score, Some(cost)).ok()?;
        let lead = (own.value - ahead).max(0.0);
        let saving = lead * self.cost_scale;
        let gain = lead * (self.best - self.benchmark);
        let fits = |perfect: f64| gain.abs() <= (perfect - score).abs();
        Some(Gap {
            cost: (saving < cost).then_some(saving),
            score: perfect.is_none_or(fits).then_some(gain),
        })
    }

    /// The combined figure of one entry, with each term's part in it.
    ///
    /// `cost` is the cost per pass over the test inputs, in the unit of the scale; `None` where it
    /// was not measured.
    pub fn efficiency(&self, score: f64, cost: Option<f64>) -> Result<Efficiency, Unranked> {
        let quality = self.quality(score);
        if !quality.is_finite() || quality < 0.0 {
            return Err(Unranked::BelowBenchmark);
        }
        let cost = cost.ok_or(Unranked::CostMissing)?;
        if !cost.is_finite() || cost <= 0.0 {
            return Err(Unranked::BelowResolution);
        }
        let quality_term = 1.0 - quality;
        let cost_term = cost / self.cost_scale;
        Ok(Efficiency {
            quality,
            quality_term,
            cost_term,
            value: quality_term + cost_term,
        })
    }

    /// The same of a cost that is not like the reference's, too: it has no efficiency.
    pub fn efficiency_of(
        &self,
        score: f64,
        cost: Option<&RankedCost>,
    ) -> Result<Efficiency, Unranked> {
        let efficiency = self.efficiency(score, cost.map(|cost| cost.amount.value))?;
        match (&self.energy, cost.and_then(|cost| cost.energy.as_ref())) {
            (Some(reference), Some(entry)) => reference.admits(entry)?,
            (None, None) => {}
            // The competition's kind of cost is one and the same for all.
            (Some(_), None) | (None, Some(_)) => return Err(Unranked::CostMissing),
        }
        Ok(efficiency)
    }

    /// Where an efficiency may lie whose cost lies in this interval, in the unit of the scale. The
    /// score has no part in it: it is the same in every trial.
    pub fn interval(&self, efficiency: &Efficiency, cost: Interval) -> Interval {
        Interval {
            low: efficiency.quality_term + cost.low / self.cost_scale,
            high: efficiency.quality_term + cost.high / self.cost_scale,
        }
    }
}

fn is_better(score: f64, other: f64, direction: Direction) -> bool {
    match direction {
        Direction::HigherIsBetter => score > other,
        Direction::LowerIsBetter => score < other,
    }
}

/// An entry's efficiency. `value` = `quality_term` + `cost_term`; lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Efficiency {
    pub quality: f64,
    pub quality_term: f64,
    pub cost_term: f64,
    pub value: f64,
}

/// What lies between an entry and one ahead of it. To be ahead itself it needs more than either.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// How much less it would have to cost; `None` where even costing nothing would not do.
    pub cost: Option<f64>,
    /// By how much its score would have to change, below 0 where lower is better; `None` where even
    /// a perfect score would not do.
    pub score: Option<f64>,
}

/// Why an entry is listed but has no rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unranked {
    #[error("its score is worse than the benchmark's")]
    BelowBenchmark,
    #[error("its cost was not measured")]
    CostMissing,
    #[error("its cost is below what can be measured")]
    BelowResolution,
    #[error("the reference entry has not been measured yet")]
    ScalePending,
    #[error("the reference entry gives the formula nothing to go by")]
    ScaleDegenerate,
    #[error("its energy is of another tier than the reference entry’s")]
    OtherTier,
    #[error("its energy covers other parts of the machine than the reference entry’s")]
    OtherScope,
    #[error("simulated energy is not ranked beside measured energy")]
    SimulatedApart,
    #[error("its energy is modelled, not measured")]
    Modelled,
}

impl Unranked {
    pub fn as_str(self) -> &'static str {
        match self {
            Unranked::BelowBenchmark => "below_benchmark",
            Unranked::CostMissing => "cost_missing",
            Unranked::BelowResolution => "below_resolution",
            Unranked::ScalePending => "scale_pending",
            Unranked::ScaleDegenerate => "scale_degenerate",
            Unranked::OtherTier => "other_tier",
            Unranked::OtherScope => "other_scope",
            Unranked::SimulatedApart => "simulated_apart",
            Unranked::Modelled => "modelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Unranked> {
        [
            Unranked::BelowBenchmark,
            Unranked::CostMissing,
            Unranked::BelowResolution,
            Unranked::ScalePending,
            Unranked::ScaleDegenerate,
            Unranked::OtherTier,
            Unranked::OtherScope,
            Unranked::SimulatedApart,
            Unranked::Modelled,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accuracy_scale() -> Scale {
        Scale::freeze(0.1, 0.99, Direction::HigherIsBetter, 0.2, None).unwrap()
    }

    #[test]
    fn by_default_half_the_reference_cost_is_worth_a_hundredth_of_the_span() {
        let scale = accuracy_scale();
        assert!((scale.cost_scale - 50.0 * 0.2).abs() < 1e-12);
        let whole = scale.efficiency(0.99, Some(0.2)).unwrap();
        let half = scale.efficiency(0.99, Some(0.1)).unwrap();
        assert!((whole.value - half.value - 0.01).abs() < 1e-12);
        assert!((scale.cost_of_score_points(0.0089) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn the_worked_example_of_a_loss() {
        // RMSLE: benchmark 0.9, reference 0.1 at 4 s, and 0.008 given up to halve it.
        let scale = Scale::freeze(0.9, 0.1, Direction::LowerIsBetter, 4.0, Some(0.008)).unwrap();
        assert!((scale.cost_scale - 200.0).abs() < 1e-9);
        let entry = scale.efficiency(0.18, Some(1.0)).unwrap();
        assert!((entry.quality - 0.9).abs() < 1e-12);
        assert!((entry.value - 0.105).abs() < 1e-12);
    }

    #[test]
    fn a_formula_that_would_divide_by_nothing_is_refused() {
        let freeze = |benchmark, best, direction, cost| {
            Scale::freeze(benchmark, best, direction, cost, None).unwrap_err()
        };
        let (higher, lower) = (Direction::HigherIsBetter, Direction::LowerIsBetter);
        assert_eq!(freeze(0.5, 0.5, higher, 1.0), Degenerate::DegenerateQuality);
        assert_eq!(
            freeze(0.5, f64::NAN, higher, 1.0),
            Degenerate::DegenerateQuality
        );
        assert_eq!(
            freeze(1e6, 1e6 + 1e-4, higher, 1.0),
            Degenerate::DegenerateQuality
        );
        assert_eq!(
            freeze(0.5, 0.4, higher, 1.0),
            Degenerate::ReferenceBelowBenchmark
        );
        assert_eq!(
            freeze(0.5, 0.6, lower, 1.0),
            Degenerate::ReferenceBelowBenchmark
        );
        assert_eq!(
            freeze(0.1, 0.9, higher, 0.0),
            Degenerate::ReferenceCostBelowResolution
        );
    }

    #[test]
    fn what_is_missing_or_worse_than_naive_has_no_efficiency() {
        let scale = accuracy_scale();
        assert_eq!(
            scale.efficiency(0.05, Some(0.1)),
            Err(Unranked::BelowBenchmark)
        );
        assert_eq!(
            scale.efficiency(f64::NAN, Some(0.1)),
            Err(Unranked::BelowBenchmark)
        );
        assert_eq!(scale.efficiency(0.9, None), Err(Unranked::CostMissing));
        assert_eq!(
            scale.efficiency(0.9, Some(0.0)),
            Err(Unranked::BelowResolution)
        );
        assert_eq!(
            scale.efficiency(0.9, Some(f64::NAN)),
            Err(Unranked::BelowResolution)
        );
    }

    #[test]
    fn an_interval_of_the_cost_is_one_of_the_efficiency() {
        let scale = accuracy_scale();
        let entry = scale.efficiency(0.99, Some(0.2)).unwrap();
        let cost = Interval {
            low: 0.1,
            high: 0.4,
        };
        let interval = scale.interval(&entry, cost);
        assert!((interval.low - 0.01).abs() < 1e-12);
        assert!((interval.high - 0.04).abs() < 1e-12);
    }

    #[test]
    fn a_score_above_the_frozen_best_is_not_clipped() {
        let entry = accuracy_scale().efficiency(1.0, Some(0.1)).unwrap();
        assert!(entry.quality > 1.0 && entry.quality_term < 0.0);
    }

    #[test]
    fn closing_either_gap_makes_an_entry_as_efficient_as_the_one_ahead() {
        let accuracy = accuracy_scale();
        let loss = Scale::freeze(0.9, 0.1, Direction::LowerIsBetter, 4.0, Some(0.008)).unwrap();
        for (scale, (score, cost), (ahead_score, ahead_cost_s), perfect) in [
            (accuracy, (0.95, 0.9), (0.96, 0.5), 1.0),
            (loss, (0.18, 9.0), (0.17, 3.0), 0.0),
        ] {
            let value = |score, cost| scale.efficiency(score, Some(cost)).unwrap().value;
            let ahead = value(ahead_score, ahead_cost_s);
            let gap = scale.gap(score, cost, ahead, Some(perfect)).unwrap();
            let (less_s, better) = (gap.cost.unwrap(), gap.score.unwrap());
            assert!((value(score, cost - less_s) - ahead).abs() < 1e-12);
            assert!((value(score + better, cost) - ahead).abs() < 1e-12);
            assert_eq!(better > 0.0, perfect > score, "towards the perfect score");
        }
    }

    #[test]
    fn what_no_saving_and_no_better_score_can_close_is_said_so() {
        let accuracy = accuracy_scale();
        // The cost is a hundredth of the scale, and the other one is five hundredths ahead.
        let own = accuracy.efficiency(0.9, Some(0.1)).unwrap();
        let gap = accuracy.gap(0.9, 0.1, own.value - 0.05, Some(1.0)).unwrap();
        assert_eq!(gap.cost, None);
        assert!((gap.score.unwrap() - 0.05 * 0.89).abs() < 1e-12);
        // A little more than all of the cost would have to go.
        let ahead = own.quality_term - 1e-9;
        let gap = accuracy.gap(0.9, 0.1, ahead, Some(1.0)).unwrap();
        assert_eq!(gap.cost, None);
        // A slow entry with a nearly perfect score, of both directions.
        let gap = accuracy.gap(0.999, 5.0, 0.1, Some(1.0)).unwrap();
        assert!(gap.cost.is_some() && gap.score.is_none());
        let loss = Scale::freeze(0.9, 0.1, Direction::LowerIsBetter, 4.0, None).unwrap();
        let gap = loss.gap(0.02, 100.0, 0.1, Some(0.0)).unwrap();
        assert!(gap.cost.is_some() && gap.score.is_none());
        // Whoever has no efficiency has no gap.
        assert_eq!(accuracy.gap(0.05, 0.1, 0.1, Some(1.0)), None);
        assert_eq!(accuracy.gap(0.9, 0.0, 0.1, Some(1.0)), None);
    }

    proptest! {
        /// With time and 32400 s the two formulas put any two entries in the same order.
        #[test]
        fn it_orders_as_kaggles_efficiency_prize(
            benchmark in 0.01f64..0.5, span in 0.01f64..0.5,
            scores in prop::array::uniform2(0.0f64..1.0), seconds in prop::array::uniform2(1.0f64..32400.0),
        ) {
            let best = benchmark + span;
            let scale = Scale {
                cost_scale: 32400.0,
                ..Scale::freeze(benchmark, best, Direction::HigherIsBetter, 1.0, None).unwrap()
            };
            let score = scores.map(|part| benchmark + part * span);
            let kaggle = |i: usize| score[i] / (benchmark - best) + seconds[i] / 32400.0;
            let norm = |i: usize| scale.efficiency(score[i], Some(seconds[i])).unwrap().value;
            let (by_kaggle, by_norm) = (kaggle(0) - kaggle(1), norm(0) - norm(1));
            prop_assume!(by_kaggle.abs() > 1e-9);
            prop_assert_eq!(by_kaggle > 0.0, by_norm > 0.0);
        }
    }
}
