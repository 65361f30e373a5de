//! The built-in metrics as pure functions. Each compares the predictions of some rows with their
//! right answers, which stand in the same order, and names where its definition comes from.
//!
//! What is undefined has no score: neither 0 nor the best one. Whether the answers or the
//! predictions are to blame decides whose fault it is.

mod correlations;
mod curves;
mod labels;
mod lists;
mod probabilities;
mod sums;
mod texts;
mod values;

pub use correlations::{pearson, spearman};
pub use curves::{Averaging as CurveAveraging, average_precision, roc_auc};
pub use labels::{
    Averaging, Tally, accuracy, balanced_accuracy, cohen_kappa, f_beta, jaccard,
    linear_weighted_kappa, matthews_correlation, precision, quadratic_weighted_kappa, recall,
};
pub use lists::{mean_average_precision, mean_ndcg};
pub use probabilities::{brier_score, log_loss, probability_distance, probability_loss};
pub use sums::Sum;
pub use texts::{levenshtein, mean_levenshtein, mean_word_jaccard};
pub use values::{mae, mape, mean_pinball_loss, r_squared, rmse, rmsle};

/// Why there is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    #[error("there are no rows")]
    NoRows,
    /// Whatever is predicted: the right answers of these rows cannot be compared with anything.
    #[error("{0}")]
    Actual(&'static str),
    /// Others could have been scored.
    #[error("{0}")]
    Predicted(&'static str),
}

const ONE_CLASS: Undefined = Undefined::Actual("all right answers are of one class");
const CLASS_MISSING: Undefined = Undefined::Actual("no right answer is of one of the classes");
const NO_POSITIVES: Undefined = Undefined::Actual("no right answer is of the positive class");
const ALL_THE_SAME: Undefined = Undefined::Actual("all right answers are the same");
const SAME_PREDICTIONS: Undefined = Undefined::Predicted("all predictions are the same");
const NOT_FINITE: Undefined =
    Undefined::Predicted("the predictions are so far off that the score is not a finite number");

/// A score as a metric promises it.
fn finite(score: f64) -> Result<f64, Undefined> {
    score.is_finite().then_some(score).ok_or(NOT_FINITE)
}

#[cfg(test)]
mod tests;
