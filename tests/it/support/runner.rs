//! Real runner processes: stepped job by job, or left running and killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{App, success};

/// A runner that goes on until it is killed.
pub struct Runner {
    child: Child,
    /// What it has said since it took jobs.
    log: Arc<Mutex<String>>,
}

impl App {
    /// Has a real runner take one job.
    pub fn run_one_job(&self) {
        let mut runner = self.runner(&unique_name());
        let output = runner.arg("--once").output().unwrap();
        // Shown if the test fails.
        println!("{}", String::from_utf8_lossy(&output.stderr));
        success(output);
    }

    /// Has real runners take jobs until no submission waits. What is measured again is left.
    pub async fn run_all_jobs(&self) {
        while self.queue().await["queued"] != 0 {
            self.run_one_job();
        }
    }

    /// The command line of a runner of this name.
    pub fn runner(&self, name: &str) -> Command {
        let mut runner = self.command();
        runner.args(["runner", "--runner-name", name]);
        runner
    }
}

/// A name that no other test uses.
pub fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "it-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

impl Runner {
    /// Starts it, and waits until it takes jobs.
    pub fn start(command: &mut Command) -> Runner {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let mut seen = String::new();
        while !line.contains("ready to take jobs") {
            seen.push_str(&line);
            line.clear();
            assert_ne!(
                log.read_line(&mut line).unwrap(),
                0,
                "the runner ended: {seen}"
            );
        }
        // What it says later must not block it.
        let kept = Arc::new(Mutex::new(String::new()));
        let keeps = Arc::clone(&kept);
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                *keeps.lock().unwrap() += &(line + "\n");
            }
        });
        Runner { child, log: kept }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(
            Pid::from_raw(i32::try_from(self.child.id()).unwrap()),
            signal,
        )
        .unwrap();
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Shown if the test fails.
        println!(
            "A runner that was {ended:?} had said:\n{}",
            self.log.lock().unwrap()
        );
    }
}
