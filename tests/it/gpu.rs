//! The energy of GPUs, from the upload to the pages: of a made-up one by the real binding of NVML, and
//! of a real one where there is one.

use std::time::{Duration, Instant};

use leanboard::meter::{Device, NvmlDevice};

use crate::support::{App, Bundle, FakeNvml, at, starter, success, unique_name};

impl App {
    /// Has a runner with this NVML, and no other counter, take one job.
    fn run_one_job_with(&self, fake: &FakeNvml) {
        let mut runner = self.runner(&unique_name());
        runner
            .args(["--once", "--meter", "auto", "--powercap-dir", "/nowhere"])
            .arg("--nvml-library")
            .arg(fake.library());
        success(runner.output().unwrap());
    }

    fn run_one_job_without_energy(&self) {
        let mut runner = self.runner(&unique_name());
        success(runner.args(["--once", "--meter", "none"]).output().unwrap());
    }
}

#[tokio::test]
async fn what_nvml_counts_stands_on_report_and_board_and_a_fake_is_marked() {
    let app = App::with(&Bundle::lean()).await;
    // The reference entry goes first.
    app.run_one_job_without_energy();
    let mut ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    // Of short ticks, so that windows are short; and nearly steady, as a GPU is at rest.
    app.run_one_job_with(&FakeNvml::playing(
        "profile = \"v100\"\n\
         trace = [{ lasts_ms = 1000, power_mw = 45000 }]",
    ));

    let submission = ada.submission(&id).await;
    let result = at(&submission, "/result");
    let energy = &result["energy"];
    assert_eq!(energy["simulated"], true, "{submission:#}");
    assert_eq!(energy["unit"], "J");
    assert_eq!(energy["scope"], "GPU board");
    assert_eq!(energy["tier"], "B");
    let watts =
        energy["value"].as_f64().unwrap() / at(result, "/inference/wall_s").as_f64().unwrap();
    assert!((44.0..46.0).contains(&watts), "{watts} W in {submission:#}");

    let standings = ada.standings().await;
    let line = standings
        .iter()
        .find(|line| line["submission"] == id.as_str());
    assert_eq!(line.unwrap()["energy"]["simulated"], true);
    ada.token = None;
    ada.sign_in().await;
    let report = ada.get(&format!("/submissions/{id}")).await.body;
    assert!(report.contains("simulated"), "{report}");
    assert!(report.contains("GPU board"), "{report}");
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_gpu_without_a_counter_leaves_energy_missing_and_says_why() {
    let app = App::with(&Bundle::lean()).await;
    app.run_one_job_with(&FakeNvml::playing("profile = \"jetson\""));
    let line = app.visitor().standings().await.remove(0);
    assert!(line["energy"]["value"].is_null(), "{line:#}");
    let missing = line["energy"]["missing"].as_str().unwrap();
    assert!(
        missing.starts_with("no energy counter is read on this machine"),
        "{missing}"
    );
    assert!(
        missing.contains("Orin") && missing.contains("Jetson"),
        "{missing}"
    );
    assert!(
        line["rank"].is_number(),
        "energy ranks nobody here: {line:#}"
    );
}

#[test]
fn a_real_gpu_counts_what_it_draws() {
    let gpus = match NvmlDevice::find(None) {
        Ok(gpus) if !gpus.is_empty() => gpus,
        Ok(_) => return println!("skipped: no GPU"),
        Err(absent) => return println!("skipped: no GPU: {absent}"),
    };
    for mut gpu in gpus {
        let identity = gpu.identity().clone();
        assert!(!identity.simulated, "a fake is installed: {identity:?}");
        if let Some(absent) = gpu.tells_nothing() {
            println!("skipped: {}: {absent}", identity.name);
            continue;
        }
        let first = gpu.sample();
        let begun = Instant::now();
        let last = loop {
            let last = gpu.sample();
            if begun.elapsed() > Duration::from_secs(2) {
                break last;
            }
        };
        println!("{identity:?}\n{first:?}\n{last:?}");
        if let (Ok(first_microjoules), Ok(last_microjoules)) = (first.counter, last.counter) {
            let joules = (last_microjoules - first_microjoules) as f64 / 1e6;
            let watts = joules / (last.at - first.at).as_secs_f64();
            assert!((1.0..2_000.0).contains(&watts), "{watts} W");
        }
        if let Ok(milliwatts) = last.power {
            assert!((1_000..2_000_000).contains(&milliwatts), "{milliwatts} mW");
        }
    }
}
