//! What holds of the metrics beside agreeing with the libraries that they are named after, which
//! `tests/it` looks at.

use proptest::prelude::*;

use super::*;
use crate::domain::answers::Class;

fn classes(places: &[usize]) -> Vec<Class> {
    places.iter().copied().map(Class::at).collect()
}

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
        let score = rmsle(&predicted, &actual).unwrap();
        let tolerance = 1e-14 * expected;
        assert!(
            (score - expected).abs() <= tolerance,
            "{score}, not {expected}"
        );
    }
}

#[test]
fn nothing_has_no_score() {
    assert_eq!(rmse(&[], &[]), Err(Undefined::NoRows));
    assert_eq!(rmsle(&[], &[]), Err(Undefined::NoRows));
    assert_eq!(mape(&[], &[]), Err(Undefined::NoRows));
    assert_eq!(r_squared(&[], &[]), Err(Undefined::NoRows));
    assert_eq!(pearson(&[], &[]), Err(Undefined::NoRows));
    assert_eq!(Tally::count(&[], &[], 2).unwrap_err(), Undefined::NoRows);
    assert_eq!(log_loss(&[vec![]], &[]), Err(Undefined::NoRows));
    let averaging = CurveAveraging::Macro;
    assert_eq!(roc_auc(&[vec![]], &[], averaging), Err(Undefined::NoRows));
    assert_eq!(mean_ndcg(&[], &[], 3), Err(Undefined::NoRows));
    assert_eq!(mean_levenshtein(&[], &[]), Err(Undefined::NoRows));
}

#[test]
fn what_is_undefined_is_neither_zero_nor_perfect() {
    let one_class = classes(&[1, 1, 1]);
    let tally = Tally::count(&one_class, &one_class, 2).unwrap();
    assert_eq!(matthews_correlation(&tally), Err(ONE_CLASS));
    assert_eq!(cohen_kappa(&tally), Err(ONE_CLASS));
    let looked_for = Averaging::Binary(Class::at(0));
    assert_eq!(f_beta(&tally, 1.0, looked_for), Err(NO_POSITIVES));
    let scores = [vec![0.1, 0.2, 0.3]];
    assert_eq!(
        roc_auc(&scores, &one_class, CurveAveraging::Macro),
        Err(ONE_CLASS)
    );
    let three = [vec![0.5; 3], vec![0.3; 3], vec![0.2; 3]];
    let two = classes(&[0, 1, 1]);
    assert_eq!(
        average_precision(&three, &two, CurveAveraging::Weighted),
        Err(CLASS_MISSING)
    );
    let (same, different) = ([2.0, 2.0], [1.0, 2.0]);
    assert_eq!(r_squared(&same, &same), Err(ALL_THE_SAME));
    assert_eq!(pearson(&same, &different), Err(SAME_PREDICTIONS));
    assert_eq!(spearman(&different, &same), Err(ALL_THE_SAME));
    assert_eq!(mae(&[f64::MAX], &[-f64::MAX]), Err(NOT_FINITE));
}

#[test]
fn constant_predictions_score_what_knowing_nothing_is_worth() {
    let (constant, actual) = (classes(&[1; 4]), classes(&[0, 1, 1, 2]));
    let tally = Tally::count(&constant, &actual, 3).unwrap();
    assert_eq!(matthews_correlation(&tally), Ok(0.0));
    assert_eq!(cohen_kappa(&tally), Ok(0.0));
    assert_eq!(
        quadratic_weighted_kappa(&tally, &constant, &actual),
        Ok(0.0)
    );
    assert_eq!(balanced_accuracy(&tally), Ok(1.0 / 3.0));
    let actual = classes(&[0, 1, 1, 1]);
    let constant = [vec![0.25; 4]];
    assert_eq!(roc_auc(&constant, &actual, CurveAveraging::Macro), Ok(0.5));
    assert_eq!(
        average_precision(&constant, &actual, CurveAveraging::Macro),
        Ok(0.75)
    );
    assert_eq!(r_squared(&[2.0, 2.0], &[1.0, 3.0]), Ok(0.0));
}

#[test]
fn squares_that_cannot_be_written_do_not_become_nothing_or_infinity() {
    for unit in [1e200, 1e-200, 1e300, 1e-310] {
        let score = rmse(&[3.0 * unit, 0.0], &[0.0, 4.0 * unit]).unwrap() / unit;
        assert!((score - 12.5_f64.sqrt()).abs() < 1e-9, "{unit}: {score}");
        let correlation = pearson(&[unit, 2.0 * unit, 4.0 * unit], &[1.0, 2.0, 4.0]).unwrap();
        assert!((correlation - 1.0).abs() < 1e-12, "{unit}: {correlation}");
        let share = r_squared(&[unit, 2.0 * unit], &[unit, 3.0 * unit]).unwrap();
        assert!((share - 0.5).abs() < 1e-9, "{unit}: {share}");
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1e6, Just(0.0), Just(f64::MAX), Just(f64::MIN_POSITIVE)]
}

proptest! {
    #[test]
    fn rmsle_is_finite_symmetric_and_zero_only_for_what_is_right(
        pairs in prop::collection::vec((number(), number()), 1..50)
    ) {
        let (predicted, actual): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let score = rmsle(&predicted, &actual).unwrap();
        prop_assert_eq!(Ok(score), rmsle(&actual, &predicted));
        prop_assert!((0.0..=710.0).contains(&score));
        prop_assert_eq!(rmsle(&actual, &actual), Ok(0.0));
    }

    #[test]
    fn turning_the_scores_round_turns_the_area_round(
        rows in prop::collection::vec((0_u8..5, any::<bool>()), 2..60)
    ) {
        let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score) / 4.0).collect();
        let actual: Vec<Class> = rows.iter().map(|(_, inside)| Class::at(usize::from(*inside))).collect();
        let turned = scores.iter().map(|score| 1.0 - score).collect();
        let area = roc_auc(&[scores], &actual, CurveAveraging::Macro);
        let other = roc_auc(&[turned], &actual, CurveAveraging::Macro);
        match (area, other) {
            (Ok(area), Ok(other)) => prop_assert!((area + other - 1.0).abs() < 1e-12),
            (area, other) => prop_assert_eq!(area, other),
        }
    }

    #[test]
    fn weighted_kappas_of_two_classes_are_the_plain_one(
        rows in prop::collection::vec((0_usize..2, 0_usize..2), 2..40)
    ) {
        let (predicted, actual): (Vec<usize>, Vec<usize>) = rows.into_iter().unzip();
        let (predicted, actual) = (classes(&predicted), classes(&actual));
        let tally = Tally::count(&predicted, &actual, 2).unwrap();
        let plain = cohen_kappa(&tally);
        prop_assert_eq!(quadratic_weighted_kappa(&tally, &predicted, &actual), plain);
        prop_assert_eq!(linear_weighted_kappa(&tally, &predicted, &actual), plain);
    }
}
