//! Models in a zip with a `leanboard.toml`, from the upload to the board.

use std::fs;

use serde_json::{Value, json};

use crate::scripts::zip_of_files;
use crate::support::{App, Bundle, at, root};

/// A model of `sandbox/examples/manifest`.
fn model(name: &str) -> Vec<u8> {
    let folder = root().join("sandbox/examples/manifest");
    fs::read(folder.join(format!("{name}.onnx"))).unwrap()
}

/// The model with a manifest beside it.
fn packed(name: &str, manifest: &str) -> Vec<u8> {
    zip_of_files(&[
        ("model.onnx", &model(name)),
        ("leanboard.toml", manifest.as_bytes()),
    ])
}

#[tokio::test]
async fn a_model_is_given_as_many_rows_at_once_as_its_manifest_asks_for() {
    let bundle = Bundle::forest().rule("entries.batch_size", 64);
    let app = App::with(&bundle).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    // It fails where it is given more than forty rows.
    let bare = ada.submitted(model("at_most_forty")).await;
    let packed = packed("at_most_forty", "batch_size = 40\n");
    let packed = bob.submitted(packed).await;
    app.run_all_jobs().await;
    let bare = ada.submission(&bare).await;
    assert_eq!(at(&bare, "/failure/code"), "run_failed", "{bare:#}");

    let scored = bob.submission(&packed).await;
    assert_eq!(*at(&scored, "/result/batch_size"), json!(40), "{scored:#}");
    assert_eq!(scored["kind"], "onnx");
    let lines = bob.standings().await;
    let rows = |line: &Value| line["batch_size"].as_u64().unwrap();
    let by_manifest = |line: &&Value| line["submission"] == packed.as_str();
    assert_eq!(rows(lines.iter().find(by_manifest).unwrap()), 40);
    let reference = lines.iter().find(|line| line["reference"] == true);
    assert_eq!(rows(reference.unwrap()), 64);

    let board = bob.get("/competitions/digits").await.body;
    assert!(board.contains(">batch 40<"), "{board}");
    assert!(board.contains(">batch 64<"), "{board}");
    let report = bob.get(&format!("/submissions/{packed}")).await.body;
    assert!(report.contains("40 rows at once"), "{report}");
}

#[tokio::test]
async fn more_rows_at_once_than_the_competition_gives_are_refused_at_the_door() {
    let bundle = Bundle::forest().rule("entries.max_batch_size", 128);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    let competition = ada.get("/api/v1/competitions/digits").await.json();
    assert_eq!(*at(&competition, "/max_batch_size"), json!(128));
    let much = ada
        .submit(packed("at_most_forty", "batch_size = 129"))
        .await;
    let sentence = much.problem(422, "batch_size");
    assert!(sentence.contains("129"), "{sentence}");
    assert!(sentence.contains("at most 128 "), "{sentence}");
    let most = ada
        .submit(packed("at_most_forty", "batch_size = 128"))
        .await;
    assert_eq!(most.status, 201, "{}", most.body);
}
