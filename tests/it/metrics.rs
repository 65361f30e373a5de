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

/// A bundle's rules and solution: four rows of two classes.
fn small(task: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("hidden")).unwrap();
    let rules = format!(
        "slug = \"small\"\ntitle = \"T\"\nsummary = \"S\"\nopens_at = 2026-01-01\n{task}\n\
         [entries]\nkinds = [\"script\"]\n[measuring]\nwindow = \"total\"\n\
         [[starter]]\nfile = \"starter/a.zip\"\nteam = \"Host\"\nreference = true\n"
    );
    fs::write(folder.path().join("competition.toml"), rules).unwrap();
    fs::write(
        folder.path().join("hidden/solution.csv"),
        "id,y,Usage\n1,a,Public\n2,b,Public\n03,c,Private\nx,a,Private\n",
    )
    .unwrap();
    folder
}

const PROBABILITIES: &str = "[task]\nkind = \"probability\"\ntarget = \"y\"\n\
                             classes = [\"a\", \"b\", \"c\"]\n\
                             [metric]\nname = \"log_loss\"\nbenchmark = 1.1\n";

#[test]
fn a_submission_that_cannot_be_used_is_told_the_column_the_number_and_the_first_lines() {
    let bundle = small(PROBABILITIES);
    let file = bundle.path().join("submission.csv");
    for (text, code, words) in [
        (
            "",
            "columns",
            "submission.csv is empty. It needs the columns `id`, `a`, `b` and `c`.",
        ),
        (
            "id,a,c,d\n",
            "columns",
            "the columns `id`, `a`, `b` and `c`, and no other: `b` is missing, and `d` does not \
             belong there.",
        ),
        (
            ",id,a,b,c\n0,1,1,0,0\n",
            "columns",
            "column 1 has no name; a data frame's index is left out with `to_csv(index=False)`",
        ),
        (
            "id,a,b,c\n1,1,0,0\n2,1,0,0\n3,1,0,0\n2,1,0,0\n1,1,0,0\n,1,0,0\n",
            "ids",
            "2 of 4 missing, 2 unknown (lines 4 and 7), 2 there a second time (lines 5 and 6).",
        ),
        (
            "id,b,a,c\nx,1,0,0\n03,1.5,-1,0\n2,-0.5,1,0.5\n1,x,0,0\n",
            "values",
            "4 predictions cannot be used; the first of them, in `a`, is below 0 or above 1, which no \
             probability is (first on lines 3, 4 and 5).",
        ),
        (
            "id,a,b,c\n1,1,0,0\n2,0.5,0.2,0.2\n03,0,1,0\nx,0.9,0.9,0.9\n",
            "values",
            "2 of 4 rows hold predictions that cannot be used; the first of them is part of a row that \
             does not add up to 1 (lines 3 and 5). Divide each row by its sum, or end with a softmax.",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let output = score(&file, bundle.path());
        assert_eq!(output.status.code(), Some(1), "{text:?}: {output:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let message = said["error"]["message"].as_str().unwrap();
        assert_eq!(said["error"]["code"], code, "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_mean_over_rows_has_an_interval_and_nothing_else_has() {
    for (task, columns, has_interval) in [
        (PROBABILITIES.to_owned(), "a,b,c", true),
        (
            PROBABILITIES
                .replace("log_loss", "roc_auc\"\naverage = \"micro")
                .replace("1.1", "0.5"),
            "a,b,c",
            false,
        ),
    ] {
        let bundle = small(&task);
        let file = bundle.path().join("any name.csv");
        let rows = "x,0.2,0.7,0.1\n03,0.1,0.1,0.8\n2,0.2,0.7,0.1\n1,0.6,0.2,0.2\n";
        fs::write(&file, format!("id,{columns}\n{rows}")).unwrap();
        let output = score(&file, bundle.path());
        let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
        for split in ["public", "private", "all"] {
            let interval = &scores[split]["interval"];
            assert_eq!(interval.is_object(), has_interval, "{scores}");
            if has_interval {
                let figure = scores[split]["score"].as_f64().unwrap();
                let (low, high) = (interval["low"].as_f64(), interval["high"].as_f64());
                assert!(
                    low.unwrap() <= figure && figure <= high.unwrap(),
                    "{scores}"
                );
            }
        }
        assert_eq!(
            output.stdout,
            score(&file, bundle.path()).stdout,
            "each time the same"
        );
    }
}

#[test]
fn a_solution_on_which_the_metric_is_not_defined_is_refused() {
    let task = PROBABILITIES
        .replace("log_loss", "roc_auc")
        .replace("1.1", "0.5");
    let bundle = small(&task);
    let file = bundle.path().join("hidden/solution.csv");
    let output = score(&file, bundle.path());
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "hidden/solution.csv: ROC AUC is not defined on the Public rows: one of the classes \
                    is not among them";
    assert!(said.contains(expected), "{said}");
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
