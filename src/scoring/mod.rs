//! Turns predictions into scores, outside the sandbox that made them.

mod compare;
mod interval;
pub mod metrics;
mod parquet;
mod predictions;
mod submission;
mod told;

use crate::domain::competition::{CompetitionSpec, Direction, Metric};
use crate::domain::score::{Score, ScoreIntervals};
use crate::domain::solution::Solution;
use crate::domain::split::Split;

pub use compare::{Incomparable, compare};
pub use interval::Terms;
pub use predictions::{BadPredictions, Predictions, PredictionsFault};

use metrics::Undefined;

/// Scores the predictions of every test row, on each split and on both together. Most of the
/// participant's mistakes were found when the predictions were parsed.
pub fn score(
    spec: &CompetitionSpec,
    solution: &Solution,
    predictions: &Predictions,
) -> Result<Scores, ScoreError> {
    let (predicted, actual) = (predictions.answers(), solution.answers());
    if predicted.rows() != solution.rows() {
        return Err(ScoreError::RowsDiffer {
            predictions: predicted.rows(),
            solution: solution.rows(),
        });
    }
    let metric = spec.metric.name;
    let scored = |compared: Result<f64, Incomparable>| match compared {
        Ok(score) => Score::new(score).map_err(|_| ScoreError::NotFinite(metric)),
        Err(Incomparable::Kinds) => Err(ScoreError::KindsDiffer(metric)),
        Err(Incomparable::Undefined(Undefined::Predicted(why))) => Err(ScoreError::Predictions(
            PredictionsFault::Undefined.because(format!(
                "The {metric} of these predictions is not defined: {why}."
            )),
        )),
        Err(Incomparable::Undefined(why @ (Undefined::NoRows | Undefined::Actual(_)))) => {
            Err(ScoreError::Undefined(metric, why))
        }
    };
    let on = |split| {
        let rows = solution.rows_of(split);
        scored(compare(
            spec,
            &predicted.of_rows(&rows),
            &actual.of_rows(&rows),
        ))
    };
    Ok(Scores {
        public: on(Split::Public)?,
        private: on(Split::Private)?,
        all: scored(compare(spec, predicted, actual))?,
    })
}

/// Where the scores of these predictions may lie, with 95 % confidence.
pub fn intervals(
    spec: &CompetitionSpec,
    solution: &Solution,
    predictions: &Predictions,
) -> ScoreIntervals {
    let terms = Terms::of(spec, predictions.answers(), solution.answers());
    let on = |split| terms.as_ref()?.interval(&solution.rows_of(split));
    ScoreIntervals {
        public: on(Split::Public),
        private: on(Split::Private),
    }
}

/// One metric of one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    pub public: Score,
    pub private: Score,
    /// On the rows of both splits, not the mean of the two.
    pub all: Score,
}

impl Scores {
    /// The worse of both, split by split.
    pub fn or_worse(self, other: Scores, direction: Direction) -> Scores {
        let worse = |a: Score, b: Score| match a.is_better_than(b, direction) {
            true => b,
            false => a,
        };
        Scores {
            public: worse(self.public, other.public),
            private: worse(self.private, other.private),
            all: worse(self.all, other.all),
        }
    }
}

/// Why there are no scores. But for one kind it is our error: predictions and a solution that were not
/// read by the same competition's rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// The participant's: the metric is not defined for what was predicted.
    #[error("{}", .0.message)]
    Predictions(BadPredictions),
    #[error("{predictions} predictions were to be scored by a solution of {solution} rows")]
    RowsDiffer { predictions: usize, solution: usize },
    #[error("{0} cannot compare answers of these kinds")]
    KindsDiffer(Metric),
    #[error("{0} is not defined for the solution: {1}")]
    Undefined(Metric, Undefined),
    #[error("{0} is not a finite number")]
    NotFinite(Metric),
}

#[cfg(test)]
mod tests;
