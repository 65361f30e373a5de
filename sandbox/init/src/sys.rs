//! The few declarations of the C library that the init needs; it has no dependencies, so that a
//! build script can compile it with `rustc` alone. 64-bit Linux with the GNU C library.

use std::ffi::{c_char, c_int, c_long, c_short, c_ulong, c_void};

pub const EXIT_MISUSED: c_int = 120;
pub const EXIT_BROKEN: c_int = 121;
pub const EXIT_RUNNER_GONE: c_int = 122;

pub const PR_SET_DUMPABLE: c_int = 4;
pub const SIG_DFL: usize = 0;
pub const SIGCHLD: c_int = 17;
pub const SIG_SETMASK: c_int = 2;
pub const SFD_CLOEXEC: c_int = 0o2000000;
pub const SFD_NONBLOCK: c_int = 0o4000;
pub const O_CLOEXEC: c_int = 0o2000000;
pub const O_RDONLY: c_int = 0;
pub const O_WRONLY: c_int = 1;
pub const O_CREAT: c_int = 0o100;
pub const POLLIN: c_short = 1;
pub const WNOHANG: c_int = 1;

#[repr(C)]
pub struct sigset_t([c_ulong; 16]);

#[repr(C)]
pub struct pollfd {
    pub fd: c_int,
    pub events: c_short,
    pub revents: c_short,
}

#[repr(C)]
pub struct timeval {
    tv_sec: c_long,
    tv_usec: c_long,
}

impl timeval {
    pub fn as_micros(&self) -> i64 {
        self.tv_sec * 1_000_000 + self.tv_usec
    }
}

#[repr(C)]
pub struct rusage {
    pub ru_utime: timeval,
    pub ru_stime: timeval,
    /// In KiB.
    pub ru_maxrss: c_long,
    rest: [c_long; 13],
}

unsafe extern "C" {
    pub fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int;
    pub fn signal(signal: c_int, action: usize) -> usize;
    pub fn sigaddset(set: *mut sigset_t, signal: c_int) -> c_int;
    pub fn sigprocmask(how: c_int, set: *const sigset_t, old: *mut sigset_t) -> c_int;
    pub fn signalfd(fd: c_int, set: *const sigset_t, flags: c_int) -> c_int;
    pub fn read(fd: c_int, to: *mut c_void, length: usize) -> isize;
    pub fn write(fd: c_int, from: *const c_void, length: usize) -> isize;
    pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn close(fd: c_int) -> c_int;
    pub fn pipe2(ends: *mut c_int, flags: c_int) -> c_int;
    pub fn fork() -> c_int;
    pub fn setsid() -> c_int;
    pub fn execvp(file: *const c_char, arguments: *const *const c_char) -> c_int;
    pub fn _exit(code: c_int) -> !;
    pub fn poll(fds: *mut pollfd, count: c_ulong, timeout_ms: c_int) -> c_int;
    pub fn wait4(pid: c_int, status: *mut c_int, options: c_int, used: *mut rusage) -> c_int;
    pub fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

pub fn errno() -> c_int {
    // SAFETY: the C library's pointer to this thread's errno is always valid.
    unsafe { *__errno_location() }
}
