//! The application under test, and people who use it. Everything goes through its own doors: HTTP
//! and the command line.

mod bundle;
mod events;
mod fake_nvml;
mod person;
mod postgres;
mod runner;
mod server;
pub mod wire;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use leanboard::domain::clock::Clock;
use leanboard::store::Store;
use leanboard::web;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use bundle::{Bundle, broken, function, root, script, starter};
pub use events::Events;
pub use fake_nvml::FakeNvml;
pub use person::{Answer, Person};
pub use postgres::create_empty_database;
pub use runner::{Runner, unique_name};
pub use server::{DeafWay, Server, free_port};

/// The program, as it was built for this test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_leanboard");

/// A running server with a database and a data folder of its own.
pub struct App {
    pub address: String,
    pub database_url: String,
    pub clock: Clock,
    data: TempDir,
}

impl App {
    /// Starts without a competition.
    pub async fn start() -> App {
        App::start_on(postgres::create_database().await).await
    }

    /// Starts on a database that is there already, with an empty store.
    pub async fn start_on(database_url: String) -> App {
        App::start_with_streams(database_url, web::LONGEST_STREAM).await
    }

    /// Starts with a competition, and ends each stream of events after this time.
    pub async fn with_short_streams(bundle: &Bundle, longest: Duration) -> App {
        let app = App::start_with_streams(postgres::create_database().await, longest).await;
        app.create(bundle);
        app
    }

    async fn start_with_streams(database_url: String, longest_stream: Duration) -> App {
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::set_to(noon(1));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let parts = web::Parts {
            db: leanboard::db::connect(&database_url, 4).await.unwrap(),
            store: Store::local(&data.path().join("store")).unwrap(),
            clock: clock.clone(),
            public_url: None,
            sign_up: true,
            workers: 1,
            most_streams: 100,
            longest_stream,
        };
        tokio::spawn(web::server(parts, listener).unwrap());
        App {
            address,
            database_url,
            clock,
            data,
        }
    }

    /// Starts with a competition.
    pub async fn with(bundle: &Bundle) -> App {
        let app = App::start().await;
        app.create(bundle);
        app
    }

    /// The program on the command line, told about this database and this data folder.
    pub fn command(&self) -> Command {
        command(&self.database_url, self.data.path())
    }

    pub fn create(&self, bundle: &Bundle) {
        let mut create = self.command();
        success(
            create
                .args(["competition", "create"])
                .arg(bundle.path())
                .output()
                .unwrap(),
        );
    }

    /// An account with an API token.
    pub fn person(&self, name: &str) -> Person {
        self.account(name, &[])
    }

    pub fn host(&self, name: &str) -> Person {
        self.account(name, &["--host"])
    }

    fn account(&self, name: &str, flags: &[&str]) -> Person {
        let mut create = self.command();
        let output = success(
            create
                .args(["user", "create", name])
                .args(flags)
                .output()
                .unwrap(),
        );
        let printed = |key: &str| {
            let line = output.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        Person::new(
            &self.address,
            name,
            printed("password"),
            Some(printed("token")),
        )
    }

    /// Somebody without an account.
    pub fn visitor(&self) -> Person {
        Person::new(&self.address, "visitor", String::new(), None)
    }

    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Where an object of this digest lies.
    pub fn stored_object(&self, digest: &str) -> PathBuf {
        let objects = self.data.path().join("store/objects");
        objects.join(&digest[..2]).join(digest)
    }

    /// The files in the object store, by their names.
    pub fn stored_files(&self) -> Vec<String> {
        files_below(&self.data.path().join("store"))
    }

    pub async fn queue(&self) -> Value {
        self.visitor().get("/api/v1/queue").await.json()
    }

    /// No evaluation may be left over at the end of a test.
    pub async fn assert_queue_is_empty(&self) {
        let queue = self.queue().await;
        assert_eq!(
            (&queue["queued"], &queue["running"]),
            (&json!(0), &json!(0))
        );
    }
}

/// Noon of a day in January 2026, when the demo is open.
pub fn noon(day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, day, 12, 0, 0).unwrap()
}

/// The program, told about a database and a data folder, and about nothing of its caller's.
pub fn command(database_url: &str, data: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LEANBOARD_") {
            command.env_remove(name);
        }
    }
    command
        .env("DATABASE_URL", database_url)
        .env("LEANBOARD_DATA_DIR", data)
        .env("LEANBOARD_RUNTIME_DIR", runtime())
        // A counter of this machine would be given its rests, which take longer than all else.
        .env("LEANBOARD_METER", "none")
        .env("LEANBOARD_ROOMS_DIR", "/run/leanboard-test");
    command
}

/// The Python environment, made once and kept between runs of the tests.
pub fn runtime() -> &'static Path {
    static RUNTIME: OnceLock<PathBuf> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("data");
        let mut build = Command::new(PROGRAM);
        build
            .args(["runtime", "build", "--host", "--data-dir"])
            .arg(&data);
        success(build.output().unwrap());
        data.join("runtime")
    })
}

/// What a program printed that must not fail.
#[track_caller]
pub fn success(output: Output) -> String {
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

/// Asks again and again until there is an answer; the limit only ends a test that hangs.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(Duration::from_secs(90), what, ask).await
}

/// The same with more patience, for what is tried again after pauses on a busy machine.
pub async fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A member of a JSON document by its path, such as `/result/score`.
#[track_caller]
pub fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    let found = document.pointer(pointer);
    found.unwrap_or_else(|| panic!("no {pointer} in {document:#}"))
}
