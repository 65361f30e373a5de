//! What the command line promises.

use crate::support::{App, Bundle, PROGRAM, command, success, unique_name};

fn refusal(output: std::process::Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_bad_setting_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, value, words) in [
        ("LEANBOARD_LISTEN", "nowhere", "--listen"),
        ("LEANBOARD_PUBLIC_URL", "ftp://x", "--public-url"),
        ("LEANBOARD_PUBLIC_URL", "https://x/path", "--public-url"),
        ("LEANBOARD_WEB_WORKERS", "0", "--web-workers"),
        ("LEANBOARD_LOG", "=", "LEANBOARD_LOG"),
        (
            "DATABASE_URL",
            "postgres://nobody@127.0.0.1:1/x",
            "DATABASE_URL",
        ),
    ] {
        let mut serve = command("postgres://127.0.0.1:1/none", folder.path());
        serve.arg("serve").env("LEANBOARD_LISTEN", "127.0.0.1:0");
        let output = serve.env(variable, value).output().unwrap();
        let refusal = refusal(output);
        assert!(refusal.contains(words), "{variable}: {refusal}");
    }
    let mut runner = command("postgres://127.0.0.1:1/none", folder.path());
    let output = runner
        .args(["runner", "--runner-name", "a b"])
        .output()
        .unwrap();
    assert!(refusal(output).contains("--runner-name"));
}

#[test]
fn a_misspelt_variable_is_refused_with_the_nearest_one() {
    let mut up = std::process::Command::new(PROGRAM);
    let refusal = refusal(up.arg("up").env("LEANBOARD_LISTNE", "x").output().unwrap());
    assert!(refusal.contains("`LEANBOARD_LISTNE`"), "{refusal}");
    assert!(refusal.contains("`LEANBOARD_LISTEN`"), "{refusal}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let app = App::start().await;
    let taken = app.address.strip_prefix("http://").unwrap();
    let output = app
        .command()
        .args(["serve", "--listen", taken])
        .output()
        .unwrap();
    let refusal = refusal(output);
    assert!(
        refusal.contains(taken) && refusal.contains("--listen"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_user_is_created_once_and_can_sign_in_at_once() {
    let app = App::start().await;
    let ada = app.person("ada");
    assert!(ada.token.as_deref().unwrap().starts_with("lb_"));
    let again = app
        .command()
        .args(["user", "create", "ADA"])
        .output()
        .unwrap();
    assert!(refusal(again).contains("already"));
    let bad = app
        .command()
        .args(["user", "create", "a b"])
        .output()
        .unwrap();
    assert!(refusal(bad).contains("2 to 40"));
}

#[tokio::test]
async fn a_bundle_with_a_slip_is_refused_with_file_line_and_the_nearest_key() {
    let app = App::start().await;
    let bundle = Bundle::lean().rule("metric.benchmrak", 0.2);
    let create = app
        .command()
        .args(["competition", "create"])
        .arg(bundle.path())
        .output();
    let refusal = refusal(create.unwrap());
    assert!(refusal.contains("competition.toml:"), "{refusal}");
    assert!(
        refusal.contains("benchmrak") && refusal.contains("`benchmark`"),
        "{refusal}"
    );
    let listed = app.visitor().get("/api/v1/competitions").await.json();
    assert_eq!(listed["competitions"], serde_json::json!([]));

    app.create(&Bundle::lean());
    let lean = Bundle::lean();
    let again = app
        .command()
        .args(["competition", "create"])
        .arg(lean.path())
        .output();
    assert!(self::refusal(again.unwrap()).contains("already"));
}

#[tokio::test]
async fn a_database_without_the_schema_is_not_served() {
    let url = crate::support::create_empty_database("without_schema").await;
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        command(&url, folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["runner", "--once", "--runner-name", &unique_name()],
    ] {
        let refusal = refusal(run(arguments));
        assert!(refusal.contains("leanboard migrate"), "{refusal}");
    }
    success(run(&["migrate"]));
    success(run(&["runner", "--once", "--runner-name", &unique_name()]));
}

#[tokio::test]
async fn a_runner_without_its_python_environment_says_how_to_make_it() {
    let app = App::start().await;
    let mut runner = app.runner(&unique_name());
    let output = runner
        .arg("--runtime-dir")
        .arg(app.data_dir())
        .output()
        .unwrap();
    assert!(refusal(output).contains("leanboard runtime build"));
}
