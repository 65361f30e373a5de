//! What a competition is: the checked content of its `competition.toml`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cost::{Amount, Unit};
use super::limits::Limits;
pub use super::metric::{Average, Direction, KappaWeights, Metric, MetricSpec, Parameter};
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

    /// The most rows that a model is given at once.
    pub fn most_rows(&self) -> u32 {
        match self.measuring.scenario {
            Scenario::Offline => self.entries.most_rows(),
            Scenario::SingleStream => 1,
        }
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
    /// The column that is predicted; empty where there are `targets`.
    #[serde(default)]
    pub target: String,
    /// For values: several columns that are predicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// For labels and probabilities: the class list, in the order of a model's class axis.
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

impl Task {
    /// The columns of right answers, in a solution and in training data.
    pub fn targets(&self) -> &[String] {
        match self.targets.as_slice() {
            [] => std::slice::from_ref(&self.target),
            targets => targets,
        }
    }

    /// What the harness calls the columns of predictions: one alone has a name of its own, because a
    /// target's could be that of the row ids.
    pub fn harness_columns(&self) -> Vec<&str> {
        match self.predicted_columns() {
            [_] => vec!["prediction"],
            columns => columns.iter().map(String::as_str).collect(),
        }
    }

    /// The columns of predictions, beside the row ids: the targets, or for probabilities one for each
    /// of three and more classes; of two classes the target has the second one's.
    pub fn predicted_columns(&self) -> &[String] {
        match self.kind {
            TaskKind::Probability if self.classes.len() > 2 => &self.classes,
            TaskKind::Probability
            | TaskKind::Label
            | TaskKind::Value
            | TaskKind::List
            | TaskKind::Text => self.targets(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// One of the classes for each row.
    Label,
    /// One finite number for each row and target.
    Value,
    /// How likely each class is, for each row.
    Probability,
    /// Ids for each row, the best guess first, separated by spaces.
    List,
    /// A text for each row.
    Text,
}

impl TaskKind {
    pub const ALL: [TaskKind; 5] = [
        TaskKind::Label,
        TaskKind::Value,
        TaskKind::Probability,
        TaskKind::List,
        TaskKind::Text,
    ];

    /// As it is written in a `competition.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskKind::Label => "label",
            TaskKind::Value => "value",
            TaskKind::Probability => "probability",
            TaskKind::List => "list",
            TaskKind::Text => "text",
        }
    }

    /// Whether its answers are of the competition's classes.
    pub fn has_classes(self) -> bool {
        match self {
            TaskKind::Label | TaskKind::Probability => true,
            TaskKind::Value | TaskKind::List | TaskKind::Text => false,
        }
    }
}

/// What may be uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntryRules {
    pub kinds: Vec<EntryKind>,
    /// The largest upload.
    pub max_size_mib: u64,
    /// Rows a model is given at once, unless its manifest asks for another number.
    pub batch_size: u32,
    /// The most that a manifest may ask for.
    pub max_batch_size: Option<u32>,
}

impl Default for EntryRules {
    fn default() -> EntryRules {
        EntryRules {
            kinds: vec![EntryKind::Onnx],
            max_size_mib: 100,
            batch_size: 32,
            max_batch_size: None,
        }
    }
}

impl EntryRules {
    pub fn max_size(&self) -> Bytes {
        Bytes::from_mib(self.max_size_mib)
    }

    fn most_rows(&self) -> u32 {
        const DEFAULT: u32 = 1024;
        (self.max_batch_size.unwrap_or(DEFAULT)).max(self.batch_size)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// One self-contained `.onnx` file, run by our harness.
    Onnx,
    /// One `.tflite` file, run by our harness.
    Tflite,
    /// A zip with `predict.py`, whose function our harness calls batch by batch.
    Predict,
    /// A zip with `main.py`, run as a process from start to exit.
    Script,
}

impl EntryKind {
    /// Whether our harness drives it, so that start-up and inference are told apart.
    pub fn is_driven_by_harness(self) -> bool {
        match self {
            EntryKind::Onnx | EntryKind::Tflite | EntryKind::Predict => true,
            EntryKind::Script => false,
        }
    }

    /// Whether it is a model file, which is fed with arrays.
    pub fn is_model(self) -> bool {
        match self {
            EntryKind::Onnx | EntryKind::Tflite => true,
            EntryKind::Predict | EntryKind::Script => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            EntryKind::Onnx => "onnx",
            EntryKind::Tflite => "tflite",
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
    /// Gross joules, as far as the machine's meters reach.
    Energy,
}

impl Cost {
    pub fn unit(self) -> Unit {
        match self {
            Cost::Cpu | Cost::Time => Unit::Seconds,
            Cost::Energy => Unit::Joules,
        }
    }

    /// So much of it, in its unit.
    pub fn amount(self, value: f64) -> Amount {
        Amount {
            value,
            unit: self.unit(),
        }
    }
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
