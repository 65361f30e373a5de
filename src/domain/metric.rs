//! The metrics that predictions can be scored by, and what a host chooses of them. What each is
//! computed from is told in `scoring`.

mod facts;
mod known;
mod needs;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use facts::Facts;
pub use known::Metric;

use super::answers::Class;
use super::competition::Task;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSpec {
    pub name: Metric,
    /// The naive score b that anchors the efficiency formula: quality 0.
    pub benchmark: f64,
    /// How figures of several classes become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
    /// How much more recall weighs than precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The class that is looked for, of two; the second one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// How many ids of a list count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<KappaWeights>,
    /// The quantile that is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Which scores are better, where the metric is the host's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What the host's own metric is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the host's own metric is called with, by the names of its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// Wall time of a run of the host's own metric; without it, [`MetricSpec::TIME_S`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_s: Option<u32>,
}

impl MetricSpec {
    /// Where a bundle keeps the host's own metric.
    pub const FILE: &str = "metric.py";

    /// How long it may take for all three of its scores.
    pub const TIME_S: u32 = 120;

    pub fn time(&self) -> Duration {
        Duration::from_secs(self.time_s.unwrap_or(MetricSpec::TIME_S).into())
    }

    /// Which scores are better. Of the host's own metric the rules say it, or no competition is made
    /// of them.
    pub fn direction(&self) -> Direction {
        (self.name.direction())
            .or(self.direction)
            .unwrap_or(Direction::HigherIsBetter)
    }

    /// Whether it is the host's own.
    pub fn is_custom(&self) -> bool {
        self.name == Metric::Custom
    }

    /// The class that is looked for, where the figure is that of one class alone.
    pub fn positive_class(&self, task: &Task) -> Option<Class> {
        let is_binary = match self.average {
            Some(Average::Binary) => true,
            Some(Average::Macro | Average::Micro | Average::Weighted) => false,
            None => task.classes.len() == 2,
        };
        let takes = |parameter| {
            self.name
                .parameters()
                .iter()
                .any(|(found, _)| *found == parameter)
        };
        (is_binary && takes(Parameter::Positive)).then(|| {
            let place = |name| task.classes.iter().position(|class| class == name);
            Class::at(self.positive.as_ref().and_then(place).unwrap_or(1))
        })
    }

    /// Whether a parameter stands in the rules.
    pub fn has(&self, parameter: Parameter) -> bool {
        match parameter {
            Parameter::Average => self.average.is_some(),
            Parameter::Beta => self.beta.is_some(),
            Parameter::Positive => self.positive.is_some(),
            Parameter::K => self.k.is_some(),
            Parameter::Weights => self.weights.is_some(),
            Parameter::Alpha => self.alpha.is_some(),
        }
    }
}

/// With its parameters: "F1 (macro)", "MAP@5".
impl fmt::Display for MetricSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(title) = &self.title {
            return f.write_str(title);
        }
        match (self.name, self.k, self.beta, self.alpha, self.weights) {
            (Metric::MapAtK, Some(k), ..) => write!(f, "MAP@{k}")?,
            (Metric::NdcgAtK, Some(k), ..) => write!(f, "NDCG@{k}")?,
            (Metric::FBeta, _, Some(beta), ..) => write!(f, "F{beta}")?,
            (Metric::Pinball, _, _, Some(alpha), _) => write!(f, "pinball loss at {alpha}")?,
            (Metric::CohenKappa, .., Some(KappaWeights::Linear)) => {
                f.write_str("linearly weighted κ")?;
            }
            (name, ..) => name.fmt(f)?,
        }
        match (self.average, &self.positive) {
            (_, Some(positive)) => write!(f, " of {positive}"),
            (Some(average), None) => write!(f, " ({})", average.as_str()),
            (None, None) => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    #[serde(alias = "maximize")]
    HigherIsBetter,
    #[serde(alias = "minimize")]
    LowerIsBetter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// That of the positive class alone, of two.
    Binary,
    /// The mean over the classes.
    Macro,
    /// The figure of all classes' counts together.
    Micro,
    /// The mean over the classes, each with the weight of its right answers.
    Weighted,
}

impl Average {
    pub fn as_str(self) -> &'static str {
        match self {
            Average::Binary => "binary",
            Average::Macro => "macro",
            Average::Micro => "micro",
            Average::Weighted => "weighted",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KappaWeights {
    /// A wrong class is a wrong class.
    None,
    /// The further it is in the list of classes, the worse.
    Linear,
}

/// What a metric may be told beside its name; a key of `[metric]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    Average,
    Beta,
    Positive,
    K,
    Weights,
    Alpha,
}

impl Parameter {
    pub const ALL: [Parameter; 6] = [
        Parameter::Average,
        Parameter::Beta,
        Parameter::Positive,
        Parameter::K,
        Parameter::Weights,
        Parameter::Alpha,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Parameter::Average => "average",
            Parameter::Beta => "beta",
            Parameter::Positive => "positive",
            Parameter::K => "k",
            Parameter::Weights => "weights",
            Parameter::Alpha => "alpha",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_named_with_what_it_was_told() {
        for (written, shown) in [
            (r#"{"name":"accuracy","benchmark":0}"#, "accuracy"),
            (
                r#"{"name":"f1","benchmark":0,"average":"macro"}"#,
                "F1 (macro)",
            ),
            (
                r#"{"name":"recall","benchmark":0,"positive":"ill"}"#,
                "recall of ill",
            ),
            (r#"{"name":"fbeta","benchmark":0,"beta":0.5}"#, "F0.5"),
            (r#"{"name":"custom","benchmark":0,"title":"wit"}"#, "wit"),
            (r#"{"name":"custom","benchmark":0}"#, "the host’s metric"),
            (r#"{"name":"map_at_k","benchmark":0,"k":5}"#, "MAP@5"),
            (
                r#"{"name":"pinball","benchmark":1,"alpha":0.9}"#,
                "pinball loss at 0.9",
            ),
        ] {
            let spec: MetricSpec = serde_json::from_str(written).unwrap();
            assert_eq!(spec.to_string(), shown);
        }
    }

    #[test]
    fn every_metric_is_listed_and_written_as_it_is_read() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, place, "{metric}");
            let written = serde_json::to_value(metric).unwrap();
            assert_eq!(written, metric.as_str());
        }
    }

    #[test]
    fn what_was_stored_before_there_were_parameters_is_read_and_written_alike() {
        let stored = r#"{"name":"rmsle","benchmark":1.0}"#;
        let spec: MetricSpec = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), stored);
        assert!(
            Parameter::ALL
                .into_iter()
                .all(|parameter| !spec.has(parameter))
        );
    }
}
