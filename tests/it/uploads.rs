//! The door: what is refused there costs no quota and leaves nothing behind.

use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{App, Bundle, Person, Server, broken, free_port, noon, starter};

/// Nothing of a refused upload may be left: no submission, no quota used, no file.
async fn assert_nothing_happened(app: &App, person: &Person, files_before: &[String]) {
    let mine = person
        .get("/api/v1/competitions/digits/submissions")
        .await
        .json();
    assert_eq!(mine["submissions"], json!([]));
    assert_eq!(app.stored_files(), files_before);
}

#[tokio::test]
async fn a_file_that_is_no_model_is_refused_with_what_it_seems_to_be() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let before = app.stored_files();
    let whole = starter("small_mlp");
    for (name, file, code) in [
        ("empty", Vec::new(), "entry_empty"),
        (
            "truncated",
            whole[..whole.len() / 2].to_vec(),
            "onnx_invalid",
        ),
        (
            "text",
            b"import onnx\nprint('hello')\n".to_vec(),
            "entry_kind",
        ),
        ("zip", b"PK\x03\x04whatever".to_vec(), "zip_invalid"),
        (
            "external data",
            example("external_data"),
            "onnx_external_data",
        ),
        ("custom operator", example("custom_op"), "onnx_custom_op"),
        ("state", example("running_mean"), "onnx_stateful"),
        ("rows of ten values", broken("input_shape"), "input_shape"),
        ("seven classes", broken("output_classes"), "output_classes"),
    ] {
        let answer = ada.submit(file).await;
        let sentence = answer.problem(422, code);
        assert!(sentence.len() > 20, "{name}: {sentence}");
    }
    assert_nothing_happened(&app, &ada, &before).await;
}

fn example(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/sandbox/examples/{name}.onnx",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn an_upload_over_the_cap_is_refused_and_not_read_to_its_end() {
    let app = App::with(&Bundle::lean().rule("entries.max_size_mib", 1)).await;
    let ada = app.person("ada");
    let before = app.stored_files();
    let sentence = ada
        .submit(vec![8; 2 << 20])
        .await
        .problem(413, "upload_too_large");
    assert!(sentence.contains("1 MiB"), "{sentence}");

    // One that announces its length is refused before a byte of it is sent.
    let started = ada.start_upload("digits").await.json();
    let url = started["url"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let head =
        format!("PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let read = connection.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).contains("413"));
    assert_nothing_happened(&app, &ada, &before).await;
}

#[tokio::test]
async fn an_upload_that_would_fill_the_disk_is_refused_and_the_site_goes_on() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let before = app.stored_files();
    let server = Server::start_with(&app, free_port(), &["--min-free-mib", "1000000000"]);
    let full = Person::new(&server.address, "ada", String::new(), ada.token.clone());
    let sentence = full
        .submit(starter("small_mlp"))
        .await
        .problem(507, "store_full");
    assert!(sentence.contains("no quota used"), "{sentence}");
    assert_nothing_happened(&app, &full, &before).await;
    let page = full.get("/competitions/digits").await;
    assert_eq!(page.status, StatusCode::OK);
    drop(server);
    ada.submitted(starter("small_mlp")).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_half_way_leaves_nothing_behind() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let before = app.stored_files();
    let started = ada.start_upload("digits").await.json();
    let url = started["url"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!("PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 20000000\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    // Enough that a part of it has been written to the disk.
    connection.write_all(&vec![8; 8 << 20]).await.unwrap();
    crate::support::eventually("a part on the disk", async || {
        (app.stored_files() != before).then_some(())
    })
    .await;
    drop(connection);
    crate::support::eventually("the part to go", async || {
        (app.stored_files() == before).then_some(())
    })
    .await;
    assert_nothing_happened(&app, &ada, &before).await;
}

/// A form whose file is still to come.
async fn begin_form(app: &App, person: &Person) -> tokio::net::TcpStream {
    let host = app.address.strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST /api/v1/competitions/digits/submissions HTTP/1.1\r\nHost: {host}\r\n\
         Authorization: Bearer {}\r\nContent-Length: 20000000\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n\
         --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.onnx\"\r\n\r\n",
        person.token.as_deref().unwrap()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

#[tokio::test]
async fn a_sixth_form_of_one_account_waits_until_another_has_come() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let before = app.stored_files().len();
    let mut connections = Vec::new();
    for _ in 0..5 {
        let mut connection = begin_form(&app, &ada).await;
        connection.write_all(&vec![8; 8 << 20]).await.unwrap();
        connections.push(connection);
    }
    crate::support::eventually("parts of all on the disk", async || {
        (app.stored_files().len() >= before + 5).then_some(())
    })
    .await;
    let refused = ada.submit(starter("small_mlp")).await;
    refused.problem(429, "too_many_at_once");
    assert_eq!(refused.headers["retry-after"], "10");
    // The others are not kept waiting.
    app.person("bob").submitted(starter("svc")).await;
    drop(connections);
    crate::support::eventually("a place", async || {
        let answer = ada.submit(starter("small_mlp")).await;
        (answer.status == StatusCode::CREATED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_form_that_breaks_off_half_way_leaves_nothing_behind() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let before = app.stored_files();
    let mut connection = begin_form(&app, &ada).await;
    connection.write_all(&vec![8; 8 << 20]).await.unwrap();
    crate::support::eventually("a part on the disk", async || {
        (app.stored_files() != before).then_some(())
    })
    .await;
    drop(connection);
    crate::support::eventually("the part to go", async || {
        (app.stored_files() == before).then_some(())
    })
    .await;
    assert_nothing_happened(&app, &ada, &before).await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let path = "/api/v1/competitions/digits/submissions";
    let json = ada.post_json(path, json!({"file": "x"})).await;
    json.problem(400, "bad_request");
    let request = ada.request(reqwest::Method::POST, path);
    let request = request.header("Content-Type", "multipart/form-data; boundary=b");
    let broken = request.body("--b\r\nnonsense").send().await.unwrap();
    crate::support::Answer::of(broken)
        .await
        .problem(400, "bad_request");
}

#[tokio::test]
async fn three_steps_make_the_same_submission_as_one_call() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let started = ada.start_upload("digits").await;
    assert_eq!(started.status, StatusCode::CREATED);
    let started = started.json();
    let commit = format!("/api/v1/uploads/{}/commit", started["id"].as_str().unwrap());
    ada.post_json(&commit, json!({}))
        .await
        .problem(400, "bad_request");

    // The address takes one PUT without an account, and no second one.
    let put = async || {
        let url = started["url"].as_str().unwrap();
        let request = app.visitor().client.put(url).body(starter("small_mlp"));
        crate::support::Answer::of(request.send().await.unwrap()).await
    };
    let received = put().await;
    assert_eq!(received.status, StatusCode::OK, "{}", received.body);
    assert_eq!(received.json()["model"]["inputs"][0]["name"], "features");
    put().await.problem(404, "not_found");

    // Somebody else cannot commit it.
    app.person("eve")
        .post_json(&commit, json!({}))
        .await
        .problem(404, "not_found");
    let created = ada
        .post_json(&commit, json!({"description": "in three steps"}))
        .await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let submission = ada.submission(&id).await;
    assert_eq!(submission["status"], "queued");
    assert_eq!(submission["description"], "in three steps");
    assert_eq!(submission["digest"], received.json()["digest"]);
    ada.post_json(&commit, json!({}))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn the_same_bytes_again_are_answered_with_a_link_to_the_first() {
    let app = App::with(&Bundle::lean().rule("daily_limit", 2)).await;
    let ada = app.person("ada");
    let first = ada.submitted(starter("small_mlp")).await;
    for _ in 0..3 {
        let again = ada.submit(starter("small_mlp")).await;
        again.problem(409, "duplicate");
        assert_eq!(again.json()["submission"], first);
        assert_eq!(again.json()["url"], format!("/submissions/{first}"));
    }
    // They used no quota, and another team may enter the same bytes.
    ada.submitted(starter("logistic_regression")).await;
    app.person("eve").submitted(starter("small_mlp")).await;
}

#[tokio::test]
async fn over_the_daily_limit_a_team_waits_for_the_next_utc_day() {
    let app = App::with(&Bundle::lean().rule("daily_limit", 1)).await;
    let ada = app.person("ada");
    let first = ada.submitted(starter("small_mlp")).await;
    let sentence = ada
        .submit(starter("big_mlp"))
        .await
        .problem(429, "daily_limit");
    assert!(sentence.contains("00:00 UTC"), "{sentence}");

    // A cancelled one is given back.
    let cancelled = ada
        .post_json(&format!("/api/v1/submissions/{first}/cancel"), json!({}))
        .await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    ada.submitted(starter("big_mlp")).await;
    ada.submit(starter("svc")).await.problem(429, "daily_limit");
    ada.submit(starter("small_mlp"))
        .await
        .problem(429, "daily_limit");
    set_clock(&app, 2);
    ada.submitted(starter("svc")).await;
}

#[tokio::test]
async fn two_commits_at_once_cannot_both_take_the_last_of_the_quota() {
    let app = App::with(&Bundle::lean().rule("daily_limit", 1)).await;
    let ada = app.person("ada");
    let tries = ["small_mlp", "big_mlp", "svc", "logistic_regression"]
        .map(|name| ada.submit(starter(name)));
    let answers = futures_util::future::join_all(tries).await;
    let created = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(created.count(), 1, "{answers:#?}");
}

#[tokio::test]
async fn a_competition_takes_submissions_from_its_opening_to_its_close() {
    let bundle = Bundle::lean()
        .rule("opens_at", "2026-01-05T12:00:00Z")
        .rule("closes_at", "2026-01-10T12:00:00Z");
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    ada.submit(starter("small_mlp"))
        .await
        .problem(403, "competition_not_open");
    set_clock(&app, 5);
    ada.submitted(starter("small_mlp")).await;
    set_clock(&app, 10);
    let sentence = ada
        .submit(starter("big_mlp"))
        .await
        .problem(403, "competition_closed");
    assert!(sentence.contains("10 January 2026"), "{sentence}");
    ada.submit_to("nowhere", starter("svc"), "")
        .await
        .problem(404, "not_found");
}

fn set_clock(app: &App, day: u32) {
    let leanboard::domain::clock::Clock::Set(now) = &app.clock else {
        panic!("the clock of a test can be set");
    };
    *now.lock().unwrap() = noon(day);
}
