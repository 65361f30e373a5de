//! Competitions that compare probabilities, from the model's output to the score.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::scripts::zip_of;
use crate::support::{App, Bundle, at, root, starter};

const CLASSES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The demo of digits, as a task of probabilities under log loss.
pub fn forecast() -> Bundle {
    let bundle = (Bundle::forest().rule("task.kind", "probability"))
        .rule("metric.name", "log_loss")
        .rule("metric.benchmark", 2.3);
    let path = bundle.path().join("data/sample_submission.csv");
    let labels = fs::read_to_string(&path).unwrap();
    let mut rows = format!("id,{}\n", CLASSES.join(","));
    for line in labels.lines().skip(1) {
        let (id, _) = line.split_once(',').unwrap();
        writeln!(rows, "{id}{}", ",0.1".repeat(CLASSES.len())).unwrap();
    }
    fs::write(path, rows).unwrap();
    bundle
}

#[tokio::test]
async fn a_model_is_scored_by_how_sure_it_is_and_refused_without_probabilities() {
    let app = App::with(&forecast()).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    let sure = ada.submitted(starter("small_mlp")).await;
    // Its scores are not put through a softmax.
    let scores = fs::read(root().join("demo/digits/starter/small_mlp.tflite")).unwrap();
    let scores = bob.submitted(scores).await;
    app.run_all_jobs().await;
    let loss = |line: &Value| at(line, "/score").as_f64().unwrap();
    let lines = ada.standings().await;
    let forest = lines.iter().find(|line| line["reference"] == true).unwrap();
    // The reference is a forest whose ZipMap has the probabilities, and is less sure.
    assert!((0.2..0.8).contains(&loss(forest)), "{forest:#}");
    let network = lines
        .iter()
        .find(|line| line["submission"] == sure)
        .unwrap();
    assert!((0.02..0.2).contains(&loss(network)), "{network:#}");
    let failed = bob.submission(&scores).await;
    let code = at(&failed, "/failure/code");
    assert_eq!(code, "output_not_proba", "{failed:#}");
    let message = at(&failed, "/failure/message").as_str().unwrap();
    assert!(message.contains("softmax"), "{message}");
    ada.sign_in().await;
    let page = ada.get("/competitions/digits/submit").await.body;
    assert!(
        page.contains("the probability of each of the 10 classes"),
        "{page}"
    );
}

#[tokio::test]
async fn a_function_returns_the_probability_of_each_class() {
    let app = App::with(&forecast().kinds(&["onnx", "predict"])).await;
    let ada = app.person("ada");
    let unsure =
        "import numpy\n\ndef predict(batch):\n    return numpy.full((len(batch), 10), 0.1)\n";
    let unsure = ada
        .submitted_to("digits", zip_of("predict.py", unsure))
        .await;
    let one = "def predict(batch):\n    return [0.1] * len(batch)\n";
    let one = ada.submitted_to("digits", zip_of("predict.py", one)).await;
    app.run_all_jobs().await;
    let scored = ada.submission(&unsure).await;
    let score = at(&scored, "/result/score").as_f64();
    let is_even = score.is_some_and(|score| (score - 10f64.ln()).abs() < 1e-9);
    assert!(is_even, "{scored:#}");
    let failed = ada.submission(&one).await;
    assert_eq!(at(&failed, "/failure/code"), "predict_kind", "{failed:#}");
    let message = at(&failed, "/failure/message").as_str().unwrap();
    assert!(message.contains("10 for each row, [N, 10]"), "{message}");
}
