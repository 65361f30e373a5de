//! What the report of a submission says: how it stands, what failed and what to do about it.

use crate::support::{App, Bundle, Person, broken, starter};

async fn report(person: &mut Person, id: &str) -> String {
    person.token = None;
    person.sign_in().await;
    person.get(&format!("/submissions/{id}")).await.body
}

#[tokio::test]
async fn a_report_says_what_it_would_take_to_pass_the_next_one() {
    let app = App::with(&Bundle::lean()).await;
    let mut ada = app.person("ada");
    let dear = ada.submitted(starter("random_forest")).await;
    let eve = app.person("eve");
    eve.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;

    let standings = ada.standings().await;
    let place = standings
        .iter()
        .position(|line| line["submission"] == dear.as_str())
        .unwrap();
    assert!(place > 0, "a forest is dear: {standings:#?}");
    let ahead = &standings[place - 1];
    let page = report(&mut ada, &dear).await;
    assert!(
        page.contains(&format!("To pass rank {}", ahead["rank"])),
        "{page}"
    );
    assert!(page.contains(ahead["team"].as_str().unwrap()));
    assert!(page.contains("accuracy at this cost"), "{page}");
    assert!(page.contains("quick: 3 trials, no interval"));
    assert!(page.contains("no energy counter is read on this machine"));
    assert!(page.contains("What was not measured"));
    assert!(!page.contains("cpu_model") && page.contains("<dt>CPU</dt>"));

    let leader = standings[0]["submission"].as_str().unwrap();
    let page = app
        .visitor()
        .get(&format!("/submissions/{leader}"))
        .await
        .body;
    assert!(page.contains("there is nobody to pass"));
    assert!(!page.contains("private:"));
}

#[tokio::test]
async fn a_failure_says_what_went_wrong_and_what_it_cost() {
    let app = App::with(&Bundle::lean()).await;
    let (mut ada, mut eve) = (app.person("ada"), app.person("eve"));
    let id = ada.submitted(broken("output_nan")).await;
    app.run_all_jobs().await;
    let own = report(&mut ada, &id).await;
    for words in [
        "The model predicted NaN or infinity",
        "This used one of your 20 submissions today.",
        "Look for a division by zero",
        "Submit again",
        "The smoke run’s output",
    ] {
        assert!(own.contains(words), "{words} in {own}");
    }
    let others = report(&mut eve, &id).await;
    assert!(others.contains("It used one of its team’s 20 submissions of the day."));
    assert!(!others.contains("Submit again") && !others.contains("The smoke run’s output"));
}

#[tokio::test]
async fn what_is_cancelled_before_its_turn_costs_nothing() {
    let app = App::with(&Bundle::lean()).await;
    let mut ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    report(&mut ada, &id).await;
    let cancelled = ada
        .post_form(&format!("/submissions/{id}/cancel"), &[])
        .await;
    assert_eq!(cancelled.status, 303, "{}", cancelled.body);
    let page = report(&mut ada, &id).await;
    assert!(page.contains("No runner had taken it yet."), "{page}");
    assert!(page.contains("it used none of your 20 a day"));
    app.run_all_jobs().await;
}

#[tokio::test]
async fn home_shows_each_competition_with_its_leader_and_a_picture() {
    let app = App::with(&Bundle::lean().rule("closes_at", "2026-01-13")).await;
    let visitor = app.visitor();
    let empty = visitor.get("/").await.body;
    assert!(empty.contains("Nothing is ranked yet") && empty.contains("closes in 11 days"));
    let ada = app.person("ada");
    ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;
    let leader = ada.standings().await[0]["team"]
        .as_str()
        .unwrap()
        .to_owned();
    let home = crate::support::eventually("the board is read anew", async || {
        let body = visitor.get("/").await.body;
        body.contains("class=\"miniature\"").then_some(body)
    })
    .await;
    assert!(home.contains("of 2 ranked entries"), "{home}");
    assert!(home.contains(&format!("<b>{leader}</b>")));
    // The reference is not for download, and there is no other starter.
    assert!(home.contains("Read what is wanted") && !home.contains("Download a starter"));
    let picture = home.split("class=\"miniature\"").nth(1).unwrap();
    let picture = picture.split("</svg>").next().unwrap();
    assert_eq!(picture.matches("<circle").count(), 2);
}
