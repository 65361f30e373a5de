//! Functions: called batch by batch with inputs that stay outside, and refused, in each way, with what
//! to do about it.

use serde_json::{Value, json};

use crate::scripts::zip_of;
use crate::support::{App, Bundle, at, function};

fn functions() -> Bundle {
    Bundle::prices()
        .kinds(&["onnx", "predict"])
        .rule("daily_limit", 100)
        .rule("limits.time_s", 20)
}

#[tokio::test]
async fn a_function_is_called_batch_by_batch_and_ranked_beside_models() {
    let app = App::with(&functions().rule("measuring.window", "inference")).await;
    let ada = app.person("ada");
    let zip = zip_of("bundle/predict.py", &function("honest"));
    let id = ada.submitted_to("diamonds", zip).await;
    let server = zip_of("main.py", &function("inference_server"));
    let server = ada.submitted_to("diamonds", server).await;
    app.run_all_jobs().await;

    for id in [&id, &server] {
        let scored = ada.submission(id).await;
        assert_eq!(scored["status"], "scored", "{scored:#}");
        assert_eq!(scored["kind"], "predict");
        let score = at(&scored, "/result/score").as_f64().unwrap();
        assert!((0.2..0.3).contains(&score), "{score}");
        assert_eq!(*at(&scored, "/result/deterministic"), json!(true));
        let trial = at(&scored, "/result/trials/0");
        assert_eq!(trial["passes"], json!(1));
        // 13,794 rows, 1,024 at a time.
        assert_eq!(*at(trial, "/latency/calls"), json!(14));
        let latency = |name: &str| at(trial, name).as_f64().unwrap();
        let (p50, p99) = (latency("/latency/p50_s"), latency("/latency/p99_s"));
        assert!(0.0 < p50 && p50 <= p99, "{p50} {p99}");
        let cpu = |name: &str| trial[name]["cpu_s"].as_f64().unwrap();
        // Importing pandas costs more than any call.
        assert!(cpu("start_up") > cpu("inference"), "{trial:#}");
        let sum = cpu("start_up") + cpu("first_call") + cpu("inference") + cpu("finish");
        assert!((cpu("total") - sum).abs() < 1e-6, "{trial:#}");
        assert_ne!(trial["inference_per_pass"], Value::Null);
    }
    let board = ada.get("/api/v1/competitions/diamonds/leaderboard").await;
    assert_eq!(board.json()["standings"].as_array().unwrap().len(), 2);
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_zip_without_a_function_is_refused_at_the_door() {
    let app = App::with(&Bundle::prices().kinds(&["onnx", "predict"])).await;
    let ada = app.person("ada");
    for (file, code, words) in [
        ("script.py", "predict_missing", "call it predict.py"),
        ("main.py", "predict_missing", "no predict.py"),
        ("a/b/predict.py", "predict_missing", "a/b/predict.py"),
    ] {
        let zip = two_files(file, "notes.txt");
        let sentence = ada.submit_to("diamonds", zip, "").await.problem(422, code);
        assert!(sentence.contains(words), "{file}: {sentence}");
    }
    let answer = ada.submit_to("diamonds", b"print(1)\n".to_vec(), "").await;
    let sentence = answer.problem(422, "entry_kind");
    assert!(sentence.contains("a zip with predict.py"), "{sentence}");
}

#[tokio::test]
async fn where_scripts_are_taken_too_the_file_at_the_top_decides() {
    let bundle = Bundle::prices().kinds(&["onnx", "predict", "script"]);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    for (file, content, kind) in [
        ("main.py", "print(1)\n".to_owned(), "script"),
        ("predict.py", "print(1)\n".to_owned(), "predict"),
        ("main.py", function("inference_server"), "predict"),
    ] {
        let id = ada.submitted_to("diamonds", zip_of(file, &content)).await;
        assert_eq!(ada.submission(&id).await["kind"], kind, "{file}");
    }
    let both = ada
        .submit_to("diamonds", two_files("main.py", "predict.py"), "")
        .await;
    let sentence = both.problem(422, "entry_ambiguous");
    assert!(sentence.contains("Leave main.py out"), "{sentence}");
    let neither = ada
        .submit_to("diamonds", two_files("a.py", "b.py"), "")
        .await;
    let sentence = neither.problem(422, "main_missing");
    assert!(sentence.contains("no predict.py"), "{sentence}");
}

#[tokio::test]
async fn a_function_that_fails_on_the_public_sample_is_told_what_and_how() {
    let bundle = functions()
        .rule("limits.time_s", 16)
        .rule("limits.start_up_s", 10)
        .rule("limits.batch_s", 1.5)
        .rule("limits.memory_mib", 512)
        // Of 200 rows, so that there is more than one call.
        .rule("entries.batch_size", 100);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    let mut expected = Vec::new();
    for (name, code, words) in [
        ("no_function", "predict_missing", "no function predict()"),
        ("never_serves", "predict_missing", "without serving"),
        ("syntax_error", "predict_import", "SyntaxError"),
        (
            "package_missing",
            "predict_import",
            "Only the packages of the runtime",
        ),
        (
            "load_fails",
            "predict_import",
            "load() failed with FileNotFoundError",
        ),
        ("wants_polars", "predict_import", "Take a pandas.DataFrame"),
        ("raises", "predict_failed", "KeyError: 'weight'"),
        (
            "server_raises",
            "predict_failed",
            "ValueError: no such diamond",
        ),
        ("exits", "exit_status", "before it had answered every batch"),
        ("drops_a_row", "predict_rows", "99 rows for a batch of 100"),
        ("sorts_rows", "predict_rows", "in another order"),
        ("returns_none", "predict_kind", "returned None"),
        (
            "returns_dictionary",
            "predict_kind",
            "an object of type 'dict'",
        ),
        (
            "returns_scores",
            "predict_kind",
            "shape [100, 3] for 100 rows",
        ),
        (
            "returns_columns",
            "predict_kind",
            "without the column 'price'",
        ),
        ("returns_dates", "predict_kind", "neither numbers nor text"),
        (
            "returns_missing",
            "predict_kind",
            "1 of the 100 predictions",
        ),
        ("values_nan", "values", "NaN"),
        ("values_text", "values", "not a number"),
        ("starts_slowly", "start_up_timeout", "within 10 s"),
        ("slow_call", "batch_timeout", "longer than 1.5 s"),
        ("endless_wait", "timeout", "limit of 16 s"),
        ("memory_hog", "memory", "512 MiB"),
        ("crashes", "crashed", "SIGSEGV"),
        (
            "takes_ranks",
            "batch_variant",
            "50 rows at a time in place of 100",
        ),
    ] {
        let file = if function(name).contains("kaggle_evaluation") {
            "main.py"
        } else {
            "predict.py"
        };
        let id = ada
            .submitted_to("diamonds", zip_of(file, &function(name)))
            .await;
        expected.push((name, id, code, words));
    }
    app.run_all_jobs().await;
    for (name, id, code, words) in expected {
        let failed = ada.submission(&id).await;
        assert_eq!(failed["status"], "failed", "{name}: {failed:#}");
        assert_eq!(at(&failed, "/failure/code"), code, "{name}: {failed:#}");
        assert_eq!(at(&failed, "/failure/class"), "participant", "{name}");
        let message = at(&failed, "/failure/message").as_str().unwrap();
        assert!(
            message.contains(words),
            "{name}: no `{words}` in: {message}"
        );
    }
    app.assert_queue_is_empty().await;
}

/// A zip of two files.
fn two_files(one: &str, other: &str) -> Vec<u8> {
    crate::scripts::zip_of_all(&[(one, "print(1)\n"), (other, "print(2)\n")])
}

#[tokio::test]
async fn what_a_function_says_of_hidden_rows_is_shown_to_hosts_alone() {
    let app = App::with(&functions()).await;
    let (ada, grace) = (app.person("ada"), app.host("grace"));
    let zip = zip_of("predict.py", &function("leaks"));
    let id = ada.submitted_to("diamonds", zip).await;
    app.run_all_jobs().await;

    let failed = ada.submission(&id).await;
    assert_eq!(
        *at(&failed, "/failure/code"),
        "predict_failed",
        "{failed:#}"
    );
    let message = at(&failed, "/failure/message").as_str().unwrap();
    assert!(message.contains("hidden test inputs"), "{message}");
    assert!(!message.contains("first row"), "{message}");
    let report = format!("/submissions/{id}");
    ada.sign_in().await;
    grace.sign_in().await;
    // A call with the sample at first, the sample itself, and both with smaller batches.
    let own = ada.get(&report).await.body;
    assert_eq!(own.matches("first row:").count(), 2);
    let hosts = grace.get(&report).await.body;
    assert!(hosts.matches("first row:").count() > 4);
}

#[tokio::test]
async fn a_function_that_speaks_in_the_harness_s_place_wins_nothing() {
    let app = App::with(&functions().rule("limits.time_s", 10)).await;
    let ada = app.person("ada");
    let mut ids = Vec::new();
    for name in ["forges_answers", "floods", "answers_itself"] {
        let zip = zip_of("predict.py", &function(name));
        ids.push(ada.submitted_to("diamonds", zip).await);
    }
    app.run_all_jobs().await;
    for id in &ids[..2] {
        let failed = ada.submission(id).await;
        assert_eq!(*at(&failed, "/failure/code"), "run_failed", "{failed:#}");
    }
    // Predictions are its own however they came, and so is the time that they took.
    let scored = ada.submission(&ids[2]).await;
    assert_eq!(scored["status"], "scored", "{scored:#}");
    let score = at(&scored, "/result/score").as_f64().unwrap();
    assert!((0.9..2.0).contains(&score), "{score}");
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn in_a_single_stream_every_row_is_a_call() {
    let bundle = Bundle::functions()
        .rule("measuring.scenario", "single_stream")
        .rule("limits.batch_s", 5.0);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    let zip = zip_of("predict.py", &function("row_by_row"));
    let id = ada.submitted_to("diamonds", zip).await;
    app.run_all_jobs().await;
    let scored = ada.submission(&id).await;
    assert_eq!(scored["status"], "scored", "{scored:#}");
    let trial = at(&scored, "/result/trials/0");
    assert_eq!(*at(trial, "/latency/calls"), json!(13_794));
    let latency = |name: &str| at(trial, name).as_f64().unwrap();
    let (p50, p90) = (latency("/latency/p50_s"), latency("/latency/p90_s"));
    let p99 = latency("/latency/p99_s");
    assert!(0.0 < p50 && p50 <= p90 && p90 <= p99, "{p50} {p90} {p99}");
    let page = ada.get(&format!("/submissions/{id}")).await.body;
    assert!(page.contains("p99") && page.contains("13,794"), "{page}");
    let page = ada.get("/competitions/diamonds/submit").await.body;
    assert!(page.contains("called with one row at a time"), "{page}");
}
