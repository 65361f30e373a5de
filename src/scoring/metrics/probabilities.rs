//! Metrics that compare the probability of each class with what came true.
//!
//! `columns` has the probabilities of each class, or those of the second of two classes alone.

use super::sums::Sum;
use super::{Undefined, finite};
use crate::domain::answers::Class;

/// Minus the mean logarithm of the probability that the right class was given: 0 to 36.05, lower is
/// better; ln of the number of classes for probabilities that are all the same. The same as
/// scikit-learn's `log_loss`: probabilities are clipped to 2⁻⁵² and 1 − 2⁻⁵², and rows that do not
/// add up to 1 exactly are taken as they are.
pub fn log_loss(columns: &[Vec<f64>], actual: &[Class]) -> Result<f64, Undefined> {
    mean(actual, |row, class| probability_loss(columns, row, class))
}

/// What one row adds to the log loss.
pub fn probability_loss(columns: &[Vec<f64>], row: usize, class: Class) -> f64 {
    let probability = match columns {
        [second] if class.place() == 0 => 1.0 - second[row],
        [second] => second[row],
        columns => columns[class.place()][row],
    };
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The mean squared distance of the probabilities from what came true, lower is better: of the second
/// of two classes 0 to 1, and of three and more, where it is the sum over all classes, 0 to 2. The
/// same as scikit-learn's `brier_score_loss`, after Brier, "Verification of forecasts expressed in
/// terms of probability", 1950.
pub fn brier_score(columns: &[Vec<f64>], actual: &[Class]) -> Result<f64, Undefined> {
    mean(actual, |row, class| {
        probability_distance(columns, row, class)
    })
}

/// What one row adds to the Brier score.
pub fn probability_distance(columns: &[Vec<f64>], row: usize, class: Class) -> f64 {
    let came_true = |place| if place == class.place() { 1.0 } else { 0.0 };
    match columns {
        [second] => (second[row] - came_true(1)).powi(2),
        columns => (columns.iter().enumerate())
            .map(|(place, column)| (column[row] - came_true(place)).powi(2))
            .sum(),
    }
}

fn mean(actual: &[Class], term: impl Fn(usize, Class) -> f64) -> Result<f64, Undefined> {
    if actual.is_empty() {
        return Err(Undefined::NoRows);
    }
    let terms = actual
        .iter()
        .enumerate()
        .map(|(row, &class)| term(row, class));
    finite(Sum::of(terms) / actual.len() as f64)
}
