//! What the walls cost a good program: in its window, around it, and after a bomb. The bounds are
//! loose enough for a machine that does other things too; `make bench` measures more closely.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use leanboard::runner;
use leanboard::sandbox::Walls;
use nix::fcntl::Flock;

use crate::sandbox::bare::Bare;
use crate::sandbox::bombs::{BOMBS, Bomb, GOOD, python};
use crate::sandbox::support::{TestWalls, assert_ok};
use crate::sandbox::turns::{Job, Run, take_turns};

/// Other tests, and whoever else is on the machine, disturb one measurement and not the next. What
/// the walls themselves do is there each time.
const ATTEMPTS: usize = 4;

/// Of a good program's CPU time, on either side.
const AFTER_A_BOMB: f64 = 0.05;
const BOMB_ROUNDS: usize = 5;

const SHORT_ROUNDS: usize = 9;
const AROUND_MS: f64 = 150.0;

/// Some 2 s of one CPU.
const LONG: &str = "sum(i * i for i in range(44_000_000))";
const LONG_ROUNDS: usize = 3;
const LONG_RATIO: f64 = 1.03;

/// Two things can be left for the next program to pay for. What still runs would slow the runs
/// before a bomb as well from the second round on, so it is not timed but looked for, after each bomb.
/// What is merely cold, torn or busy in the kernel (caches, memory to be given back, groups that
/// die) is dearest right after the bomb and gone one good run later, where `before` is taken: it
/// shows in every attempt, since each takes its own `before` in the same way.
#[test]
fn a_good_program_costs_the_same_right_after_a_bomb() {
    for walls in TestWalls::on_every_engine() {
        let mut suspects: Vec<&Bomb> = BOMBS.iter().collect();
        let mut seen = Vec::new();
        for _ in 0..ATTEMPTS {
            if suspects.is_empty() {
                break;
            }
            let ratios = compare_around(&walls, &suspects);
            let mut ratios = suspects.iter().zip(ratios);
            seen.extend(
                (ratios.clone()).map(|(bomb, ratio)| format!("{}: × {ratio:.3}", bomb.name)),
            );
            suspects = (ratios.by_ref())
                .filter(|(_, ratio)| (ratio - 1.0).abs() > AFTER_A_BOMB)
                .map(|(bomb, _)| *bomb)
                .collect();
        }
        println!("{:?}: {seen:#?}", walls.engine);
        let names: Vec<_> = suspects.iter().map(|bomb| bomb.name).collect();
        assert!(names.is_empty(), "{:?} after {names:?}", walls.engine);
    }
}

/// The CPU time of a good program after each bomb, as a multiple of that before.
fn compare_around(walls: &TestWalls, bombs: &[&Bomb]) -> Vec<f64> {
    let good = || {
        let run = walls.run(&python(GOOD));
        assert_ok(&run);
        run.usage.cpu.as_secs_f64()
    };
    let mut before = Vec::new();
    let mut after = vec![Vec::new(); bombs.len()];
    for _ in 0..BOMB_ROUNDS {
        for (bomb, after) in bombs.iter().zip(&mut after) {
            // For one bomb at a time: others wait for it who have their own patience.
            let quiet = quiet();
            let run = walls.run(&bomb.room());
            assert_eq!(run.outcome, bomb.ends_as, "{}", bomb.name);
            drop(run);
            after.push(good());
            drop(quiet);
            walls.assert_nothing_is_left();
        }
        let _quiet = quiet();
        before.push(good());
    }
    let before = median(before);
    after
        .into_iter()
        .map(|after| median(after) / before)
        .collect()
}

#[test]
fn the_walls_add_little_to_a_short_program_and_are_quickly_up_and_down() {
    let engines = Engines::raise();
    for (command, most_ms) in [
        (&["/usr/bin/true"][..], 3.0),
        (&["/usr/bin/python3", "-I", "-c", "pass"], 5.0),
    ] {
        let job = Job::new(command);
        let window_ms = |run: &Run| milliseconds(run.window);
        engines.compare(&job, SHORT_ROUNDS, |bare, walled| {
            let added_ms = median_of(walled, window_ms) - median_of(bare, window_ms);
            let around_ms = median_of(walled, |run| milliseconds(run.around()));
            (
                added_ms <= most_ms && around_ms <= AROUND_MS,
                format!("{added_ms:.2} ms in the window, {around_ms:.1} ms around it"),
            )
        });
    }
}

/// In CPU time: the time on the clock says more about who else is there than about the walls. The
/// fastest runs, since noise only adds.
#[test]
fn a_job_of_two_seconds_costs_no_more_behind_the_walls() {
    let engines = Engines::raise();
    let job = Job::new(&["/usr/bin/python3", "-I", "-c", LONG]);
    let least = |runs: &[Run]| {
        let least = runs.iter().map(|run| run.cpu).min().unwrap();
        least.as_secs_f64()
    };
    engines.compare(&job, LONG_ROUNDS, |bare, walled| {
        let ratio = least(walled) / least(bare);
        let said = format!("× {ratio:.4} of {:.2} s", least(bare));
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
        let walls: Vec<TestWalls> = crate::sandbox::support::engines()
            .into_iter()
            .map(TestWalls::raise_with)
            .collect();
        let first = &walls[0];
        let bare = Bare::new(&first.walls, &first.folder.0).unwrap();
        Engines { bare, walls }
    }

    /// Runs a job by turns, up to [`ATTEMPTS`] times for each engine, until what it costs there is
    /// within the bounds. `judge` gets the bare runs and those behind walls.
    fn compare(&self, job: &Job, rounds: usize, judge: impl Fn(&[Run], &[Run]) -> (bool, String)) {
        let mut left: Vec<&TestWalls> = self.walls.iter().collect();
        let mut seen = Vec::new();
        for _ in 0..ATTEMPTS {
            if left.is_empty() {
                break;
            }
            let walls: Vec<&Walls> = left.iter().map(|walls| &walls.walls).collect();
            let mut runs = vec![Vec::new(); 1 + walls.len()];
            for round in 0..rounds {
                let quiet = quiet();
                let turns = take_turns(round..round + 1, job, &self.bare, &walls).unwrap();
                drop(quiet);
                for (runs, turn) in runs.iter_mut().zip(turns) {
                    runs.extend(turn);
                }
                left.iter().for_each(|walls| walls.assert_nothing_is_left());
            }
            let mut walled = runs[1..].iter();
            left.retain(|walls| {
                let (is_within, said) = judge(&runs[0], walled.next().unwrap());
                seen.push(format!("{:?}: {said}", walls.engine));
                !is_within
            });
        }
        println!("{:?}: {seen:#?}", job.command);
        let names: Vec<_> = left.iter().map(|walls| &walls.engine).collect();
        assert!(names.is_empty(), "too dear: {names:?}, {seen:#?}");
    }
}

/// Waits until no runner measures, and keeps them from it.
fn quiet() -> Flock<File> {
    runner::lock(Path::new("/run/leanboard-test/machine.lock")).unwrap()
}

fn median_of(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    median(runs.iter().map(figure).collect())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
