//! Metrics of whether numbers rise and fall together, whatever their unit.

use super::sums::{Sum, mean, scale};
use super::values::require_different;
use super::{SAME_PREDICTIONS, Undefined, finite};

/// Pearson's correlation coefficient: −1 to 1, higher is better. The same as SciPy's
/// `stats.pearsonr`. Not defined where all answers or all predictions are the same.
pub fn pearson(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    require_different(actual)?;
    if require_different(predicted).is_err() {
        return Err(SAME_PREDICTIONS);
    }
    let (predicted, actual) = (centred(predicted), centred(actual));
    let product = |a: &[f64], b: &[f64]| Sum::of(a.iter().zip(b).map(|(a, b)| a * b));
    let both = product(&predicted, &actual);
    let lengths = product(&predicted, &predicted).sqrt() * product(&actual, &actual).sqrt();
    finite((both / lengths).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation coefficient, Pearson's of the ranks, where equal numbers share the mean
/// of theirs: −1 to 1, higher is better. The same as SciPy's `stats.spearmanr`. Not defined where all
/// answers or all predictions are the same.
pub fn spearman(predicted: &[f64], actual: &[f64]) -> Result<f64, Undefined> {
    pearson(&ranks(predicted), &ranks(actual))
}

/// The values less their mean, in a unit in which the largest is near 1.
fn centred(values: &[f64]) -> Vec<f64> {
    let first = scale(values.iter().copied());
    let middle = mean(values.iter().map(|value| value * first));
    let mut centred: Vec<f64> = values.iter().map(|value| value * first - middle).collect();
    let second = scale(centred.iter().copied());
    for value in &mut centred {
        *value *= second;
    }
    centred
}

/// The place of each value among all, counted from 1, and for equal ones the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = (values.iter().enumerate())
        // Adding zero makes both zeros the same.
        .map(|(row, value)| (value + 0.0, row))
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        for (_, row) in equal {
            ranks[*row] = rank;
        }
        before += equal.len();
    }
    ranks
}
