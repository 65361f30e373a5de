//! Competitions that rank joules: with a meter, and without.

use serde_json::{Value, json};

use crate::support::{
    App, Bundle, FakeNvml, Person, Runner, at, eventually, starter, success, unique_name,
};

/// The demo by energy, with its reference alone.
fn by_energy() -> Bundle {
    Bundle::lean().rule("efficiency.cost", "energy")
}

/// A made-up GPU of steady power, so that its counter and its power agree in windows of any length.
fn steady_gpu() -> FakeNvml {
    FakeNvml::playing("profile = \"v100\"\ntrace = [{ lasts_ms = 1000, power_mw = 45000 }]")
}

impl App {
    /// Has all that waits measured by runners with this GPU and no other counter.
    async fn run_all_jobs_on(&self, gpu: &FakeNvml) {
        while self.queue().await["queued"] != 0 {
            let mut runner = self.runner(&unique_name());
            runner
                .args(["--once", "--meter", "auto", "--powercap-dir", "/nowhere"])
                .arg("--nvml-library")
                .arg(gpu.library());
            success(runner.output().unwrap());
        }
    }

    async fn run_all_jobs_without_a_meter(&self) {
        while self.queue().await["queued"] != 0 {
            let mut runner = self.runner(&unique_name());
            success(runner.args(["--once", "--meter", "none"]).output().unwrap());
        }
    }
}

impl Person {
    async fn board(&self) -> Value {
        let board = self.get("/api/v1/competitions/digits/leaderboard").await;
        board.json()
    }
}

fn number(line: &Value, name: &str) -> f64 {
    line[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name} in {line:#}"))
}

#[tokio::test]
async fn a_board_by_simulated_energy_ranks_joules_and_says_that_they_are_made_up() {
    let app = App::with(&by_energy()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs_on(&steady_gpu()).await;

    let board = ada.board().await;
    assert_eq!(at(&board, "/formula/cost"), "energy");
    assert_eq!(at(&board, "/formula/cost_unit"), "J");
    let constants = at(&board, "/formula/constants");
    assert_eq!(at(constants, "/energy/simulated"), true);
    let lines = board["standings"].as_array().unwrap();
    let ranks: Vec<&Value> = lines.iter().map(|line| &line["rank"]).collect();
    assert_eq!(ranks, [1, 2], "{board:#}");
    for line in lines {
        // What is ranked is the energy that is shown, and the formula is fed with it.
        assert_eq!(line["cost_j"], line["energy"]["value"]);
        assert_eq!(line["cost_s"], json!(null));
        let cost_term = number(line, "cost_j") / number(constants, "cost_scale_j");
        assert!((cost_term - number(line, "cost_term")).abs() < 1e-12);
    }
    // Half a second of the support vector machine's pass against a network's thousandth of one.
    let network = lines.iter().find(|line| line["submission"] == id.as_str());
    let reference = lines.iter().find(|line| line["reference"] == true);
    let joules = |line: Option<&Value>| number(line.unwrap(), "cost_j");
    assert!(joules(network) < joules(reference));

    let page = ada.get("/competitions/digits").await.body;
    for words in [
        "The energy on this board is simulated.",
        "Cost<small>simulated energy per pass</small>",
        "J</span></b> of simulated energy per pass",
    ] {
        assert!(page.contains(words), "no {words:?} in {page}");
    }
    let home = ada.get("/").await.body;
    assert!(home.contains(r#"<span class="badge energy">simulated</span>"#));
    let report = ada.get(&format!("/submissions/{id}")).await.body;
    assert!(
        report.contains("simulated energy per pass over the test inputs"),
        "{report}"
    );
    ada.sign_in().await;
    let mine = ada.get("/competitions/digits/submissions").await.body;
    assert!(mine.contains("simulated</span>"), "{mine}");
}

#[tokio::test]
async fn a_runner_without_a_meter_takes_no_rank_away_when_it_measures_again() {
    let app = App::with(&by_energy().rule("measuring.deepen", true)).await;
    app.run_all_jobs_on(&steady_gpu()).await;
    let before = app.visitor().standings().await;
    assert_eq!(at(&before[0], "/rank"), 1, "{:#}", before[0]);

    let mut unmetered = app.runner(&unique_name());
    let runner = Runner::start(unmetered.args(["--meter", "none"]));
    eventually("an end of measuring again", async || {
        (app.deepening().await == (0, 0)).then_some(())
    })
    .await;
    runner.kill();
    assert_eq!(app.visitor().standings().await, before);
}

#[tokio::test]
async fn without_a_meter_nobody_is_ranked_by_energy_and_the_board_says_why() {
    let app = App::with(&by_energy()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs_without_a_meter().await;

    let board = ada.board().await;
    assert_eq!(at(&board, "/formula/constants"), &json!(null));
    let why = at(&board, "/formula/why_no_constants").as_str().unwrap();
    assert!(why.contains("no energy counter"), "{why}");
    let lines = board["standings"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    for line in lines {
        for name in ["rank", "efficiency", "cost_s", "cost_j", "cost_low_j"] {
            assert_eq!(line[name], json!(null), "{name}");
        }
        assert_eq!(line["unranked"], "scale_degenerate");
    }
    let scores: Vec<f64> = lines.iter().map(|line| number(line, "score")).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "listed by score");

    for address in ["/competitions/digits", &format!("/submissions/{id}")] {
        let page = ada.get(address).await.body;
        assert!(page.contains("no energy counter"), "{page}");
    }
    // By score alone they have ranks.
    let board = ada
        .get("/api/v1/competitions/digits/leaderboard?board=score")
        .await
        .json();
    assert_eq!(at(&board, "/standings/0/rank"), 1);
}
