//! A whole Leanboard: a database, a web server and a runner, each a process of its own, and somebody
//! who enters.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use leanboard::db::{self, embedded::Cluster};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use toml_edit::DocumentMut;

use crate::process::{self, Server};
use crate::{Outcome, PROGRAM};

pub const ROOMS: &str = "/run/leanboard-bench";
pub const COMPETITION: &str = "digits";
/// Far more than a session of the demo takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// A runner that has ended a job looks once more and goes to sleep; it has by then.
const SETTLED: Duration = Duration::from_millis(500);
/// The web server closes connections that were not used for somewhat longer.
const UNUSED_CONNECTION: Duration = Duration::from_secs(2);

/// Runs from its start until it is dropped, in the order of its fields.
pub struct Service {
    pub tokio: tokio::runtime::Runtime,
    /// Of the web server, with its scheme.
    pub address: String,
    pub runner_name: String,
    pub runner: Server,
    _serve: Server,
    pub database_url: String,
    client: Client,
    token: String,
    _cluster: Cluster,
    pub folder: TempDir,
    _rooms: RoomsFolder,
}

impl Service {
    /// Starts everything with the demo competition, and waits until its reference is scored. The
    /// demo's other entries are left out, so that the queue is empty then.
    pub fn start(runtime: &Path) -> Outcome<Service> {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let folder = tempfile::Builder::new()
            .prefix("leanboard-bench-")
            .tempdir()?;
        // PostgreSQL and nginx, which are other accounts, find their way through it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        // On this thread, which lives as long as the process.
        let cluster = Cluster::start(&folder.path().join("postgres"), None)?;
        tokio.block_on(cluster.prepare())?;
        let database_url = cluster.url();
        let command = || command(&database_url, folder.path(), runtime);
        process::output(command().arg("migrate"))?;
        let printed = process::output(command().args(["user", "create", "bench"]))?;
        let token = printed
            .lines()
            .find_map(|line| line.strip_prefix("token "))
            .ok_or("no token was printed")?
            .trim()
            .to_owned();
        let bundle = lay_out_lean_demo(folder.path())?;
        process::output(command().args(["competition", "create"]).arg(bundle))?;

        let mut serve = command();
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        let (serve, line) =
            Server::start(serve, &folder.path().join("serve.log"), "listening on http")?;
        let address = line.split_once("http").ok_or("no address was logged")?.1;
        let address = format!("http{address}");
        let runner_name = format!("bench-{}", std::process::id());
        let rooms = RoomsFolder(Path::new(ROOMS).join(&runner_name));
        let mut runner = command();
        runner.args(["runner", "--runner-name", &runner_name]);
        let (runner, _) = Server::start(
            runner,
            &folder.path().join("runner.log"),
            "ready to take jobs",
        )?;
        let service = Service {
            tokio,
            address,
            runner_name,
            runner,
            _serve: serve,
            database_url,
            client: Client::builder()
                .pool_idle_timeout(UNUSED_CONNECTION)
                .build()?,
            token,
            _cluster: cluster,
            folder,
            _rooms: rooms,
        };
        service.wait_until_idle()?;
        if service.standings()?.len() != 1 {
            return Err("the reference entry was not scored".into());
        }
        Ok(service)
    }

    /// The three steps of an upload but the last: what is left to do is to commit.
    pub fn upload(&self, file: Vec<u8>) -> Outcome<Upload> {
        self.tokio.block_on(async {
            let start = format!("/api/v1/competitions/{COMPETITION}/uploads");
            let body = json!({"file_name": "model.onnx"});
            let started = answer(self.post(&start).json(&body)).await?;
            let text = |key: &str| started[key].as_str().unwrap_or_default().to_owned();
            answer(self.client.put(text("url")).body(file)).await?;
            Ok(Upload { id: text("id") })
        })
    }

    /// Answers with the submission.
    pub fn commit(&self, upload: &Upload) -> Outcome<String> {
        let path = format!("/api/v1/uploads/{}/commit", upload.id);
        let submission = answer(self.post(&path).json(&json!({})));
        let submission = self.tokio.block_on(submission)?;
        Ok(submission["id"].as_str().unwrap_or_default().to_owned())
    }

    pub fn submission(&self, id: &str) -> Outcome<Value> {
        self.get(&format!("/api/v1/submissions/{id}"))
    }

    /// Waits until no job is queued or running and the runner sleeps.
    pub fn wait_until_idle(&self) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        let is_idle = |queue: &Value| {
            [queue, &queue["deepening"]]
                .iter()
                .all(|jobs| jobs["queued"] == 0 && jobs["running"] == 0)
        };
        while !is_idle(&self.get("/api/v1/queue")?) {
            if Instant::now() > deadline {
                return Err("the queue did not become empty".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(SETTLED);
        Ok(())
    }

    /// The lines of the efficiency board.
    pub fn standings(&self) -> Outcome<Vec<Value>> {
        let board = self.get(&format!("/api/v1/competitions/{COMPETITION}/leaderboard"))?;
        let standings = board["standings"].as_array();
        Ok(standings.ok_or("a board without standings")?.clone())
    }

    /// What an address answers, as it comes over the wire.
    pub fn body(&self, address: &str, accept_encoding: &str) -> Outcome<Vec<u8>> {
        self.tokio.block_on(async {
            let request = self.client.get(address);
            let response = request
                .header("Accept-Encoding", accept_encoding)
                .send()
                .await?
                .error_for_status()?;
            let encoding = response.headers().get("Content-Encoding");
            if (accept_encoding == "gzip") != encoding.is_some_and(|encoding| encoding == "gzip") {
                return Err(format!("{address} ignores Accept-Encoding: {accept_encoding}").into());
            }
            Ok(response.bytes().await?.to_vec())
        })
    }

    fn get(&self, path: &str) -> Outcome<Value> {
        let request = self.client.get(format!("{}{path}", self.address));
        self.tokio.block_on(answer(request))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.address))
            .bearer_auth(&self.token)
    }

    pub fn connect(&self) -> Outcome<sqlx::PgPool> {
        Ok(self.tokio.block_on(db::connect(&self.database_url, 1))?)
    }
}

/// Where a runner builds its sandboxes. A real runner keeps it for its next start; here it is removed
/// when this is dropped, after the runner.
pub struct RoomsFolder(pub PathBuf);

impl Drop for RoomsFolder {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.join("lock"));
        let _ = fs::remove_dir(&self.0);
    }
}

/// An upload whose bytes have been sent and looked at.
pub struct Upload {
    id: String,
}

async fn answer(request: RequestBuilder) -> Outcome<Value> {
    let response = request.send().await?;
    let status = response.status();
    let body = response.text().await?;
    if !status.is_success() {
        return Err(format!("{status}: {body}").into());
    }
    Ok(serde_json::from_str(&body)?)
}

/// The program, told about a database and a data folder, and about nothing of its caller's.
fn command(database_url: &str, data: &Path, runtime: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LEANBOARD_") {
            command.env_remove(name);
        }
    }
    command
        .env("DATABASE_URL", database_url)
        .env("LEANBOARD_DATA_DIR", data)
        .env("LEANBOARD_RUNTIME_DIR", runtime)
        .env("LEANBOARD_ROOMS_DIR", ROOMS);
    command
}

/// A file of the demo competition.
pub fn demo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("demo/digits")
        .join(path)
}

/// Copies the demo's bundle, with no entry but its reference, and without what an idle runner does.
fn lay_out_lean_demo(folder: &Path) -> Outcome<PathBuf> {
    let bundle = folder.join("bundle");
    copy(&demo(""), &bundle)?;
    let path = bundle.join("competition.toml");
    let mut rules: DocumentMut = fs::read_to_string(&path)?.parse()?;
    rules["starter"]
        .as_array_of_tables_mut()
        .ok_or("the demo has no starters")?
        .retain(|starter| starter.contains_key("reference"));
    rules["daily_limit"] = toml_edit::value(1000);
    rules["measuring"]["deepen"] = toml_edit::value(false);
    fs::write(path, rules.to_string())?;
    Ok(bundle)
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
