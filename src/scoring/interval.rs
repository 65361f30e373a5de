//! How far a score may be off because the test rows are one sample of many: a percentile bootstrap
//! over rows, each a pair of prediction and answer (Efron, "Bootstrap methods: another look at the
//! jackknife", 1979). Only for metrics that are a mean over rows, or its root.

use super::metrics::{
    Sum, mae, mape, mean_average_precision, mean_levenshtein, mean_ndcg, mean_pinball_loss,
    mean_word_jaccard, probability_distance, probability_loss, rmse, rmsle,
};
use crate::domain::answers::Answers;
use crate::domain::competition::{CompetitionSpec, Metric};
use crate::domain::random::SplitMix64;
use crate::domain::statistics::Interval;

const REPLICATES: usize = 1_000;
/// Of the replicates between both ends, centred.
const COVERAGE: f64 = 0.95;
/// More rows than this are put into so many groups by chance, which are drawn instead. For a million rows
/// it costs a thousandth, and changes the interval's width by less than the replicates' chance does.
const GROUPS_MAX: usize = 1_000;
/// The same figures in every run.
const SEED: u64 = 20_261_124;

/// What each row adds to a score.
#[derive(Debug, Clone)]
pub struct Terms {
    values: Vec<f64>,
    /// Whether the score is the root of their mean.
    is_root: bool,
}

impl Terms {
    /// The terms of all rows; none where the metric is no mean over rows.
    pub fn of(spec: &CompetitionSpec, predicted: &Answers, actual: &Answers) -> Option<Terms> {
        let metric = spec.metric.name;
        let k = spec.metric.k.map_or(usize::MAX, |k| k as usize);
        let values: Option<Vec<f64>> = match (predicted, actual) {
            (Answers::Labels(predicted), Answers::Labels(actual)) if metric == Metric::Accuracy => {
                let is_right = |(p, a)| if p == a { 1.0 } else { 0.0 };
                Some(predicted.iter().zip(actual).map(is_right).collect())
            }
            (Answers::Probabilities(columns), Answers::Labels(actual)) => {
                let term = match metric {
                    Metric::LogLoss => probability_loss,
                    Metric::Brier => probability_distance,
                    _ => return None,
                };
                let rows = actual.iter().enumerate();
                Some(
                    rows.map(|(row, class)| term(columns, row, *class))
                        .collect(),
                )
            }
            (Answers::Values(predicted), Answers::Values(actual)) => {
                value_terms(spec, predicted, actual)
            }
            (Answers::Lists(predicted), Answers::Lists(actual))
            | (Answers::Texts(predicted), Answers::Texts(actual)) => (predicted.iter().zip(actual))
                .map(|(predicted, actual)| {
                    let (predicted, actual) = ([predicted.as_str()], [actual.as_str()]);
                    match metric {
                        Metric::MapAtK => mean_average_precision(&predicted, &actual, k).ok(),
                        Metric::NdcgAtK => mean_ndcg(&predicted, &actual, k).ok(),
                        Metric::Levenshtein => mean_levenshtein(&predicted, &actual).ok(),
                        Metric::WordJaccard => mean_word_jaccard(&predicted, &actual).ok(),
                        _ => None,
                    }
                })
                .collect(),
            _ => None,
        };
        let is_root = matches!(metric, Metric::Rmse | Metric::Rmsle);
        values.map(|values| Terms { values, is_root })
    }

    /// Where the score of these rows may lie.
    pub fn interval(&self, rows: &[usize]) -> Option<Interval> {
        let groups = rows.len().min(GROUPS_MAX);
        if groups < 2 {
            return None;
        }
        let mut random = SplitMix64::new(SEED);
        let mut totals = vec![(0.0, 0_u32); groups];
        for (at, row) in rows.iter().enumerate() {
            let group = match groups == rows.len() {
                true => at,
                false => random.below(groups),
            };
            let (sum, count) = &mut totals[group];
            *sum += self.values[*row];
            *count += 1;
        }
        let mut means: Vec<f64> = (0..REPLICATES)
            .map(|_| {
                let (mut sum, mut count) = (Sum::default(), 0_u64);
                for _ in 0..groups {
                    let (drawn, rows) = totals[random.below(groups)];
                    sum.add(drawn);
                    count += u64::from(rows);
                }
                sum.total() / count as f64
            })
            .collect();
        means.sort_unstable_by(f64::total_cmp);
        let outside = ((1.0 - COVERAGE) / 2.0 * REPLICATES as f64) as usize;
        let end = |mean: f64| if self.is_root { mean.sqrt() } else { mean };
        let (low, high) = (end(means[outside]), end(means[REPLICATES - 1 - outside]));
        (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
    }
}

fn value_terms(
    spec: &CompetitionSpec,
    predicted: &[Vec<f64>],
    actual: &[Vec<f64>],
) -> Option<Vec<f64>> {
    let alpha = spec.metric.alpha.unwrap_or(0.5);
    let term = |predicted: &[f64], actual: &[f64]| match spec.metric.name {
        Metric::Mae => mae(predicted, actual).ok(),
        Metric::Mape => mape(predicted, actual).ok(),
        Metric::Pinball => mean_pinball_loss(predicted, actual, alpha).ok(),
        Metric::Rmse => rmse(predicted, actual).ok().map(|error| error * error),
        Metric::Rmsle => rmsle(predicted, actual).ok().map(|error| error * error),
        _ => None,
    };
    match (predicted, actual) {
        ([predicted], [actual]) => (0..actual.len())
            .map(|row| term(&predicted[row..=row], &actual[row..=row]))
            .collect(),
        // The mean of several roots is no root of a mean.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(values: Vec<f64>, is_root: bool) -> Terms {
        Terms { values, is_root }
    }

    #[test]
    fn an_interval_is_that_of_theory_however_many_rows_there_are() {
        for rows in [400_usize, 10_001, 60_000] {
            // Three of four rows are right.
            let right = (0..rows).map(|row| if row * 7 % 4 > 0 { 1.0 } else { 0.0 });
            let all: Vec<usize> = (0..rows).collect();
            let interval = terms(right.collect(), false).interval(&all).unwrap();
            let half = 1.96 * (0.75 * 0.25 / rows as f64).sqrt();
            assert!(
                (interval.low - (0.75 - half)).abs() < 0.2 * half,
                "{rows}: {interval:?}"
            );
            assert!(
                (interval.high - (0.75 + half)).abs() < 0.2 * half,
                "{rows}: {interval:?}"
            );
        }
    }

    #[test]
    fn it_is_the_same_in_every_run_and_of_the_rows_that_are_asked_for() {
        let terms = terms(vec![4.0, 4.0, 100.0, 9.0, 9.0, 9.0], true);
        let interval = terms.interval(&[0, 1, 3, 4, 5]).unwrap();
        assert_eq!(terms.interval(&[0, 1, 3, 4, 5]), Some(interval));
        assert!(interval.low >= 2.0 && interval.high <= 3.0 && interval.low < interval.high);
        assert_eq!(terms.interval(&[2]), None, "one row says nothing of others");
    }
}
