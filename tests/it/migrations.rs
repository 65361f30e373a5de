//! Every migration must go through on a database that has rows.

use std::borrow::Cow;

use leanboard::db;
use serde_json::{Value, json};

use crate::support::{App, Bundle, at, command, create_empty_database, starter, success};

#[tokio::test]
async fn migrating_a_full_database_again_changes_nothing() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;
    let before = (ada.submission(&id).await, ada.standings().await);
    success(app.command().arg("migrate").output().unwrap());
    assert_eq!((ada.submission(&id).await, ada.standings().await), before);
}

#[tokio::test]
async fn what_the_first_version_measured_stays_and_waits_to_be_measured_again() {
    let url = create_empty_database("first_version").await;
    let mut first = sqlx::migrate!();
    let migrations = first.migrations.iter().take(1).cloned().collect();
    first.migrations = Cow::Owned(migrations);
    let pool = db::connect(&url, 1).await.unwrap();
    first.run(&pool).await.unwrap();
    let rows = include_str!("fixtures/first_version.sql");
    sqlx::raw_sql(rows).execute(&pool).await.unwrap();
    pool.close().await;

    let data = tempfile::tempdir().unwrap();
    success(command(&url, data.path()).arg("migrate").output().unwrap());
    let app = App::start_on(url).await;
    let visitor = app.visitor();
    let lines = visitor.standings().await;
    let ranks: Vec<_> = lines.iter().map(|line| &line["rank"]).collect();
    assert_eq!(ranks, [&json!(1), &json!(2)]);
    let board = visitor
        .get("/api/v1/competitions/digits/leaderboard")
        .await
        .json();
    let constants = at(&board, "/formula/constants");
    for line in &lines {
        assert_eq!(line["profile"], "quick");
        assert_eq!(line["rank_best"], json!(null));
        let number = |value: &Value| value.as_f64().unwrap();
        let cost_term = number(&line["cost_s"]) / number(&constants["cost_scale_s"]);
        assert_eq!(cost_term, number(&line["cost_term"]));
        assert_eq!(line["cost_j"], json!(null));
        let id = line["submission"].as_str().unwrap();
        let submission = visitor.submission(id).await;
        assert_eq!(submission["status"], "scored");
        let trials = at(&submission, "/result/trials").as_array().unwrap();
        assert_eq!(trials.len(), 3);
        assert!(trials.iter().all(|trial| trial["total"]["cpu_s"].is_f64()));
    }
    assert_eq!(
        app.queue().await,
        json!({"queued": 0, "running": 0, "deepening": {"queued": 2, "running": 0}})
    );
}
