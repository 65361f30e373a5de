//! The way of a submission, from the upload to the board, by a real runner in the real sandbox.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{App, Bundle, at, broken, root, runtime, starter, success};

/// The accuracy of a model on a split of the hidden solution, by onnxruntime outside of any
/// sandbox and a harness of nobody's.
fn accuracy_outside(model: &str, usage: &str) -> f64 {
    let script = r#"
import csv, sys
import numpy, onnxruntime
folder, model, usage = sys.argv[1:]
rows = list(csv.reader(open(f"{folder}/hidden/test.csv")))[1:]
solution = {r[0]: r[1:] for r in list(csv.reader(open(f"{folder}/hidden/solution.csv")))[1:]}
session = onnxruntime.InferenceSession(f"{folder}/starter/{model}.onnx")
inputs = numpy.array([r[1:] for r in rows], dtype=numpy.float32)
name = session.get_inputs()[0].name
output = session.run(None, {name: inputs})[0]
labels = output.argmax(1) if output.ndim == 2 else output
pairs = [(str(p), solution[r[0]][0]) for r, p in zip(rows, labels) if solution[r[0]][1] == usage]
print(sum(p == a for p, a in pairs) / len(pairs))
"#;
    let mut python = Command::new(runtime().join("bin/python"));
    python.args(["-I", "-c", script]);
    python
        .arg(format!("{}/demo/digits", env!("CARGO_MANIFEST_DIR")))
        .args([model, usage]);
    success(python.output().unwrap()).trim().parse().unwrap()
}

#[tokio::test]
async fn the_demo_is_ranked_by_efficiency_and_neither_the_cheapest_nor_the_best_wins() {
    let app = App::with(&Bundle::digits()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;

    let board = ada
        .get("/api/v1/competitions/digits/leaderboard")
        .await
        .json();
    let lines = board["standings"].as_array().unwrap();
    assert_eq!(lines.len(), 16);
    let number = |line: &Value, key: &str| line[key].as_f64().unwrap();
    let winner = &lines[0];
    assert_eq!(winner["rank"], 1);
    let cheapest = lines
        .iter()
        .map(|line| number(line, "cost_s"))
        .fold(f64::MAX, f64::min);
    let best = lines
        .iter()
        .map(|line| number(line, "score"))
        .fold(0.0, f64::max);
    assert!(number(winner, "cost_s") > cheapest);
    assert!(number(winner, "score") < best);

    // Every figure on the board follows from the formula that is printed with it.
    let constant = |name: &str| {
        at(&board, &format!("/formula/constants/{name}"))
            .as_f64()
            .unwrap()
    };
    for line in lines {
        let quality = (number(line, "score") - constant("benchmark"))
            / (constant("best") - constant("benchmark"));
        let efficiency = (1.0 - quality) + number(line, "cost_s") / constant("cost_scale_s");
        assert!(
            (efficiency - number(line, "efficiency")).abs() < 1e-12,
            "{line}"
        );
        assert!(line["energy"]["value"].is_null());
        let missing = line["energy"]["missing"].as_str().unwrap();
        assert!(missing.starts_with("no energy counter is read on this machine"));
    }
    let reference = lines.iter().find(|line| line["reference"] == true).unwrap();
    assert!((number(reference, "efficiency") - 0.02).abs() < 1e-9);

    // The uploaded one is there with the score that onnxruntime gives outside.
    let mine = lines
        .iter()
        .find(|line| line["submission"] == id.as_str())
        .unwrap();
    assert_eq!(mine["team"], "ada");
    assert_eq!(
        number(mine, "score"),
        accuracy_outside("small_mlp", "Public")
    );

    let by_score = "/api/v1/competitions/digits/leaderboard?board=score";
    let by_score = ada.get(by_score).await.json();
    assert_eq!(at(&by_score, "/standings/0/score").as_f64().unwrap(), best);
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_report_shows_every_trial_by_phase() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("big_mlp_int8")).await;
    let queued = ada.submission(&id).await;
    assert_eq!(queued["status"], "queued");
    assert_eq!(queued["queue_position"], 2);
    assert!(queued["result"].is_null());
    app.run_all_jobs().await;

    let scored = app.visitor().submission(&id).await;
    assert_eq!(scored["status"], "scored", "{scored:#}");
    assert!(scored["failure"].is_null());
    let trials = at(&scored, "/result/trials").as_array().unwrap();
    assert_eq!(trials.len(), 3);
    for (trial, number) in trials.iter().zip(1..) {
        assert_eq!(trial["number"], number);
        let seconds = |path: &str| at(trial, path).as_f64().unwrap();
        for phase in ["start_up", "first_call", "inference", "finish", "total"] {
            let wall = seconds(&format!("/{phase}/wall_s"));
            let cpu = seconds(&format!("/{phase}/cpu_s"));
            assert!(wall > 0.0 && cpu > 0.0, "{phase}: {trial:#}");
            // One CPU cannot be used for longer than the time that passes.
            assert!(cpu < wall * 1.1 + 0.005, "{phase}: {trial:#}");
        }
        let passes = trial["passes"].as_f64().unwrap();
        assert!(passes > 1.0);
        let per_pass = seconds("/inference/cpu_s") / passes;
        assert!((per_pass - seconds("/inference_per_pass/cpu_s")).abs() < 1e-6);
        assert!(trial["peak_memory_bytes"].as_u64().unwrap() > 10 << 20);
        assert!(trial["energy"]["value"].is_null());
        // A script could spell out in it what it read.
        assert!(trial.get("predictions_digest").is_none());
    }
    assert_eq!(at(&scored, "/result/deterministic"), true);
    assert!(
        at(&scored, "/result/hardware_class")
            .as_str()
            .unwrap()
            .contains("1 core")
    );
}

#[tokio::test]
async fn in_a_single_stream_a_model_makes_a_call_for_every_row() {
    let bundle = Bundle::lean().rule("measuring.scenario", "single_stream");
    let app = App::with(&bundle).await;
    let tflite = root().join("demo/digits/starter/small_mlp.tflite");
    let onnx = app.person("ada").submitted(starter("small_mlp")).await;
    let tflite = app
        .person("eve")
        .submitted(std::fs::read(tflite).unwrap())
        .await;
    app.run_all_jobs().await;
    let visitor = app.visitor();
    for id in [onnx, tflite] {
        let scored = visitor.submission(&id).await;
        assert_eq!(scored["status"], "scored", "{scored:#}");
        assert_eq!(*at(&scored, "/result/batch_size"), 1);
        for trial in at(&scored, "/result/trials").as_array().unwrap() {
            let figure = |path: &str| at(trial, path).as_f64().unwrap();
            let [p50, p90, p99] =
                ["p50_s", "p90_s", "p99_s"].map(|at| figure(&format!("/latency/{at}")));
            assert!(0.0 < p50 && p50 <= p90 && p90 <= p99, "{trial:#}");
            assert_eq!(figure("/latency/calls"), figure("/passes") * 797.0);
            // Half of the calls took as long as the median or longer.
            assert!(
                p50 * 797.0 / 2.0 < figure("/inference_per_pass/wall_s"),
                "{trial:#}"
            );
            // The first pass is one of its own, as of any model.
            let total = figure("/total/wall_s");
            let parts =
                ["start_up", "first_call", "finish"].map(|part| figure(&format!("/{part}/wall_s")));
            assert!(
                (total - parts.iter().sum::<f64>()).abs() < 1e-6,
                "{trial:#}"
            );
        }
        let page = visitor.get(&format!("/submissions/{id}")).await.body;
        assert!(page.contains("Latency of a call") && page.contains("A call is of one row"));
    }
    let page = visitor.get("/competitions/digits/submit").await.body;
    assert!(page.contains("N is 1: one row after the other"), "{page}");
}

#[tokio::test]
async fn a_score_says_what_other_rows_of_the_kind_would_score() {
    let app = App::with(&Bundle::lean()).await;
    let id = (app.person("ada"))
        .submitted(starter("logistic_regression"))
        .await;
    app.run_all_jobs().await;
    let visitor = app.visitor();
    let scored = visitor.submission(&id).await;
    let figure = |name: &str| at(&scored, &format!("/result/{name}")).as_f64().unwrap();
    let (score, low, high) = (figure("score"), figure("score_low"), figure("score_high"));
    assert!(low < score && score < high, "{low} {score} {high}");
    // Accuracy is a share of the 319 public rows: the normal approximation is known.
    let half = 1.96 * (score * (1.0 - score) / 319.0).sqrt();
    assert!(((high - low) / 2.0 - half).abs() < 0.3 * half);

    let interval = format!("{low:.4}–{high:.4}");
    for page in ["/competitions/digits", &format!("/submissions/{id}")] {
        let page = visitor.get(page).await.body;
        assert!(page.contains(&interval), "{interval} in {page}");
    }
}

#[tokio::test]
async fn what_is_private_is_shown_to_hosts_only() {
    let app = App::with(&Bundle::lean()).await;
    let (ada, host) = (app.person("ada"), app.host("grace"));
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;
    let private = "/api/v1/competitions/digits/leaderboard?split=private";
    ada.get(private).await.problem(403, "private_split");
    app.visitor()
        .get(private)
        .await
        .problem(403, "private_split");
    assert!(
        ada.submission(&id).await["result"]
            .get("score_private")
            .is_none()
    );

    let expected = accuracy_outside("small_mlp", "Private");
    let seen = host.submission(&id).await;
    assert_eq!(
        at(&seen, "/result/score_private").as_f64().unwrap(),
        expected
    );
    assert!(at(&seen, "/result/trials/0/predictions_digest").is_string());
    let board = host.get(private).await.json();
    let line = board["standings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["team"] == "ada")
        .cloned();
    assert_eq!(line.unwrap()["score"].as_f64().unwrap(), expected);

    // And no hidden file has an address.
    for path in [
        "hidden/solution.csv",
        "data/../hidden/solution.csv",
        "hidden/test.csv",
    ] {
        let answer = ada.get(&format!("/competitions/digits/{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn until_the_reference_is_measured_entries_are_listed_without_a_rank() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let empty = ada
        .get("/api/v1/competitions/digits/leaderboard")
        .await
        .json();
    assert_eq!(empty["standings"], json!([]));
    assert!(at(&empty, "/formula/constants").is_null());
    ada.submitted(starter("small_mlp")).await;
    // The reference goes first, whoever came earlier.
    app.run_one_job();
    let lines = ada.standings().await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["reference"], true);
    app.run_all_jobs().await;
    assert_eq!(ada.standings().await.len(), 2);
}

#[tokio::test]
async fn a_model_that_fails_behind_the_door_is_told_why_and_whose_fault_it_was() {
    let bundle = Bundle::lean()
        .rule("limits.time_s", 3)
        .rule("limits.memory_mib", 512);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    let mut expected = Vec::new();
    for (name, code, words) in [
        ("unknown_operator", "onnx_unsupported", &["Teleport"][..]),
        ("output_rows", "output_rows", &[]),
        ("output_nan", "output_nonfinite", &[]),
        (
            "batch_mean",
            "batch_variant",
            &["16 rows at a time in place of 32"],
        ),
        ("run_error", "run_failed", &[]),
        ("endless_loop", "timeout", &["3 s"]),
        ("memory_bomb", "memory", &["512 MiB"]),
    ] {
        let id = ada.submitted(broken(name)).await;
        expected.push((name, id, code, words));
    }
    app.run_all_jobs().await;
    for (name, id, code, words) in expected {
        let failed = ada.submission(&id).await;
        assert_eq!(failed["status"], "failed", "{name}: {failed:#}");
        assert_eq!(at(&failed, "/failure/code"), code, "{name}: {failed:#}");
        assert_eq!(at(&failed, "/failure/class"), "participant", "{name}");
        let message = at(&failed, "/failure/message").as_str().unwrap();
        for word in words {
            let squeezed = message.replace(' ', "");
            assert!(
                message.contains(word) || squeezed.contains(word),
                "{name}: no `{word}` in: {message}"
            );
        }
        assert!(failed["result"].is_null(), "{name}");
    }
    // None of them is on the board.
    assert_eq!(ada.standings().await.len(), 1);
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_fake_meter_measures_and_says_that_it_is_a_fake() {
    let app = App::with(&Bundle::lean()).await;
    let mut runner = app.runner(&crate::support::unique_name());
    success(runner.args(["--once", "--meter", "fake"]).output().unwrap());
    let line = app.visitor().standings().await.remove(0);
    let energy = &line["energy"];
    assert!(energy["value"].as_f64().unwrap() > 0.0);
    assert_eq!(energy["simulated"], true);
    assert_eq!(energy["unit"], "J");
    assert_eq!(energy["tier"], "B");
    assert_eq!(energy["scope"], "made-up device");
    let (low, high) = (energy["low"].as_f64(), energy["high"].as_f64());
    assert!(low < energy["value"].as_f64() && energy["value"].as_f64() < high);
    // It pulses at rest, too: nearly nothing is left without idle power.
    assert!(energy["net"].as_f64().unwrap().abs() < 0.1 * energy["value"].as_f64().unwrap());
    let idle_w = energy["idle_w"].as_f64().unwrap();
    assert!((44.0..46.0).contains(&idle_w), "{idle_w}");
    let device = &energy["devices"][0];
    assert_eq!(device["device"], "fake");
    assert_eq!(device["value"], energy["value"]);
    assert!(device["power_differs_by"].as_f64().unwrap().abs() < 0.03);
}

#[tokio::test]
async fn a_machine_without_counters_says_why_there_is_no_energy() {
    let app = App::with(&Bundle::lean()).await;
    let mut runner = app.runner(&crate::support::unique_name());
    runner.args(["--once", "--meter", "auto"]);
    runner.args(["--nvml-library", "/nowhere/libnvidia-ml.so"]);
    runner.args(["--powercap-dir", "/nowhere/powercap"]);
    success(runner.output().unwrap());
    let line = app.visitor().standings().await.remove(0);
    let energy = &line["energy"];
    assert!(energy["value"].is_null(), "{energy}");
    let missing = energy["missing"].as_str().unwrap();
    for word in ["/nowhere/libnvidia-ml.so", "/nowhere/powercap"] {
        assert!(missing.contains(word), "no {word} in: {missing}");
    }
}

#[tokio::test]
async fn a_window_that_others_disturb_is_marked() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let cpus = std::thread::available_parallelism().unwrap().get();
    let busy: Vec<Busy> = (0..2 * cpus).map(|n| Busy::on(n % cpus)).collect();
    app.run_all_jobs().await;
    drop(busy);

    let scored = ada.submission(&id).await;
    for trial in at(&scored, "/result/trials").as_array().unwrap() {
        let others = &trial["contention"];
        // Of three threads that want the CPU, two are others'.
        let share = others["foreign_share"].as_f64().unwrap();
        assert!(share > 0.2 && share <= 1.0, "{others}");
        assert_eq!(others["disturbed"], true, "{others}");
    }
    let report = ada.get(&format!("/submissions/{id}")).await.body;
    assert!(report.contains("In 3 of them others took"), "{report}");
    assert!(report.contains(">disturbed</span>"), "{report}");
}

/// A program that never rests.
struct Busy(std::process::Child);

impl Busy {
    /// There alone, so that the scheduler cannot have it elsewhere.
    fn on(cpu: usize) -> Busy {
        let mut taskset = Command::new("taskset");
        taskset.args(["-c", &cpu.to_string(), "/usr/bin/python3", "-c"]);
        Busy(taskset.arg("while True: pass").spawn().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_cancelled_submission_is_not_run() {
    let app = App::with(&Bundle::lean()).await;
    let (ada, eve) = (app.person("ada"), app.person("eve"));
    let id = ada.submitted(starter("small_mlp")).await;
    let cancel = format!("/api/v1/submissions/{id}/cancel");
    eve.post_json(&cancel, json!({}))
        .await
        .problem(404, "not_found");
    assert_eq!(ada.post_json(&cancel, json!({})).await.status, 204);
    app.run_all_jobs().await;
    assert_eq!(ada.submission(&id).await["status"], "cancelled");
    ada.post_json(&cancel, json!({}))
        .await
        .problem(409, "already_finished");

    // The same file sent again is the same submission, queued once more.
    assert_eq!(ada.submitted(starter("small_mlp")).await, id);
    app.run_all_jobs().await;
    assert_eq!(ada.submission(&id).await["status"], "scored");
}

#[tokio::test]
async fn a_submission_is_found_by_its_number_and_says_where_it_stands() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let better = ada.submitted(starter("small_mlp")).await;
    let worse = ada.submitted(starter("logistic_regression")).await;
    app.run_all_jobs().await;
    let worse = ada.submission(&worse).await;
    assert_eq!(app.visitor().submission("3").await["id"], worse["id"]);
    let standing = |name: &str| at(&worse, &format!("/result/standing/{name}")).clone();
    assert_eq!(standing("rank"), Value::Null);
    assert_eq!(standing("ranked"), 2);
    assert_eq!(standing("behind")["number"], 2);
    assert_eq!(standing("behind")["rank"], 2);
    let number = |name: &str| standing(name).as_f64().unwrap();
    let sum = number("quality_term") + number("cost_term");
    assert!((number("efficiency") - sum).abs() < 1e-12);

    let mine = ada.get("/api/v1/submissions").await.json();
    let ids: Vec<&Value> = mine["submissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["id"])
        .collect();
    assert_eq!(ids, [&worse["id"], &json!(better)]);
    let eve = app.person("eve").get("/api/v1/submissions").await.json();
    assert_eq!(eve["submissions"], json!([]));
    let visitor = app.visitor();
    visitor
        .get("/api/v1/submissions")
        .await
        .problem(401, "unauthorized");
    for name in ["4", "-1", "x", "99999999999999999999"] {
        let path = format!("/api/v1/submissions/{name}");
        visitor.get(&path).await.problem(404, "not_found");
    }
}
