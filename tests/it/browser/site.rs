//! One site for all that browsers do: the demo, and a runner that is at work on it.

use std::process::Stdio;

use tokio::sync::OnceCell;

use crate::support::{App, Bundle, Person, Runner, broken, eventually, starter, unique_name};

pub struct Site {
    pub address: String,
    /// Who has a scored and a failed submission.
    pub ada: Person,
    pub scored: String,
    pub failed: String,
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
    let app = App::with(&Bundle::digits()).await;
    let ada = app.person("ada");
    let scored = ada.submitted(starter("small_mlp")).await;
    let failed = ada.submitted(broken("output_nan")).await;
    let site = Site {
        address: app.address.clone(),
        host: app.host("grace"),
        ada,
        scored,
        failed,
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

    /// Waits until nothing waits any more.
    pub async fn is_measured(&self) {
        let visitor = self.visitor();
        eventually("the end of the queue", async || {
            let queue = visitor.get("/api/v1/queue").await.json();
            let is_empty = |key: &str| queue[key] == 0;
            (is_empty("queued") && is_empty("running")).then_some(())
        })
        .await;
    }
}
