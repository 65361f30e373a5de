//! A participant's commands, against the real server: submit, status, leaderboard, login.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    App, Bundle, PROGRAM, Person, Runner, broken, eventually, root, runtime, starter, success,
    unique_name,
};

/// Somebody at a terminal of their own: a home, files, and what the program said last.
struct Desk {
    home: TempDir,
    server: String,
    token: Option<String>,
}

/// How a command ended and what it said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn of(app: &App, person: &Person) -> Desk {
        Desk {
            home: tempfile::tempdir().unwrap(),
            server: app.address.clone(),
            token: person.token.clone(),
        }
    }

    /// The program with these arguments, told of nothing but server and token.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.env("LEANBOARD_SERVER", &self.server);
        if let Some(token) = &self.token {
            command.env("LEANBOARD_TOKEN", token);
        }
        command
    }

    /// The same, which is not told even that.
    fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path());
        command
    }

    async fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments)).await
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".config/leanboard/config.toml")
    }
}

/// Waits elsewhere, as the server under test is of this thread.
async fn said(mut command: Command) -> Said {
    let output = move || command.stdin(Stdio::null()).output().unwrap();
    Said::of(tokio::task::spawn_blocking(output).await.unwrap())
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn has(&self, words: &[&str]) {
        for word in words {
            let said = format!("{}{}", self.out, self.err);
            assert!(said.contains(word), "no `{word}` in {self:#?}");
        }
    }

    #[track_caller]
    fn ended_with(&self, code: i32) -> &Said {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

#[tokio::test]
async fn a_submission_is_sent_watched_and_printed_with_its_rank() {
    let app = App::with(&Bundle::lean()).await;
    let desk = Desk::of(&app, &app.person("ada"));
    let model = desk.file("my model.onnx", &starter("small_mlp"));
    let _runner = Runner::start(&mut app.runner(&unique_name()));
    let said = desk
        .run(&["submit", &model, "-c", "digits", "-d", "by hand"])
        .await;
    said.ended_with(0).has(&[
        "Sent my model.onnx",
        "Queued as submission 2",
        "running: trial ",
        "rank 2 of 2",
        "accuracy, on the public split",
        "CPU time per pass",
        "for the score +",
        &format!("{}/submissions/", app.address),
    ]);
    // What a program reads is on standard output alone.
    assert!(said.out.starts_with("Submission 2 to digits is scored"));
    assert!(!said.out.contains("Sent") && !said.out.contains('\r'));

    // Its number is a name for it, and it is the first of one's own.
    let one = desk.run(&["status", "2"]).await;
    assert_eq!(one.ended_with(0).out, said.out);
    let all = desk.run(&["status"]).await;
    all.ended_with(0)
        .has(&["number", "digits", "scored", "my model.onnx"]);
    assert_eq!(all.out.lines().count(), 2);
    let elsewhere = desk.run(&["status", "-c", "nowhere"]).await;
    elsewhere.ended_with(1).has(&["`nowhere`", "not_found"]);

    // The same bytes again.
    let again = desk.run(&["submit", &model, "-c", "digits"]).await;
    again
        .ended_with(1)
        .has(&["duplicate", "409", "leanboard status 01", "no quota"]);

    let board = desk.run(&["leaderboard", "digits"]).await;
    board
        .ended_with(0)
        .has(&["efficiency board", "ada", "the reference entry"]);
    let lines: Vec<&str> = board.out.lines().collect();
    let title = lines.iter().find(|line| line.starts_with("rank")).unwrap();
    let ada = lines.iter().find(|line| line.contains("  ada ")).unwrap();
    let end = title.find("score").unwrap() + "score".len();
    assert!(
        ada[..end].ends_with(|c: char| c.is_ascii_digit()),
        "{board:#?}"
    );
    let json = desk
        .run(&["leaderboard", "digits", "--board", "score", "--json"])
        .await;
    let mut printed: Value = serde_json::from_str(&json.ended_with(0).out).unwrap();
    let path = "/api/v1/competitions/digits/leaderboard?board=score";
    assert_eq!(printed.take(), app.visitor().get(path).await.json());
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn what_the_door_refuses_is_said_with_its_code_and_what_to_do() {
    let app = App::with(&Bundle::lean().rule("entries.max_size_mib", 1)).await;
    let desk = Desk::of(&app, &app.person("ada"));
    for (name, bytes, words) in [
        ("notes.onnx", b"import onnx\n".to_vec(), "entry_kind"),
        ("large.onnx", vec![8; (1 << 20) + 1], "1 MiB"),
        ("empty.onnx", Vec::new(), "entry_empty"),
    ] {
        let file = desk.file(name, &bytes);
        let said = desk.run(&["submit", &file, "-c", "digits"]).await;
        said.ended_with(1).has(&[words, "no quota"]);
        assert_eq!(said.out, "");
    }
    let file = desk.file("m.onnx", &starter("small_mlp"));
    let said = desk.run(&["submit", &file, "-c", "nowhere"]).await;
    said.ended_with(1).has(&["`nowhere`", "not_found", "404"]);
    let status = desk.run(&["status"]).await;
    status.ended_with(0).has(&["nothing yet"]);
}

#[tokio::test]
async fn a_failed_submission_is_explained_and_ends_with_1() {
    let app = App::with(&Bundle::lean()).await;
    let desk = Desk::of(&app, &app.person("ada"));
    let file = desk.file("m.onnx", &broken("output_nan"));
    let _runner = Runner::start(&mut app.runner(&unique_name()));
    let said = desk.run(&["submit", &file, "-c", "digits"]).await;
    said.ended_with(1).has(&[
        "Submission 2 to digits failed",
        "output_nonfinite",
        "fault",
        "counts against the daily limit",
        "try",
    ]);
    let all = desk.run(&["status", "--competition", "digits"]).await;
    all.ended_with(0).has(&["failed: output_nonfinite"]);
    app.run_all_jobs().await;
}

#[tokio::test]
async fn who_does_not_want_to_wait_is_told_where_to_look() {
    let app = App::with(&Bundle::lean()).await;
    let desk = Desk::of(&app, &app.person("ada"));
    let file = desk.file("m.onnx", &starter("small_mlp"));
    let said = desk
        .run(&["submit", &file, "-c", "digits", "--no-wait"])
        .await;
    said.ended_with(0).has(&["Queued as submission 2: http"]);
    let waiting = desk.run(&["status", "2"]).await;
    waiting
        .ended_with(0)
        .has(&["is queued: place 2 in the queue"]);

    // Ctrl-C leaves it as it is.
    let file = desk.file("n.onnx", &starter("svc"));
    let mut command = desk.command(&["submit", &file, "-c", "digits"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut heard = child.stderr.take().unwrap();
    let said = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        let mut buffer = [0; 256];
        while !said.contains("place 3") {
            let read = heard.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        heard.read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        said
    });
    let said = said.await.unwrap();
    assert!(said.contains("leanboard status 3"), "{said}");
    let left = desk.run(&["status", "3"]).await;
    left.ended_with(0).has(&["queued: place 3"]);
}

#[tokio::test]
async fn a_token_comes_from_a_file_that_nobody_else_can_read() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let desk = Desk::of(&app, &ada);
    let token = ada.token.clone().unwrap();

    // Without one it is said how to get one.
    let without = said(desk.bare(&["status", "--server", &app.address])).await;
    without
        .ended_with(2)
        .has(&["/account", "leanboard login", "LEANBOARD_TOKEN"]);
    // A wrong one is not kept.
    for (wrong, code) in [("lb_wrong", 1), ("wrong", 2)] {
        let refused = login(&desk, &app.address, wrong).await;
        refused.ended_with(code);
        assert!(!desk.config().exists());
    }
    let kept = login(&desk, &app.address, &token).await;
    kept.ended_with(0).has(&["config.toml"]);
    let mode = fs::metadata(desk.config()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    said(desk.bare(&["status"])).await.ended_with(0);

    // The token is for its own server only.
    let mut other = desk.bare(&["status", "--server", "http://127.0.0.1:1"]);
    other.env("LEANBOARD_LOG", "trace");
    said(other).await.ended_with(2).has(&["needs an API token"]);

    let folder = desk.home.path().join("elsewhere");
    fs::create_dir_all(folder.join("leanboard")).unwrap();
    let elsewhere = folder.join("leanboard/config.toml");
    let with = async |text: &str, mode: u32| {
        fs::write(&elsewhere, text).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(mode)).unwrap();
        let mut status = desk.bare(&["status"]);
        status
            .env("XDG_CONFIG_HOME", &folder)
            .env("LEANBOARD_LOG", "trace");
        let said = said(status).await;
        assert!(!format!("{said:?}").contains(&token), "{said:#?}");
        said
    };
    let whole = format!("server = \"{}\"\ntoken = \"{token}\"\n", app.address);
    with(&whole, 0o600).await.ended_with(0);
    with(&whole, 0o640).await.ended_with(2).has(&["chmod 600"]);
    let slip = whole.replace("token", "tokn");
    with(&slip, 0o600)
        .await
        .ended_with(2)
        .has(&["`tokn`", "`token`"]);
    let half = whole.replace(&format!("{token}\""), &token);
    with(&half, 0o600)
        .await
        .ended_with(2)
        .has(&["config.toml:2"]);
    // Where it names no server, it means the one that is asked by default.
    let nameless = format!("token = \"{token}\"\n");
    fs::write(&elsewhere, nameless).unwrap();
    let mut status = desk.bare(&["status", "--server", &app.address]);
    status.env("XDG_CONFIG_HOME", &folder);
    said(status)
        .await
        .ended_with(2)
        .has(&["needs an API token"]);
    let wrong = whole.replace("lb_", "");
    with(&wrong, 0o600).await.ended_with(2);
    // A variable goes before it.
    fs::write(&elsewhere, whole.replace(&token, "lb_other")).unwrap();
    let mut status = desk.bare(&["status"]);
    status
        .env("XDG_CONFIG_HOME", &folder)
        .env("LEANBOARD_TOKEN", &token);
    said(status).await.ended_with(0);
}

async fn login(desk: &Desk, server: &str, token: &str) -> Said {
    let mut command = desk.bare(&["login", "--server", server]);
    let token = format!("{token}\n");
    let login = move || {
        let mut child = (command.stdin(Stdio::piped()).stdout(Stdio::piped()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(token.as_bytes())
            .unwrap();
        Said::of(child.wait_with_output().unwrap())
    };
    tokio::task::spawn_blocking(login).await.unwrap()
}

/// Whether a terminal shows what is typed.
fn echoes(terminal: &impl AsFd) -> bool {
    let settings = tcgetattr(terminal).unwrap();
    settings.local_flags.contains(LocalFlags::ECHO)
}

#[tokio::test]
async fn who_gives_up_at_the_prompt_for_a_token_gets_the_terminal_back() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let home = tempfile::tempdir().unwrap();
        let terminal = openpty(None, None).unwrap();
        assert!(echoes(&terminal.slave));
        let mut login = Command::new(PROGRAM)
            .args(["login", "--server", "http://127.0.0.1:1"])
            .env_clear()
            .env("HOME", home.path())
            .stdin(terminal.slave.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the prompt", async || {
            (!echoes(&terminal.slave)).then_some(())
        })
        .await;
        kill(Pid::from_raw(login.id().cast_signed()), signal).unwrap();
        let ended = tokio::task::spawn_blocking(move || login.wait().unwrap());
        assert_eq!(ended.await.unwrap().signal(), Some(signal as i32));
        assert!(echoes(&terminal.slave), "{signal}");
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_is_refused_and_never_shown() {
    let app = App::with(&Bundle::lean()).await;
    let mut desk = Desk::of(&app, &app.person("ada"));
    let file = desk.file("m.onnx", &starter("small_mlp"));
    for (token, code) in [("lb_unknown", 1), ("no_token_at_all", 2)] {
        desk.token = Some(token.to_owned());
        let said = desk.run(&["submit", &file, "-c", "digits"]).await;
        said.ended_with(code).has(&["LEANBOARD_TOKEN"]);
        assert!(!format!("{said:?}").contains(token), "{said:#?}");
    }
}

/// A server that answers each connection with this, once it has read so much.
fn stand_in(answer: &'static str, reads: usize) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = vec![0; reads];
            let read = connection.read(&mut request).unwrap();
            sender
                .send(String::from_utf8_lossy(&request[..read]).into_owned())
                .unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, receiver)
}

#[tokio::test]
async fn a_server_that_is_none_of_ours_is_told_apart_from_one_that_is_not_there() {
    let app = App::start().await;
    let mut desk = Desk::of(&app, &app.person("ada"));
    let file = desk.file("m.onnx", &starter("small_mlp"));
    let submit = ["submit", &file, "-c", "digits"];

    desk.server = "http://127.0.0.1:1".to_owned();
    let refused = desk.run(&submit).await;
    refused
        .ended_with(1)
        .has(&["http://127.0.0.1:1", "cannot be reached", "--server"]);

    let (elsewhere, asked_elsewhere) = stand_in("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 9);
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n"
    );
    let (address, asked) = stand_in(redirect.leak(), 4096);
    desk.server = address;
    let said = desk.run(&submit).await;
    said.ended_with(1).has(&[&elsewhere, "--server"]);
    assert!(
        asked
            .recv()
            .unwrap()
            .to_lowercase()
            .contains("authorization: bearer lb_")
    );
    // Nothing was sent there, and so no token.
    assert!(asked_elsewhere.try_recv().is_err());

    let (address, _asked) = stand_in(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        4096,
    );
    desk.server = address;
    let said = desk.run(&submit).await;
    said.ended_with(1)
        .has(&["does not answer as a Leanboard server", "502"]);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_file_is_said_and_leaves_nothing() {
    let app = App::with(&Bundle::lean()).await;
    let mut desk = Desk::of(&app, &app.person("ada"));
    let before = app.stored_files();
    // Passes the first call on, and hangs up in the middle of the second.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = app.address.strip_prefix("http://").unwrap().to_owned();
    desk.server = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = std::net::TcpStream::connect(behind).unwrap();
        let mut to = server.try_clone().unwrap();
        let mut from = client.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut server, &mut client);
        drop((client, server));
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut vec![0; 100_000]).unwrap();
    });
    let file = desk.file("m.onnx", &starter("big_mlp"));
    let said = desk.run(&["submit", &file, "-c", "digits"]).await;
    said.ended_with(1)
        .has(&["cannot be reached", "Nothing was submitted"]);
    eventually("nothing to be left", async || {
        (app.stored_files() == before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_has_had_enough_is_no_fault() {
    let app = App::with(&Bundle::lean()).await;
    let desk = Desk::of(&app, &app.person("ada"));
    let database = app.database_url.clone();
    for arguments in [
        "user create bob",
        "leaderboard digits",
        "leaderboard digits --json",
        &format!("competition check {}", root().join("demo/digits").display()),
    ] {
        // Closed before the program says its first word.
        let script = format!("{PROGRAM} {arguments} | true; exit ${{PIPESTATUS[0]}}");
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &script])
            .env_clear()
            .env("HOME", desk.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("DATABASE_URL", &database)
            .env("LEANBOARD_SERVER", &app.address);
        let said = said(shell).await;
        said.ended_with(0);
        assert_eq!(said.err, "", "{arguments}");
    }
}

#[tokio::test]
async fn a_new_bundle_passes_its_check_opens_and_is_measured() {
    let app = App::start().await;
    let desk = Desk::of(&app, &app.person("ada"));
    let folder = desk.home.path().join("My Cats");
    let named = folder.to_str().unwrap();
    let new = desk.run(&["competition", "new", named]).await;
    new.ended_with(0).has(&["`my-cats`", "competition check '"]);
    let again = desk.run(&["competition", "new", named]).await;
    again.ended_with(1).has(&["not empty"]);
    let checked = desk.run(&["competition", "check", named]).await;
    checked.ended_with(0).has(&[
        "My cats (/competitions/my-cats)",
        "150 public, 150 private",
        "400 rows",
        "the best constant prediction scores",
        "the reference",
        "description.md: it is still that",
    ]);

    create(&app, &folder);
    app.run_all_jobs().await;
    let board = app
        .visitor()
        .get("/api/v1/competitions/my-cats/leaderboard")
        .await
        .json();
    let standings = board["standings"].as_array().unwrap();
    assert_eq!(standings.len(), 2, "{board:#}");
    for line in standings {
        assert!(line["rank"].is_i64(), "{line:#}");
    }
}

#[tokio::test]
async fn the_guide_for_hosts_ends_in_a_competition_that_opens() {
    let app = App::start().await;
    let desk = Desk::of(&app, &app.person("ada"));
    let folder = desk.home.path().join("cats");
    let named = folder.to_str().unwrap();
    desk.run(&["competition", "new", named]).await.ended_with(0);

    // A host's one table, and the guide's own script.
    let train = root().join("demo/template/data/train.csv");
    fs::copy(train, desk.home.path().join("all.csv")).unwrap();
    let guide = fs::read_to_string(root().join("docs/hosting.md")).unwrap();
    let script = guide.split("```python\n").nth(1).unwrap();
    let script = desk.file("split.py", script.split("```").next().unwrap().as_bytes());
    let mut python = Command::new(runtime().join("bin/python"));
    python.arg(script).current_dir(desk.home.path());
    let split = said(python).await;
    split
        .ended_with(0)
        .has(&["240 to train on, 160 hidden", "'large', 'medium', 'small'"]);

    let checked = desk.run(&["competition", "check", named]).await;
    checked
        .ended_with(0)
        .has(&["160 rows of 4 columns", "240 rows", "50 rows"]);
    assert!(!checked.out.contains("tells the answers"), "{checked:#?}");
    create(&app, &folder);
}

fn create(app: &App, folder: &Path) {
    let mut create = app.command();
    create.args(["competition", "create"]).arg(folder);
    success(create.output().unwrap());
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_bundle_is_said_at_once() {
    let app = App::start().await;
    let desk = Desk::of(&app, &app.person("ada"));
    let bundle = Bundle::lean().rule("metric.benchmrak", 0.2);
    let folder = bundle.path();
    fs::write(folder.join("starter/svc.onnx"), "no model").unwrap();
    fs::remove_file(folder.join("rules.md")).unwrap();
    fs::copy(
        folder.join("hidden/solution.csv"),
        folder.join("data/answers.csv"),
    )
    .unwrap();
    let said = desk
        .run(&["competition", "check", folder.to_str().unwrap()])
        .await;
    said.ended_with(1).has(&[
        "competition.toml:",
        "unknown key `benchmrak`; did you mean `benchmark`?",
        "rules.md: the bundle has no such file",
        "data/answers.csv: it is a copy of `hidden/solution.csv`",
        "starter/svc.onnx: ",
    ]);
    assert_eq!(said.out, "");
}

#[tokio::test]
async fn what_is_allowed_and_hardly_meant_is_said_too() {
    let app = App::start().await;
    let desk = Desk::of(&app, &app.person("ada"));
    let bundle = Bundle::lean().rule("metric.benchmark", 0.5);
    let folder = bundle.path();
    let solution = fs::read_to_string(folder.join("hidden/solution.csv")).unwrap();
    let told: Vec<&str> = solution.lines().take(6).collect();
    fs::write(folder.join("data/hints.csv"), told.join("\n")).unwrap();
    let test = fs::read_to_string(folder.join("hidden/test.csv")).unwrap();
    let rows: Vec<&str> = test.lines().take(4).collect();
    fs::write(folder.join("data/sample_test.csv"), rows.join("\n")).unwrap();
    let said = desk
        .run(&["competition", "check", folder.to_str().unwrap()])
        .await;
    said.ended_with(0).has(&[
        "no constant prediction reaches the benchmark of 0.5",
        "data/hints.csv: it tells the answers to 5 hidden test rows",
        "data/sample_test.csv: 3 of its row ids",
        "the reference is the only starter",
        "small_mlp.onnx: no [[starter]] names it",
    ]);
}
