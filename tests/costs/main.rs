//! What the walls cost a good program: in its window, around it, and after a bomb.
//!
//! A binary of its own, since cargo runs one after the other and whatever else ran beside would be
//! measured, too. The bounds are loose enough for a machine that others use, and who disturbs is
//! outwaited: each test takes more turns until what it looks for is within its bound, and what the
//! walls themselves do is there each time. `make bench` measures more closely.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../benches/leanboard/walls/bare.rs"]
mod bare;
#[path = "../../benches/leanboard/walls/bombs.rs"]
mod bombs;
#[path = "../it/sandbox/support.rs"]
#[expect(dead_code, reason = "shared with the other tests of the walls")]
mod support;
#[path = "../../benches/leanboard/walls/turns.rs"]
mod turns;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bare::Bare;
use bombs::{BOMBS, Bomb, GOOD};
use leanboard::domain::statistics::{Confidence, interval_of_median, median};
use leanboard::sandbox::Walls;
use support::{TestWalls, assert_ok, python};
use turns::{Job, Run, take_turns};

/// Of what the tests share with the benchmark.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Of a good program's CPU time, on either side.
const AFTER_A_BOMB: f64 = 0.05;
const LEAST_BOMB_ROUNDS: usize = 5;
const MOST_BOMB_ROUNDS: usize = 30;

const SHORT_ROUNDS: usize = 9;
const AROUND_MS: f64 = 150.0;

/// Some 2 s of one CPU.
const LONG: &str = "sum(i * i for i in range(44_000_000))";
const LONG_ROUNDS: usize = 3;
const LONG_RATIO: f64 = 1.03;

/// How often the rounds of a job are made at most.
const ATTEMPTS: usize = 5;

/// Two things can be left for the next program to pay for. What still runs would slow the run
/// before the next bomb as well, so it is not timed but looked for, after each bomb. What is merely
/// cold, torn or busy in the kernel (caches, memory to be given back, groups that die) is dearest
/// right after the bomb and gone one good run later, where the run before the next one is made.
#[test]
fn a_good_program_costs_the_same_right_after_a_bomb() {
    let _alone = alone();
    for walls in TestWalls::on_every_engine() {
        let mut suspects: Vec<(&Bomb, Vec<f64>)> =
            BOMBS.iter().map(|bomb| (bomb, Vec::new())).collect();
        for round in 1..=MOST_BOMB_ROUNDS {
            for (bomb, ratios) in &mut suspects {
                ratios.push(after_by_before(&walls, bomb));
            }
            if round >= LEAST_BOMB_ROUNDS {
                suspects.retain(|(bomb, ratios)| {
                    let ratio = median(ratios).unwrap();
                    println!("{:?}, {round} × {}: {ratio:.3}", walls.engine, bomb.name);
                    (ratio - 1.0).abs() > AFTER_A_BOMB
                });
            }
        }
        // Where so many rounds cannot tell, the machine is too noisy to accuse anybody.
        suspects.retain(|(bomb, ratios)| {
            let interval = interval_of_median(ratios, Confidence::ToRank).unwrap();
            println!("{:?}, {}: {interval:?}", walls.engine, bomb.name);
            interval.low > 1.0 + AFTER_A_BOMB || interval.high < 1.0 - AFTER_A_BOMB
        });
        let names: Vec<_> = suspects.iter().map(|(bomb, _)| bomb.name).collect();
        assert!(names.is_empty(), "{:?} after {names:?}", walls.engine);
    }
}

/// The CPU time of a good program after a bomb, as a multiple of that just before.
fn after_by_before(walls: &TestWalls, bomb: &Bomb) -> f64 {
    let good = || {
        let run = walls.run(&python(GOOD));
        assert_ok(&run);
        run.usage.cpu.as_secs_f64()
    };
    let before = good();
    let run = walls.run(&bomb.room());
    assert_eq!(run.outcome, bomb.ends_as, "{}", bomb.name);
    drop(run);
    let after = good();
    walls.assert_nothing_is_left();
    after / before
}

/// The fastest runs, since noise only adds.
#[test]
fn the_walls_add_little_to_a_short_program_and_are_quickly_up_and_down() {
    let _alone = alone();
    let engines = Engines::raise();
    for (command, most_ms) in [
        (&["/usr/bin/true"][..], 3.0),
        (&["/usr/bin/python3", "-I", "-c", "pass"], 5.0),
    ] {
        let job = Job::new(command);
        let window = |run: &Run| run.window;
        engines.compare(&job, SHORT_ROUNDS, |bare, walled| {
            let added_ms = 1e3 * (least(walled, window) - least(bare, window));
            let around_ms = 1e3 * least(walled, Run::around);
            (
                added_ms <= most_ms && around_ms <= AROUND_MS,
                format!("{added_ms:.2} ms in the window, {around_ms:.1} ms around it"),
            )
        });
    }
}

/// In CPU time: the time on the clock says more about who else is there than about the walls.
#[test]
fn a_job_of_two_seconds_costs_no_more_behind_the_walls() {
    let _alone = alone();
    let engines = Engines::raise();
    let job = Job::new(&["/usr/bin/python3", "-I", "-c", LONG]);
    let cpu = |run: &Run| run.cpu;
    engines.compare(&job, LONG_ROUNDS, |bare, walled| {
        let ratio = least(walled, cpu) / least(bare, cpu);
        let said = format!("× {ratio:.4} of {:.2} s", least(bare, cpu));
        (ratio <= LONG_RATIO, said)
    });
}

/// The walls of every engine, side by side, and the same without walls.
struct Engines {
    bare: Bare,
    walls: Vec<TestWalls>,
}

impl Engines {
    fn raise() -> Engines {
        let walls: Vec<TestWalls> = support::engines()
            .into_iter()
            .map(TestWalls::raise_with)
            .collect();
        let first = &walls[0];
        let bare = Bare::new(&first.walls, &first.folder.0).unwrap();
        Engines { bare, walls }
    }

    /// Runs a job by turns, bare and behind the walls of each engine, until what it costs there is
    /// within the bounds. `judge` gets all bare runs and all of one engine's.
    fn compare(&self, job: &Job, rounds: usize, judge: impl Fn(&[Run], &[Run]) -> (bool, String)) {
        let walls: Vec<&Walls> = self.walls.iter().map(|walls| &walls.walls).collect();
        let mut runs = vec![Vec::new(); 1 + walls.len()];
        let mut too_dear = Vec::new();
        for attempt in 0..ATTEMPTS {
            let rounds = attempt * rounds..(attempt + 1) * rounds;
            let turns = take_turns(rounds, job, &self.bare, &walls).unwrap();
            for (runs, turns) in runs.iter_mut().zip(turns) {
                runs.extend(turns);
            }
            for walls in &self.walls {
                walls.assert_nothing_is_left();
            }
            too_dear.clear();
            for (walls, walled) in self.walls.iter().zip(&runs[1..]) {
                let (is_within, said) = judge(&runs[0], walled);
                println!("{:?}, {:?}: {said}", job.command, walls.engine);
                if !is_within {
                    too_dear.push(format!("{:?}: {said}", walls.engine));
                }
            }
            if too_dear.is_empty() {
                break;
            }
        }
        assert!(too_dear.is_empty(), "too dear: {too_dear:#?}");
    }
}

/// One test at a time. What failed in another is its own business.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In seconds.
fn least(runs: &[Run], figure: impl Fn(&Run) -> Duration) -> f64 {
    runs.iter().map(figure).min().unwrap().as_secs_f64()
}
