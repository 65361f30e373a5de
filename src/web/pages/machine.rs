//! The machine that models are measured on, as its runner announced it, in words.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::figures;
use crate::domain::limits::Limits;
use crate::domain::units::Bytes;

/// What every virtual environment brings for itself, and no model needs.
const TOOLS: [&str; 2] = ["pip", "setuptools"];
/// The environment's packages as they are pinned, for when no runner has told its own.
const PINNED: &str = include_str!("../../../sandbox/runtime/requirements.txt");
/// Facts without a name of ours that are listed; a runner sends fewer.
const OTHERS_SHOWN: usize = 40;

/// A runner's fingerprint. All of it may be missing: earlier versions said less.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Machine {
    pub cpu_model: Option<String>,
    pub cpus: Option<u32>,
    pub memory_bytes: Option<u64>,
    pub python: Option<String>,
    pub packages: BTreeMap<String, String>,
    kernel: Option<String>,
    engine: Option<String>,
    harness: Option<String>,
    meter: Option<String>,
    leanboard: Option<String>,
    degraded: Option<Vec<String>>,
    /// Of a session: what ran the model.
    runtime: Option<String>,
    limits: Option<Limits>,
    /// The runtime has a line of its own.
    #[serde(rename = "runtime_kind")]
    _runtime_kind: IgnoredAny,
    #[serde(rename = "runtime_digest")]
    _runtime_digest: IgnoredAny,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// A name and what it is.
pub type Fact = (String, String);

impl Machine {
    /// `None` where it is no fingerprint of ours.
    pub fn read(fingerprint: &Value) -> Option<Machine> {
        serde_json::from_value(fingerprint.clone()).ok()
    }

    pub fn memory(&self) -> Option<String> {
        self.memory_bytes
            .map(|size| figures::bytes(Bytes::new(size)).text())
    }

    /// The packages that a model may meet, with their versions.
    pub fn libraries(&self) -> Vec<Fact> {
        without_tools(&self.packages)
    }

    /// All that is known, one a line, what matters most first.
    pub fn facts(&self) -> Vec<Fact> {
        let packages: Vec<String> = (self.libraries().iter())
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        // Walls of which nothing is said are not said to stand.
        let walls = self.degraded.as_deref().map(|degraded| match degraded {
            [] => "all in place".to_owned(),
            missing => format!("missing: {}", missing.join(", ")),
        });
        let lines = [
            ("CPU", self.cpu_model.clone()),
            (
                "CPUs in the machine",
                self.cpus.map(|cpus| cpus.to_string()),
            ),
            ("Memory", self.memory()),
            ("Given to a run", self.limits.as_ref().map(limits_in_words)),
            ("Run by", self.runtime.clone()),
            ("Python", self.python.clone()),
            (
                "Packages",
                (!packages.is_empty()).then(|| packages.join(", ")),
            ),
            ("Energy meter", self.meter.clone()),
            ("Walls", walls),
            ("Sandbox", self.engine.clone()),
            ("Kernel", self.kernel.clone()),
            ("Leanboard", self.leanboard.clone()),
            ("Harness", self.harness.as_deref().map(shortened)),
        ];
        let mut facts: Vec<Fact> = lines
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|v| !v.is_empty())?)))
            .collect();
        let mut others = Vec::new();
        for (name, value) in &self.others {
            flatten(name, value, &mut others);
        }
        others.truncate(OTHERS_SHOWN);
        facts.append(&mut others);
        facts
    }
}

fn limits_in_words(limits: &Limits) -> String {
    format!(
        "{}, {} of memory, {}, {} processes and threads",
        figures::counted(i64::from(limits.cpus), "CPU"),
        limits.memory,
        figures::round_seconds(limits.time.as_secs_f64()),
        limits.processes
    )
}

/// A digest by its beginning, which tells two of them apart.
fn shortened(digest: &str) -> String {
    let digits = digest.rsplit(':').next().unwrap_or(digest);
    digits.chars().take(12).collect()
}

/// Packages without what every virtual environment brings for itself.
pub fn without_tools(packages: &BTreeMap<String, String>) -> Vec<Fact> {
    packages
        .iter()
        .filter(|(name, _)| !TOOLS.contains(&name.as_str()))
        .map(|(name, version)| (name.clone(), version.clone()))
        .collect()
}

/// The pinned packages with their versions.
pub fn pinned() -> Vec<Fact> {
    let lines = PINNED.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_whitespace().next()?.split_once("=="))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// What has no name of ours, by the name that it came with.
fn flatten(name: &str, value: &Value, facts: &mut Vec<Fact>) {
    let name = name.replace('_', " ");
    let text = match value {
        Value::Object(members) => {
            for (member, value) in members {
                flatten(&format!("{name} {member}"), value, facts);
            }
            return;
        }
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            match items.as_slice() {
                [] => "none".to_owned(),
                items => items.join(", "),
            }
        }
        Value::Null => "unknown".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    facts.push((name, text));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_words() {
        let machine = Machine::read(&json!({
            "cpu_model": "X", "cpus": 2, "memory_bytes": 4_u64 << 30, "python": "3.11.2",
            "packages": {"numpy": "2.4.6", "pip": "23.0.1"}, "degraded": ["cgroup"],
            "limits": {"time_s": 120, "memory_mib": 2048, "processes": 64, "cpus": 1, "output_mib": 64},
            "harness": "sha256:0123456789abcdef", "gpu": {"clock_locks": null},
        }))
        .unwrap();
        let facts: Vec<(String, String)> = machine
            .facts()
            .into_iter()
            .map(|(name, value)| (name, value.replace('\u{a0}', " ")))
            .collect();
        let facts: Vec<(&str, &str)> = facts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            facts,
            [
                ("CPU", "X"),
                ("CPUs in the machine", "2"),
                ("Memory", "4.00 GiB"),
                (
                    "Given to a run",
                    "1 CPU, 2 GiB of memory, 120 s, 64 processes and threads"
                ),
                ("Python", "3.11.2"),
                ("Packages", "numpy 2.4.6"),
                ("Walls", "missing: cgroup"),
                ("Harness", "0123456789ab"),
                ("gpu clock locks", "unknown"),
            ]
        );
    }

    #[test]
    fn walls_are_in_place_only_where_their_runner_says_so() {
        let whole = Machine::read(&json!({"degraded": []})).unwrap();
        let fact = ("Walls".to_owned(), "all in place".to_owned());
        assert_eq!(whole.facts(), [fact]);
        let silent = Machine::read(&json!({"degraded": null})).unwrap();
        assert_eq!(silent.facts(), []);
    }

    #[test]
    fn what_an_earlier_version_said_is_read_too() {
        let machine = Machine::read(&json!({"cpu_model": "X"})).unwrap();
        assert_eq!(machine.facts(), [("CPU".to_owned(), "X".to_owned())]);
        assert!(Machine::read(&json!("no fingerprint")).is_none());
    }

    #[test]
    fn the_pinned_packages_have_exact_versions() {
        let pinned = pinned();
        assert!(pinned.iter().any(|(name, _)| name == "onnxruntime"));
        assert!(pinned.iter().all(|(_, version)| !version.is_empty()));
    }
}
