//! Metrics that compare one label with another. They need counts alone, so that their sums are
//! exact.
//!
//! Averages over classes take in those that are among the answers or the predictions of the rows,
//! as scikit-learn does: a class of the competition that neither names is left out.

use super::{CLASS_MISSING, NO_POSITIVES, ONE_CLASS, Undefined};
use crate::domain::answers::Class;

/// How often each class was right, predicted, and both.
#[derive(Debug, Clone)]
pub struct Tally {
    rows: u64,
    right: u64,
    classes: Vec<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    actual: u64,
    predicted: u64,
    both: u64,
}

/// What a figure of one class becomes for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Averaging {
    /// That of this class alone.
    Binary(Class),
    /// The mean over the classes.
    Macro,
    /// The figure of all classes' counts together.
    Micro,
    /// The mean over the classes, each with the weight of its right answers.
    Weighted,
}

impl Tally {
    /// Counts rows of a competition with so many classes.
    pub fn count(
        predicted: &[Class],
        actual: &[Class],
        classes: usize,
    ) -> Result<Tally, Undefined> {
        if actual.is_empty() {
            return Err(Undefined::NoRows);
        }
        let mut tally = Tally {
            rows: actual.len() as u64,
            right: 0,
            classes: vec![Counts::default(); classes],
        };
        for (predicted, actual) in predicted.iter().zip(actual) {
            tally.classes[predicted.place()].predicted += 1;
            tally.classes[actual.place()].actual += 1;
            if predicted == actual {
                tally.classes[actual.place()].both += 1;
                tally.right += 1;
            }
        }
        Ok(tally)
    }

    fn named(&self) -> impl Iterator<Item = &Counts> {
        let is_named = |counts: &&Counts| counts.actual + counts.predicted > 0;
        self.classes.iter().filter(is_named)
    }

    /// Σ over the classes of the product of two of their counts, which does not overflow.
    fn products(&self, product: impl Fn(&Counts) -> (u64, u64)) -> i128 {
        let products = self.classes.iter().map(product);
        products.map(|(a, b)| i128::from(a) * i128::from(b)).sum()
    }

    /// Averages a share of two counts; 0 where a share is 0/0, as scikit-learn's
    /// `zero_division=0`.
    fn average(
        &self,
        averaging: Averaging,
        share: impl Fn(&Counts) -> (f64, f64),
    ) -> Result<f64, Undefined> {
        let value = |counts: &Counts| match share(counts) {
            (_, 0.0) => 0.0,
            (part, whole) => part / whole,
        };
        match averaging {
            Averaging::Binary(class) => {
                let counts = &self.classes[class.place()];
                match counts.actual {
                    0 => Err(NO_POSITIVES),
                    _ => Ok(value(counts)),
                }
            }
            Averaging::Macro => {
                let count = self.named().count() as f64;
                Ok(self.named().map(value).sum::<f64>() / count)
            }
            Averaging::Micro => Ok(value(&Counts {
                actual: self.rows,
                predicted: self.rows,
                both: self.right,
            })),
            Averaging::Weighted => {
                let weighted = |counts: &Counts| value(counts) * counts.actual as f64;
                Ok(self.named().map(weighted).sum::<f64>() / self.rows as f64)
            }
        }
    }
}

/// The share of rows whose label is right: 0 to 1, higher is better. The same as scikit-learn's
/// `accuracy_score`.
pub fn accuracy(tally: &Tally) -> Result<f64, Undefined> {
    Ok(tally.right as f64 / tally.rows as f64)
}

/// The mean recall of the classes among the answers: 0 to 1, higher is better; a constant
/// prediction has one part of their number. The same as scikit-learn's `balanced_accuracy_score`.
/// With one class among the answers it is the accuracy.
pub fn balanced_accuracy(tally: &Tally) -> Result<f64, Undefined> {
    let present = || tally.classes.iter().filter(|counts| counts.actual > 0);
    let recall = |counts: &Counts| counts.both as f64 / counts.actual as f64;
    Ok(present().map(recall).sum::<f64>() / present().count() as f64)
}

/// The share of right ones among the predictions of a class: 0 to 1, higher is better; 0 for a class
/// that is never predicted. The same as scikit-learn's `precision_score`.
pub fn precision(tally: &Tally, averaging: Averaging) -> Result<f64, Undefined> {
    tally.average(averaging, |counts| {
        (counts.both as f64, counts.predicted as f64)
    })
}

/// The share of a class that is found: 0 to 1, higher is better; 0 for a class that is predicted and
/// not among the answers. The same as scikit-learn's `recall_score`.
pub fn recall(tally: &Tally, averaging: Averaging) -> Result<f64, Undefined> {
    tally.average(averaging, |counts| {
        (counts.both as f64, counts.actual as f64)
    })
}

/// The harmonic mean of precision and recall, where recall weighs β times as much: 0 to 1, higher is
/// better. The same as scikit-learn's `fbeta_score`, and with β = 1 as its `f1_score`.
pub fn f_beta(tally: &Tally, beta: f64, averaging: Averaging) -> Result<f64, Undefined> {
    let square = beta * beta;
    tally.average(averaging, |counts| {
        (
            (1.0 + square) * counts.both as f64,
            square * counts.actual as f64 + counts.predicted as f64,
        )
    })
}

/// The rows of a class that were found, of those that are in it or were said to be: 0 to 1, higher is
/// better. The same as scikit-learn's `jaccard_score`.
pub fn jaccard(tally: &Tally, averaging: Averaging) -> Result<f64, Undefined> {
    tally.average(averaging, |counts| {
        let either = counts.actual + counts.predicted - counts.both;
        (counts.both as f64, either as f64)
    })
}

/// Matthews' correlation coefficient: −1 to 1, higher is better, 0 for constant predictions. The same
/// as scikit-learn's `matthews_corrcoef`, after Gorodkin, "Comparing two K-category assignments by a
/// K-category correlation coefficient", 2004. Not defined where all answers are of one class, for
/// which scikit-learn has 0.
pub fn matthews_correlation(tally: &Tally) -> Result<f64, Undefined> {
    let rows = i128::from(tally.rows);
    let both = i128::from(tally.right) * rows - tally.products(|c| (c.actual, c.predicted));
    let actual = rows * rows - tally.products(|c| (c.actual, c.actual));
    let predicted = rows * rows - tally.products(|c| (c.predicted, c.predicted));
    match (actual, predicted) {
        (0, _) => Err(ONE_CLASS),
        (_, 0) => Ok(0.0),
        (actual, predicted) => {
            Ok(both as f64 / ((actual as f64).sqrt() * (predicted as f64).sqrt()))
        }
    }
}

/// Cohen's κ, agreement beyond that of chance: at most 1, higher is better, 0 for constant
/// predictions. The same as scikit-learn's `cohen_kappa_score`. Not defined where all answers are of
/// one class.
pub fn cohen_kappa(tally: &Tally) -> Result<f64, Undefined> {
    let rows = i128::from(tally.rows);
    let wrong = rows - i128::from(tally.right);
    let by_chance = rows * rows - tally.products(|c| (c.actual, c.predicted));
    kappa(tally, wrong, by_chance)
}

/// κ with weights that grow with the distance of two classes in the competition's list. The same as
/// scikit-learn's `cohen_kappa_score(weights="linear")`, given the same order of classes.
pub fn linear_weighted_kappa(
    tally: &Tally,
    predicted: &[Class],
    actual: &[Class],
) -> Result<f64, Undefined> {
    let wrong = distances(predicted, actual, |distance| distance);
    // |i − j| counts the places between: each lies between those pairs of which one is below it.
    let rows = i128::from(tally.rows);
    let (mut actual_below, mut predicted_below, mut by_chance) = (0, 0, 0);
    for counts in &tally.classes {
        actual_below += i128::from(counts.actual);
        predicted_below += i128::from(counts.predicted);
        by_chance +=
            actual_below * (rows - predicted_below) + predicted_below * (rows - actual_below);
    }
    kappa(tally, wrong, by_chance)
}

/// κ with weights that grow with the square of that distance. The same as scikit-learn's
/// `cohen_kappa_score(weights="quadratic")`, given the same order of classes, and Kaggle's quadratic
/// weighted kappa.
pub fn quadratic_weighted_kappa(
    tally: &Tally,
    predicted: &[Class],
    actual: &[Class],
) -> Result<f64, Undefined> {
    let wrong = distances(predicted, actual, |distance| distance * distance);
    let moment = |power: u32, count: fn(&Counts) -> u64| -> i128 {
        (tally.classes.iter().zip(0_i128..))
            .map(|(counts, place)| place.pow(power) * i128::from(count(counts)))
            .sum()
    };
    let (actual, predicted) = (|c: &Counts| c.actual, |c: &Counts| c.predicted);
    let squares = moment(2, actual) + moment(2, predicted);
    let by_chance = i128::from(tally.rows) * squares - 2 * moment(1, actual) * moment(1, predicted);
    kappa(tally, wrong, by_chance)
}

fn distances(predicted: &[Class], actual: &[Class], weight: impl Fn(i128) -> i128) -> i128 {
    (predicted.iter().zip(actual))
        .map(|(predicted, actual)| weight(predicted.place().abs_diff(actual.place()) as i128))
        .sum()
}

/// 1 − what disagrees of what would by chance; the latter is as many times too much as there are
/// rows.
fn kappa(tally: &Tally, wrong: i128, by_chance: i128) -> Result<f64, Undefined> {
    if tally.classes.iter().any(|c| c.actual == tally.rows) {
        return Err(ONE_CLASS);
    }
    let chance = by_chance as f64 / tally.rows as f64;
    Ok(1.0 - wrong as f64 / chance)
}

/// Whether these answers have something to find in each class, as averages over all of them need it.
pub fn require_every_class(actual: &[Class], classes: usize) -> Result<(), Undefined> {
    let mut seen = vec![false; classes];
    for class in actual {
        seen[class.place()] = true;
    }
    match seen.iter().all(|seen| *seen) {
        true => Ok(()),
        false => Err(CLASS_MISSING),
    }
}
