//! What knowing nothing scores.

use crate::competitions::Bundle;
use crate::domain::answers::{Answers, Class};
use crate::domain::competition::{Direction, Metric};
use crate::scoring::compare;

/// More classes than this are not all tried out.
const CLASSES_MAX: usize = 100;

/// The score on all rows of the best prediction that is the same for each, where it is known which
/// that is and it has a score.
pub fn best_constant(bundle: &Bundle) -> Option<f64> {
    let spec = &bundle.spec;
    let actual = bundle.solution.answers();
    let score = |predicted| compare(spec, &predicted, actual).ok();
    let scores: Vec<f64> = match actual {
        Answers::Labels(labels) => match spec.metric.name {
            Metric::LogLoss | Metric::Brier | Metric::RocAuc | Metric::AveragePrecision => {
                vec![score(Answers::Probabilities(shares(
                    labels,
                    spec.task.classes.len(),
                )))?]
            }
            _ if spec.task.classes.len() > CLASSES_MAX => return None,
            _ => (0..spec.task.classes.len())
                .filter_map(|place| score(Answers::Labels(vec![Class::at(place); labels.len()])))
                .collect(),
        },
        Answers::Values(columns) => {
            let middles = columns
                .iter()
                .map(|column| middle(spec.metric.name, spec.metric.alpha, column));
            let constants: Option<Vec<Vec<f64>>> = (middles.zip(columns))
                .map(|(middle, column)| Some(vec![middle?; column.len()]))
                .collect();
            vec![score(Answers::Values(constants?))?]
        }
        Answers::Probabilities(_) | Answers::Lists(_) | Answers::Texts(_) => return None,
    };
    scores
        .into_iter()
        .reduce(|best, other| match spec.metric.direction() {
            Direction::HigherIsBetter => best.max(other),
            Direction::LowerIsBetter => best.min(other),
        })
}

/// How often each class is right, as the probabilities of every row.
fn shares(labels: &[Class], classes: usize) -> Vec<Vec<f64>> {
    let mut counts = vec![0_u64; classes];
    for class in labels {
        counts[class.place()] += 1;
    }
    let shares = counts
        .iter()
        .map(|count| *count as f64 / labels.len() as f64);
    let columns: Vec<Vec<f64>> = shares.map(|share| vec![share; labels.len()]).collect();
    match columns.as_slice() {
        [_, second] => vec![second.clone()],
        _ => columns,
    }
}

/// The number that is nearest to all by this metric.
fn middle(metric: Metric, alpha: Option<f64>, values: &[f64]) -> Option<f64> {
    let mean =
        |values: &mut dyn Iterator<Item = f64>, count: usize| values.sum::<f64>() / count as f64;
    match metric {
        Metric::Rmse | Metric::Mcrmse | Metric::R2 => {
            Some(mean(&mut values.iter().copied(), values.len()))
        }
        Metric::Rmsle => {
            Some(mean(&mut values.iter().map(|value| value.ln_1p()), values.len()).exp_m1())
        }
        Metric::Mae => quantile(values, 0.5),
        Metric::Pinball => quantile(values, alpha?),
        // Another quantile for each column, or none at all.
        _ => None,
    }
}

fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (share * sorted.len() as f64) as usize;
    sorted
        .get(place.min(sorted.len().saturating_sub(1)))
        .copied()
}
