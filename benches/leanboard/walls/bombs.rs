//! Programs that use up what they can, and a good one to run after them. The tests run them too.

use std::time::Duration;

use leanboard::domain::limits::Limits;
use leanboard::domain::outcome::Outcome as Ending;
use leanboard::domain::units::Bytes;
use leanboard::sandbox::Room;

/// Ignores what it can, and has children that do not belong to it any more.
pub const UNWILLING: &str = "
import os, signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        break
while True:
    pass
";
/// Some 0.2 to 0.4 s of one CPU.
pub const GOOD: &str = "sum(i * i for i in range(5_000_000))";

pub struct Bomb {
    pub name: &'static str,
    program: &'static str,
    pub ends_as: Ending,
}

pub const BOMBS: [Bomb; 8] = [
    Bomb {
        name: "forks",
        program: "import os\nwhile True:\n    os.fork()",
        ends_as: Ending::TooManyProcesses,
    },
    Bomb {
        name: "threads",
        program: "import threading, time
for _ in range(300):
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()",
        ends_as: Ending::TooManyProcesses,
    },
    Bomb {
        name: "memory",
        program: "held = [bytearray(b'x') * (1 << 20) for _ in range(1024)]",
        ends_as: Ending::OutOfMemory,
    },
    Bomb {
        name: "memory in eight children",
        program: "import os
for _ in range(8):
    if os.fork() == 0:
        held = [bytearray(b'x') * (1 << 20) for _ in range(1024)]
for _ in range(8):
    os.wait()",
        ends_as: Ending::OutOfMemory,
    },
    Bomb {
        name: "a full output folder",
        program: "open('/output/rubbish', 'wb').write(bytes(8 << 20))",
        ends_as: Ending::OutputTooLarge,
    },
    Bomb {
        name: "files without end",
        program: "for number in range(1 << 20):\n    open(f'/output/{number}', 'w')",
        ends_as: Ending::OutputTooLarge,
    },
    Bomb {
        name: "a flood of output",
        program: "while True:\n    print('x' * 65536)",
        ends_as: Ending::TooMuchLog,
    },
    Bomb {
        name: "never ending",
        program: UNWILLING,
        ends_as: Ending::TimedOut,
    },
];

impl Bomb {
    pub fn room(&self) -> Room {
        let mut room = python(self.program);
        if self.ends_as == Ending::TimedOut {
            room.limits.time = Duration::from_millis(300);
        }
        room
    }
}

pub fn python(program: &str) -> Room {
    Room::new(["/usr/bin/python3", "-I", "-c", program], small())
}

pub fn small() -> Limits {
    Limits {
        time: Duration::from_secs(10),
        memory: Bytes::from_mib(128),
        processes: 32,
        cpus: 1,
        output: Bytes::from_mib(4),
        ..Limits::default()
    }
}
