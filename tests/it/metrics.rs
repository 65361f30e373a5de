//! The built-in metrics, beside the libraries that they are named after. Both sides see the same files:
//! one Python process makes up the cases and what they must score, and the command line scores them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{PROGRAM, root, runtime, success};

/// How far a score may be from the reference, as a share of it.
const TOLERANCE: f64 = 1e-12;

/// Cases of these families, written by `metrics/reference.py`.
fn cases(families: &[&str]) -> (TempDir, BTreeMap<String, Value>) {
    let folder = tempfile::tempdir().unwrap();
    let mut python = Command::new(runtime().join("bin/python"));
    python
        .arg(root().join("tests/it/metrics/reference.py"))
        .arg(folder.path())
        .args(families);
    success(python.output().unwrap());
    let cases = fs::read(folder.path().join("cases.json")).unwrap();
    (folder, serde_json::from_slice(&cases).unwrap())
}

fn score(submission: &Path, bundle: &Path) -> Output {
    let mut score = Command::new(PROGRAM);
    score.arg("score").arg(submission);
    score.arg("--competition").arg(bundle).arg("--json");
    score.output().unwrap()
}

/// Holds every case to its reference, and sees to it that all these metrics were among them.
#[track_caller]
fn compare(families: &[&str], metrics: &[&str]) {
    let (folder, cases) = cases(families);
    let mut wrong = Vec::new();
    let (mut seen, mut undefined) = (BTreeSet::new(), 0);
    for (name, case) in &cases {
        let bundle = folder.path().join(name);
        let output = score(&bundle.join("submission.csv"), &bundle);
        let expected = case["scores"].as_object().unwrap();
        if expected.values().any(Value::is_null) {
            undefined += 1;
            if output.status.success() {
                wrong.push(format!("{name} has a score: {output:?}"));
            }
            continue;
        }
        seen.insert(case["metric"].as_str().unwrap());
        if !output.status.success() {
            wrong.push(format!("{name} has no score: {output:?}"));
            continue;
        }
        let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
        for (split, expected) in expected {
            let found = scores[split]["score"].as_f64().unwrap();
            let expected = expected.as_f64().unwrap();
            let allowed = TOLERANCE * expected.abs() + case["absolute"].as_f64().unwrap();
            if (found - expected).abs() > allowed {
                wrong.push(format!("{name}, {split}: {found}, not {expected}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "of {} cases", cases.len());
    assert_eq!(seen, metrics.iter().copied().collect());
    assert!(
        undefined < cases.len() / 4,
        "{undefined} of {}",
        cases.len()
    );
}

#[test]
fn labels_score_as_in_scikit_learn() {
    compare(
        &["labels"],
        &[
            "accuracy",
            "balanced_accuracy",
            "f1",
            "fbeta",
            "precision",
            "recall",
            "jaccard",
            "mcc",
            "cohen_kappa",
            "quadratic_weighted_kappa",
        ],
    );
}

#[test]
fn probabilities_score_as_in_scikit_learn() {
    compare(
        &["probabilities"],
        &["log_loss", "brier", "roc_auc", "average_precision"],
    );
}

#[test]
fn values_score_as_in_scikit_learn_and_scipy() {
    compare(
        &["values", "several_targets"],
        &[
            "rmse", "mae", "rmsle", "mape", "r2", "mcrmse", "pinball", "pearson", "spearman",
        ],
    );
}

#[test]
fn lists_and_texts_score_as_on_kaggle() {
    compare(
        &["lists", "texts"],
        &["map_at_k", "ndcg_at_k", "levenshtein", "word_jaccard"],
    );
}

#[test]
fn the_table_of_metrics_is_the_programs() {
    let made = success(Command::new(PROGRAM).arg("metrics").output().unwrap());
    let written = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    assert!(
        made == written,
        "docs/metrics.md is out of date; make it anew: cargo run -- metrics > docs/metrics.md"
    );
}
