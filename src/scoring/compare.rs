//! Leads from a competition's rules to the function of its metric.

use super::metrics::{
    Averaging, CurveAveraging, Tally, Undefined, accuracy, average_precision, balanced_accuracy,
    brier_score, cohen_kappa, f_beta, jaccard, linear_weighted_kappa, log_loss, mae, mape,
    matthews_correlation, mean_average_precision, mean_levenshtein, mean_ndcg, mean_pinball_loss,
    mean_word_jaccard, pearson, precision, quadratic_weighted_kappa, r_squared, recall, rmse,
    rmsle, roc_auc, spearman,
};
use crate::domain::answers::{Answers, Class};
use crate::domain::competition::{Average, CompetitionSpec, KappaWeights, Metric};

/// Why predictions cannot be compared with answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomparable {
    /// They were not read by this competition's rules.
    Kinds,
    /// By the host's own metric, which runs behind walls.
    Elsewhere,
    Undefined(Undefined),
}

impl From<Undefined> for Incomparable {
    fn from(undefined: Undefined) -> Incomparable {
        Incomparable::Undefined(undefined)
    }
}

/// The figure by which a competition compares the predictions of some rows with their right answers,
/// of which there are as many.
pub fn compare(
    spec: &CompetitionSpec,
    predicted: &Answers,
    actual: &Answers,
) -> Result<f64, Incomparable> {
    let pair = Pair {
        spec,
        predicted,
        actual,
    };
    let averaging = averaging(spec);
    let score = match spec.metric.name {
        Metric::Accuracy => accuracy(&pair.tally()?),
        Metric::BalancedAccuracy => balanced_accuracy(&pair.tally()?),
        Metric::F1 => f_beta(&pair.tally()?, 1.0, averaging),
        Metric::FBeta => f_beta(&pair.tally()?, spec.metric.beta.unwrap_or(1.0), averaging),
        Metric::Precision => precision(&pair.tally()?, averaging),
        Metric::Recall => recall(&pair.tally()?, averaging),
        Metric::Jaccard => jaccard(&pair.tally()?, averaging),
        Metric::Mcc => matthews_correlation(&pair.tally()?),
        Metric::CohenKappa => {
            let (predicted, actual) = pair.labels()?;
            match spec.metric.weights {
                Some(KappaWeights::Linear) => {
                    linear_weighted_kappa(&pair.tally()?, predicted, actual)
                }
                Some(KappaWeights::None) | None => cohen_kappa(&pair.tally()?),
            }
        }
        Metric::QuadraticWeightedKappa => {
            let (predicted, actual) = pair.labels()?;
            quadratic_weighted_kappa(&pair.tally()?, predicted, actual)
        }
        Metric::LogLoss => {
            let (columns, actual) = pair.probabilities()?;
            log_loss(columns, actual)
        }
        Metric::Brier => {
            let (columns, actual) = pair.probabilities()?;
            brier_score(columns, actual)
        }
        Metric::RocAuc => {
            let (columns, actual) = pair.probabilities()?;
            roc_auc(columns, actual, curve_averaging(spec))
        }
        Metric::AveragePrecision => {
            let (columns, actual) = pair.probabilities()?;
            average_precision(columns, actual, curve_averaging(spec))
        }
        Metric::Rmse | Metric::Mcrmse => pair.each_target(rmse)?,
        Metric::Mae => pair.each_target(mae)?,
        Metric::Rmsle => pair.each_target(rmsle)?,
        Metric::Mape => pair.each_target(mape)?,
        Metric::R2 => pair.each_target(r_squared)?,
        Metric::Pinball => {
            let alpha = spec.metric.alpha.unwrap_or(0.5);
            pair.each_target(|predicted, actual| mean_pinball_loss(predicted, actual, alpha))?
        }
        Metric::Pearson => pair.each_target(pearson)?,
        Metric::Spearman => pair.each_target(spearman)?,
        Metric::MapAtK => {
            let (predicted, actual) = pair.lists()?;
            mean_average_precision(&predicted, &actual, k(spec))
        }
        Metric::NdcgAtK => {
            let (predicted, actual) = pair.lists()?;
            mean_ndcg(&predicted, &actual, k(spec))
        }
        Metric::Levenshtein => {
            let (predicted, actual) = pair.texts()?;
            mean_levenshtein(&predicted, &actual)
        }
        Metric::WordJaccard => {
            let (predicted, actual) = pair.texts()?;
            mean_word_jaccard(&predicted, &actual)
        }
        Metric::Custom => return Err(Incomparable::Elsewhere),
    };
    Ok(score?)
}

/// By default that of the positive one of two classes, and the mean over more than two.
fn averaging(spec: &CompetitionSpec) -> Averaging {
    if let Some(class) = spec.metric.positive_class(&spec.task) {
        return Averaging::Binary(class);
    }
    match spec.metric.average {
        Some(Average::Micro) => Averaging::Micro,
        Some(Average::Weighted) => Averaging::Weighted,
        Some(Average::Macro | Average::Binary) | None => Averaging::Macro,
    }
}

fn curve_averaging(spec: &CompetitionSpec) -> CurveAveraging {
    match spec.metric.average {
        Some(Average::Micro) => CurveAveraging::Micro,
        Some(Average::Weighted) => CurveAveraging::Weighted,
        Some(Average::Macro | Average::Binary) | None => CurveAveraging::Macro,
    }
}

fn k(spec: &CompetitionSpec) -> usize {
    spec.metric.k.map_or(usize::MAX, |k| k as usize)
}

/// Predictions and right answers of the same rows, by the kind that a metric needs.
#[derive(Clone, Copy)]
struct Pair<'a> {
    spec: &'a CompetitionSpec,
    predicted: &'a Answers,
    actual: &'a Answers,
}

type Texts<'a> = (Vec<&'a str>, Vec<&'a str>);

impl<'a> Pair<'a> {
    fn labels(self) -> Result<(&'a [Class], &'a [Class]), Incomparable> {
        match (self.predicted, self.actual) {
            (Answers::Labels(predicted), Answers::Labels(actual)) => Ok((predicted, actual)),
            _ => Err(Incomparable::Kinds),
        }
    }

    fn tally(self) -> Result<Tally, Incomparable> {
        let (predicted, actual) = self.labels()?;
        Ok(Tally::count(
            predicted,
            actual,
            self.spec.task.classes.len(),
        )?)
    }

    fn probabilities(self) -> Result<(&'a [Vec<f64>], &'a [Class]), Incomparable> {
        match (self.predicted, self.actual) {
            (Answers::Probabilities(columns), Answers::Labels(actual)) => Ok((columns, actual)),
            _ => Err(Incomparable::Kinds),
        }
    }

    /// The mean of a metric over the targets.
    fn each_target(
        self,
        metric: impl Fn(&[f64], &[f64]) -> Result<f64, Undefined>,
    ) -> Result<Result<f64, Undefined>, Incomparable> {
        let (Answers::Values(predicted), Answers::Values(actual)) = (self.predicted, self.actual)
        else {
            return Err(Incomparable::Kinds);
        };
        if predicted.len() != actual.len() || actual.is_empty() {
            return Err(Incomparable::Kinds);
        }
        let figures = predicted.iter().zip(actual).map(|(p, a)| metric(p, a));
        let sum: Result<f64, Undefined> = figures.sum();
        Ok(sum.map(|sum| sum / actual.len() as f64))
    }

    fn lists(self) -> Result<Texts<'a>, Incomparable> {
        match (self.predicted, self.actual) {
            (Answers::Lists(predicted), Answers::Lists(actual)) => Ok(slices(predicted, actual)),
            _ => Err(Incomparable::Kinds),
        }
    }

    fn texts(self) -> Result<Texts<'a>, Incomparable> {
        match (self.predicted, self.actual) {
            (Answers::Texts(predicted), Answers::Texts(actual)) => Ok(slices(predicted, actual)),
            _ => Err(Incomparable::Kinds),
        }
    }
}

fn slices<'a>(predicted: &'a [String], actual: &'a [String]) -> Texts<'a> {
    let slices = |texts: &'a [String]| texts.iter().map(String::as_str).collect();
    (slices(predicted), slices(actual))
}
