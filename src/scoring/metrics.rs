//! The built-in metrics. Each takes pairs of a prediction and the right answer, and has no score
//! where there are no pairs.

use crate::domain::answers::Class;
use crate::domain::score::Score;

/// The share of rows whose label is right: 0 to 1, higher is better. The same as scikit-learn's
/// `accuracy_score`.
pub fn accuracy(pairs: impl Iterator<Item = (Class, Class)>) -> Option<Score> {
    mean(pairs.map(|(predicted, actual)| if predicted == actual { 1.0 } else { 0.0 }))
        .and_then(|share| Score::new(share).ok())
}

/// Root mean squared logarithmic error, √(mean((ln(1 + p) − ln(1 + a))²)): 0 or more, lower is
/// better; 0.1 means that predictions are off by about 10 %. Both numbers are finite and at least
/// 0, where the metric is defined; it is then finite too, at most 710. The same as scikit-learn's
/// `root_mean_squared_log_error`, and Kaggle's RMSLE.
pub fn rmsle(pairs: impl Iterator<Item = (f64, f64)>) -> Option<Score> {
    mean(pairs.map(|(predicted, actual)| (predicted.ln_1p() - actual.ln_1p()).powi(2)))
        .and_then(|square| Score::new(square.sqrt()).ok())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rmsle_is_that_of_scikit_learn() {
        // sklearn.metrics.root_mean_squared_log_error of scikit-learn 1.9.1.
        for (predicted, actual, expected) in [
            (
                vec![2.5, 5.0, 4.0, 8.0],
                vec![3.0, 5.0, 2.5, 7.0],
                0.199_324_165_581_08,
            ),
            (vec![0.0, 1e-12], vec![0.0, 0.0], 7.071_067_811_861_939e-13),
            (
                vec![400.5, 15000.0, 2.0],
                vec![326.0, 18823.0, 0.0],
                0.658_435_420_184_204_5,
            ),
            (vec![0.0], vec![1e308], 709.196_208_642_166_1),
            (vec![f64::MAX], vec![f64::MAX], 0.0),
        ] {
            let score = rmsle(predicted.into_iter().zip(actual)).unwrap().as_f64();
            let tolerance = 1e-14 * expected;
            assert!(
                (score - expected).abs() <= tolerance,
                "{score}, not {expected}"
            );
        }
    }

    #[test]
    fn nothing_has_no_score() {
        assert_eq!(rmsle(std::iter::empty()), None);
        assert_eq!(accuracy(std::iter::empty()), None);
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![0.0..1e6, Just(0.0), Just(f64::MAX), Just(f64::MIN_POSITIVE)]
    }

    proptest! {
        #[test]
        fn rmsle_is_finite_symmetric_and_zero_only_for_what_is_right(
            pairs in prop::collection::vec((number(), number()), 1..50)
        ) {
            let score = rmsle(pairs.iter().copied()).unwrap();
            let swapped = rmsle(pairs.iter().map(|&(predicted, actual)| (actual, predicted)));
            prop_assert_eq!(Some(score), swapped);
            prop_assert!((0.0..=710.0).contains(&score.as_f64()));
            let right = rmsle(pairs.iter().map(|&(_, actual)| (actual, actual)));
            prop_assert_eq!(right, Score::new(0.0).ok());
        }
    }
}
