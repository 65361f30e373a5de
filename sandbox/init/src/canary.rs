//! The program that the runner puts behind its walls before it takes a job: it tries what must be
//! forbidden. `canary walls` prints one line per thing that was possible, so that an empty output
//! and exit code 0 are the good answer; `canary memory` has a child that eats 256 MiB and itself
//! survives it, which the walls must not allow.

use std::ffi::{CStr, c_int, c_long};

use crate::sys;

pub fn run(what: &CStr) -> c_int {
    match what.to_bytes() {
        b"walls" => try_the_walls(),
        b"memory" => eat_memory(),
        _ => sys::EXIT_MISUSED,
    }
}

fn try_the_walls() -> c_int {
    let mut broken = 0;
    for (what, possible) in ATTEMPTS {
        if possible() {
            println!("{what}");
            broken += 1;
        }
    }
    c_int::from(broken > 0)
}

type Attempt = (&'static str, fn() -> bool);

const ATTEMPTS: [Attempt; 22] = [
    ("inherit the go pipe", || is_open(3)),
    ("inherit the report pipe", || is_open(4)),
    ("read /etc/shadow", || reads(c"/etc/shadow")),
    ("read /sys", || reads(c"/sys/kernel/uevent_seqnum")),
    ("open process 1's memory", || {
        opens(c"/proc/1/mem", sys::O_RDONLY)
    }),
    ("read the kernel's memory", || reads(c"/proc/kcore")),
    ("write to the root folder", || writes(c"/planted")),
    ("write to /usr", || writes(c"/usr/planted")),
    ("write to a kernel setting", || {
        writes(c"/proc/sys/kernel/core_pattern")
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
    ("use the kernel's keyrings", || {
        allowed(number::KEYCTL, [0, -3, 1, 0])
    }),
    ("limit process 1", || {
        // A call that changes nothing: it asks for process 1's limit of CPU time.
        allowed(number::PRLIMIT64, [1, 0, 0, 0])
    }),
    ("drop a file from the page cache", || {
        known(number::FADVISE64)
    }),
    ("set up io_uring", || known(number::IO_URING_SETUP)),
    ("load BPF programs", || known(number::BPF)),
    ("open a socket to the host of a virtual machine", || {
        allowed(number::SOCKET, [AF_VSOCK, SOCK_STREAM, 0, 0])
    }),
    ("open a netlink socket", || {
        allowed(number::SOCKET, [AF_NETLINK, SOCK_RAW, 0, 0])
    }),
];

const CLONE_NEWUSER: c_long = 0x1000_0000;
const SIGCHLD: c_long = sys::SIGCHLD as c_long;
const AF_NETLINK: c_long = 16;
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

/// Whether the system call reaches the kernel at all: a null pointer would then be the complaint.
fn known(number: c_long) -> bool {
    !allowed(number, [0; 4]) && sys::errno() != ENOSYS
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

#[cfg(target_arch = "x86_64")]
mod number {
    use std::ffi::c_long;
    pub const SOCKET: c_long = 41;
    pub const CLONE: c_long = 56;
    pub const FCNTL: c_long = 72;
    pub const PTRACE: c_long = 101;
    pub const SETUID: c_long = 105;
    pub const CHROOT: c_long = 161;
    pub const MOUNT: c_long = 165;
    pub const KEYCTL: c_long = 250;
    pub const UNSHARE: c_long = 272;
    pub const FADVISE64: c_long = 221;
    pub const PRLIMIT64: c_long = 302;
    pub const BPF: c_long = 321;
    pub const IO_URING_SETUP: c_long = 425;
}

#[cfg(target_arch = "aarch64")]
mod number {
    use std::ffi::c_long;
    pub const FCNTL: c_long = 25;
    pub const MOUNT: c_long = 40;
    pub const CHROOT: c_long = 51;
    pub const UNSHARE: c_long = 97;
    pub const PTRACE: c_long = 117;
    pub const SETUID: c_long = 146;
    pub const SOCKET: c_long = 198;
    pub const KEYCTL: c_long = 219;
    pub const FADVISE64: c_long = 223;
    pub const PRLIMIT64: c_long = 261;
    pub const CLONE: c_long = 220;
    pub const BPF: c_long = 280;
    pub const IO_URING_SETUP: c_long = 425;
}
