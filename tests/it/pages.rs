//! The pages, used as a browser without scripts uses them.

use reqwest::multipart::{Form, Part};

use crate::support::{Answer, App, Bundle, Person, starter};

impl Person {
    /// Submits a file with the form of the page.
    async fn submit_by_form(&self, description: &str, file: Vec<u8>) -> Answer {
        let form = Form::new()
            .text("description", description.to_owned())
            .part("file", Part::bytes(file).file_name("model.onnx"));
        let path = "/competitions/digits/submit";
        let request = self.request(reqwest::Method::POST, path).multipart(form);
        Answer::of(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn somebody_signs_up_uploads_a_model_and_finds_it_on_the_board() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.visitor();
    let home = ada.get("/").await;
    assert!(home.body.contains("Handwritten digits"));
    let prompt = ada.get("/competitions/digits/submit").await;
    assert!(prompt.body.contains("/sign-up"), "{}", prompt.body);

    let fields = [
        ("name", "ada"),
        ("password", "correct horse"),
        ("next", "/competitions/digits"),
    ];
    let signed_up = ada.post_form("/sign-up", &fields).await;
    assert_eq!(signed_up.status, 303, "{}", signed_up.body);
    assert_eq!(signed_up.headers["location"], "/competitions/digits");
    let cookie = signed_up.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert!(
        !cookie.contains("Secure"),
        "over plain HTTP it would never come back"
    );

    let submitted = ada
        .submit_by_form("my <b>first</b> try", starter("small_mlp"))
        .await;
    assert_eq!(submitted.status, 303, "{}", submitted.body);
    let report = submitted.headers["location"].to_str().unwrap().to_owned();
    let queued = ada.get(&report).await.body;
    assert!(queued.contains("queued"));
    assert!(queued.contains("my &#60;b&#62;first") || queued.contains("my &lt;b&gt;first"));
    app.run_all_jobs().await;

    let scored = ada.get(&report).await.body;
    assert!(
        scored.contains("0.9718") && scored.contains("no energy counter is read on this machine")
    );
    let board = app.visitor().get("/competitions/digits").await.body;
    assert!(board.contains(">ada<") && board.contains("0.9718"));
    assert!(board.contains("C<sub>scale</sub>") || board.contains("scale"));
    let mine = ada.get("/competitions/digits/submissions").await.body;
    assert!(mine.contains(&report) && mine.contains("scored"));
}

#[tokio::test]
async fn what_is_wrong_in_a_form_is_said_beside_it_and_what_was_typed_is_kept() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    for (fields, words) in [
        (
            [("name", "ada"), ("password", "short")],
            "10 to 200 characters",
        ),
        ([("name", "a b"), ("password", "correct horse")], "2 to 40"),
    ] {
        let refused = visitor.post_form("/sign-up", &fields).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert!(refused.body.contains(words));
        assert!(refused.body.contains(&format!("value=\"{}\"", fields[0].1)));
        assert!(
            !refused.body.contains(fields[1].1),
            "a password is never sent back"
        );
    }
    let ada = app.person("ada");
    let taken = [("name", "ADA"), ("password", "correct horse")];
    assert_eq!(visitor.post_form("/sign-up", &taken).await.status, 422);
    let wrong = [("name", "ada"), ("password", "not her password")];
    assert_eq!(visitor.post_form("/sign-in", &wrong).await.status, 401);

    ada.sign_in().await;
    let refused = ada
        .submit_by_form("kept & shown", b"no model".to_vec())
        .await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("kept &#38; shown") || refused.body.contains("kept &amp; shown"));
    assert!(refused.body.contains("aria-invalid"));
}

#[tokio::test]
async fn after_ten_wrong_passwords_a_name_has_to_wait() {
    let app = App::start().await;
    let ada = app.person("ada");
    let wrong = [("name", "ada"), ("password", "not her password")];
    for _ in 0..10 {
        assert_eq!(
            app.visitor().post_form("/sign-in", &wrong).await.status,
            401
        );
    }
    let right = [("name", "ada"), ("password", ada.password.as_str())];
    assert_eq!(ada.post_form("/sign-in", &right).await.status, 429);
}

#[tokio::test]
async fn a_token_is_shown_once_and_can_be_revoked() {
    let app = App::with(&Bundle::lean()).await;
    let mut ada = app.person("ada");
    ada.sign_in().await;
    let made = ada
        .post_form("/account/tokens", &[("name", "laptop")])
        .await;
    let start = made.body.find("lb_").unwrap();
    let token: String = made.body[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    ada.token = Some(token.clone());
    assert_eq!(
        ada.get("/api/v1/competitions/digits/submissions")
            .await
            .status,
        200
    );

    ada.token = None;
    let account = ada.get("/account").await.body;
    assert!(account.contains("laptop") && !account.contains(&token));
    let revoke = account
        .match_indices("/account/tokens/")
        .map(|(start, _)| account[start..].split('"').next().unwrap())
        .filter(|address| address.ends_with("/revoke"))
        .last()
        .unwrap();
    assert_eq!(ada.post_form(revoke, &[]).await.status, 303);
    ada.token = Some(token);
    let refused = ada.get("/api/v1/competitions/digits/submissions").await;
    refused.problem(401, "unauthorized");
}

#[tokio::test]
async fn signing_out_ends_the_sign_in_on_the_server_too() {
    let app = App::start().await;
    let mut ada = app.person("ada");
    ada.token = None;
    ada.sign_in().await;
    assert_eq!(ada.get("/account").await.status, 200);
    let signed_out = ada.post_form("/sign-out", &[]).await;
    assert_eq!(signed_out.status, 303);
    let account = ada.get("/account").await;
    assert_eq!(account.status, 303);
    assert_eq!(account.headers["location"], "/sign-in?next=/account");
}

#[tokio::test]
async fn a_smoke_runs_log_is_for_its_team_and_the_host() {
    let app = App::with(&Bundle::lean()).await;
    let (mut ada, mut eve, mut host) = (app.person("ada"), app.person("eve"), app.host("grace"));
    let id = ada.submitted(crate::support::broken("run_error")).await;
    app.run_all_jobs().await;
    let report = format!("/submissions/{id}");
    for (person, may_see) in [(&mut ada, true), (&mut host, true), (&mut eve, false)] {
        person.token = None;
        person.sign_in().await;
        let body = person.get(&report).await.body;
        assert!(body.contains("run_failed"));
        assert_eq!(
            body.contains("The smoke run’s output"),
            may_see,
            "{}: {body}",
            person.name
        );
    }
}

#[tokio::test]
async fn public_data_can_be_downloaded_and_continued() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    let data = visitor.get("/competitions/digits/data").await.body;
    assert!(data.contains("data/train.csv") && !data.contains("hidden/"));
    let train = visitor.get("/competitions/digits/data/train.csv").await;
    assert_eq!(train.status, 200);
    assert!(
        train.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    assert!(train.headers.contains_key("etag"));
    let expected = std::fs::read_to_string(format!(
        "{}/demo/digits/data/train.csv",
        env!("CARGO_MANIFEST_DIR")
    ));
    assert_eq!(train.body, expected.unwrap());
    let request = visitor.request(reqwest::Method::GET, "/competitions/digits/data/train.csv");
    let part = request.header("Range", "bytes=0-1").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.text().await.unwrap(), "id");
}

#[tokio::test]
async fn every_page_forbids_foreign_and_inline_code_and_has_none() {
    let app = App::with(&Bundle::lean()).await;
    let mut ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;
    ada.token = None;
    ada.sign_in().await;
    let report = format!("/submissions/{id}");
    for (path, status) in [
        ("/", 200),
        ("/competitions/digits", 200),
        ("/competitions/digits?board=score", 200),
        ("/competitions/digits/overview", 200),
        ("/competitions/digits/data", 200),
        ("/competitions/digits/submit", 200),
        ("/competitions/digits/submissions", 200),
        (&report, 200),
        ("/account", 200),
        ("/runtimes", 200),
        ("/docs/api", 200),
        ("/nowhere", 404),
        ("/competitions/nowhere", 404),
    ] {
        let page = ada.get(path).await;
        assert_eq!(page.status, status, "{path}: {}", page.body);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert!(page.body.contains("<html lang=\"en\""), "{path}");
        assert!(!page.body.contains(" style="), "{path}");
        let inline = page.body.match_indices("<script").any(|(start, _)| {
            let tag = page.body[start..].split('>').next().unwrap();
            !tag.contains(" src=")
        });
        assert!(!inline, "{path}");
    }
    assert_eq!(ada.get("/health").await.body.trim(), "ok");
}
