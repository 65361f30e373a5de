//! What a competition is: the checked content of its `competition.toml`.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::slug::Slug;
use super::units::Bytes;

/// A competition's rules, as its host wrote them and `competitions` checked them, unknown keys
/// included. They are kept whole in the database, so a field added later needs a default, and one
/// that is gone is passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompetitionSpec {
    pub slug: Slug,
    pub title: String,
    /// One sentence for lists.
    pub summary: String,
    pub opens_at: DateTime<Utc>,
    /// After this instant submissions are refused. Without it the competition stays open.
    #[serde(default)]
    pub closes_at: Option<DateTime<Utc>>,
    /// Submissions a team may make a UTC day; refunded ones do not count.
    #[serde(default = "default_daily_limit")]
    pub daily_limit: u32,
    /// Said on every page of a competition whose answers are public.
    #[serde(default)]
    pub demo: bool,
    pub task: Task,
    pub metric: MetricSpec,
    #[serde(default)]
    pub entries: EntryRules,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub measuring: Measuring,
    #[serde(default)]
    pub efficiency: EfficiencySpec,
    /// Example entries, submitted when the competition is created. Exactly one is the reference.
    pub starter: Vec<Starter>,
}

impl CompetitionSpec {
    /// Whether it takes submissions at this instant.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at <= now && self.closes_at.is_none_or(|closes_at| now < closes_at)
    }
}

fn default_daily_limit() -> u32 {
    5
}

/// What is predicted, and where the bundle keeps the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub kind: TaskKind,
    /// The column of row ids, in every table.
    #[serde(default = "default_id")]
    pub id: String,
    /// The column that is predicted.
    pub target: String,
    /// For label tasks: the class list, in the order of a model's class axis.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The hidden test inputs.
    #[serde(default = "default_test")]
    pub test: String,
    /// Row id, target, and Usage = Public | Private.
    #[serde(default = "default_solution")]
    pub solution: String,
    /// Public rows of the same columns as the test inputs, for the smoke run.
    #[serde(default = "default_sample")]
    pub sample: String,
    /// A whole submission with any predictions, which shows participants the row ids.
    #[serde(default = "default_sample_submission")]
    pub sample_submission: String,
}

fn default_id() -> String {
    "id".to_owned()
}

fn default_test() -> String {
    "hidden/test.csv".to_owned()
}

fn default_solution() -> String {
    "hidden/solution.csv".to_owned()
}

fn default_sample() -> String {
    "data/sample_test.csv".to_owned()
}

fn default_sample_submission() -> String {
    "data/sample_submission.csv".to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// One of the classes for each row.
    Label,
    /// One finite number for each row.
    Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSpec {
    pub name: Metric,
    /// The naive score b that anchors the efficiency formula: quality 0.
    pub benchmark: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Accuracy,
    Rmsle,
}

impl Metric {
    pub fn direction(self) -> Direction {
        match self {
            Metric::Accuracy => Direction::HigherIsBetter,
            Metric::Rmsle => Direction::LowerIsBetter,
        }
    }

    /// The score that none can be better than.
    pub fn perfect(self) -> f64 {
        match self {
            Metric::Accuracy => 1.0,
            Metric::Rmsle => 0.0,
        }
    }

    /// The kind of prediction it compares.
    pub fn task_kind(self) -> TaskKind {
        match self {
            Metric::Accuracy => TaskKind::Label,
            Metric::Rmsle => TaskKind::Value,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Metric::Accuracy => "accuracy",
            Metric::Rmsle => "RMSLE",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    HigherIsBetter,
    LowerIsBetter,
}

/// What may be uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntryRules {
    pub kinds: Vec<EntryKind>,
    /// The largest upload.
    pub max_size_mib: u64,
    /// Rows a model is given at once.
    pub batch_size: u32,
}

impl Default for EntryRules {
    fn default() -> EntryRules {
        EntryRules {
            kinds: vec![EntryKind::Onnx],
            max_size_mib: 100,
            batch_size: 32,
        }
    }
}

impl EntryRules {
    pub fn max_size(&self) -> Bytes {
        Bytes::from_mib(self.max_size_mib)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// One self-contained `.onnx` file, run by our harness.
    Onnx,
    /// A zip with `predict.py`, whose function our harness calls batch by batch.
    Predict,
    /// A zip with `main.py`, run as a process from start to exit.
    Script,
}

impl EntryKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EntryKind::Onnx => "onnx",
            EntryKind::Predict => "predict",
            EntryKind::Script => "script",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measuring {
    pub profile: Profile,
    pub window: Window,
    pub scenario: Scenario,
    /// Whether an idle runner measures again what stands on the board.
    pub deepen: bool,
}

impl Default for Measuring {
    fn default() -> Measuring {
        Measuring {
            profile: Profile::default(),
            window: Window::default(),
            scenario: Scenario::default(),
            deepen: true,
        }
    }
}

/// How much is measured for one rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// One warm-up and three trials: a figure at once, and no rank range.
    #[default]
    Quick,
    /// Trials until the cost is known well enough. An idle runner makes them; nothing begins with
    /// this profile.
    Standard,
}

impl Profile {
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Standard => "standard",
        }
    }
}

/// The stretch of time that is ranked. Both are always recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// First input handed over to last prediction computed, per pass over the test inputs.
    #[default]
    Inference,
    /// Process start to exit.
    Total,
}

/// How many rows an entry is given at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// A batch, as where all requests lie ready.
    #[default]
    Offline,
    /// One, as where each request waits for its answer.
    SingleStream,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EfficiencySpec {
    pub form: Form,
    pub cost: Cost,
    /// δ: the score points the host would give up to halve the reference entry's cost.
    /// By default 1 % of |S* − b|.
    pub halving_cost_is_worth: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// (1 − q) + C/C_scale, lower is better.
    #[default]
    Norm,
}

/// What a pass over the test inputs costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// CPU seconds of the sandbox's control group; holds on a busy host.
    #[default]
    Cpu,
    /// Wall seconds.
    Time,
}

/// An example entry that comes with the bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Starter {
    /// Where the file lies in the bundle.
    pub file: String,
    /// The team it is entered for.
    pub team: String,
    #[serde(default)]
    pub description: String,
    /// The host's most accurate entry: its score is S*, its cost C_ref.
    #[serde(default)]
    pub reference: bool,
    /// Whether everybody may download it. A host's best model stays private.
    #[serde(default)]
    pub public: bool,
}
