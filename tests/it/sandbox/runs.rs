//! Ordinary runs: how they end, what they see, and how they talk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use leanboard::domain::outcome::Outcome;
use leanboard::domain::units::Bytes;
use leanboard::sandbox::{ReadOnlyMount, Received, ReceivedBytes, Room, SandboxError, warm};

use crate::sandbox::support::{TestWalls, assert_ok, python, shell, small};

#[test]
fn a_program_that_does_nothing_ends_well_on_every_engine() {
    for walls in TestWalls::on_every_engine() {
        assert!(walls.walls.degraded().is_empty());
        let run = walls.run(&Room::new(["/usr/bin/true"], small()));
        assert_ok(&run);
        assert!(run.usage.cpu > Duration::ZERO && run.usage.cpu < Duration::from_secs(1));
        assert!(run.usage.peak_memory > Bytes::new(0));
        assert!(run.usage.peak_memory < Bytes::from_mib(16));
        assert!(run.duration() < Duration::from_secs(1));
    }
}

#[test]
fn exit_codes_and_signals_are_told_apart() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&shell("echo out; echo err >&2; exit 7"));
        assert_eq!(run.outcome, Outcome::Exited { code: 7 });
        assert_eq!(run.stdout.text(), "out\n");
        assert_eq!(run.stderr.text(), "err\n");
        let run = walls.run(&shell("kill -SEGV $$"));
        assert_eq!(run.outcome, Outcome::Killed { signal: 11 });
    }
}

#[test]
fn a_program_that_cannot_be_executed_is_our_mistake_and_not_its() {
    for walls in TestWalls::on_every_engine() {
        let sandbox = walls.make(&Room::new(["/usr/bin/no-such-program"], small()));
        let error = sandbox.wait().unwrap_err();
        assert!(
            matches!(&error, SandboxError::CannotExecute { source, .. } if source.kind() == std::io::ErrorKind::NotFound),
            "{error:?}"
        );
    }
}

#[test]
fn a_program_sees_its_files_and_an_environment_without_ours() {
    let hidden = tempfile::tempdir().unwrap();
    let inputs = hidden.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    fs::write(inputs.join("test.csv"), "id\n1\n").unwrap();
    for (path, mode) in [(&inputs.join("test.csv"), 0o644), (&inputs, 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    // As a home folder is: nobody but its owner may even search it.
    fs::set_permissions(hidden.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(warm(&inputs).unwrap(), Bytes::new(5));

    for walls in TestWalls::on_every_engine() {
        let mut room = shell("cat /inputs/test.csv && env | sort && id -u && pwd && cat /one.csv");
        room.mounts = vec![
            ReadOnlyMount::new(&inputs, "/inputs"),
            ReadOnlyMount::new(inputs.join("test.csv"), "/one.csv"),
        ];
        room.env = vec![("ENTRY".into(), "7".into())];
        room.working_dir = "/inputs".into();
        let run = walls.run(&room);
        assert_ok(&run);
        assert_eq!(
            run.stdout.text(),
            "id\n1\nENTRY=7\nHOME=/tmp\nLANG=C.UTF-8\nMKL_NUM_THREADS=1\nNUMEXPR_NUM_THREADS=1\n\
         OMP_NUM_THREADS=1\nOPENBLAS_NUM_THREADS=1\n\
         PATH=/runtime/bin:/usr/local/bin:/usr/bin:/bin\nPWD=/inputs\nPYTHON_CPU_COUNT=1\n\
         1000\n/inputs\nid\n1\n"
        );
    }
}

#[test]
fn a_file_that_not_everyone_may_read_is_named_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("test.csv");
    fs::write(&secret, "id\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    for walls in TestWalls::on_every_engine() {
        let mut room = shell("true");
        room.mounts = vec![ReadOnlyMount::new(&secret, "/inputs/test.csv")];
        let error = walls.walls.make_room(&room).unwrap_err();
        assert!(matches!(error, SandboxError::NotReadable(path) if path == secret));
    }
}

#[test]
fn a_harness_starts_from_a_runtime_in_a_closed_folder() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let (runtime, harness) = (home.path().join("runtime"), home.path().join("harness"));
    let made = std::process::Command::new("/usr/bin/python3")
        .args(["-m", "venv", "--without-pip"])
        .arg(&runtime)
        .status()
        .unwrap();
    assert!(made.success());
    fs::create_dir(&harness).unwrap();
    let program = "import sys\nprint(sys.prefix, file=open('/dev/stderr', 'w'))\n";
    fs::write(harness.join("harness.py"), program).unwrap();
    for walls in TestWalls::on_every_engine() {
        let command = ["/runtime/bin/python", "-I", "/harness/harness.py"];
        let mut room = Room::new(command, small());
        room.mounts = vec![
            ReadOnlyMount::new(&runtime, "/runtime"),
            ReadOnlyMount::new(&harness, "/harness"),
        ];
        let run = walls.run(&room);
        assert_ok(&run);
        assert_eq!(run.stderr.text(), "/runtime\n");
    }
}

/// What the harness does: it says ready, and answers every command.
const ECHO: &str = "
import os
commands, events = os.fdopen(5), os.fdopen(6, 'w', buffering=1)
print('ready', file=events)
for line in commands:
    if line == 'work\\n':
        sum(range(3_000_000))
    print('did ' + line.strip(), file=events)
    if line == 'end\\n':
        break
";

#[test]
fn a_harness_is_driven_line_by_line_and_its_usage_read_meanwhile() {
    for walls in TestWalls::on_every_engine() {
        let mut sandbox = walls.make(&python(ECHO));
        let started = sandbox.start().unwrap();
        let expect = |sandbox: &mut leanboard::sandbox::Sandbox, expected: &str| {
            let deadline = Instant::now() + Duration::from_secs(5);
            match sandbox.receive(deadline).unwrap() {
                Received::Line { text, at } => {
                    assert_eq!(text, expected);
                    assert!(at >= started);
                }
                other => panic!("{other:?} instead of {expected}"),
            }
        };
        expect(&mut sandbox, "ready");
        let before = sandbox.usage().unwrap();
        sandbox.send("work").unwrap();
        expect(&mut sandbox, "did work");
        let after = sandbox.usage().unwrap();
        assert!(after.cpu - before.cpu > Duration::from_millis(10));
        let soon = Instant::now() + Duration::from_millis(20);
        assert_eq!(sandbox.receive(soon).unwrap(), Received::TimedOut);
        sandbox.send("end").unwrap();
        expect(&mut sandbox, "did end");
        let later = Instant::now() + Duration::from_secs(5);
        assert_eq!(sandbox.receive(later).unwrap(), Received::Ended);
        // Nobody reads this any more, which is no error of ours.
        sandbox.send("more").unwrap();
        let run = sandbox.wait().unwrap();
        assert_ok(&run);
        assert!(run.usage.cpu >= after.cpu);
    }
}

#[test]
fn bytes_go_in_and_come_out_between_lines_and_never_block_us() {
    const BACK: &str = "import os\nwith open(5, 'rb') as commands:\n    size = int(commands.readline())\n    \
        data = commands.read(size)\nout = os.fdopen(6, 'wb')\nout.write(b'back\\n' + data[::-1])\n";
    for walls in TestWalls::on_every_engine() {
        let deadline = || Instant::now() + Duration::from_secs(5);
        // More than any pipe holds.
        let data: Vec<u8> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
        let mut sandbox = walls.make(&python(BACK));
        sandbox.start().unwrap();
        sandbox.send("1048576").unwrap();
        sandbox.send_bytes(&data, deadline()).unwrap();
        let line = sandbox.receive(deadline()).unwrap();
        assert!(matches!(line, Received::Line { .. }), "{line:?}");
        let back = sandbox.receive_bytes(1 << 20, deadline()).unwrap();
        let reversed: Vec<u8> = data.iter().rev().copied().collect();
        match back {
            ReceivedBytes::Whole { bytes, .. } => assert!(bytes == reversed),
            other => panic!("{other:?}"),
        }
        let more = sandbox.receive_bytes(1, deadline()).unwrap();
        assert_eq!(more, ReceivedBytes::Ended);
        assert_ok(&sandbox.wait().unwrap());

        // Neither who reads nothing nor who promises more than comes keeps us waiting.
        let mut sandbox = walls.make(&shell("printf 'more\\nab' >&6; sleep 60"));
        sandbox.start().unwrap();
        let soon = || Instant::now() + Duration::from_millis(200);
        let before = Instant::now();
        sandbox.send_bytes(&data, soon()).unwrap();
        let line = sandbox.receive(deadline()).unwrap();
        assert!(matches!(line, Received::Line { .. }), "{line:?}");
        let less = sandbox.receive_bytes(1 << 40, soon()).unwrap();
        assert_eq!(less, ReceivedBytes::TimedOut);
        assert!(before.elapsed() < Duration::from_secs(5));
        sandbox.time_out();
        assert_eq!(sandbox.wait().unwrap().outcome, Outcome::TimedOut);
    }
}

#[test]
fn what_is_no_line_is_garbage() {
    for walls in TestWalls::on_every_engine() {
        let deadline = || Instant::now() + Duration::from_secs(5);
        for (printed, first) in [
            ("printf '\\377\\n' >&6", Received::Garbage),
            ("head -c 5000 /dev/zero >&6", Received::Garbage),
            ("printf 'no newline' >&6", Received::Ended),
        ] {
            let mut sandbox = walls.make(&shell(printed));
            sandbox.start().unwrap();
            assert_eq!(sandbox.receive(deadline()).unwrap(), first, "{printed}");
        }
    }
}

#[test]
fn a_run_can_be_cancelled_from_another_thread() {
    for walls in TestWalls::on_every_engine() {
        let mut sandbox = walls.make(&shell("sleep 60"));
        sandbox.start().unwrap();
        let canceller = sandbox.canceller();
        let other = std::thread::spawn(move || canceller.cancel());
        let error = sandbox.wait().unwrap_err();
        other.join().unwrap();
        assert!(matches!(error, SandboxError::Cancelled), "{error:?}");
    }
}

#[test]
fn a_dropped_sandbox_leaves_nothing_behind_whether_started_or_not() {
    for walls in TestWalls::on_every_engine() {
        drop(walls.make(&shell("sleep 60")));
        walls.assert_nothing_is_left();
        let mut sandbox = walls.make(&shell("setsid sleep 60 & setsid sleep 60"));
        sandbox.start().unwrap();
        drop(sandbox);
        walls.assert_nothing_is_left();
    }
}

#[test]
fn orphans_count_and_die_with_the_program() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(
            "
import os, time
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    while time.process_time() < 0.5:
        pass
    os.write(write, b'.')
    time.sleep(60)
os.wait()
os.read(read, 1)
",
        ));
        assert_ok(&run);
        assert!(
            run.usage.cpu >= Duration::from_millis(500),
            "{:?}",
            run.usage
        );
        walls_are_empty(&walls);
    }
}

fn walls_are_empty(walls: &TestWalls) {
    assert_eq!(
        crate::sandbox::support::processes_of(&walls.name),
        Vec::<i32>::new()
    );
}
