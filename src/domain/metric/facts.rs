//! What people are told of each metric; `docs/metrics.md` is made of it.

use super::Metric;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What it says, in a sentence without an end.
    pub meaning: &'static str,
    /// From the worst score to the perfect one.
    pub range: &'static str,
    /// What constant predictions score, and what happens where the definition has a gap.
    pub edges: &'static str,
    /// The function whose scores it has.
    pub source: &'static str,
}

impl Metric {
    pub fn facts(self) -> Facts {
        let (meaning, range, edges, source) = match self {
            Metric::Accuracy => (
                "the share of rows whose label is right",
                "0 to 1",
                "",
                "sklearn `accuracy_score`",
            ),
            Metric::BalancedAccuracy => (
                "the mean share of each class that is found",
                "0 to 1",
                "Classes that are not among a split's answers are left out. A constant prediction has 1 / \
                 classes",
                "sklearn `balanced_accuracy_score`",
            ),
            Metric::F1 => (
                "the harmonic mean of precision and recall",
                "0 to 1",
                CLASS_FIGURES,
                "sklearn `f1_score`, `zero_division=0`",
            ),
            Metric::FBeta => (
                "the same, where recall weighs `beta` times as much",
                "0 to 1",
                CLASS_FIGURES,
                "sklearn `fbeta_score`, `zero_division=0`",
            ),
            Metric::Precision => (
                "the share of a class's predictions that is right",
                "0 to 1",
                CLASS_FIGURES,
                "sklearn `precision_score`, `zero_division=0`",
            ),
            Metric::Recall => (
                "the share of a class that is found",
                "0 to 1",
                CLASS_FIGURES,
                "sklearn `recall_score`, `zero_division=0`",
            ),
            Metric::Jaccard => (
                "the rows of a class that were found, of those that are in it or were said to be",
                "0 to 1",
                CLASS_FIGURES,
                "sklearn `jaccard_score`, `zero_division=0`",
            ),
            Metric::Mcc => (
                "Matthews' correlation of labels",
                "−1 to 1",
                "Constant predictions have 0. Each split needs answers of two classes",
                "sklearn `matthews_corrcoef`",
            ),
            Metric::CohenKappa => (
                "agreement beyond that of chance; with `weights = \"linear\"` classes further away in the list \
                 are worse",
                "at most 1",
                "Constant predictions have 0. Each split needs answers of two classes",
                "sklearn `cohen_kappa_score`",
            ),
            Metric::QuadraticWeightedKappa => (
                "agreement beyond that of chance, where a wrong class weighs by the square of its distance in \
                 the list",
                "at most 1",
                "Constant predictions have 0. Each split needs answers of two classes",
                "sklearn `cohen_kappa_score(weights=\"quadratic\")`",
            ),
            Metric::LogLoss => (
                "minus the mean logarithm of the right class's probability",
                "36.05 to 0",
                "Probabilities are clipped to 2⁻⁵² and 1 − 2⁻⁵². Rows may add up to 1 ± 0.001 and are taken as \
                 they are",
                "sklearn `log_loss`",
            ),
            Metric::Brier => (
                "the mean squared distance of probabilities from what came true",
                "1 to 0; of three and more classes 2 to 0",
                "Of two classes that of the second one, of more the sum over all",
                "sklearn `brier_score_loss`",
            ),
            Metric::RocAuc => (
                "the chance that a row of the class has a higher probability than one of another",
                "0 to 1",
                CURVES_HALF,
                "sklearn `roc_auc_score`, `multi_class=\"ovr\"`",
            ),
            Metric::AveragePrecision => (
                "the precision at each probability, weighted with the recall that it adds",
                "0 to 1",
                CURVES_SHARE,
                "sklearn `average_precision_score`",
            ),
            Metric::Rmse => (
                "the root of the mean squared error, in the target's unit",
                "0 is perfect",
                "Squares that float64 cannot hold do not overflow or vanish, as they do there",
                "sklearn `root_mean_squared_error`",
            ),
            Metric::Mae => (
                "the mean absolute error, in the target's unit",
                "0 is perfect",
                "",
                "sklearn `mean_absolute_error`",
            ),
            Metric::Rmsle => (
                "the root of the mean squared difference of ln(1 + value)",
                "0 is perfect",
                "Answers and predictions below 0 are refused",
                "sklearn `root_mean_squared_log_error`",
            ),
            Metric::Mape => (
                "the mean absolute error as a share of the answer; 0.1 is 10 %",
                "0 is perfect",
                "An answer nearer to 0 than 2⁻⁵² counts as that much, so that one of 0 outweighs all others: do \
                 not take it for such targets",
                "sklearn `mean_absolute_percentage_error`",
            ),
            Metric::R2 => (
                "the share of the answers' variance that is explained",
                "at most 1",
                "The answers' mean has 0. Each split needs two answers that differ",
                "sklearn `r2_score`",
            ),
            Metric::Mcrmse => (
                "the mean of the RMSE of several targets",
                "0 is perfect",
                "Needs `task.targets`",
                "sklearn `root_mean_squared_error` of several columns",
            ),
            Metric::Pinball => (
                "the loss of the quantile `alpha`: falling short costs `alpha`, going beyond 1 − `alpha`",
                "0 is perfect",
                "",
                "sklearn `mean_pinball_loss`",
            ),
            Metric::Pearson => (
                "whether values rise and fall together in proportion",
                "−1 to 1",
                DIFFERENCES,
                "scipy `stats.pearsonr`",
            ),
            Metric::Spearman => (
                "whether values are in the same order; equal ones share the mean of their ranks",
                "−1 to 1",
                DIFFERENCES,
                "scipy `stats.spearmanr`",
            ),
            Metric::MapAtK => (
                "the mean over the rows of the precision at each right id among the first `k`",
                "0 to 1",
                LISTS,
                "`mapk` of ml_metrics, Kaggle's",
            ),
            Metric::NdcgAtK => (
                "right ids among the first `k`, each worth 1 / log₂(1 + place), as a share of the best order",
                "0 to 1",
                LISTS,
                "sklearn `ndcg_score` with a gain of 1 for each right id",
            ),
            Metric::Levenshtein => (
                "the mean number of characters to insert, delete or replace",
                "0 is perfect",
                "Characters are Unicode's scalar values. An empty text is as far away as the answer is long",
                "Kaggle's mean Levenshtein distance",
            ),
            Metric::WordJaccard => (
                "the mean share of words in common, of those in either text",
                "0 to 1",
                "In lower case, each word once. Two texts without words have 1",
                "`jaccard` of Kaggle's Tweet Sentiment Extraction",
            ),
            Metric::Custom => (
                "what the bundle's `metric.py` computes",
                "its own",
                "See hosting.md",
                "itself",
            ),
        };
        Facts {
            meaning,
            range,
            edges,
            source,
        }
    }
}

const CLASS_FIGURES: &str = "A class that is never predicted, or only predicted, has 0. Averages leave out classes that are neither \
     among a split's answers nor its predictions. For `binary`, each split needs answers of the positive class";
const CURVES_HALF: &str = "Ties count half, so that constant predictions have 0.5. Of two classes that of the \
                           second one; of more each against the rest, and each split needs answers of every \
                           class, but for `micro`";
const CURVES_SHARE: &str = "Constant predictions have the share of the class. Of two classes that of the second \
                            one; of more each against the rest, and each split needs answers of every class, \
                            but for `micro`";
const DIFFERENCES: &str = "Each split needs two answers that differ. Predictions that are all the same fail with \
                           `undefined`: they have no correlation, not one of 0";
const LISTS: &str = "An id that stands there again counts at its first place only; an empty list has 0. Each \
                     answer has an id, and their order does not matter";
