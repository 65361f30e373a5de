//! Every metric that can be named, and what is true of it whatever the competition.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Direction, Parameter};
use crate::domain::competition::TaskKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Accuracy,
    BalancedAccuracy,
    F1,
    #[serde(rename = "fbeta")]
    FBeta,
    Precision,
    Recall,
    Jaccard,
    Mcc,
    CohenKappa,
    QuadraticWeightedKappa,
    LogLoss,
    Brier,
    RocAuc,
    AveragePrecision,
    Rmse,
    Mae,
    Rmsle,
    Mape,
    R2,
    Mcrmse,
    Pinball,
    Pearson,
    Spearman,
    MapAtK,
    NdcgAtK,
    Levenshtein,
    WordJaccard,
    /// The host's own, a file of the bundle.
    Custom,
}

impl Metric {
    /// The built-in ones.
    pub const ALL: [Metric; 27] = [
        Metric::Accuracy,
        Metric::BalancedAccuracy,
        Metric::F1,
        Metric::FBeta,
        Metric::Precision,
        Metric::Recall,
        Metric::Jaccard,
        Metric::Mcc,
        Metric::CohenKappa,
        Metric::QuadraticWeightedKappa,
        Metric::LogLoss,
        Metric::Brier,
        Metric::RocAuc,
        Metric::AveragePrecision,
        Metric::Rmse,
        Metric::Mae,
        Metric::Rmsle,
        Metric::Mape,
        Metric::R2,
        Metric::Mcrmse,
        Metric::Pinball,
        Metric::Pearson,
        Metric::Spearman,
        Metric::MapAtK,
        Metric::NdcgAtK,
        Metric::Levenshtein,
        Metric::WordJaccard,
    ];

    /// As it is written in a `competition.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced_accuracy",
            Metric::F1 => "f1",
            Metric::FBeta => "fbeta",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::Jaccard => "jaccard",
            Metric::Mcc => "mcc",
            Metric::CohenKappa => "cohen_kappa",
            Metric::QuadraticWeightedKappa => "quadratic_weighted_kappa",
            Metric::LogLoss => "log_loss",
            Metric::Brier => "brier",
            Metric::RocAuc => "roc_auc",
            Metric::AveragePrecision => "average_precision",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::Rmsle => "rmsle",
            Metric::Mape => "mape",
            Metric::R2 => "r2",
            Metric::Mcrmse => "mcrmse",
            Metric::Pinball => "pinball",
            Metric::Pearson => "pearson",
            Metric::Spearman => "spearman",
            Metric::MapAtK => "map_at_k",
            Metric::NdcgAtK => "ndcg_at_k",
            Metric::Levenshtein => "levenshtein",
            Metric::WordJaccard => "word_jaccard",
            Metric::Custom => "custom",
        }
    }

    /// Which scores are better, where the rules need not say it.
    pub fn direction(self) -> Option<Direction> {
        match self {
            Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::F1
            | Metric::FBeta
            | Metric::Precision
            | Metric::Recall
            | Metric::Jaccard
            | Metric::Mcc
            | Metric::CohenKappa
            | Metric::QuadraticWeightedKappa
            | Metric::RocAuc
            | Metric::AveragePrecision
            | Metric::R2
            | Metric::Pearson
            | Metric::Spearman
            | Metric::MapAtK
            | Metric::NdcgAtK
            | Metric::WordJaccard => Some(Direction::HigherIsBetter),
            Metric::LogLoss
            | Metric::Brier
            | Metric::Rmse
            | Metric::Mae
            | Metric::Rmsle
            | Metric::Mape
            | Metric::Mcrmse
            | Metric::Pinball
            | Metric::Levenshtein => Some(Direction::LowerIsBetter),
            Metric::Custom => None,
        }
    }

    /// The score that none can be better than, where it is known.
    pub fn perfect(self) -> Option<f64> {
        self.direction().map(|direction| match direction {
            Direction::HigherIsBetter => 1.0,
            Direction::LowerIsBetter => 0.0,
        })
    }

    /// The score that none can be worse than, where there is one whatever the task.
    pub fn worst(self) -> Option<f64> {
        match self {
            Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::F1
            | Metric::FBeta
            | Metric::Precision
            | Metric::Recall
            | Metric::Jaccard
            | Metric::RocAuc
            | Metric::AveragePrecision
            | Metric::MapAtK
            | Metric::NdcgAtK
            | Metric::WordJaccard => Some(0.0),
            Metric::Mcc | Metric::Pearson | Metric::Spearman => Some(-1.0),
            Metric::CohenKappa
            | Metric::QuadraticWeightedKappa
            | Metric::R2
            | Metric::LogLoss
            | Metric::Brier
            | Metric::Rmse
            | Metric::Mae
            | Metric::Rmsle
            | Metric::Mape
            | Metric::Mcrmse
            | Metric::Pinball
            | Metric::Levenshtein
            | Metric::Custom => None,
        }
    }

    /// Whether its scores are, or may be, in the unit of the target, so that their size says nothing.
    pub fn has_unit(self) -> bool {
        match self {
            Metric::Rmse
            | Metric::Mae
            | Metric::Mcrmse
            | Metric::Pinball
            | Metric::Levenshtein
            | Metric::Custom => true,
            Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::F1
            | Metric::FBeta
            | Metric::Precision
            | Metric::Recall
            | Metric::Jaccard
            | Metric::Mcc
            | Metric::CohenKappa
            | Metric::QuadraticWeightedKappa
            | Metric::LogLoss
            | Metric::Brier
            | Metric::RocAuc
            | Metric::AveragePrecision
            | Metric::Rmsle
            | Metric::Mape
            | Metric::R2
            | Metric::Pearson
            | Metric::Spearman
            | Metric::MapAtK
            | Metric::NdcgAtK
            | Metric::WordJaccard => false,
        }
    }

    /// Whether it is only defined for numbers of 0 and more.
    pub fn needs_positive(self) -> bool {
        self == Metric::Rmsle
    }

    /// Whether it is not defined for right answers that are all the same number.
    pub fn needs_differences(self) -> bool {
        matches!(self, Metric::R2 | Metric::Pearson | Metric::Spearman)
    }

    /// Whether it compares several targets at once: its score is the mean of theirs.
    pub fn takes_several_targets(self) -> bool {
        self.compares(TaskKind::Value)
    }

    /// Whether it compares predictions of this kind.
    pub fn compares(self, kind: TaskKind) -> bool {
        self.task_kind().is_none_or(|compared| compared == kind)
    }

    /// The only kind of prediction it compares; `None` if it takes any.
    pub fn task_kind(self) -> Option<TaskKind> {
        match self {
            Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::F1
            | Metric::FBeta
            | Metric::Precision
            | Metric::Recall
            | Metric::Jaccard
            | Metric::Mcc
            | Metric::CohenKappa
            | Metric::QuadraticWeightedKappa => Some(TaskKind::Label),
            Metric::LogLoss | Metric::Brier | Metric::RocAuc | Metric::AveragePrecision => {
                Some(TaskKind::Probability)
            }
            Metric::Rmse
            | Metric::Mae
            | Metric::Rmsle
            | Metric::Mape
            | Metric::R2
            | Metric::Mcrmse
            | Metric::Pinball
            | Metric::Pearson
            | Metric::Spearman => Some(TaskKind::Value),
            Metric::MapAtK | Metric::NdcgAtK => Some(TaskKind::List),
            Metric::Levenshtein | Metric::WordJaccard => Some(TaskKind::Text),
            Metric::Custom => None,
        }
    }

    /// What it may be told, and whether it must be.
    pub fn parameters(self) -> &'static [(Parameter, bool)] {
        match self {
            Metric::F1 | Metric::Precision | Metric::Recall | Metric::Jaccard => {
                &[(Parameter::Average, false), (Parameter::Positive, false)]
            }
            Metric::FBeta => &[
                (Parameter::Beta, true),
                (Parameter::Average, false),
                (Parameter::Positive, false),
            ],
            Metric::RocAuc | Metric::AveragePrecision => &[(Parameter::Average, false)],
            Metric::CohenKappa => &[(Parameter::Weights, false)],
            Metric::Pinball => &[(Parameter::Alpha, true)],
            Metric::MapAtK | Metric::NdcgAtK => &[(Parameter::K, true)],
            Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::Mcc
            | Metric::QuadraticWeightedKappa
            | Metric::LogLoss
            | Metric::Brier
            | Metric::Rmse
            | Metric::Mae
            | Metric::Rmsle
            | Metric::Mape
            | Metric::R2
            | Metric::Mcrmse
            | Metric::Pearson
            | Metric::Spearman
            | Metric::Levenshtein
            | Metric::WordJaccard
            | Metric::Custom => &[],
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced accuracy",
            Metric::F1 => "F1",
            Metric::FBeta => "Fβ",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::Jaccard => "Jaccard index",
            Metric::Mcc => "MCC",
            Metric::CohenKappa => "Cohen’s κ",
            Metric::QuadraticWeightedKappa => "quadratic weighted κ",
            Metric::LogLoss => "log loss",
            Metric::Brier => "Brier score",
            Metric::RocAuc => "ROC AUC",
            Metric::AveragePrecision => "average precision",
            Metric::Rmse => "RMSE",
            Metric::Mae => "MAE",
            Metric::Rmsle => "RMSLE",
            Metric::Mape => "MAPE",
            Metric::R2 => "R²",
            Metric::Mcrmse => "MCRMSE",
            Metric::Pinball => "pinball loss",
            Metric::Pearson => "Pearson’s r",
            Metric::Spearman => "Spearman’s ρ",
            Metric::MapAtK => "MAP@k",
            Metric::NdcgAtK => "NDCG@k",
            Metric::Levenshtein => "Levenshtein distance",
            Metric::WordJaccard => "word Jaccard",
            Metric::Custom => "the host’s metric",
        })
    }
}
