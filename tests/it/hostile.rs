//! What strangers may try, each through the whole way of a submission: upload, queue, runner, walls,
//! answer. `sandbox/examples/hostile` has a folder for each attack, and `docs/attacks.md` lists them.

mod models;
mod onnx;
mod traces;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::support::{engines, program};
use crate::support::{
    App, Bundle, Person, Runner, at, eventually, eventually_within, root, success, unique_name,
};
use traces::Traces;

/// How an attack must end. `Refused`: nothing of it got through, so that the honest submission it
/// then leaves is scored.
#[derive(Debug, Clone, Copy)]
enum End {
    Refused,
    /// Scored as well, with at least these seconds of CPU time counted.
    Counted(f64),
    /// The code of the failure, and words of its message.
    Fails(&'static str, &'static str),
}

use End::{Counted, Fails, Refused};

const ATTACKS: [(&str, End); 34] = [
    ("clocks", Refused),
    ("daemon", Refused),
    ("deaf", Fails("timeout", "limit of 3 s")),
    ("detects_warm_up", Refused),
    ("files", Refused),
    ("fills_inodes", Fails("output_too_large", "must fit into")),
    ("fills_output", Fails("output_too_large", "must fit into")),
    ("fills_temporary_folders", Refused),
    ("flood", Fails("log_too_large", "too much")),
    ("forged_report", Fails("exit_status", "exit status 7")),
    ("fork_bomb", Fails("processes", "more than 64 processes")),
    ("hides_work", Counted(0.8)),
    ("inspection", Refused),
    ("kernel", Refused),
    ("kills_itself", Fails("crashed", "signal 9 (SIGKILL)")),
    ("memory_bomb", Fails("memory", "256 MiB")),
    ("memory_bomb_in_children", Fails("memory", "256 MiB")),
    ("memory_in_files", Fails("memory", "256 MiB")),
    ("memory_in_pipes", Fails("memory", "256 MiB")),
    ("namespaces", Refused),
    (
        "planted_flood",
        Fails("submission_unusable", "at most 201 KiB are taken"),
    ),
    (
        "planted_folder",
        Fails("submission_unusable", "not a plain file"),
    ),
    (
        "planted_hard_link",
        Fails("submission_unusable", "single name"),
    ),
    ("planted_link", Fails("submission_unusable", "link")),
    ("planted_pipe", Refused),
    ("planted_socket", Fails("submission_unusable", "")),
    ("remembers", Refused),
    ("rights", Refused),
    ("shared_memory_bomb", Fails("memory", "256 MiB")),
    ("signals", Refused),
    ("sockets", Refused),
    ("sparse_file", Refused),
    ("threads", Fails("processes", "more than 64 processes")),
    ("writes", Refused),
];

#[tokio::test]
async fn every_attack_ends_in_its_own_outcome_and_leaves_nothing_behind() {
    let app = App::with(&strict()).await;
    let ada = app.person("ada");
    for engine in engines() {
        let name = unique_name();
        let mut command = app.runner(&name);
        command.arg("--oci-runtime").arg(program(&engine));
        let runner = Runner::start(&mut command);
        let traces = Traces::new(&app, &runner, name);
        // What is there before the first attack, and after the first evaluation, which makes what is kept.
        app.attack(&ada, "daemon").await;
        let before = traces.seen();
        for (attack, expected) in ATTACKS {
            let ended = app.attack(&ada, attack).await;
            check(&format!("{attack} on {engine:?}"), &ended, expected);
            let left = async || (traces.seen() == before).then_some(());
            eventually(&format!("nothing of {attack} on {engine:?}"), left).await;
        }
    }
    app.assert_queue_is_empty().await;
}

#[tokio::test]
async fn nothing_tells_a_script_which_of_its_runs_it_is_in() {
    let app = App::with(&strict()).await;
    let (ada, grace) = (app.person("ada"), app.host("grace"));
    let id = ada
        .submitted_to("diamonds", app.zipped("detects_warm_up"))
        .await;
    app.run_all_jobs().await;
    assert_eq!(ada.submission(&id).await["status"], "scored");
    grace.sign_in().await;
    let report = grace.get(&format!("/submissions/{id}")).await.body;
    for part in [
        "environment",
        "process",
        "host",
        "group",
        "folders",
        "mounts",
    ] {
        let said: Vec<&str> = (report.split(part).skip(1))
            .filter_map(|rest| rest.get(1..17))
            .filter(|digest| digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .collect();
        // The smoke run, the warm-up and three trials.
        assert_eq!(said.len(), 5, "{part}: {said:?}");
        let different: BTreeSet<&str> = said.into_iter().collect();
        assert_eq!(different.len(), 1, "{part} differs from run to run");
    }
}

#[test]
fn the_list_of_attacks_is_that_of_the_folder_and_of_the_documentation() {
    let listed: BTreeSet<String> = ATTACKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders = fs::read_dir(folder()).unwrap().flatten();
    let folders: BTreeSet<String> = folders
        .filter(|entry| entry.path().join("main.py").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, folders);
    let page = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    for (name, end) in ATTACKS {
        let row = page
            .lines()
            .find(|line| line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/attacks.md does not list {name}"));
        let outcome = match end {
            Refused => "refused".to_owned(),
            Counted(_) => "counted".to_owned(),
            Fails(code, _) => format!("`{code}`"),
        };
        assert!(row.ends_with(&format!("| {outcome} |")), "{row}: {outcome}");
    }
}

fn check(what: &str, ended: &Value, expected: End) {
    match expected {
        Refused => assert_eq!(ended["status"], "scored", "{what}: {ended:#}"),
        Counted(least_s) => {
            assert_eq!(ended["status"], "scored", "{what}: {ended:#}");
            let trials = at(ended, "/result/trials").as_array().unwrap();
            assert!(!trials.is_empty());
            for trial in trials {
                let cpu_s = at(trial, "/total/cpu_s").as_f64().unwrap();
                assert!(cpu_s >= least_s, "{what}: {trial:#}");
            }
        }
        Fails(code, words) => {
            assert_eq!(at(ended, "/failure/code"), code, "{what}: {ended:#}");
            let message = at(ended, "/failure/message").as_str().unwrap();
            assert!(message.contains(words), "{what}: {message}");
        }
    }
}

/// Short limits, so that whatever has none of its own ends soon.
fn strict() -> Bundle {
    Bundle::prices()
        .rule("daily_limit", 200)
        .rule("limits.time_s", 3)
        .rule("limits.memory_mib", 256)
}

impl App {
    /// Submits an attack to a runner that runs, and answers with how it ended.
    async fn attack(&self, person: &Person, attack: &str) -> Value {
        let zipped = || self.zipped(attack);
        self.run_to_its_end(person, "diamonds", attack, zipped)
            .await
    }

    /// Submits what is written, no two of which may be the same bytes, to a runner that runs, and
    /// answers with how it ended. Once more where others took the CPU from it: that says nothing of it.
    async fn run_to_its_end(
        &self,
        person: &Person,
        slug: &str,
        name: &str,
        write: impl Fn() -> Vec<u8>,
    ) -> Value {
        const SUBMISSIONS: usize = 3;
        let patience = Duration::from_mins(5);
        let mut ended = Value::Null;
        for _ in 0..SUBMISSIONS {
            let id = person.submitted_to(slug, write()).await;
            ended = eventually_within(patience, &format!("the end of {name}"), async || {
                let submission = person.submission(&id).await;
                let is_over = submission["status"] == "scored" || submission["status"] == "failed";
                is_over.then_some(submission)
            })
            .await;
            if ended.pointer("/failure/code") != Some(&Value::from("machine_busy")) {
                break;
            }
        }
        ended
    }

    /// An attack as it is uploaded, with our port beside it. No two are the same bytes.
    fn zipped(&self, attack: &str) -> Vec<u8> {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("attack.zip");
        let note = scratch.path().join("note.txt");
        let port = self.address.rsplit(':').next().unwrap();
        fs::write(&note, format!("{port}\n{}\n", unique_name())).unwrap();
        let mut zip = Command::new("/usr/bin/python3");
        zip.args(["-m", "zipfile", "-c"]).arg(&file);
        zip.arg(folder().join(attack).join("main.py"));
        zip.arg(folder().join("attack.py")).arg(&note);
        success(zip.output().unwrap());
        fs::read(file).unwrap()
    }
}

fn folder() -> PathBuf {
    root().join("sandbox/examples/hostile")
}
