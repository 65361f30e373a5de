//! A competition of texts: models with text inputs, functions, and a metric with a parameter.

use serde_json::json;

use crate::support::{App, Bundle, at};

#[tokio::test]
async fn a_model_reads_texts_and_a_function_stands_beside_it_on_the_board() {
    let app = App::with(&Bundle::glosses()).await;
    app.run_all_jobs().await;
    let visitor = app.visitor();
    let board = visitor
        .get("/api/v1/competitions/gloss-topics/leaderboard")
        .await
        .json();
    let lines = board["standings"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "{board:#}");
    for line in lines {
        let id = line["submission"].as_str().unwrap();
        let submission = visitor.submission(id).await;
        let (kind, score) = (&submission["kind"], at(line, "/score").as_f64().unwrap());
        // Macro-F1, as the scripts that made the bundle found it.
        let expected = if kind == "onnx" {
            0.50..0.58
        } else {
            0.69..0.75
        };
        assert!(expected.contains(&score), "{kind}: {line:#}");
        assert_eq!(submission["status"], json!("scored"));
        // Macro-F1 is no mean over rows.
        assert!(line["score_low"].is_null() && line["score_high"].is_null());
    }
    assert_eq!(board["formula"]["metric_title"], "F1 (macro)");
    let page = visitor.get("/competitions/gloss-topics?board=score").await;
    assert!(page.body.contains("By F1 (macro) alone"), "{}", page.body);
    assert!(!page.body.contains("other rows of the kind"));
    let page = visitor.get("/").await.body;
    assert!(page.contains("F1 (macro)"), "{page}");
}
