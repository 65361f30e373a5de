//! What a program leaves in its output folder.

use leanboard::domain::outcome::Outcome;
use leanboard::domain::units::Bytes;
use leanboard::sandbox::{OutputError, SandboxError};

use crate::sandbox::support::{TestWalls, assert_ok, python, shell};

const MOST: Bytes = Bytes::from_mib(1);

#[test]
fn an_output_is_taken_after_the_run() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&shell(
            "mkdir logs && echo 1,cat > predictions.csv && echo ok > logs/a && umask 077 && echo x > private",
        ));
        assert_ok(&run);
        assert_eq!(
            run.take_output("predictions.csv", MOST).unwrap(),
            b"1,cat\n"
        );
        assert_eq!(run.take_output("logs/a", MOST).unwrap(), b"ok\n");
        assert_eq!(run.take_output("private", MOST).unwrap(), b"x\n");
        let missing = run.take_output("submission.csv", MOST).unwrap_err();
        assert!(matches!(missing, OutputError::Missing(_)));
    }
}

#[test]
fn planted_outputs_are_refused_as_the_participant_s_failure() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(
            "
import os, socket
os.symlink('/etc/shadow', 'symlink')
os.symlink('/proc/self/environ', 'magic')
os.symlink('.', 'here')
open('plain', 'w').write('x')
os.link('plain', 'hard-link')
os.mkdir('folder')
socket.socket(socket.AF_UNIX).bind('socket')
open('large', 'wb').write(bytes((1 << 20) + 1))
try:
    os.mkfifo('fifo')
except OSError:
    pass
",
        ));
        assert_ok(&run);
        for name in [
            "symlink",
            "magic",
            "here/plain",
            "../rootfs/etc/passwd",
            "/etc/passwd",
        ] {
            let error = run.take_output(name, MOST).unwrap_err();
            assert!(matches!(error, OutputError::Link(_)), "{name}: {error:?}");
        }
        for name in ["hard-link", "plain", "folder", "socket"] {
            let error = run.take_output(name, MOST).unwrap_err();
            assert!(
                matches!(error, OutputError::NotPlain(_)),
                "{name}: {error:?}"
            );
        }
        let error = run.take_output("large", MOST).unwrap_err();
        assert!(matches!(error, OutputError::TooLarge { .. }));
        // Pipes and devices cannot be made in there at all.
        let error = run.take_output("fifo", MOST).unwrap_err();
        assert!(matches!(error, OutputError::Missing(_)));
    }
}

#[test]
fn the_output_folder_is_as_large_as_the_limit_and_no_larger() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(
            "
import errno, os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def fails_with(what, *numbers):
    try:
        what()
    except OSError as error:
        assert error.errno in numbers, error
    else:
        raise SystemExit('nothing failed')
def fill():
    for number in range(100):
        with open(f'fill-{number}', 'wb') as file:
            file.write(bytes(1 << 20))
fails_with(fill, errno.ENOSPC)
os.truncate('fill-0', 0)
fails_with(lambda: os.truncate('fill-0', 1 << 40), errno.EFBIG)
def many():
    for number in range(100_000):
        open(f'small-{number}', 'w').close()
fails_with(many, errno.ENOSPC)
",
        ));
        assert_ok(&run);
    }
}

#[test]
fn a_room_can_show_its_output_folder_where_kaggle_does() {
    for walls in TestWalls::on_every_engine() {
        let mut room = shell("pwd; echo 1 > submission.csv");
        room.output = "/kaggle/working".into();
        room.working_dir = "/kaggle/working".into();
        let run = walls.run(&room);
        assert_ok(&run);
        assert_eq!(run.stdout.text(), "/kaggle/working\n");
        assert_eq!(run.take_output("submission.csv", MOST).unwrap(), b"1\n");
        room.output = "/kaggle/../etc".into();
        let error = walls.walls.make_room(&room).unwrap_err();
        assert!(matches!(error, SandboxError::BadTarget(_)));
    }
}

#[test]
fn a_program_that_fails_with_a_full_output_folder_left_too_much() {
    for walls in TestWalls::on_every_engine() {
        for (what, program) in [
            (
                "bytes",
                "for number in range(100):\n    open(f'{number}', 'wb').write(bytes(1 << 20))",
            ),
            (
                "files",
                "for number in range(100_000):\n    open(f'{number}', 'w').close()",
            ),
            (
                "one file that is larger than all of them may be",
                "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n\
                 open('large', 'wb').truncate(1 << 40)",
            ),
        ] {
            let run = walls.run(&python(program));
            assert_eq!(run.outcome, Outcome::OutputTooLarge, "{what}");
        }
        // Whatever else it did wrong was something else.
        let run = walls.run(&shell("head -c 1M /dev/zero > some; exit 3"));
        assert_eq!(run.outcome, Outcome::Exited { code: 3 });
        // And what it could do without was not too large.
        let run = walls.run(&shell("head -c 100M /dev/zero > much; rm much; exit 0"));
        assert_ok(&run);
    }
}
