//! Every key that a `competition.toml` may have, with the range of its values. What it means is
//! told at the field of the same name in `domain::competition`.

use crate::domain::competition::{Metric, TaskKind};

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One line of text of at most so many characters.
    Text {
        chars_max: usize,
        may_be_empty: bool,
    },
    Slug,
    /// A path inside this folder of the bundle.
    Path(&'static str),
    /// Both ends are allowed.
    Integer(i64, i64),
    /// A finite number.
    Number,
    Flag,
    /// A moment in UTC or with its offset.
    Instant,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    Texts,
    /// Whatever keys there are, each with a flag, a finite number, a text, or a list of such.
    Values,
    Table(&'static [Key]),
    Tables(&'static [Key]),
}

#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub is_required: bool,
}

pub const COMPETITION: &[Key] = &[
    required("slug", Kind::Slug),
    required("title", text(100)),
    required("summary", text(300)),
    required("opens_at", Kind::Instant),
    optional("closes_at", Kind::Instant),
    optional("daily_limit", Kind::Integer(1, 1_000)),
    optional("demo", Kind::Flag),
    required("task", Kind::Table(TASK)),
    required("metric", Kind::Table(METRIC)),
    optional("entries", Kind::Table(ENTRIES)),
    optional("limits", Kind::Table(LIMITS)),
    optional("measuring", Kind::Table(MEASURING)),
    optional("efficiency", Kind::Table(EFFICIENCY)),
    required("starter", Kind::Tables(STARTER)),
];

const TASK: &[Key] = &[
    required("kind", Kind::OneOf(&TASK_KINDS)),
    optional("id", text(100)),
    optional("target", text(100)),
    optional("targets", Kind::Texts),
    optional("classes", Kind::Texts),
    optional("test", Kind::Path("hidden")),
    optional("solution", Kind::Path("hidden")),
    optional("sample", Kind::Path("data")),
    optional("sample_submission", Kind::Path("data")),
];

const METRIC: &[Key] = &[
    required("name", Kind::OneOf(&METRICS)),
    required("benchmark", Kind::Number),
    optional(
        "average",
        Kind::OneOf(&["binary", "macro", "micro", "weighted"]),
    ),
    optional("beta", Kind::Number),
    optional("positive", text(100)),
    optional("k", Kind::Integer(1, 10_000)),
    optional("weights", Kind::OneOf(&["none", "linear"])),
    optional("alpha", Kind::Number),
    optional("direction", Kind::OneOf(&["maximize", "minimize"])),
    optional("title", text(40)),
    optional("params", Kind::Values),
    optional("time_s", Kind::Integer(1, 3_600)),
];

const TASK_KINDS: [&str; TaskKind::ALL.len()] = {
    let mut names = [""; TaskKind::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = TaskKind::ALL[at].as_str();
        at += 1;
    }
    names
};

const METRICS: [&str; Metric::ALL.len() + 1] = {
    let mut names = [Metric::Custom.as_str(); Metric::ALL.len() + 1];
    let mut at = 0;
    while at < Metric::ALL.len() {
        names[at] = Metric::ALL[at].as_str();
        at += 1;
    }
    names
};

const ENTRIES: &[Key] = &[
    optional(
        "kinds",
        Kind::SomeOf(&["onnx", "tflite", "predict", "script"]),
    ),
    // Protocol Buffers, and so ONNX files, end at 2 GiB.
    optional("max_size_mib", Kind::Integer(1, 2_047)),
    optional("batch_size", Kind::Integer(1, 65_536)),
    optional("max_batch_size", Kind::Integer(1, 65_536)),
];

const LIMITS: &[Key] = &[
    optional("time_s", Kind::Integer(1, 86_400)),
    optional("start_up_s", Kind::Integer(1, 86_400)),
    optional("batch_s", Kind::Number),
    optional("memory_mib", Kind::Integer(64, 1_048_576)),
    optional("processes", Kind::Integer(1, 4_096)),
    optional("cpus", Kind::Integer(1, 64)),
    optional("output_mib", Kind::Integer(1, 65_536)),
];

const MEASURING: &[Key] = &[
    optional("profile", Kind::OneOf(&["quick"])),
    optional("window", Kind::OneOf(&["inference", "total"])),
    optional("scenario", Kind::OneOf(&["offline", "single_stream"])),
    optional("deepen", Kind::Flag),
];

const EFFICIENCY: &[Key] = &[
    optional("form", Kind::OneOf(&["norm"])),
    optional("cost", Kind::OneOf(&["cpu", "time", "energy"])),
    optional("halving_cost_is_worth", Kind::Number),
];

const STARTER: &[Key] = &[
    required("file", Kind::Path("starter")),
    required("team", text(60)),
    optional(
        "description",
        Kind::Text {
            chars_max: 1_000,
            may_be_empty: true,
        },
    ),
    optional("reference", Kind::Flag),
    optional("public", Kind::Flag),
];

const fn required(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        is_required: true,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        is_required: false,
    }
}

const fn text(chars_max: usize) -> Kind {
    Kind::Text {
        chars_max,
        may_be_empty: false,
    }
}

/// The table, as its header is written, in which a key belongs, if there is one.
pub fn home_of(name: &str) -> Option<&'static str> {
    if COMPETITION.iter().any(|key| key.name == name) {
        return Some("the top, above the first [table]");
    }
    [
        ("[task]", TASK),
        ("[metric]", METRIC),
        ("[entries]", ENTRIES),
        ("[limits]", LIMITS),
        ("[measuring]", MEASURING),
        ("[efficiency]", EFFICIENCY),
        ("[[starter]]", STARTER),
    ]
    .into_iter()
    .find(|(_, keys)| keys.iter().any(|key| key.name == name))
    .map(|(header, _)| header)
}
