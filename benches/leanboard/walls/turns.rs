//! The same job by turns, bare and behind the walls of each engine. The tests take such turns too.

use std::time::{Duration, Instant};

use leanboard::domain::limits::Limits;
use leanboard::sandbox::{ReadOnlyMount, Room, Walls};

use super::Outcome;
use super::bare::Bare;

/// What is run, bare and behind walls.
pub struct Job {
    pub command: Vec<String>,
    pub mounts: Vec<ReadOnlyMount>,
}

/// One run: all of it, and the window between the go byte and the program's end.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub whole: Duration,
    pub window: Duration,
    /// CPU time in the window.
    pub cpu: Duration,
}

impl Job {
    pub fn new(command: &[&str]) -> Job {
        Job {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            mounts: Vec::new(),
        }
    }
}

impl Run {
    /// Set-up and teardown.
    pub fn around(&self) -> Duration {
        self.whole - self.window
    }
}

/// Runs of one job, those of each kind together: bare first, then behind each of the walls. Each
/// round begins with another kind.
pub fn take_turns(
    rounds: std::ops::Range<usize>,
    job: &Job,
    bare: &Bare,
    walls: &[&Walls],
) -> Outcome<Vec<Vec<Run>>> {
    let kinds = 1 + walls.len();
    let mut runs = vec![Vec::new(); kinds];
    for round in rounds {
        for turn in 0..kinds {
            let kind = (round + turn) % kinds;
            runs[kind].push(match kind.checked_sub(1) {
                None => bare.run(job)?,
                Some(engine) => behind_walls(walls[engine], job)?,
            });
        }
    }
    Ok(runs)
}

fn behind_walls(walls: &Walls, job: &Job) -> Outcome<Run> {
    let begun = Instant::now();
    let mut room = Room::new(&job.command, Limits::default());
    room.mounts.clone_from(&job.mounts);
    let run = walls.make_room(&room)?.wait()?;
    let (window, cpu) = (run.duration(), run.usage.cpu);
    if !run.outcome.is_success() {
        return Err(format!("{:?}: {}", run.outcome, run.stderr.text()).into());
    }
    drop(run);
    Ok(Run {
        whole: begun.elapsed(),
        window,
        cpu,
    })
}
