//! Whoever dies in the middle of a measured run, the submission is scored exactly once.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{
    App, Bundle, Person, Runner, Server, at, command, eventually, free_port, starter, unique_name,
};

async fn wait_for_trial(person: &Person, id: &str) {
    eventually("a measured run", async || {
        let submission = person.submission(id).await;
        assert_ne!(submission["status"], "scored", "it was over too soon");
        (submission["phase"]["name"] == "trial").then_some(())
    })
    .await;
}

async fn wait_for_score(person: &Person, id: &str) -> Value {
    eventually("the score", async || {
        let submission = person.submission(id).await;
        assert_ne!(submission["status"], "failed", "{submission:#}");
        (submission["status"] == "scored").then_some(submission)
    })
    .await
}

async fn assert_scored_once(person: &Person, id: &str) {
    let scored = wait_for_score(person, id).await;
    assert_eq!(at(&scored, "/result/trials").as_array().unwrap().len(), 3);
    let lines = person.standings().await;
    assert_eq!(
        lines.iter().filter(|line| line["submission"] == id).count(),
        1
    );
}

/// Nothing was measured in between; how many others are ranked is another matter.
fn assert_same_result(submission: &Value, before: &Value) {
    for pointer in ["/finished_at", "/result/score", "/result/trials"] {
        assert_eq!(at(submission, pointer), at(before, pointer));
    }
}

#[tokio::test]
async fn a_killed_runner_takes_its_job_up_again_when_it_is_back() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let name = unique_name();
    let runner = Runner::start(&mut app.runner(&name));
    let id = ada.submitted(starter("small_mlp")).await;
    wait_for_trial(&ada, &id).await;
    runner.kill();
    assert_eq!(ada.submission(&id).await["status"], "running");

    let _runner = Runner::start(&mut app.runner(&name));
    assert_scored_once(&ada, &id).await;
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_runner_whose_job_was_given_to_another_cannot_record_a_score() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let name = unique_name();
    let frozen = Runner::start(&mut app.runner(&name));
    let id = ada.submitted(starter("small_mlp")).await;
    wait_for_trial(&ada, &id).await;
    frozen.signal(Signal::SIGSTOP);

    // On what looks like another machine, because it shares no lock with the first.
    let elsewhere = Path::new("/run/leanboard-test-elsewhere");
    let mut command = app.runner(&name);
    command.arg("--rooms-dir").arg(elsewhere);
    let second = Runner::start(&mut command);
    let scored = wait_for_score(&ada, &id).await;
    second.kill();

    frozen.signal(Signal::SIGCONT);
    // It goes on with the next job once it has found out that this one is lost.
    let next = app
        .person("eve")
        .submitted(starter("logistic_regression"))
        .await;
    assert_scored_once(&ada, &next).await;
    assert_same_result(&ada.submission(&id).await, &scored);
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_by_another_runner() {
    let app = App::with(&Bundle::lean().rule("limits.time_s", 3)).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let mut command = app.runner(&unique_name());
    command.args(["--lease-s", "1"]);
    let frozen = Runner::start(&mut command);
    let id = ada.submitted(starter("small_mlp")).await;
    wait_for_trial(&ada, &id).await;
    frozen.signal(Signal::SIGSTOP);

    let mut command = app.runner(&unique_name());
    command
        .arg("--rooms-dir")
        .arg("/run/leanboard-test-elsewhere");
    let _second = Runner::start(&mut command);
    let scored = wait_for_score(&ada, &id).await;
    frozen.signal(Signal::SIGCONT);
    let next = app
        .person("eve")
        .submitted(starter("logistic_regression"))
        .await;
    assert_scored_once(&ada, &next).await;
    assert_same_result(&ada.submission(&id).await, &scored);
}

#[tokio::test]
async fn what_a_dead_runner_left_waits_again_and_its_page_says_so() {
    let app = App::with(&Bundle::lean().rule("limits.time_s", 3)).await;
    let ada = app.person("ada");
    let mut command = app.runner(&unique_name());
    command.args(["--lease-s", "1"]);
    let runner = Runner::start(&mut command);
    let id = ada.submitted(starter("small_mlp")).await;
    wait_for_trial(&ada, &id).await;
    runner.kill();

    let page = eventually("the end of the lease", async || {
        let page = ada.get(&format!("/submissions/{id}")).await.body;
        page.contains("is not heard of any more").then_some(page)
    })
    .await;
    assert!(page.contains("Waiting, next in the queue"), "{page}");
    assert!(page.contains("No runner is at work just now"), "{page}");
    assert!(!page.contains("should be scored"), "{page}");
    let left = ada.submission(&id).await;
    assert_eq!(left["status"], "queued");
    assert_eq!(left["queue_position"], 1);
    assert!(left["phase"].is_null() && left["ends_in_s"].is_null());
    assert_eq!(app.queue().await["running"], 0);
    eventually("the board that says so, too", async || {
        let board = app.visitor().get("/competitions/digits").await.body;
        let words = ["1 submission waiting", "no runner is at work just now"];
        words
            .iter()
            .all(|words| board.contains(words))
            .then_some(())
    })
    .await;

    let _another = Runner::start(&mut app.runner(&unique_name()));
    assert_scored_once(&ada, &id).await;
}

#[tokio::test]
async fn a_job_whose_runner_dies_each_time_is_given_up_at_no_cost() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let name = unique_name();
    let id = ada.submitted(starter("small_mlp")).await;
    for attempt in 1..=5 {
        let runner = Runner::start(&mut app.runner(&name));
        eventually("its claim", async || {
            let submission = ada.submission(&id).await;
            assert_eq!(
                submission["failure"],
                Value::Null,
                "after {attempt} runners"
            );
            (submission["status"] == "running").then_some(())
        })
        .await;
        runner.kill();
    }
    let _runner = Runner::start(&mut app.runner(&name));
    let failed = eventually("the end", async || {
        let submission = ada.submission(&id).await;
        (submission["status"] == "failed").then_some(submission)
    })
    .await;
    assert_eq!(*at(&failed, "/failure/code"), "runner_lost");
    assert_eq!(*at(&failed, "/failure/class"), "infrastructure");
    assert_eq!(*at(&failed, "/failure/uses_quota"), false);
    // The same bytes may be sent again, and are not held against their sender.
    let again = ada.submitted(starter("small_mlp")).await;
    assert_eq!(again, id);
    assert_scored_once(&ada, &id).await;
}

#[tokio::test]
async fn a_team_can_submit_at_the_moment_its_last_score_is_recorded() {
    let app = App::with(&Bundle::lean().rule("daily_limit", 1000)).await;
    app.run_all_jobs().await;
    let ada = app.person("ada");
    let _runner = Runner::start(&mut app.runner(&unique_name()));
    let first = ada.submitted(starter("small_mlp")).await;
    // Every try takes the locks that a submission takes, whatever comes of it.
    eventually("the score", async || {
        let again = ada.submit(starter("small_mlp")).await;
        assert_eq!(again.status, 409, "{}", again.body);
        (ada.submission(&first).await["status"] == "scored").then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_runners_on_one_database_share_the_jobs_and_record_each_once() {
    let app = App::with(&Bundle::digits()).await;
    let elsewhere = Path::new("/run/leanboard-test-elsewhere");
    let mut command = app.runner(&unique_name());
    command.arg("--rooms-dir").arg(elsewhere);
    let _first = Runner::start(&mut app.runner(&unique_name()));
    let _second = Runner::start(&mut command);
    let visitor = app.visitor();
    eventually("an empty queue", async || {
        let queue = visitor.get("/api/v1/queue").await.json();
        (queue["queued"] == 0 && queue["running"] == 0).then_some(())
    })
    .await;
    let lines = visitor.standings().await;
    assert_eq!(lines.len(), 15);
    for line in lines {
        let submission = visitor
            .submission(line["submission"].as_str().unwrap())
            .await;
        assert_eq!(
            at(&submission, "/result/trials").as_array().unwrap().len(),
            3
        );
    }
}

#[tokio::test]
async fn a_killed_server_changes_nothing_for_the_runner() {
    let app = App::with(&Bundle::lean()).await;
    app.run_all_jobs().await;
    let _runner = Runner::start(&mut app.runner(&unique_name()));
    let ada = app.person("ada");
    let mut server = Server::start(&app, free_port());
    let through_server = Person::new(&server.address, "ada", String::new(), ada.token.clone());
    let id = through_server.submitted(starter("small_mlp")).await;
    wait_for_trial(&ada, &id).await;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = Server::start(&app, server.port);
    let through_server = Person::new(&server.address, "ada", String::new(), ada.token.clone());
    assert_scored_once(&through_server, &id).await;
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn after_a_kill_of_the_whole_tree_a_second_start_finds_and_finishes_everything() {
    let folder = tempfile::Builder::new()
        .permissions(open_to_all())
        .tempdir_in("/tmp")
        .unwrap();
    let port = free_port();
    let name = unique_name();
    let up = || {
        let mut up = command("", folder.path());
        up.env_remove("DATABASE_URL");
        up.args(["up", "--no-demo", "--runner-name", &name]);
        up.args(["--listen", &format!("127.0.0.1:{port}")]);
        Supervisor(up.stderr(Stdio::null()).spawn().unwrap())
    };
    let first = up();
    let address = format!("http://127.0.0.1:{port}");
    let ask = Person::new(&address, "visitor", String::new(), None);
    wait_until_up(&ask).await;

    let cli = |arguments: &[&str]| {
        let mut cli = command("", folder.path());
        crate::support::success(
            cli.env_remove("DATABASE_URL")
                .args(arguments)
                .output()
                .unwrap(),
        )
    };
    let account = cli(&["user", "create", "ada"]);
    let token = account
        .lines()
        .find_map(|line| line.strip_prefix("token"))
        .unwrap()
        .trim();
    let ada = Person::new(&address, "ada", String::new(), Some(token.to_owned()));
    let lean = Bundle::lean();
    cli(&["competition", "create", lean.path().to_str().unwrap()]);
    let id = ada.submitted(starter("small_mlp")).await;
    wait_for_trial(&ada, &id).await;
    first.kill_tree();

    let _second = up();
    wait_until_up(&ask).await;
    assert_scored_once(&ada, &id).await;
}

#[tokio::test]
async fn a_part_that_dies_is_started_again_and_ctrl_c_stops_everything() {
    let folder = tempfile::Builder::new()
        .permissions(open_to_all())
        .tempdir_in("/tmp")
        .unwrap();
    let port = free_port();
    let mut up = command("", folder.path());
    up.env_remove("DATABASE_URL");
    up.args(["up", "--no-demo", "--runner-name", &unique_name()]);
    up.args(["--listen", &format!("127.0.0.1:{port}")]);
    let mut supervisor = Supervisor(up.stderr(Stdio::piped()).spawn().unwrap());
    let mut log = supervisor.0.stderr.take().unwrap();
    let ask = Person::new(
        &format!("http://127.0.0.1:{port}"),
        "visitor",
        String::new(),
        None,
    );
    wait_until_up(&ask).await;
    let tree = supervisor.tree();
    let server = *tree.iter().find(|pid| is_server(**pid)).unwrap();
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    eventually("another server", async || {
        let tree = supervisor.tree();
        tree.iter()
            .any(|pid| *pid != server && is_server(*pid))
            .then_some(())
    })
    .await;
    wait_until_up(&ask).await;

    let tree = supervisor.tree();
    kill(Pid::from_raw(tree[0]), Signal::SIGINT).unwrap();
    assert!(supervisor.0.wait().unwrap().success());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut log, &mut said).unwrap();
    assert!(said.contains("the web server ended by itself"), "{said}");
    assert!(said.contains("starting the web server again"), "{said}");
    let left: Vec<_> = tree.into_iter().filter(|pid| is_running(*pid)).collect();
    assert_eq!(left, Vec::<i32>::new());
}

fn is_server(pid: i32) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).nth(1) == Some(b"serve")
}

/// Whether there is such a process that has not ended; its parent may not have looked yet.
fn is_running(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

async fn wait_until_up(person: &Person) {
    eventually("the server", async || {
        let request = person.request(reqwest::Method::GET, "/api/v1/competitions");
        request
            .send()
            .await
            .ok()
            .filter(|answer| answer.status() == 200)
            .map(drop)
    })
    .await;
}

fn open_to_all() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o755)
}

/// `leanboard up` with all its children.
struct Supervisor(Child);

impl Supervisor {
    /// Every process of the tree, the supervisor first.
    fn tree(&self) -> Vec<i32> {
        let mut tree = vec![i32::try_from(self.0.id()).unwrap()];
        let mut next = 0;
        while next < tree.len() {
            tree.extend(children_of(tree[next]));
            next += 1;
        }
        tree
    }

    /// Kills every process at once, the database's too.
    fn kill_tree(mut self) {
        let tree = self.tree();
        assert!(tree.len() > 4, "database, server and runner: {tree:?}");
        for pid in &tree {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        self.0.wait().unwrap();
        // Tests of the sandbox may have made us the parent of orphans.
        for pid in tree {
            let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), None);
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        let _ = kill(
            Pid::from_raw(i32::try_from(self.0.id()).unwrap()),
            Signal::SIGTERM,
        );
        let _ = self.0.wait();
    }
}

fn children_of(pid: i32) -> Vec<i32> {
    let output = Command::new("pgrep")
        .args(["-P", &pid.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.trim().parse().unwrap())
        .collect()
}
