//! The program that the runner puts behind its walls before it takes a job: it tries what must be
//! forbidden. `canary walls` prints one line per thing that was possible, so that an empty output
//! and exit code 0 are the good answer, and `canary processes` one if it could start more than its
//! limit; `canary memory` has a child that eats 256 MiB and itself survives it, which the walls
//! must not allow.

use std::ffi::{CStr, c_int, c_long};

use crate::number;
use crate::sys;

pub fn run(what: &CStr) -> c_int {
    match what.to_bytes() {
        b"walls" => try_the_walls(),
        b"memory" => eat_memory(),
        b"processes" => start_processes(),
        _ => sys::EXIT_MISUSED,
    }
}

fn try_the_walls() -> c_int {
    let attempts = (ATTEMPTS.iter()).filter_map(|(what, possible)| possible().then_some(*what));
    let calls = (CALLS.iter()).filter_map(|(what, number)| known(*number).then_some(*what));
    let mut code = 0;
    for what in attempts.chain(calls) {
        println!("{what}");
        code = 1;
    }
    code
}

type Attempt = (&'static str, fn() -> bool);

const ATTEMPTS: &[Attempt] = &[
    ("inherit the go pipe", || is_open(3)),
    ("inherit the report pipe", || is_open(4)),
    ("read /etc/shadow", || reads(c"/etc/shadow")),
    ("read /sys", || reads(c"/sys/kernel/uevent_seqnum")),
    ("read the kernel's memory", || reads(c"/proc/kcore")),
    ("open process 1's memory", || {
        opens(c"/proc/1/mem", sys::O_RDONLY)
    }),
    ("read process 1's environment", || {
        opens(c"/proc/1/environ", sys::O_RDONLY)
    }),
    ("open process 1's root folder", || {
        opens(c"/proc/1/root/", sys::O_RDONLY)
    }),
    ("end process 1", ends_process_1),
    ("limit process 1", || {
        // A call that changes nothing: it asks for process 1's limit of CPU time.
        allowed(number::PRLIMIT64, [1, 0, 0, 0])
    }),
    ("write to the root folder", || writes(c"/planted")),
    ("write to /usr", || writes(c"/usr/planted")),
    ("write to a kernel setting", || {
        writes(c"/proc/sys/kernel/core_pattern")
    }),
    ("execute what it wrote to its output folder", || {
        can_execute(c"/output/planted")
    }),
    ("execute what it wrote to shared memory", || {
        can_execute(c"/dev/shm/planted")
    }),
    ("be in the host's process namespace", || {
        !has_own_processes()
    }),
    ("be in the host's user namespace", || {
        let map = file("/proc/self/uid_map");
        map.split_ascii_whitespace().nth(1) == Some("0")
    }),
    ("be in the host's network namespace", || {
        let interfaces = file("/proc/net/dev");
        let mut names = interfaces.lines().filter_map(|line| line.split_once(':'));
        names.any(|(name, _)| name.trim() != "lo")
    }),
    ("be in the host's name namespace", || {
        file("/proc/sys/kernel/hostname").trim() != "sandbox"
    }),
    ("hold a capability", || {
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        sets.iter()
            .any(|set| !status(set).trim_matches('0').is_empty())
    }),
    ("gain privileges by executing", || {
        status("NoNewPrivs") != "1"
    }),
    ("do without a filter of system calls", || {
        status("Seccomp") != "2"
    }),
    ("become root", || allowed(number::SETUID, [0, 0, 0, 0])),
    ("unshare namespaces", || {
        allowed(number::UNSHARE, [CLONE_NEWUSER, 0, 0, 0])
    }),
    ("clone into new namespaces", clones_namespaces),
    ("mount", || {
        allowed(
            number::MOUNT,
            [
                c"none".as_ptr() as c_long,
                c"/tmp".as_ptr() as c_long,
                c"tmpfs".as_ptr() as c_long,
                0,
            ],
        )
    }),
    ("chroot", || {
        allowed(number::CHROOT, [c"/tmp".as_ptr() as c_long, 0, 0, 0])
    }),
    ("ptrace", || allowed(number::PTRACE, [0, 0, 0, 0])),
    ("make a device", || {
        const CHARACTERS: c_long = 0o020_600;
        const NULL: c_long = 0x103;
        let path = c"/tmp/device".as_ptr() as c_long;
        allowed(number::MKNODAT, [AT_FDCWD, path, CHARACTERS, NULL])
    }),
    ("use the kernel's keyrings", || {
        allowed(number::KEYCTL, [0, -3, 1, 0])
    }),
    ("open a socket to the host of a virtual machine", || {
        allowed(number::SOCKET, [AF_VSOCK, SOCK_STREAM, 0, 0])
    }),
    ("open a netlink socket", || {
        allowed(number::SOCKET, [AF_NETLINK, SOCK_RAW, 0, 0])
    }),
    ("open a packet socket", || {
        allowed(number::SOCKET, [AF_PACKET, SOCK_RAW, 0, 0])
    }),
];

/// Calls that must not even reach the kernel. With nothing but zeros they do no harm.
const CALLS: &[(&str, c_long)] = &[
    ("call setns", number::SETNS),
    ("call pivot_root", number::PIVOT_ROOT),
    ("call clone3", number::CLONE3),
    ("call process_vm_readv", number::PROCESS_VM_READV),
    ("call pidfd_getfd", number::PIDFD_GETFD),
    ("call perf_event_open", number::PERF_EVENT_OPEN),
    ("call userfaultfd", number::USERFAULTFD),
    ("call bpf", number::BPF),
    ("call io_uring_setup", number::IO_URING_SETUP),
    ("call io_setup", number::IO_SETUP),
    ("call name_to_handle_at", number::NAME_TO_HANDLE_AT),
    ("call open_by_handle_at", number::OPEN_BY_HANDLE_AT),
    ("call memfd_secret", number::MEMFD_SECRET),
    ("call add_key", number::ADD_KEY),
    ("call init_module", number::INIT_MODULE),
    ("call reboot", number::REBOOT),
    ("call syslog", number::SYSLOG),
    ("call mq_open", number::MQ_OPEN),
    ("call msgget", number::MSGGET),
    ("call setpriority", number::SETPRIORITY),
    ("call sched_setscheduler", number::SCHED_SETSCHEDULER),
    ("call clock_settime", number::CLOCK_SETTIME),
    ("call adjtimex", number::ADJTIMEX),
    ("call fadvise64", number::FADVISE64),
];

const CLONE_NEWUSER: c_long = 0x1000_0000;
const SIGCHLD: c_long = sys::SIGCHLD as c_long;
const AT_FDCWD: c_long = -100;
const AF_NETLINK: c_long = 16;
const AF_PACKET: c_long = 17;
const AF_VSOCK: c_long = 40;
const SOCK_STREAM: c_long = 1;
const SOCK_RAW: c_long = 3;
const ENOSYS: c_int = 38;

fn reads(path: &CStr) -> bool {
    let mut byte = 0u8;
    // SAFETY: a null-terminated path, and one byte to read into.
    unsafe {
        let fd = sys::open(path.as_ptr(), sys::O_RDONLY);
        let read = sys::read(fd, (&raw mut byte).cast(), 1);
        sys::close(fd);
        read == 1
    }
}

fn writes(path: &CStr) -> bool {
    opens(path, sys::O_WRONLY | sys::O_CREAT)
}

fn opens(path: &CStr, flags: c_int) -> bool {
    // SAFETY: a null-terminated path and the mode that O_CREAT asks for.
    unsafe {
        let fd = sys::open(path.as_ptr(), flags, 0o600);
        sys::close(fd) == 0
    }
}

fn is_open(fd: c_int) -> bool {
    const F_GETFD: c_long = 1;
    allowed(number::FCNTL, [c_long::from(fd), F_GETFD, 0, 0])
}

fn allowed(number: c_long, arguments: [c_long; 4]) -> bool {
    let [a, b, c, d] = arguments;
    // SAFETY: every call in the table gets valid pointers or none.
    unsafe { sys::syscall(number, a, b, c, d, 0 as c_long, 0 as c_long) >= 0 }
}

/// Whether the system call reaches the kernel at all: it then works, or complains of a null pointer.
fn known(number: c_long) -> bool {
    allowed(number, [0; 4]) || sys::errno() != ENOSYS
}

/// Whether a file that was written here could be executed, as the kernel says without doing it.
fn can_execute(path: &CStr) -> bool {
    const X_OK: c_long = 1;
    // SAFETY: a null-terminated path and the mode that O_CREAT asks for.
    unsafe {
        sys::close(sys::open(
            path.as_ptr(),
            sys::O_WRONLY | sys::O_CREAT,
            0o700,
        ))
    };
    allowed(
        number::FACCESSAT,
        [AT_FDCWD, path.as_ptr() as c_long, X_OK, 0],
    )
}

/// The init is our parent, and process 1 in a namespace of its own.
fn has_own_processes() -> bool {
    file("/proc/self/stat").split(' ').nth(3) == Some("1")
}

/// Where it works nobody is left to say so, and the runner notices that. The host's process 1 is
/// left alone.
fn ends_process_1() -> bool {
    if has_own_processes() {
        for signal in 1..=64 {
            allowed(number::KILL, [1, signal, 0, 0]);
        }
    }
    false
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A field of our own status, without the spaces around it.
fn status(name: &str) -> String {
    let status = file("/proc/self/status");
    let value = (status.lines()).find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_owned()
}

fn clones_namespaces() -> bool {
    // SAFETY: without a stack of its own the child goes on here, and ends at once.
    unsafe {
        let child = sys::syscall(
            number::CLONE,
            CLONE_NEWUSER | SIGCHLD,
            0 as c_long,
            0 as c_long,
            0 as c_long,
            0 as c_long,
        );
        if child == 0 {
            sys::_exit(0);
        }
        child > 0
    }
}

fn eat_memory() -> c_int {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 256;
    // SAFETY: the child only allocates and ends; the parent only waits.
    unsafe {
        let child = sys::fork();
        if child == 0 {
            let mut eaten = Vec::with_capacity(PIECES);
            for piece in 0..PIECES {
                eaten.push(vec![piece as u8 | 1; PIECE]);
            }
            std::hint::black_box(&eaten);
            sys::_exit(0);
        }
        sys::wait4(child, std::ptr::null_mut(), 0, std::ptr::null_mut());
        // What a parent that survived its child would do next. The walls end it before.
        sys::poll(std::ptr::null_mut(), 0, 1000);
    }
    0
}

fn start_processes() -> c_int {
    /// Some times what the runner allows in this run.
    const WANTED: usize = 64;
    for _ in 0..WANTED {
        // SAFETY: the child only waits to be killed with process 1.
        unsafe {
            match sys::fork() {
                0 => loop {
                    sys::poll(std::ptr::null_mut(), 0, -1);
                },
                -1 => return 0,
                _ => {}
            }
        }
    }
    println!("start {WANTED} processes");
    1
}
