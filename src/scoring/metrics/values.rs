//! Metrics of how far numbers are from what they should be.

use super::sums::{Sum, mean, scale};
use super::{ALL_THE_SAME, Undefined, finite};

/// Root mean squared error: 0 or more, in the unit of the target, lower is better. The same as
/// scikit-learn's `root_mean_squared_error`, but for numbers whose squares are too large or too small
/// to be written, which do not overflow or vanish here.
pub fn rmse(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    let differences = || predicted.iter().zip(actual).map(|(p, a)| p - a);
    let scale = scale(differences());
    let squares = differences().map(|difference| (difference * scale).powi(2));
    mean_of(squares, actual.len()).and_then(|square| finite(square.sqrt() / scale))
}

/// Mean absolute error: 0 or more, in the unit of the target, lower is better. The same as
/// scikit-learn's `mean_absolute_error`.
pub fn mae(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    let terms = predicted.iter().zip(actual).map(|(p, a)| (p - a).abs());
    mean_of(terms, actual.len())
}

/// Root mean squared logarithmic error, √(mean((ln(1 + p) − ln(1 + a))²)): 0 or more, lower is
/// better; 0.1 means that predictions are off by about 10 %. Both numbers are finite and at least
/// 0, where the metric is defined; it is then finite too, at most 710. The same as scikit-learn's
/// `root_mean_squared_log_error`, and Kaggle's RMSLE.
pub fn rmsle(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    let logarithm = |values: &[f64]| values.iter().map(|v| v.ln_1p()).collect::<Vec<f64>>();
    rmse(&logarithm(predicted), &logarithm(actual))
}

/// Mean absolute error as a share of the right answer, not per cent: 0 or more, lower is better. The
/// same as scikit-learn's `mean_absolute_percentage_error`: an answer of less than 2⁻⁵² counts as
/// that much, so that one of 0 outweighs all others.
pub fn mape(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    let terms =
        (predicted.iter().zip(actual)).map(|(p, a)| (p - a).abs() / a.abs().max(f64::EPSILON));
    mean_of(terms, actual.len())
}

/// The share of the answers' variance that is explained, R²: at most 1, higher is better, 0 for their
/// mean. The same as scikit-learn's `r2_score`. Not defined where all answers are the same, one row
/// among them, for which scikit-learn has 0, 1 or nothing.
pub fn r_squared(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    require_different(actual)?;
    let scale = scale(actual.iter().copied());
    let middle = mean(actual.iter().map(|a| a * scale));
    let spread = Sum::of(actual.iter().map(|a| (a * scale - middle).powi(2)));
    let errors = predicted.iter().zip(actual).map(|(p, a)| p - a);
    let unexplained = Sum::of(errors.map(|error| (error * scale).powi(2)));
    match spread {
        0.0 => Err(ALL_THE_SAME),
        spread => finite(1.0 - unexplained / spread),
    }
}

/// The loss of a quantile α, where falling short costs α and going beyond 1 − α per unit: 0 or more,
/// in the unit of the target, lower is better. The same as scikit-learn's `mean_pinball_loss`.
pub fn mean_pinball_loss(predicted: &[f64], actual: &[f64], alpha: f64) -> Result<f64, Undefined> {
    let terms = (predicted.iter().zip(actual)).map(|(p, a)| {
        let short = a - p;
        if short >= 0.0 {
            alpha * short
        } else {
            (alpha - 1.0) * short
        }
    });
    mean_of(terms, actual.len())
}

/// Whether there are two answers that differ.
pub fn require_different(actual: &[f64]) -> Result<(), Undefined> {
    match actual {
        [] => Err(Undefined::NoRows),
        [first, others @ ..] if others.iter().any(|other| other != first) => Ok(()),
        [..] => Err(ALL_THE_SAME),
    }
}

fn mean_of(terms: impl Iterator<Item = f64>, count: usize) -> Result<f64, Undefined> {
    match count {
        0 => Err(Undefined::NoRows),
        count => finite(Sum::of(terms) / count as f64),
    }
}
