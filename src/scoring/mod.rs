//! Turns predictions into scores, outside the sandbox that made them.

mod metrics;
mod predictions;
mod submission;

use crate::domain::answers::Answers;
use crate::domain::competition::{Direction, Metric};
use crate::domain::score::Score;
use crate::domain::solution::Solution;
use crate::domain::split::Split;

pub use metrics::{accuracy, rmsle};
pub use predictions::{BadPredictions, Predictions, PredictionsFault};

/// Scores the predictions of every test row, on each split and on both together. The participant's
/// mistakes were found when the predictions were parsed; an error here is ours.
pub fn score(
    metric: Metric,
    solution: &Solution,
    predictions: &Predictions,
) -> Result<Scores, ScoreError> {
    if predictions.answers().rows() != solution.rows() {
        return Err(ScoreError::RowsDiffer {
            predictions: predictions.answers().rows(),
            solution: solution.rows(),
        });
    }
    let splits = solution.splits();
    match (metric, predictions.answers(), solution.answers()) {
        (Metric::Accuracy, Answers::Labels(predicted), Answers::Labels(actual)) => {
            on_splits(predicted, actual, splits, |pairs| accuracy(pairs))
        }
        (Metric::Rmsle, Answers::Values(predicted), Answers::Values(actual)) => {
            on_splits(predicted, actual, splits, |pairs| rmsle(pairs))
        }
        (
            Metric::Accuracy | Metric::Rmsle,
            Answers::Labels(_) | Answers::Values(_),
            Answers::Labels(_) | Answers::Values(_),
        ) => Err(ScoreError::KindsDiffer(metric)),
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

/// Predictions and a solution that were not read by the same competition's rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    #[error("{predictions} predictions were to be scored by a solution of {solution} rows")]
    RowsDiffer { predictions: usize, solution: usize },
    #[error("{0} cannot compare answers of these kinds")]
    KindsDiffer(Metric),
    #[error("the solution has no rows in one of its splits")]
    NoRows,
}

/// The rows that count, as pairs of a prediction and the right answer.
type Pairs<'a, T> = dyn Iterator<Item = (T, T)> + 'a;

fn on_splits<T: Copy>(
    predicted: &[T],
    actual: &[T],
    splits: &[Split],
    metric: impl Fn(&mut Pairs<'_, T>) -> Option<Score>,
) -> Result<Scores, ScoreError> {
    let score = |counts: &dyn Fn(Split) -> bool| {
        let pairs = predicted.iter().copied().zip(actual.iter().copied());
        let mut counting = (pairs.zip(splits))
            .filter(|(_, split)| counts(**split))
            .map(|(pair, _)| pair);
        metric(&mut counting).ok_or(ScoreError::NoRows)
    };
    Ok(Scores {
        public: score(&|split| split == Split::Public)?,
        private: score(&|split| split == Split::Private)?,
        all: score(&|_| true)?,
    })
}

#[cfg(test)]
mod tests;
