//! What is under way, told as it happens.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    App, Bundle, DeafWay, Person, Runner, Server, broken, eventually, free_port, starter,
    unique_name,
};

/// A state in a word or two.
fn name(state: &Value) -> String {
    let status = state["status"].as_str().unwrap();
    let phase = &state["phase"];
    match (phase["name"].as_str(), phase["trial"].as_u64()) {
        (Some(phase), Some(trial)) => format!("{phase} {trial} of {}", phase_trials(state)),
        (Some(phase), None) => phase.to_owned(),
        (None, _) => status.to_owned(),
    }
}

fn phase_trials(state: &Value) -> &Value {
    &state["phase"]["trials"]
}

#[tokio::test]
async fn a_stream_tells_every_phase_in_order_to_its_end_and_closes() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let behind = app.person("eve").submitted(starter("svc")).await;
    let mut events = ada.events(&format!("/submissions/{id}/events")).await;
    let mut waiting = ada
        .events(&format!("/api/v1/submissions/{behind}/events"))
        .await;
    // A stream may begin before the queue was looked at.
    let place = async |events: &mut crate::support::Events| loop {
        let state = events.next().await.unwrap().data;
        if state["queue_position"].is_u64() {
            return state;
        }
    };
    let first = place(&mut events).await;
    assert_eq!(first["status"], "queued");
    assert_eq!(first["queue_position"], 1);
    let second = place(&mut waiting).await;
    assert_eq!(second["queue_position"], 2);

    let runner = Runner::start(&mut app.runner(&unique_name()));
    ada.sign_in().await;
    let mut told = Vec::new();
    let mut end = None;
    while let Some(event) = events.next().await {
        assert_eq!(end, None, "something came after the end: {event:?}");
        // What the smoke run printed can be read while the rest is measured.
        if name(&event.data) == "warm-up" {
            let page = ada.get(&format!("/submissions/{id}")).await.body;
            assert!(page.contains("The smoke run’s output"), "{page}");
        }
        match event.name.as_str() {
            "" => told.push(name(&event.data)),
            "end" => end = Some(event.data),
            other => panic!("{other}"),
        }
    }
    told.dedup();
    assert_eq!(
        told.strip_prefix(&["queued".to_owned()]).unwrap_or(&told),
        [
            "smoke",
            "warm-up",
            "trial 1 of 3",
            "trial 2 of 3",
            "trial 3 of 3",
            "scoring"
        ]
    );
    assert_eq!(end.unwrap()["status"], "scored");

    // The one behind it moved up, and by now it is known how long it takes.
    let taken = eventually("a forecast", async || {
        let state = waiting.next().await.unwrap().data;
        (state["status"] == "running" && state["ends_in_s"].is_u64()).then_some(state)
    })
    .await;
    assert!(taken["queue_position"].is_null());
    runner.kill();

    // What is over is told at once.
    let mut over = ada.events(&format!("/submissions/{id}/events")).await;
    let event = over.next().await.unwrap();
    assert_eq!(
        (event.name.as_str(), name(&event.data).as_str()),
        ("end", "scored")
    );
    assert!(over.next().await.is_none());
}

#[tokio::test]
async fn a_smoke_run_that_fails_ends_the_stream_and_its_log_is_there() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let id = ada.submitted(broken("run_error")).await;
    let mut events = ada.events(&format!("/submissions/{id}/events")).await;
    app.run_one_job();
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    let last = last.unwrap();
    assert_eq!(
        (last.name.as_str(), name(&last.data).as_str()),
        ("end", "failed")
    );
    ada.sign_in().await;
    let page = ada.get(&format!("/submissions/{id}")).await.body;
    let (_, log) = page.split_once("The smoke run’s output").unwrap();
    assert!(log.contains("Standard error"), "{log}");
    // ONNX Runtime's own words.
    assert!(log.contains("Non-zero status code returned"), "{log}");
}

#[tokio::test]
async fn what_is_tried_again_after_a_failure_of_ours_says_when_and_lets_others_go_first() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let (ada, eve) = (app.person("ada"), app.person("eve"));
    let id = ada.submitted(starter("small_mlp")).await;
    let digest = ada.submission(&id).await["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let object = app.stored_object(&digest);
    let elsewhere = app.data_dir().join("elsewhere");
    std::fs::rename(&object, &elsewhere).unwrap();
    // Each pause is twice as long as the one before.
    eventually("a long pause", async || {
        app.run_one_job();
        let starts_in_s = ada.submission(&id).await["starts_in_s"].as_u64()?;
        (starts_in_s >= 6).then_some(())
    })
    .await;
    let page = ada.get(&format!("/submissions/{id}")).await.body;
    assert!(page.contains("Waiting to be tried again"), "{page}");
    assert!(page.contains("It is tried again in about "), "{page}");
    assert!(
        page.contains("the last attempt failed through our fault"),
        "{page}"
    );

    let other = eve.submitted(starter("logistic_regression")).await;
    assert_eq!(eve.submission(&other).await["queue_position"], 1);
    assert_eq!(ada.submission(&id).await["queue_position"], 2);
    std::fs::rename(&elsewhere, &object).unwrap();
    app.run_all_jobs().await;
    for (person, id) in [(eve, other), (ada, id)] {
        assert_eq!(person.submission(&id).await["status"], "scored");
    }
}

#[tokio::test]
async fn a_stream_does_not_keep_its_place_for_ever() {
    let app = App::with_short_streams(&Bundle::lean(), Duration::from_millis(300)).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let path = format!("/submissions/{id}/events");
    for _ in 0..2 {
        let mut events = ada.events(&path).await;
        let mut told = Vec::new();
        while let Some(event) = events.next().await {
            assert_eq!(event.name, "", "it is not over: {event:?}");
            told.push(name(&event.data));
        }
        assert!(told.iter().all(|state| state == "queued"), "{told:?}");
    }
}

#[tokio::test]
async fn a_competitions_stream_tells_what_is_measured_and_when_the_board_was_ranked() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    let mut events = visitor.events("/competitions/digits/events").await;
    let mut seen = events.next().await.unwrap().data;
    assert_eq!(seen["board_version"], 0);
    let board = async |words: &str| {
        let page = visitor.get("/competitions/digits").await.body;
        page.contains(words).then_some(page)
    };
    let page = eventually("the waiting entry", async || {
        board("1 submission waiting").await
    })
    .await;
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("data-live"));

    let runner = Runner::start(&mut app.runner(&unique_name()));
    let mut measured = false;
    while seen["board_version"] == 0 {
        seen = events.next().await.unwrap().data;
        measured |= seen["measuring"][0]["team"] == "Support Group (demo)";
    }
    assert!(measured);
    // Whoever hears of it finds the board ranked, and nothing on its way any more.
    let page = visitor.get("/competitions/digits").await.body;
    assert!(page.contains("Support Group (demo)</a>"), "{page}");
    let page = eventually("a board at rest", async || {
        let page = visitor.get("/competitions/digits").await.body;
        (!page.contains("data-live")).then_some(page)
    })
    .await;
    assert!(!page.contains("http-equiv=\"refresh\""));
    runner.kill();
}

#[tokio::test]
async fn there_is_no_stream_of_what_does_not_exist() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    let nobody = "00000000-0000-7000-8000-000000000000";
    for start in ["", "/api/v1"] {
        for path in [
            format!("/submissions/{nobody}/events"),
            "/submissions/nonsense/events".to_owned(),
            "/competitions/nowhere/events".to_owned(),
        ] {
            let answer = visitor.get(&format!("{start}{path}")).await;
            assert_eq!(answer.status, 404, "{start}{path}");
        }
    }
}

/// Asks the server to stop and waits until it has.
async fn stop(server: &mut Server) -> (ExitStatus, Duration) {
    let pid = Pid::from_raw(i32::try_from(server.child.id()).unwrap());
    let start = Instant::now();
    kill(pid, Signal::SIGTERM).unwrap();
    let status = eventually("the end of the server", async || {
        server.child.try_wait().unwrap()
    })
    .await;
    (status, start.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_end_with_the_server_and_do_not_delay_it() {
    let app = App::with(&Bundle::lean()).await;
    let mut server = Server::start(&app, free_port());
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let visitor = Person::new(&server.address, "visitor", String::new(), None);
    let mut submission = visitor.events(&format!("/submissions/{id}/events")).await;
    let mut competition = visitor.events("/competitions/digits/events").await;
    submission.next().await.unwrap();
    competition.next().await.unwrap();

    let (status, took) = stop(&mut server).await;
    assert!(status.success(), "{status}");
    // The server would wait five seconds for what does not end.
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Ended in order, and not broken off.
    while submission.next().await.is_some() {}
    while competition.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_notification_is_made_up_for_by_time() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let deaf = DeafWay::to(&app);
    let port = free_port();
    let server = Server::start_with(&app, port, &["--database-url", &deaf.database_url]);
    let visitor = Person::new(&server.address, "visitor", String::new(), None);
    let mut events = visitor.events(&format!("/submissions/{id}/events")).await;
    let first = events.next().await.unwrap();
    assert_eq!(name(&first.data), "queued");

    let cancelled = ada
        .post_json(&format!("/api/v1/submissions/{id}/cancel"), json!({}))
        .await;
    assert_eq!(cancelled.status, 204, "{}", cancelled.body);
    let mut last = first;
    while let Some(event) = events.next().await {
        last = event;
    }
    assert_eq!(
        (last.name.as_str(), name(&last.data).as_str()),
        ("end", "cancelled")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_streams_are_open_at_once() {
    let app = App::with(&Bundle::lean()).await;
    let server = Server::start_with(&app, free_port(), &["--event-streams", "1"]);
    let visitor = Person::new(&server.address, "visitor", String::new(), None);
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    let path = format!("/api/v1/submissions/{id}/events");
    let mut first = visitor.events(&path).await;
    first.next().await.unwrap();
    let second = visitor.get(&path).await;
    second.problem(503, "too_many_streams");
    assert!(second.headers.contains_key("retry-after"));

    // The place is free again when the stream is over.
    let cancel = format!("/api/v1/submissions/{id}/cancel");
    assert_eq!(ada.post_json(&cancel, json!({})).await.status, 204);
    while first.next().await.is_some() {}
    eventually("a place", async || {
        let answer = visitor.request(Method::GET, &path).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}
