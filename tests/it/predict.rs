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
