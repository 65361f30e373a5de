//! Headless Chromium, with scripts and style as people have them: journeys, and every page looked at
//! for what keeps somebody out.

mod accessibility;
mod journeys;
mod screenshots;
mod site;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;

use crate::support::{Person, eventually, starter};
use site::Site;

/// A phone that is held upright, in CSS pixels.
const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 900);

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scripts {
    On,
    Off,
}

/// A browser with a profile of its own, and the driver that it listens to.
struct Browser {
    driver: WebDriver,
    process: Child,
    files: TempDir,
    site: &'static Site,
}

impl Browser {
    async fn start(scripts: Scripts) -> Browser {
        let site = site::find().await;
        let port = crate::support::free_port();
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
            "--hide-scrollbars",
        ] {
            wishes.add_arg(argument).unwrap();
        }
        let profile = files.path().join("profile");
        wishes
            .add_arg(&format!("--user-data-dir={}", profile.display()))
            .unwrap();
        if scripts == Scripts::Off {
            let preferences = json!({"profile.managed_default_content_settings.javascript": 2});
            wishes
                .add_experimental_option("prefs", preferences)
                .unwrap();
        }
        let address = format!("http://127.0.0.1:{port}");
        let driver = eventually("chromedriver", async || {
            WebDriver::new(&address, wishes.clone()).await.ok()
        })
        .await;
        let browser = Browser {
            driver,
            process,
            files,
            site,
        };
        browser.resize(DESKTOP).await;
        let downloads = browser.files.path().join("downloads");
        let behaviour = json!({"behavior": "allow", "downloadPath": downloads});
        browser.tell("Browser.setDownloadBehavior", behaviour).await;
        browser
    }

    async fn end(self) {
        self.driver.clone().quit().await.unwrap();
    }

    async fn go(&self, path: &str) {
        let address = format!("{}{path}", self.site.address);
        self.driver.goto(address).await.unwrap();
    }

    /// The path of the page that is shown.
    async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// Asks Chromium for what WebDriver has no word for.
    async fn tell(&self, command: &str, arguments: Value) -> Value {
        let told = self.driver.cdp().send_raw(command, arguments).await;
        told.unwrap()
    }

    async fn resize(&self, (width, height): (u32, u32)) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    async fn set_dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        // What moves from one colour to the other has neither for a while.
        let features = json!([
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.tell("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    /// Signs in without the form, which the journeys try out.
    async fn be(&self, person: &Person) {
        self.go("/health").await;
        self.driver.delete_all_cookies().await.unwrap();
        let fields = [
            ("name", person.name.as_str()),
            ("password", &person.password),
        ];
        let answer = self.site.visitor().post_form("/sign-in", &fields).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        let cookie = thirtyfour::Cookie::new(name, value);
        self.driver.add_cookie(cookie).await.unwrap();
    }

    /// A file that the browser can choose.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn model(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.onnx"), &starter(name))
    }

    /// What was downloaded, once it is whole.
    async fn download(&self, name: &str) -> PathBuf {
        let path = self.files.path().join("downloads").join(name);
        eventually(name, async || path.exists().then_some(())).await;
        path
    }

    async fn write(&self, field: &str, text: impl AsRef<str>) {
        let input = self.find(&format!("[name={field}]")).await;
        input.send_keys(text.as_ref()).await.unwrap();
    }

    async fn choose(&self, file: &Path) {
        self.write("file", file.to_str().unwrap()).await;
    }

    async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    async fn find(&self, selector: &str) -> WebElement {
        self.driver
            .query(By::Css(selector))
            .wait(Duration::from_secs(60), Duration::from_millis(50))
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

    async fn title(&self) -> String {
        self.driver.title().await.unwrap()
    }

    /// How much wider the page is than the window, in CSS pixels.
    async fn overhang(&self) -> i64 {
        self.ask("return document.documentElement.scrollWidth - window.innerWidth")
            .await
            .as_i64()
            .unwrap()
    }

    async fn ask(&self, script: &str) -> Value {
        let result = self.driver.execute(script, vec![]).await.unwrap();
        result.json().clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
