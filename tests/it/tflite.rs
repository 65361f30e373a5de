//! TensorFlow Lite models, from the upload to the score.

use std::fs;

use serde_json::{Value, json};

use crate::support::{App, Bundle, at, root, starter};

fn tflite(path: &str) -> Vec<u8> {
    fs::read(root().join(format!("{path}.tflite"))).unwrap()
}

#[tokio::test]
async fn a_converted_model_scores_as_the_one_that_it_was_made_from() {
    let app = App::with(&Bundle::lean()).await;
    let (ada, bob, eve) = (app.person("ada"), app.person("bob"), app.person("eve"));
    let original = ada.submitted(starter("small_mlp")).await;
    let converted = bob.submitted(tflite("demo/digits/starter/small_mlp")).await;
    let whole = eve
        .submitted(tflite("demo/digits/starter/small_mlp_int8"))
        .await;
    app.run_all_jobs().await;
    let original = ada.submission(&original).await;
    let report = bob.get(&format!("/submissions/{converted}")).await.body;
    let converted = bob.submission(&converted).await;
    assert_eq!(converted["status"], "scored", "{converted:#}");
    assert_eq!(converted["kind"], "tflite");
    let score = |submission: &Value| at(submission, "/result/score").as_f64().unwrap();
    assert_eq!(score(&converted), score(&original));
    for part in [
        "LiteRT 2.3.0",
        "FULLY_CONNECTED",
        "float32 [?, 64]",
        "The model",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!report.contains("Opsets"));

    let whole = eve.submission(&whole).await;
    assert_eq!(whole["status"], "scored", "{whole:#}");
    assert!((score(&whole) - score(&original)).abs() < 0.02);
    let phases = at(&whole, "/result/inference");
    assert!(phases["cpu_s"].as_f64().unwrap() > 0.0, "{phases}");
}

/// The model with another number of its format's version, the first field of its root.
fn of_version(model: &[u8], version: u8) -> Vec<u8> {
    let number = |at: usize| u32::from_le_bytes(model[at..at + 4].try_into().unwrap()) as usize;
    let root = number(0);
    let fields = root - number(root);
    let version_at = root + (number(fields + 4) & 0xffff);
    let mut model = model.to_owned();
    assert_eq!(model[version_at], 3);
    model[version_at] = version;
    model
}

#[tokio::test]
async fn what_cannot_run_or_could_remember_is_refused_at_the_door() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let whole = tflite("demo/digits/starter/small_mlp");
    for (name, file, code) in [
        (
            "cut off",
            whole[..whole.len() / 2].to_vec(),
            "tflite_invalid",
        ),
        ("version 4", of_version(&whole, 4), "tflite_unsupported"),
        (
            "custom operator",
            tflite("sandbox/examples/custom_op"),
            "tflite_custom_op",
        ),
        (
            "random numbers",
            tflite("sandbox/examples/random_numbers"),
            "tflite_stateful",
        ),
        (
            "rows of sixty-three values",
            tflite("sandbox/examples/broken/sixty_three_inputs"),
            "input_shape",
        ),
        (
            "nine classes",
            tflite("sandbox/examples/broken/nine_classes"),
            "output_classes",
        ),
        (
            "what an earlier pass left",
            tflite("sandbox/examples/reads_unwritten"),
            "tflite_stateful",
        ),
        (
            "a place that is computed",
            tflite("sandbox/examples/keeps_between_places"),
            "tflite_stateful",
        ),
        (
            "a place past the end",
            tflite("sandbox/examples/takes_row_past_end"),
            "tflite_stateful",
        ),
        (
            "an axis twice",
            tflite("sandbox/examples/reads_past_end"),
            "tflite_stateful",
        ),
    ] {
        let sentence = ada.submit(file).await.problem(422, code);
        assert!(sentence.len() > 20, "{name}: {sentence}");
    }
}

#[tokio::test]
async fn a_kind_that_the_competition_does_not_take_is_refused_with_those_that_it_takes() {
    let onnx = App::with(&Bundle::lean().kinds(&["onnx"])).await;
    let file = tflite("demo/digits/starter/small_mlp");
    let sentence = onnx
        .person("ada")
        .submit(file)
        .await
        .problem(422, "entry_kind");
    assert!(sentence.contains("a TensorFlow Lite model"), "{sentence}");

    let bundle = Bundle::tflite().kinds(&["tflite"]);
    let lite = App::with(&bundle).await;
    let ada = lite.person("ada");
    let sentence = ada
        .submit(starter("small_mlp"))
        .await
        .problem(422, "entry_kind");
    assert!(sentence.contains("one .tflite file"), "{sentence}");
    ada.sign_in().await;
    let page = ada.get("/competitions/digits/submit").await.body;
    assert!(page.contains("accept=\".tflite\""), "{page}");
    assert!(!page.contains("import onnx"));
    let competition = ada.get("/api/v1/competitions/digits").await.json();
    assert_eq!(*at(&competition, "/kinds"), json!(["tflite"]));
}
