//! Which right answers a metric is not defined for, whatever is predicted.

use super::{Average, Metric, MetricSpec};
use crate::domain::answers::{Answers, Class};
use crate::domain::competition::Task;

impl MetricSpec {
    /// Why the metric is not defined for the right answers of some rows, of which there are some.
    pub fn undefined_for(
        &self,
        task: &Task,
        answers: &Answers,
        rows: &[usize],
    ) -> Option<&'static str> {
        match answers {
            Answers::Labels(classes) => {
                let mut seen = vec![false; task.classes.len()];
                for row in rows {
                    seen[classes[*row].place()] = true;
                }
                match self.needed_classes(task) {
                    NeededClasses::Any => None,
                    NeededClasses::Two => (seen.iter().filter(|seen| **seen).count() < 2)
                        .then_some("all of them are of one class"),
                    NeededClasses::This(class) => {
                        (!seen[class.place()]).then_some("none of them is of the positive class")
                    }
                    NeededClasses::Each => seen
                        .contains(&false)
                        .then_some("one of the classes is not among them"),
                }
            }
            Answers::Values(columns) => {
                let is_same = |column: &Vec<f64>| {
                    (rows.iter()).all(|row| column[*row].total_cmp(&column[rows[0]]).is_eq())
                };
                (self.name.needs_differences() && columns.iter().any(is_same))
                    .then_some("all of them have the same target")
            }
            Answers::Probabilities(_) | Answers::Lists(_) | Answers::Texts(_) => None,
        }
    }

    /// Which classes must be among the right answers of a split, or no prediction has a score.
    fn needed_classes(&self, task: &Task) -> NeededClasses {
        match self.name {
            Metric::Mcc | Metric::CohenKappa | Metric::QuadraticWeightedKappa => NeededClasses::Two,
            Metric::RocAuc | Metric::AveragePrecision => match self.average {
                Some(Average::Micro) => NeededClasses::Any,
                Some(Average::Binary | Average::Macro | Average::Weighted) | None => {
                    NeededClasses::Each
                }
            },
            Metric::F1 | Metric::FBeta | Metric::Precision | Metric::Recall | Metric::Jaccard => {
                (self.positive_class(task)).map_or(NeededClasses::Any, NeededClasses::This)
            }
            Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::LogLoss
            | Metric::Brier
            | Metric::Rmse
            | Metric::Mae
            | Metric::Rmsle
            | Metric::Mape
            | Metric::R2
            | Metric::Mcrmse
            | Metric::Pinball
            | Metric::Pearson
            | Metric::Spearman
            | Metric::MapAtK
            | Metric::NdcgAtK
            | Metric::Levenshtein
            | Metric::WordJaccard
            | Metric::Custom => NeededClasses::Any,
        }
    }
}

/// What a metric needs of the right answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NeededClasses {
    Any,
    Two,
    This(Class),
    Each,
}
