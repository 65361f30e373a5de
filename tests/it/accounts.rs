//! Accounts, tokens, and posts that come from elsewhere.

use serde_json::json;

use crate::support::{App, Bundle, starter};

#[tokio::test]
async fn without_a_token_or_with_a_wrong_one_nothing_is_taken() {
    let app = App::with(&Bundle::lean()).await;
    let mut stranger = app.visitor();
    stranger
        .submit(starter("small_mlp"))
        .await
        .problem(401, "unauthorized");
    for token in ["lb_0000", "not-ours"] {
        stranger.token = Some(token.to_owned());
        let answer = stranger.submit(starter("small_mlp")).await;
        answer.problem(401, "unauthorized");
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
    }
}

#[tokio::test]
async fn a_post_from_another_sites_page_is_refused() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    let post = |header: &'static str, value: String| {
        visitor
            .request(reqwest::Method::POST, "/api/v1/competitions/digits/uploads")
            .header(header, value)
            .json(&json!({"file_name": "x"}))
            .send()
    };
    for (header, value, status) in [
        ("Sec-Fetch-Site", "cross-site".to_owned(), 403),
        ("Sec-Fetch-Site", "same-site".to_owned(), 403),
        ("Origin", "https://evil.example".to_owned(), 403),
        ("Origin", "null".to_owned(), 403),
        // From our own pages it gets as far as the missing account.
        ("Sec-Fetch-Site", "same-origin".to_owned(), 401),
        ("Origin", app.address.clone(), 401),
    ] {
        let answer = post(header, value.clone()).await.unwrap();
        assert_eq!(answer.status(), status, "{header}: {value}");
    }
}

#[tokio::test]
async fn an_unknown_address_in_the_api_is_a_problem_document() {
    let app = App::start().await;
    let visitor = app.visitor();
    visitor
        .get("/api/v1/nonsense")
        .await
        .problem(404, "not_found");
    visitor
        .get("/api/v1/submissions/not-an-id")
        .await
        .problem(404, "not_found");
    let nobody = "/api/v1/submissions/00000000-0000-7000-8000-000000000000";
    visitor.get(nobody).await.problem(404, "not_found");
    for path in [
        "/api/v1/competitions/a%00b",
        "/competitions/a%00b",
        "/competitions/digits/data/a%00b",
    ] {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
    }
    let nul = [("name", "a\0b"), ("password", "correct horse")];
    assert_eq!(visitor.post_form("/sign-in", &nul).await.status, 401);
    let bad = "/api/v1/competitions/digits/leaderboard?board=beauty";
    visitor.get(bad).await.problem(400, "bad_request");
}
