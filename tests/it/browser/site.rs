//! One site for all that browsers do: the demo, and a runner that is at work on it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::Utc;
use leanboard::domain::clock::Clock;
use tokio::sync::OnceCell;

use crate::support::{App, Bundle, Person, Runner, broken, eventually, root, starter, unique_name};

pub struct Site {
    pub address: String,
    /// Who has a submission that is scored, one that fails, and a script.
    pub ada: Person,
    pub scored: String,
    pub failed: String,
    pub script: String,
    pub host: Person,
}

/// The site, which is made once and lasts as long as the tests do.
pub async fn find() -> &'static Site {
    static SITE: OnceCell<&'static Site> = OnceCell::const_new();
    SITE.get_or_init(async || {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // In a runtime of its own: that of the first test ends with it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let (site, _app, _runner) = start().await;
                let _ = sender.send(site);
                std::future::pending::<()>().await;
            });
        });
        receiver.await.unwrap()
    })
    .await
}

async fn start() -> (&'static Site, App, Runner) {
    // The pictures show all of the demo; journeys need no more than what they can download.
    let bundle = match super::screenshots::folder() {
        Some(_) => Bundle::digits().rule("measuring.deepen", true),
        None => Bundle::offering(),
    };
    let app = App::with(&bundle).await;
    app.create(&Bundle::prices());
    // Its pages show the day of those who look.
    let Clock::Set(now) = &app.clock else {
        panic!("the clock of a test can be set");
    };
    *now.lock().unwrap() = Utc::now();
    let ada = app.person("ada");
    let submit = async |slug: &str, file: Vec<u8>, description: &str| {
        let submitted = ada.submit_to(slug, file, description).await.json();
        submitted["id"].as_str().unwrap().to_owned()
    };
    let about = "One hidden layer of 32, in float32.";
    let scored = submit("digits", starter("small_mlp"), about).await;
    let failed = submit(
        "digits",
        broken("output_nan"),
        "Divides where it should not.",
    )
    .await;
    let zip = root().join("demo/diamonds/starter/linear.zip");
    let script = submit("diamonds", std::fs::read(zip).unwrap(), "No package.").await;
    let site = Site {
        address: app.address.clone(),
        host: app.host("grace"),
        ada,
        scored,
        failed,
        script,
    };
    // It ends with us, because we hold its standard input.
    let mut runner = app.runner(&unique_name());
    runner.arg("--until-stdin-closes").stdin(Stdio::piped());
    let runner = Runner::start(&mut runner);
    (Box::leak(Box::new(site)), app, runner)
}

impl Site {
    pub fn visitor(&self) -> Person {
        Person::new(&self.address, "visitor", String::new(), None)
    }

    /// Waits until nothing waits any more, one after the other.
    pub async fn is_measured(&self) {
        let visitor = self.visitor();
        let left = async || {
            let queue = visitor.get("/api/v1/queue").await.json();
            queue["queued"].as_u64().unwrap() + queue["running"].as_u64().unwrap()
        };
        let mut before = left().await;
        while before > 0 {
            before = eventually("the next one's end", async || {
                let now = left().await;
                (now != before).then_some(now)
            })
            .await;
        }
    }

    /// Waits until an idle runner has found a range for every rank: for a picture, which may take its
    /// time.
    pub async fn has_ranges(&self) {
        const PATIENCE: Duration = Duration::from_secs(600);
        let visitor = self.visitor();
        let start = Instant::now();
        let without = async || {
            let lines = visitor.standings().await;
            lines
                .iter()
                .filter(|line| line["rank_best"].is_null())
                .count()
        };
        while without().await > 0 {
            assert!(start.elapsed() < PATIENCE, "not every rank has a range");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
