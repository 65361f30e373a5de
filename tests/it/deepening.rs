//! With nothing else to do a runner measures again what stands on the board, and nobody waits for
//! it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    App, Bundle, Person, Runner, at, eventually, runtime, script, starter, success, unique_name,
};

/// The demo with its reference alone, measured again.
fn deepened() -> Bundle {
    Bundle::lean().rule("measuring.deepen", true)
}

impl App {
    /// How much is waiting to be measured again, and how much is.
    pub async fn deepening(&self) -> (i64, i64) {
        let queue = self.queue().await;
        let count = |pointer| at(&queue, pointer).as_i64().unwrap();
        (count("/deepening/queued"), count("/deepening/running"))
    }

    async fn wait_until_it_is_measured_again(&self) {
        eventually("an idle runner", async || {
            (self.deepening().await.1 == 1).then_some(())
        })
        .await;
    }

    /// A second machine, as it seems: it shares no lock with the first.
    fn runner_elsewhere(&self) -> Runner {
        let mut command = self.runner(&unique_name());
        let elsewhere = Path::new("/run/leanboard-test-elsewhere");
        Runner::start(command.arg("--rooms-dir").arg(elsewhere))
    }
}

impl Person {
    async fn trials(&self, id: &str) -> Vec<Value> {
        let submission = self.submission(id).await;
        assert_eq!(submission["status"], "scored");
        at(&submission, "/result/trials")
            .as_array()
            .unwrap()
            .clone()
    }

    /// The id of the only entry on the board.
    async fn reference(&self) -> String {
        let lines = self.standings().await;
        assert_eq!(lines.len(), 1);
        lines[0]["submission"].as_str().unwrap().to_owned()
    }

    async fn constants(&self) -> Value {
        let board = self.get("/api/v1/competitions/digits/leaderboard").await;
        at(&board.json(), "/formula/constants").clone()
    }

    async fn wait_for_ranges(&self) -> Vec<Value> {
        eventually("a range of ranks in every line", async || {
            let lines = self.standings().await;
            lines
                .iter()
                .all(|line| line["rank_best"].is_u64())
                .then_some(lines)
        })
        .await
    }
}

#[tokio::test]
async fn an_idle_runner_adds_trials_until_every_rank_has_a_range() {
    let app = App::with(&deepened()).await;
    let (ada, eve) = (app.person("ada"), app.person("eve"));
    // Twins can hardly be told apart by what they cost.
    let id = ada.submitted(starter("small_mlp")).await;
    eve.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;
    let quick = ada.trials(&id).await;
    let constants = ada.constants().await;
    let score = at(&ada.submission(&id).await, "/result/score").clone();
    for line in ada.standings().await {
        assert_eq!(line["profile"], "quick");
        assert_eq!(
            (&line["trials"], &line["rank_best"]),
            (&json!(3), &json!(null))
        );
    }
    let page = ada.get("/competitions/digits").await.body;
    assert!(page.contains(">quick</span>"), "{page}");
    assert_eq!(app.deepening().await, (3, 0));

    let runner = Runner::start(&mut app.runner(&unique_name()));
    let lines = ada.wait_for_ranges().await;
    runner.kill();
    for line in &lines {
        assert_eq!(line["profile"], "standard");
        assert!(line["trials"].as_u64() >= Some(8), "{line}");
        let figure = |name: &str| line[name].as_f64().unwrap();
        assert!(figure("rank_best") <= figure("rank") && figure("rank") <= figure("rank_worst"));
        assert!(
            figure("cost_low_s") <= figure("cost_s") && figure("cost_s") <= figure("cost_high_s")
        );
        assert!(figure("efficiency_low") <= figure("efficiency"));
        assert!(figure("efficiency") <= figure("efficiency_high"));
    }
    let board = app.visitor().get("/competitions/digits").await.body;
    assert!(board.contains(r#"class="interval""#), "{board}");
    for line in app.visitor().standings().await {
        let range = match (&line["rank_best"], &line["rank_worst"]) {
            (best, worst) if best == worst => format!(">({best})</span>"),
            (best, worst) => format!(">({best}–{worst})</span>"),
        };
        assert!(board.contains(&range), "{range} in {board}");
    }
    let report = ada.get(&format!("/submissions/{id}")).await.body;
    assert!(report.contains("standard: "), "{report}");

    // Trials are only added, and what is frozen stays.
    let trials = ada.trials(&id).await;
    assert_eq!(trials[..3], quick[..]);
    for (trial, number) in trials.iter().zip(1..) {
        assert_eq!(trial["number"], number);
        assert_eq!(trial["passes"], quick[0]["passes"]);
    }
    assert_eq!(ada.constants().await, constants);
    assert_eq!(*at(&ada.submission(&id).await, "/result/score"), score);
    assert_eq!(
        at(&ada.submission(&id).await, "/result/deterministic"),
        true
    );
}

#[tokio::test]
async fn an_upload_is_taken_before_what_is_measured_again() {
    let app = App::with(&deepened()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let reference = ada.reference().await;
    assert_eq!(app.deepening().await, (1, 0));
    let id = ada.submitted(starter("small_mlp")).await;
    assert_eq!(ada.submission(&id).await["queue_position"], 1);
    app.run_one_job();
    assert_eq!(ada.trials(&id).await.len(), 3);
    assert_eq!(ada.trials(&reference).await.len(), 3);

    app.run_one_job();
    assert_eq!(ada.trials(&reference).await.len(), 10);
}

#[tokio::test]
async fn an_upload_waits_for_one_trial_at_most() {
    let app = App::with(&deepened()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let reference = ada.reference().await;
    let _runner = Runner::start(&mut app.runner(&unique_name()));
    app.wait_until_it_is_measured_again().await;
    let queue = app.queue().await;
    assert_eq!(
        (&queue["queued"], &queue["running"]),
        (&json!(0), &json!(0))
    );
    let id = ada.submitted(starter("small_mlp")).await;
    eventually("the score", async || {
        let submission = ada.submission(&id).await;
        (submission["status"] == "scored").then_some(())
    })
    .await;
    // Its turn ends at ten.
    let trials = ada.trials(&reference).await.len();
    assert!((3..10).contains(&trials), "{trials} trials");
    // What was broken off goes on.
    ada.wait_for_ranges().await;
}

#[tokio::test]
async fn two_runners_on_one_database_never_add_the_same_trial() {
    let app = App::with(&deepened()).await;
    app.run_all_jobs().await;
    let first = Runner::start(&mut app.runner(&unique_name()));
    let second = app.runner_elsewhere();
    let visitor = app.visitor();
    visitor.wait_for_ranges().await;
    first.kill();
    second.kill();
    let trials = visitor.trials(&visitor.reference().await).await;
    let numbers: Vec<_> = trials
        .iter()
        .map(|trial| trial["number"].as_u64())
        .collect();
    let expected: Vec<_> = (1..=trials.len() as u64).map(Some).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn a_runner_that_is_killed_while_it_measures_again_loses_nothing() {
    let app = App::with(&deepened()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let reference = ada.reference().await;
    let before = (ada.trials(&reference).await, ada.standings().await);
    let name = unique_name();
    let runner = Runner::start(&mut app.runner(&name));
    app.wait_until_it_is_measured_again().await;
    runner.kill();
    assert_eq!(
        (ada.trials(&reference).await, ada.standings().await),
        before
    );
    app.assert_queue_is_empty().await;

    let _runner = Runner::start(&mut app.runner(&name));
    ada.wait_for_ranges().await;
    let trials = ada.trials(&reference).await;
    assert_eq!(trials[..3], before.0[..]);
}

#[tokio::test]
async fn a_host_may_have_nothing_measured_again() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    assert_eq!(app.deepening().await, (0, 0));
}

#[tokio::test]
async fn only_the_line_of_a_team_is_measured_again() {
    let app = App::with(&deepened()).await;
    let ada = app.person("ada");
    for entry in ["logistic_regression", "small_mlp"] {
        ada.submitted(starter(entry)).await;
        app.run_all_jobs().await;
        assert_eq!(app.deepening().await, (2, 0), "one for each team's best");
    }
}

#[tokio::test]
async fn who_fails_later_keeps_the_score_and_the_board_says_so() {
    // Even one price for all diamonds beats this benchmark.
    let bundle = Bundle::prices().rule("metric.benchmark", 2.0);
    let app = App::with(&bundle.rule("measuring.deepen", true)).await;
    let (ada, eve) = (app.person("ada"), app.person("eve"));
    let failing = script("fails_where_marked");
    let worse = script("predicts_worse_where_marked");
    let expected = [
        (ada.submitted_to("diamonds", failing).await, "exit_status"),
        (eve.submitted_to("diamonds", worse).await, "scores_unlike"),
    ];
    app.run_all_jobs().await;
    let mut before = Vec::new();
    for (id, _) in &expected {
        before.push(ada.submission(id).await);
    }
    assert_eq!(app.deepening().await, (3, 0));

    // The reference goes first, to no harm.
    let marked = marked_runtime();
    for _ in 0..3 {
        let mut runner = app.runner(&unique_name());
        let runtime = runner.env("LEANBOARD_RUNTIME_DIR", marked.path());
        success(runtime.arg("--once").output().unwrap());
    }
    let board = ada.get("/api/v1/competitions/diamonds/leaderboard").await;
    let lines = board.json()["standings"].as_array().unwrap().clone();
    for ((id, code), before) in expected.iter().zip(before) {
        let after = ada.submission(id).await;
        let result = |name| (&before["result"][name], &after["result"][name]);
        assert_eq!(before["status"], "scored", "{before:#}");
        for same in ["score", "total", "trials", "profile"] {
            assert_eq!(result(same).0, result(same).1, "{code}");
        }
        assert_eq!(after["status"], "scored");
        assert_eq!(result("later_failure"), (&json!(null), &json!(code)));
        let line = lines
            .iter()
            .find(|line| line["submission"] == **id)
            .unwrap();
        assert!(line["rank"].is_u64());
        assert_eq!(line["rank_best"], json!(null));
    }
    let page = ada.get("/competitions/diamonds").await.body;
    assert!(page.contains("failed later"), "{page}");
    // Only the reference goes on.
    assert_eq!(app.deepening().await, (1, 0));
}

/// The environment with a mark in it.
fn marked_runtime() -> TempDir {
    let folder = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(runtime().parent().unwrap())
        .unwrap();
    let mut copy = Command::new("cp");
    copy.args(["-a", "--link"]).arg(runtime().join("."));
    success(copy.arg(folder.path()).output().unwrap());
    fs::write(folder.path().join("mark"), "").unwrap();
    folder
}
