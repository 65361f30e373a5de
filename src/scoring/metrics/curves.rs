//! Metrics of how well scores put the rows of a class first. They look at the order of the scores
//! alone.

use super::labels::require_every_class;
use super::sums::{Sum, mean};
use super::{ONE_CLASS, Undefined};
use crate::domain::answers::Class;

/// What the figures of several classes, each against all others, become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Averaging {
    /// The mean over the classes.
    Macro,
    /// The figure of all classes' rows together.
    Micro,
    /// The mean over the classes, each with the weight of its right answers.
    Weighted,
}

/// The area under the receiver operating characteristic, which is the chance that a row of the class
/// has a higher score than one of another, ties counting half: 0 to 1, higher is better, 0.5 for
/// constant scores. `columns` has the scores of each class, or those of the second of two. The same
/// as scikit-learn's `roc_auc_score`, with `multi_class="ovr"`. Not defined where a class is not
/// among the answers.
pub fn roc_auc(
    columns: &[Vec<f64>],
    actual: &[Class],
    averaging: Averaging,
) -> Result<f64, Undefined> {
    one_against_rest(columns, actual, averaging, area)
}

/// The precision at each score, weighted with the recall that it adds: 0 to 1, higher is better; the
/// share of the class for constant scores. The same as scikit-learn's `average_precision_score`, and
/// for several classes as that of their indicators. Not defined where a class is not among the
/// answers.
pub fn average_precision(
    columns: &[Vec<f64>],
    actual: &[Class],
    averaging: Averaging,
) -> Result<f64, Undefined> {
    one_against_rest(columns, actual, averaging, precision_by_recall)
}

/// The rows of a class and all others, by their scores, highest first.
struct Ordered {
    inside: Vec<f64>,
    outside: Vec<f64>,
}

fn one_against_rest(
    columns: &[Vec<f64>],
    actual: &[Class],
    averaging: Averaging,
    figure: fn(&Ordered) -> f64,
) -> Result<f64, Undefined> {
    if actual.is_empty() {
        return Err(Undefined::NoRows);
    }
    if let [second] = columns {
        let ordered = Ordered::new([(second, 1)], actual);
        return match ordered.inside.is_empty() || ordered.outside.is_empty() {
            true => Err(ONE_CLASS),
            false => Ok(figure(&ordered)),
        };
    }
    let of_class = |(place, column)| figure(&Ordered::new([(column, place)], actual));
    match averaging {
        Averaging::Micro => {
            let all = columns
                .iter()
                .enumerate()
                .map(|(place, column)| (column, place));
            Ok(figure(&Ordered::new(all, actual)))
        }
        Averaging::Macro => {
            require_every_class(actual, columns.len())?;
            Ok(mean(columns.iter().enumerate().map(of_class)))
        }
        Averaging::Weighted => {
            require_every_class(actual, columns.len())?;
            let mut rows_of = vec![0_u64; columns.len()];
            for class in actual {
                rows_of[class.place()] += 1;
            }
            let weighted = (columns.iter().enumerate().map(of_class))
                .zip(rows_of)
                .map(|(figure, rows)| figure * rows as f64);
            Ok(Sum::of(weighted) / actual.len() as f64)
        }
    }
}

impl Ordered {
    fn new<'a>(
        columns: impl IntoIterator<Item = (&'a Vec<f64>, usize)>,
        actual: &[Class],
    ) -> Ordered {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (column, place) in columns {
            for (score, class) in column.iter().zip(actual) {
                // Adding zero makes both zeros the same.
                let score = score + 0.0;
                match class.place() == place {
                    true => inside.push(score),
                    false => outside.push(score),
                }
            }
        }
        for scores in [&mut inside, &mut outside] {
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
        }
        Ordered { inside, outside }
    }

    /// How many rows inside and outside share each score, the highest first.
    fn steps(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut inside, mut outside) = (self.inside.as_slice(), self.outside.as_slice());
        std::iter::from_fn(move || {
            let score = match (inside.first(), outside.first()) {
                (Some(inside), Some(outside)) => inside.max(*outside),
                (Some(score), None) | (None, Some(score)) => *score,
                (None, None) => return None,
            };
            Some((take(&mut inside, score), take(&mut outside, score)))
        })
    }
}

/// Takes the scores of at least this off the front.
fn take(scores: &mut &[f64], least: f64) -> usize {
    let count = scores.iter().take_while(|score| **score >= least).count();
    *scores = &scores[count..];
    count
}

/// Mann and Whitney's U as a share of all pairs.
fn area(ordered: &Ordered) -> f64 {
    let pairs = ordered.inside.len() as u128 * ordered.outside.len() as u128;
    let (mut below, mut won_twice) = (ordered.outside.len(), 0_u128);
    for (inside, outside) in ordered.steps() {
        below -= outside;
        won_twice += inside as u128 * (2 * below + outside) as u128;
    }
    won_twice as f64 / (2 * pairs) as f64
}

fn precision_by_recall(ordered: &Ordered) -> f64 {
    let (mut inside_so_far, mut so_far, mut sum) = (0, 0, Sum::default());
    for (inside, outside) in ordered.steps() {
        inside_so_far += inside;
        so_far += inside + outside;
        sum.add(inside as f64 * (inside_so_far as f64 / so_far as f64));
    }
    sum.total() / ordered.inside.len() as f64
}
