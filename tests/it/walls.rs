//! What comes of walls that are not whole: who is told, in which words, and at whose cost.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::sandbox::engines::WeakEngine;
use crate::sandbox::support::engines;
use crate::support::{App, Bundle, at, starter, unique_name};

/// The canary is held as it should be, and what people have entered is not.
fn engine_that_forgets_a_limit() -> WeakEngine {
    WeakEngine::new(
        &engines()[0],
        "if 'canary' not in process['args']: del linux['resources']['pids']",
    )
}

/// Has the runner's process see a machine without this controller of version 1.
fn without_controller(controller: &str, runner: &Command) -> Command {
    let mut hidden = Command::new("unshare");
    let script = format!("umount /sys/fs/cgroup/{controller} && exec \"$0\" \"$@\"");
    hidden.args(["--mount", "sh", "-c", &script]);
    hidden.arg(runner.get_program()).args(runner.get_args());
    for (name, value) in runner.get_envs() {
        match value {
            Some(value) => hidden.env(name, value),
            None => hidden.env_remove(name),
        };
    }
    hidden
}

fn has_version_1(controller: &str) -> bool {
    let is_there = Path::new("/sys/fs/cgroup").join(controller).exists();
    if !is_there {
        println!("skipped: cgroup version 2 has no controllers that can be unmounted");
    }
    is_there
}

#[tokio::test]
async fn a_run_whose_limits_do_not_hold_costs_nobody_anything_and_ends_the_runner() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let first = ada.submitted(starter("small_mlp")).await;
    let second = ada.submitted(starter("logistic_regression")).await;
    let engine = engine_that_forgets_a_limit();
    // Not told to take one job only: it ends by itself, and the second one is left alone.
    let mut runner = app.runner(&unique_name());
    runner.arg("--oci-runtime").arg(engine.path());
    let output = runner.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let name = "limits-not-enforced: pids.max is max instead of 64";
    assert!(said.contains(name), "{said}");
    assert_eq!(said.matches("took a job").count(), 1, "{said}");

    let left = ada.submission(&first).await;
    assert_eq!(left["status"], "queued", "{left:#}");
    assert!(left["failure"].is_null() && left["result"].is_null());
    let page = ada.get(&format!("/submissions/{first}")).await.body;
    assert!(page.contains("It is tried again in"), "{page}");
    assert!(page.contains("failed through our fault"), "{page}");
    assert!(!page.contains("pids.max"), "{page}");
    let untouched = ada.get(&format!("/submissions/{second}")).await.body;
    assert!(!untouched.contains("our fault"), "{untouched}");

    // On a machine whose walls hold, both are scored as if nothing had been.
    app.run_all_jobs().await;
    for id in [first, second] {
        let scored = ada.submission(&id).await;
        assert_eq!(scored["status"], "scored", "{scored:#}");
        assert_eq!(at(&scored, "/result/degraded"), false);
    }
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_degraded_machine_is_refused_by_name_and_on_request_marks_all_that_it_measures() {
    if !has_version_1("pids") {
        return;
    }
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let mut runner = app.runner(&unique_name());
    runner.arg("--once");
    let refused = without_controller("pids", &runner).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("the cgroup controller pids is missing: mount it"),
        "{said}"
    );
    assert_eq!(ada.submission(&id).await["status"], "queued");

    runner.arg("--allow-degraded");
    crate::support::success(without_controller("pids", &runner).output().unwrap());
    let scored = ada.submission(&id).await;
    assert_eq!(scored["status"], "scored", "{scored:#}");
    assert_eq!(at(&scored, "/result/degraded"), true);
    let class = at(&scored, "/result/hardware_class").as_str().unwrap();
    assert!(class.ends_with(", degraded"), "{class}");
    let report = ada.get(&format!("/submissions/{id}")).await.body;
    for words in [
        ">degraded</span>",
        "This result is degraded",
        "missing: the cgroup controller pids is missing",
    ] {
        assert!(report.contains(words), "no `{words}` in {report}");
    }

    // The competition opens on what compares, and there it does not stand.
    let visitor = app.visitor();
    let board = "/api/v1/competitions/digits/leaderboard";
    let opened = visitor.get(board).await.json();
    assert_eq!(opened["degraded"], false);
    assert_eq!(at(&opened, "/hardware_classes/1"), class);
    let stands = |board: &serde_json::Value| {
        let standings = board["standings"].as_array().unwrap();
        standings
            .iter()
            .any(|line| line["submission"] == id.as_str())
    };
    assert!(!stands(&opened));
    let page = visitor.get("/competitions/digits").await.body;
    assert!(!page.contains("badge degraded"), "{page}");
    let query = format!("?hardware_class={}", class.replace(' ', "%20"));
    let degraded = visitor.get(&format!("{board}{query}")).await.json();
    assert_eq!(degraded["degraded"], true);
    assert!(stands(&degraded));
    let page = visitor
        .get(&format!("/competitions/digits{query}"))
        .await
        .body;
    for words in ["badge degraded", "These results are degraded"] {
        assert!(page.contains(words), "no `{words}` in {page}");
    }
    app.assert_queue_is_empty().await;
}
