//! A journey in headless Chromium, with scripts and style as people have them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use thirtyfour::prelude::*;

use crate::support::{App, Bundle, Runner, eventually, starter, unique_name};

/// A browser with a profile of its own, and the driver that it listens to.
struct Browser {
    driver: WebDriver,
    process: Child,
    files: TempDir,
}

impl Browser {
    async fn start() -> Browser {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: scripts/setup test");
        let files = tempfile::tempdir().unwrap();
        let mut wishes = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ] {
            wishes.add_arg(argument).unwrap();
        }
        let profile = files.path().join("profile");
        wishes
            .add_arg(&format!("--user-data-dir={}", profile.display()))
            .unwrap();
        let address = format!("http://127.0.0.1:{port}");
        let driver = eventually("chromedriver", async || {
            WebDriver::new(&address, wishes.clone()).await.ok()
        })
        .await;
        Browser {
            driver,
            process,
            files,
        }
    }

    /// A model of the demo as a file that the browser can choose.
    fn file(&self, name: &str) -> PathBuf {
        let path = self.files.path().join(format!("{name}.onnx"));
        std::fs::write(&path, starter(name)).unwrap();
        path
    }

    async fn write(&self, field: &str, text: impl AsRef<str>) {
        let input = self.find(&format!("[name={field}]")).await;
        input.send_keys(text.as_ref()).await.unwrap();
    }

    async fn choose(&self, file: &Path) {
        self.write("file", file.to_str().unwrap()).await;
    }

    async fn find(&self, selector: &str) -> WebElement {
        self.driver
            .query(By::Css(selector))
            .wait(Duration::from_secs(20), Duration::from_millis(50))
            .first()
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// The text that a reader sees.
    async fn text(&self) -> String {
        // A page that is being replaced has no body for a moment.
        match self.driver.find(By::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    async fn wait_for(&self, words: &str) {
        eventually(words, async || {
            self.text().await.contains(words).then_some(())
        })
        .await;
    }

    /// How much wider the page is than the window, in CSS pixels.
    async fn overhang(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - window.innerWidth";
        let result = self.driver.execute(script, vec![]).await.unwrap();
        result.convert().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn somebody_signs_up_uploads_watches_and_stands_on_the_board() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let browser = Browser::start().await;
    let page = |path: &str| format!("{}{path}", app.address);
    let driver = &browser.driver;

    driver
        .goto(page("/sign-up?next=/competitions/digits/submit"))
        .await
        .unwrap();
    browser.write("name", "ada").await;
    browser.write("password", "correct horse battery").await;
    browser
        .find("main button[type=submit]")
        .await
        .click()
        .await
        .unwrap();
    browser.wait_for("Upload a model").await;

    // What is refused says why beside the field, and the description is kept.
    let broken = browser.file("small_mlp");
    std::fs::write(&broken, "no model").unwrap();
    browser.write("description", "one hidden layer").await;
    browser.choose(&broken).await;
    browser
        .find("main button[type=submit]")
        .await
        .click()
        .await
        .unwrap();
    browser.find("#file-error").await;
    let kept = browser.find("[name=description]").await;
    assert_eq!(
        kept.prop("value").await.unwrap().as_deref(),
        Some("one hidden layer")
    );

    browser.choose(&browser.file("small_mlp")).await;
    browser
        .find("main button[type=submit]")
        .await
        .click()
        .await
        .unwrap();
    browser.wait_for("queued").await;
    let report = driver.current_url().await.unwrap();
    assert!(report.path().starts_with("/submissions/"), "{report}");
    assert!(driver.title().await.unwrap().contains("queued"));

    // The open page follows the run to its end without being asked.
    let _runner = Runner::start(&mut app.runner(&unique_name()));
    browser.wait_for("trial").await;
    browser.wait_for("0.9718").await;
    browser.wait_for("no energy counter on this machine").await;

    driver.goto(page("/competitions/digits")).await.unwrap();
    browser.wait_for("ada").await;
    let row = browser.find("tr.own").await.text().await.unwrap();
    assert!(row.contains("ada") && row.contains("0.9718"), "{row}");

    // On a phone nothing hangs over the edge.
    driver.set_window_rect(0, 0, 390, 844).await.unwrap();
    for path in [
        "/",
        "/competitions/digits",
        "/competitions/digits/overview",
        "/competitions/digits/submit",
        "/account",
        report.path(),
    ] {
        driver.goto(page(path)).await.unwrap();
        assert!(browser.overhang().await <= 0, "{path}");
    }
    browser.driver.clone().quit().await.unwrap();
}
