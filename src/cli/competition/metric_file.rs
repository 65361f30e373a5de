//! What Python's own parser says of a host's metric. Nothing of it is run here: that is for sandboxes.

use std::fs::File;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::competitions::{Bundle, Finding};
use crate::domain::competition::MetricSpec;

const LOOK: &str = include_str!("metric_file.py");

#[derive(Deserialize)]
struct Fault {
    line: Option<u64>,
    message: String,
}

/// What is wrong with a bundle's metric file, if it has one and this machine a Python to ask. Without,
/// its first run says it.
pub fn look(bundle: &Bundle) -> Option<Finding> {
    let file = bundle.file(MetricSpec::FILE)?;
    let params: Vec<&String> = bundle.spec.metric.params.keys().collect();
    // Isolated, and without what the machine's packages add: its own modules are all it needs.
    let output = Command::new("python3")
        .args(["-I", "-S", "-B", "-c", LOOK])
        .arg(serde_json::to_string(&params).ok()?)
        .stdin(File::open(&file.absolute).ok()?)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let fault: Option<Fault> = serde_json::from_slice(&output.stdout).ok()?;
    fault.map(|fault| Finding {
        file: file.path.clone(),
        line: fault.line,
        message: fault.message,
    })
}
