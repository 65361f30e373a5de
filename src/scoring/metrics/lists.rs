//! Metrics of lists of ids, the best guess first, separated by spaces.

use std::collections::HashSet;

use super::sums::Sum;
use super::{Undefined, finite};

/// Mean average precision at k, MAP@k: 0 to 1, higher is better. Of each list the first k ids count; one
/// that stands there again counts once, at its first place. The same as `mapk` of ml_metrics, with
/// which Kaggle scores it. The order of the answers does not matter.
pub fn mean_average_precision(
    predicted: &[&str],
    actual: &[&str],
    k: usize,
) -> Result<f64, Undefined> {
    let average_precision = |hits: Hits, relevant: usize| {
        let mut found = 0.0;
        let precisions = hits.map(|place| {
            found += 1.0;
            found / (place + 1) as f64
        });
        precisions.sum::<f64>() / relevant.min(k) as f64
    };
    mean(predicted, actual, k, average_precision)
}

/// Mean normalised discounted cumulative gain at k, NDCG@k: 0 to 1, higher is better. An id of the
/// answers is worth 1 / log₂(1 + its place in the first k), any other nothing, and so is one that stands
/// there again; the best order is worth 1. The same as scikit-learn's `ndcg_score` of a whole order of
/// the ids with a gain of 1 for those of the answers.
pub fn mean_ndcg(predicted: &[&str], actual: &[&str], k: usize) -> Result<f64, Undefined> {
    let discount = |place: usize| 1.0 / ((place + 2) as f64).log2();
    let ndcg = |hits: Hits, relevant: usize| {
        let best: f64 = (0..relevant.min(k)).map(discount).sum();
        hits.map(discount).sum::<f64>() / best
    };
    mean(predicted, actual, k, ndcg)
}

/// The places, counted from 0, at which an id of the answers stands for the first time.
type Hits<'a> = &'a mut dyn Iterator<Item = usize>;

fn mean(
    predicted: &[&str],
    actual: &[&str],
    k: usize,
    figure: impl Fn(Hits, usize) -> f64,
) -> Result<f64, Undefined> {
    if actual.is_empty() {
        return Err(Undefined::NoRows);
    }
    let mut sum = Sum::default();
    for (predicted, actual) in predicted.iter().zip(actual) {
        let mut relevant: HashSet<&str> = actual.split_whitespace().collect();
        let count = relevant.len();
        if count == 0 {
            return Err(Undefined::Actual(
                "a row has no ids among its right answers",
            ));
        }
        let first = predicted.split_whitespace().take(k).enumerate();
        let mut hits = first
            .filter(|(_, id)| relevant.remove(id))
            .map(|(place, _)| place);
        sum.add(figure(&mut hits, count));
    }
    finite(sum.total() / actual.len() as f64)
}
