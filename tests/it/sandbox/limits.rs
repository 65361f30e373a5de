//! Each limit ends in its own outcome.

use std::time::{Duration, Instant};

use leanboard::domain::outcome::Outcome;
use leanboard::domain::units::Bytes;
use leanboard::sandbox::Log;

use crate::sandbox::bombs::UNWILLING;
use crate::sandbox::support::{TestWalls, assert_ok, processes_of, python, shell};

/// After the deadline, on a machine that has other things to do too.
const DEAD_WITHIN: Duration = Duration::from_millis(500);

#[test]
fn at_the_deadline_the_whole_tree_dies_whatever_it_does() {
    for walls in TestWalls::on_every_engine() {
        let mut room = python(UNWILLING);
        room.limits.time = Duration::from_secs(1);
        let mut sandbox = walls.make(&room);
        let started = sandbox.start().unwrap();
        let deadline = started + room.limits.time;
        // Nobody waits for it, and it must end all the same.
        while Instant::now() < deadline + DEAD_WITHIN && !processes_of(&walls.name).is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(processes_of(&walls.name), Vec::<i32>::new());
        assert!(Instant::now() >= deadline);
        let run = sandbox.wait().unwrap();
        assert_eq!(run.outcome, Outcome::TimedOut);
        assert!(run.duration() >= room.limits.time);
        assert!(run.duration() < room.limits.time + DEAD_WITHIN);
    }
}

#[test]
fn a_memory_bomb_is_out_of_memory() {
    for walls in TestWalls::on_every_engine() {
        let room = python("held = [bytearray(b'x') * (1 << 20) for _ in range(1024)]");
        let run = walls.run(&room);
        assert_eq!(run.outcome, Outcome::OutOfMemory, "{}", run.stderr.text());
        assert!(run.usage.peak_memory <= room.limits.memory);
        assert!(run.usage.peak_memory > Bytes::from_mib(100));
    }
}

#[test]
fn a_parent_that_survives_its_children_s_memory_bombs_is_out_of_memory_too() {
    for walls in TestWalls::on_every_engine() {
        let started = Instant::now();
        let run = walls.run(&python(
            "
import os, time
for _ in range(8):
    if os.fork() == 0:
        held = [bytearray(b'x') * (1 << 20) for _ in range(1024)]
        os._exit(0)
for _ in range(8):
    os.wait()
time.sleep(5)
",
        ));
        assert_eq!(run.outcome, Outcome::OutOfMemory);
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[test]
fn what_lies_in_memory_folders_counts_as_memory() {
    for walls in TestWalls::on_every_engine() {
        let mut room = shell("head -c 60M /dev/zero > /output/a && head -c 60M /dev/zero > /tmp/b");
        room.limits.output = Bytes::from_mib(64);
        room.limits.memory = Bytes::from_mib(96);
        let run = walls.run(&room);
        assert!(
            // The folder in /tmp is half as large as the memory.
            matches!(
                run.outcome,
                Outcome::OutOfMemory | Outcome::Exited { code: 1 }
            ),
            "{:?}",
            run.outcome
        );
        assert!(run.usage.peak_memory <= room.limits.memory);
    }
}

#[test]
fn a_measured_peak_is_what_the_program_touched() {
    for walls in TestWalls::on_every_engine() {
        let peak = || {
            let run = walls.run(&python("held = bytearray(b'x') * (64 << 20)"));
            assert_ok(&run);
            run.usage.peak_memory.as_u64() as f64
        };
        let (first, second) = (peak(), peak());
        assert!(
            (64.0..90.0).contains(&(first / f64::from(1 << 20))),
            "{first}"
        );
        assert!((first / second - 1.0).abs() < 0.03, "{first} {second}");
    }
}

#[test]
fn a_fork_bomb_is_contained() {
    for walls in TestWalls::on_every_engine() {
        let mut room = python("import os\nwhile True:\n    os.fork()");
        room.limits.time = Duration::from_secs(2);
        let run = walls.run(&room);
        assert_eq!(
            run.outcome,
            Outcome::TooManyProcesses,
            "{}",
            run.stderr.text()
        );
    }
}

#[test]
fn threads_are_processes_too() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(
            "
import threading, time
for _ in range(300):
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
",
        ));
        assert_eq!(run.outcome, Outcome::TooManyProcesses);
    }
}

#[test]
fn a_flood_of_output_ends_the_run_and_little_of_it_is_kept() {
    for walls in TestWalls::on_every_engine() {
        for stream in ["", " >&2"] {
            let run = walls.run(&shell(&format!("yes{stream}")));
            assert_eq!(run.outcome, Outcome::TooMuchLog);
            let log = if stream.is_empty() {
                run.stdout
            } else {
                run.stderr
            };
            assert_eq!(log.as_bytes().len() as u64, Log::KEPT.as_u64());
            assert!(log.is_truncated());
            assert!(log.written() > Log::MOST);
        }
    }
}

#[test]
fn a_program_is_kept_on_its_cpus_and_told_their_number() {
    for walls in TestWalls::on_every_engine() {
        let last = *walls.walls.cpu_set(1).unwrap().last().unwrap();
        let run = walls.run(&python(
            "
import os
try:
    os.sched_setaffinity(0, range(64))
except OSError:
    pass
print(*os.sched_getaffinity(0), os.environ['OMP_NUM_THREADS'])
",
        ));
        assert_ok(&run);
        assert_eq!(run.stdout.text(), format!("{last} 1\n"));
    }
}
