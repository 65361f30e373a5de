//! A host's own metric, `metric.py`, by Kaggle's convention.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use toml_edit::InlineTable;

use crate::scripts::zip_of;
use crate::support::{App, Bundle, PROGRAM, at, root, runtime, success};

/// Prices, scored by this file.
fn prices_by(metric: &str) -> Bundle {
    let bundle = Bundle::prices()
        .rule("daily_limit", 5)
        .rule("metric.name", "custom")
        .rule("metric.direction", "minimize")
        .rule("metric.benchmark", 3.0);
    fs::write(bundle.path().join("metric.py"), metric).unwrap();
    bundle
}

/// A script that predicts this expression of a row of the test inputs.
fn script_of(expression: &str) -> Vec<u8> {
    let main = format!(
        "import csv\n\
         rows = csv.DictReader(open('/kaggle/input/diamonds/test.csv'))\n\
         lines = [[row['id'], {expression}] for row in rows]\n\
         csv.writer(open('submission.csv', 'w')).writerows([['id', 'price'], *lines])\n"
    );
    zip_of("main.py", &main)
}

/// The scores that the metric file itself comes to, with the parameters of the test.
fn direct(submission: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("submission.csv");
    fs::write(&path, submission).unwrap();
    let mut python = Command::new(runtime().join("bin/python"));
    python
        .arg(root().join("tests/it/metric_py/direct.py"))
        .arg(root().join("tests/it/metric_py"))
        .arg(root().join("demo/diamonds/hidden/solution.csv"))
        .arg(&path);
    serde_json::from_str(&success(python.output().unwrap())).unwrap()
}

#[tokio::test]
async fn a_metric_file_of_kaggles_kind_scores_the_whole_way_as_it_does_by_hand() {
    let metric = fs::read_to_string(root().join("tests/it/metric_py/weighted.py")).unwrap();
    let params = InlineTable::from_iter([
        ("weights", toml_edit::Value::from_iter([0.5, 0.3, 0.2])),
        ("share", 0.25.into()),
        ("scale", "linear".into()),
        ("clip", true.into()),
    ]);
    let bundle = prices_by(&metric).rule("metric.title", "weighted error");
    let app = App::with(&bundle.rule("metric.params", params)).await;
    let (ada, grace) = (app.person("ada"), app.host("grace"));
    let expression = "round(7000 * float(row['carat']) - 2000)";
    let id = ada
        .submitted_to(
            "diamonds",
            script_of(&expression.replace("round(", "max(50, ")),
        )
        .await;
    let refused = ada.submitted_to("diamonds", script_of(expression)).await;
    app.run_all_jobs().await;

    let test = fs::read_to_string(root().join("demo/diamonds/hidden/test.csv")).unwrap();
    let submission: String = (test.lines().skip(1))
        .map(|line| {
            let mut cells = line.split(',');
            let (row, carat) = (cells.next().unwrap(), cells.next().unwrap());
            let price = 7000.0 * carat.parse::<f64>().unwrap() - 2000.0;
            format!("{row},{}\n", price.max(50.0))
        })
        .collect();
    let expected = direct(&format!("id,price\n{submission}"));
    let scored = ada.submission(&id).await;
    assert_eq!(scored["status"], json!("scored"), "{scored:#}");
    assert_close(at(&scored, "/result/score"), &expected["Public"]);
    let path = "/api/v1/competitions/diamonds/leaderboard?split=private";
    let board = grace.get(path).await.json();
    let lines = board["standings"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["submission"] == json!(id))
        .unwrap();
    assert_close(&line["score"], &expected["Private"]);
    assert_eq!(lines.len(), 2, "{board:#}");

    let page = ada.get("/competitions/diamonds").await.body;
    assert!(page.contains("<small>weighted error</small>"), "{page}");

    // Nobody can have the file itself.
    for path in [
        "data/metric.py",
        "data/../metric.py",
        "data/%2e%2e/metric.py",
        "starter/../metric.py",
    ] {
        let path = format!("/competitions/diamonds/{path}");
        assert_eq!(grace.get(&path).await.status, 404, "{path}");
    }
    let page = ada.get("/competitions/diamonds/data").await.body;
    assert!(page.contains("data/train.csv") && !page.contains("metric.py"));

    // What the metric says to participants they read word for word.
    let failed = ada.submission(&refused).await;
    let sentence = "No price is below 0: clip them, or ask <your> model why.";
    assert_eq!(*at(&failed, "/failure/class"), json!("participant"));
    assert_eq!(*at(&failed, "/failure/code"), json!("metric_visible_error"));
    assert_eq!(*at(&failed, "/failure/message"), json!(sentence));
    ada.sign_in().await;
    let page = ada.get(&format!("/submissions/{refused}")).await.body;
    let escaped = sentence.replace('<', "&#60;").replace('>', "&#62;");
    assert!(page.contains(&escaped), "{page}");
    assert!(!page.contains("The metric, on trial"));
    app.assert_queue_is_empty().await;
}

#[track_caller]
fn assert_close(found: &Value, expected: &Value) {
    let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
    assert!(
        (found - expected).abs() <= 1e-12 * expected,
        "{found}, not {expected}"
    );
}

/// Fails unless its tables are as pandas would read them.
const TYPED: &str = r#"
from sklearn.metrics import accuracy_score


def score(solution, submission, row_id_column_name):
    assert list(solution.columns) == [row_id_column_name, "label", "weight", "group"], solution.columns
    assert list(submission.columns) == [row_id_column_name, "label"], submission.columns
    assert [str(kind) for kind in solution.dtypes] == ["str", "int64", "float64", "str"], solution.dtypes
    assert [str(kind) for kind in submission.dtypes] == ["str", "int64"], submission.dtypes
    assert (solution[row_id_column_name] == submission[row_id_column_name]).all()
    assert (solution["group"] == "of " + solution[row_id_column_name]).all()
    assert accuracy_score(solution["label"], submission["label"]) > 0.9
    return solution["weight"].sum() + solution["weight"].isna().sum() / 1000
"#;

#[tokio::test]
async fn a_metric_is_given_further_columns_of_the_solution_and_labels_as_numbers() {
    let bundle = Bundle::forest()
        .rule("metric.name", "custom")
        .rule("metric.direction", "maximize")
        .rule("metric.benchmark", 0.1);
    fs::write(bundle.path().join("metric.py"), TYPED).unwrap();
    let path = bundle.path().join("hidden/solution.csv");
    let solution = fs::read_to_string(&path).unwrap();
    let mut more = "id,label,weight,Usage,group\n".to_owned();
    let (mut weights, mut without) = (0.0, 0.0);
    for (row, line) in solution.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let (id, label, usage) = (cells[0], cells[1], cells[2]);
        let weight = if row % 7 == 0 { "" } else { "0.5" };
        more += &format!("{id},{label},{weight},{usage},of {id}\n");
        if usage == "Public" {
            weights += weight.parse().unwrap_or(0.0);
            without += if weight.is_empty() { 1.0 } else { 0.0 };
        }
    }
    // In another order than the test inputs.
    let (head, rows) = more.split_once('\n').unwrap();
    let turned: Vec<&str> = rows.lines().rev().collect();
    fs::write(&path, format!("{head}\n{}\n", turned.join("\n"))).unwrap();
    let app = App::with(&bundle).await;
    app.run_all_jobs().await;
    let lines = app.visitor().standings().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_close(&lines[0]["score"], &json!(weights + without / 1000.0));
}

/// Does what the first prediction says.
const MOODY: &str = r#"
import os
import socket
import pandas as pd


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
    mood = submission["price"].iloc[0]
    first = solution["price"].iloc[0]
    print("first answer:", first)
    if mood == 1:
        return 1 / (len(solution) - len(submission))
    while mood == 2:
        pass
    if mood == 3:
        return float("nan")
    if mood == 4:
        os._exit(0)
    if mood == 5:
        reached = []
        for family, address in [(socket.AF_INET, ("127.0.0.1", 22)), (socket.AF_INET, ("1.1.1.1", 53))]:
            try:
                socket.create_connection(address, timeout=1)
                reached.append(address)
            except OSError:
                pass
        for path in ["/metric/metric.py", "/frames/frames.json", "/harness/own_metric.py", "/runtime/x", "/usr/x", "/x"]:
            try:
                open(path, "a").close()
                reached.append(path)
            except OSError:
                pass
        for path in ["/entry", "/kaggle", "/root", "/home", "/etc/shadow", "/sys"]:
            if os.path.exists(path):
                reached.append(path)
        if os.listdir("/proc/1/cwd" if os.access("/proc/1/cwd", os.R_OK) else "/output"):
            reached.append("output")
        raise RuntimeError(f"reached {reached}")
    return float((solution["price"] - submission["price"]).abs().mean() / 1000)
"#;

#[tokio::test]
async fn what_goes_wrong_in_a_metric_is_its_hosts_to_read_and_costs_nobody_quota() {
    let app = App::with(
        &prices_by(MOODY)
            .rule("metric.time_s", 10)
            .rule("daily_limit", 3),
    )
    .await;
    let (ada, grace) = (app.person("ada"), app.host("grace"));
    let mut entries = Vec::new();
    for (mood, words) in [
        (1, "ZeroDivisionError"),
        (2, "its limit of 10 s"),
        (4, "scores.json"),
        (5, "RuntimeError: reached []"),
    ] {
        let id = ada
            .submitted_to("diamonds", script_of(&mood.to_string()))
            .await;
        app.run_all_jobs().await;
        entries.push((id, words));
    }
    ada.sign_in().await;
    grace.sign_in().await;
    for (id, words) in entries {
        let failed = ada.submission(&id).await;
        assert_eq!(
            *at(&failed, "/failure/class"),
            json!("metric"),
            "{failed:#}"
        );
        assert_eq!(*at(&failed, "/failure/code"), json!("not_scorable"));
        let message = at(&failed, "/failure/message").as_str().unwrap();
        assert!(message.contains("for its host to mend"), "{message}");
        let path = format!("/submissions/{id}");
        let own = ada.get(&path).await.body;
        assert!(own.contains("for its host to mend"), "{own}");
        for hidden in [words, "first answer", "Traceback"] {
            assert!(!own.contains(hidden), "{hidden}: {own}");
        }
        let hosts = grace.get(&path).await.body;
        assert!(hosts.contains("The metric, on trial 1"), "{hosts}");
        assert!(hosts.contains(words), "{words}: {hosts}");
    }
    // None of the four counts. One that is sent again does, so that there is room for two others.
    ada.submitted_to("diamonds", script_of("1")).await;
    app.run_all_jobs().await;
    let infinite = ada.submitted_to("diamonds", script_of("3")).await;
    let id = ada.submitted_to("diamonds", script_of("2500")).await;
    app.run_all_jobs().await;
    assert_eq!(ada.submission(&id).await["status"], json!("scored"));
    // As of a metric that is built in, a score that is no number is the participant's to mend.
    let failed = ada.submission(&infinite).await;
    assert_eq!(*at(&failed, "/failure/code"), json!("undefined"));
    assert_eq!(*at(&failed, "/failure/uses_quota"), json!(true));
    let fourth = ada.submit_to("diamonds", script_of("4"), "once more").await;
    fourth.problem(429, "daily_limit");
    let report = grace.get(&format!("/submissions/{infinite}")).await.body;
    assert!(report.contains("no finite number"), "{report}");
    app.assert_queue_is_empty().await;
}

#[test]
fn a_metric_file_is_read_by_python_before_its_competition_is_opened() {
    let arguments = "solution, submission, row_id_column_name";
    for (text, expected) in [
        (
            "import os\n\ndef score(solution, submission:\n".to_owned(),
            "metric.py:3: Python cannot read it: ",
        ),
        (
            "os = 1\ndef score(solution, submission): pass\n".to_owned(),
            "metric.py:2: `score` must take solution, submission and row_id_column_name",
        ),
        (
            format!("def score({arguments}): return 1\n"),
            "metric.py:1: `score` does not take `share`, which is in [metric.params]",
        ),
        (
            format!("def score({arguments}, weight, share=1): return 1\n"),
            "metric.py:1: `score` needs `weight`, which is not in [metric.params]",
        ),
        (
            format!("'''\ndef score(a)\ndef score(b):\n'''\ndef scores({arguments}): return 1\n"),
            "metric.py: it defines no function `score(",
        ),
    ] {
        let params = InlineTable::from_iter([("share", 0.25)]);
        let bundle = prices_by(&text).rule("metric.params", params);
        let output = check(&bundle);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // What it would do if it were run is not found out.
    let marker = tempfile::tempdir().unwrap();
    let path = marker.path().join("it-ran");
    let text = format!(
        "open({:?}, 'w').close()\ndef score({arguments}, *, share): raise ValueError\n",
        path.display().to_string()
    );
    let params = InlineTable::from_iter([("share", 0.25)]);
    let said = success(check(&prices_by(&text).rule("metric.params", params)));
    assert!(
        said.contains("the host’s metric, lower is better"),
        "{said}"
    );
    assert!(!path.exists());
}

fn check(bundle: &Bundle) -> Output {
    let mut check = Command::new(PROGRAM);
    check.args(["competition", "check"]).arg(bundle.path());
    check.output().unwrap()
}
