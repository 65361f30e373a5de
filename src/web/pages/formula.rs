//! The efficiency formula in print: its constants, an example, and what a score point buys.

use super::competition::cost_in_words;
use super::figures::{self, Figure};
use crate::db::boards::BoardLine;
use crate::domain::competition::{CompetitionSpec, Metric};
use crate::domain::cost::Amount;
use crate::domain::efficiency::{Efficiency, Scale};

pub struct Formula<'a> {
    scale: &'a Scale,
    spec: &'a CompetitionSpec,
    lines: &'a [BoardLine],
}

impl<'a> Formula<'a> {
    pub fn new(scale: &'a Scale, spec: &'a CompetitionSpec, lines: &'a [BoardLine]) -> Formula<'a> {
        Formula { scale, spec, lines }
    }

    fn metric(&self) -> Metric {
        self.spec.metric.name
    }

    pub fn metric_name(&self) -> String {
        self.spec.metric.to_string()
    }

    pub fn cost_name(&self) -> &'static str {
        match self.scale.is_simulated() {
            true => "simulated energy",
            false => cost_in_words(self.spec.efficiency.cost),
        }
    }

    pub fn benchmark(&self) -> String {
        figures::constant(self.scale.benchmark)
    }

    pub fn best(&self) -> String {
        figures::score(self.metric(), self.scale.best)
    }

    pub fn reference_cost(&self) -> Figure {
        figures::amount(self.scale.amount(self.scale.reference_cost))
    }

    pub fn worth(&self) -> String {
        figures::constant(self.scale.halving_cost_is_worth)
    }

    pub fn cost_scale(&self) -> Figure {
        figures::amount(self.scale.amount(self.scale.cost_scale))
    }

    /// How many times the reference's cost weighs as much as the whole span of scores.
    pub fn scale_times(&self) -> String {
        figures::constant(
            (self.scale.cost_scale / self.scale.reference_cost * 100.0).round() / 100.0,
        )
    }

    /// A round number of score points, about a twentieth of the span or less.
    fn points(&self) -> f64 {
        let span = (self.scale.best - self.scale.benchmark).abs();
        10f64.powf((span / 20.0).log10().floor())
    }

    pub fn points_text(&self) -> String {
        figures::constant(self.points())
    }

    pub fn points_cost(&self) -> Figure {
        figures::amount((self.scale).amount(self.scale.cost_of_score_points(self.points())))
    }

    /// The entry that froze the constants, where it stands on the board.
    pub fn reference(&self) -> Option<&BoardLine> {
        self.lines.iter().find(|line| line.reference)
    }

    /// The leader's figures in the formula.
    pub fn example(&self) -> Option<Example<'_>> {
        let leader =
            (self.lines.iter()).find(|line| line.rank.is_some() && line.efficiency.is_ok())?;
        Some(Example {
            efficiency: *leader.efficiency.as_ref().ok()?,
            cost: leader.cost?,
            line: leader,
            metric: self.metric(),
        })
    }
}

pub struct Example<'a> {
    line: &'a BoardLine,
    efficiency: Efficiency,
    cost: Amount,
    metric: Metric,
}

impl Example<'_> {
    pub fn team(&self) -> &str {
        &self.line.team_name
    }

    pub fn score(&self) -> String {
        figures::score(self.metric, self.line.score)
    }

    pub fn cost(&self) -> Figure {
        figures::amount(self.cost)
    }

    pub fn quality(&self) -> String {
        figures::efficiency(self.efficiency.quality)
    }

    pub fn quality_term(&self) -> String {
        figures::efficiency(self.efficiency.quality_term)
    }

    pub fn cost_term(&self) -> String {
        figures::efficiency(self.efficiency.cost_term)
    }

    pub fn value(&self) -> String {
        figures::efficiency(self.efficiency.value)
    }
}
