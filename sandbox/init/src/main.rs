//! Process 1 of the sandbox: starts the program when the runner says go, reports how it ended,
//! and takes every process with it when the runner dies.
//!
//! It is called as `init run PROGRAM [ARGUMENT …]` with two pipes that the program never gets:
//! 3 to read the go byte from and 4 to write reports to. Each report is one line:
//!
//! | line | meaning |
//! |---|---|
//! | `ready` | blocked on the go byte |
//! | `exit CODE USER_US SYSTEM_US MAXRSS_KIB` | the program ended with an exit code |
//! | `signal NUMBER USER_US SYSTEM_US MAXRSS_KIB` | a signal ended the program |
//! | `cannot-execute ERRNO` | there is no such program, or it cannot be run |
//!
//! `init canary …` is another program in the same file: see `canary`.

// Rust's runtime would install signal handlers, and process 1 can be killed from inside its
// namespace only by signals that it handles.
#![no_main]

mod canary;
mod number;
mod sys;

use std::ffi::{CStr, c_char, c_int};
use std::mem::zeroed;
use std::ptr::null_mut;

const GO: c_int = 3;
const REPORT: c_int = 4;

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    if argc < 3 {
        return sys::EXIT_MISUSED;
    }
    // SAFETY: the C library gives `argc` arguments and a null behind them.
    let mode = unsafe { CStr::from_ptr(*argv.add(1)) };
    match mode.to_bytes() {
        // SAFETY: as above, and `argc` is at least 3.
        b"run" => unsafe { run(argv.add(2)) },
        // SAFETY: as above.
        b"canary" => canary::run(unsafe { CStr::from_ptr(*argv.add(2)) }),
        _ => sys::EXIT_MISUSED,
    }
}

/// # Safety
///
/// `program` points at a null-terminated list of arguments.
unsafe fn run(program: *const *const c_char) -> c_int {
    // SAFETY: plain system calls on descriptors and structures of our own.
    unsafe {
        // Not dumpable: the program, which has our user id, can read neither /proc/1/fd nor
        // /proc/1/mem.
        sys::prctl(sys::PR_SET_DUMPABLE, 0, 0, 0, 0);
        for signal in 1..=64 {
            sys::signal(signal, sys::SIG_DFL);
        }
        let mut child_signal: sys::sigset_t = zeroed();
        sys::sigaddset(&mut child_signal, sys::SIGCHLD);
        sys::sigprocmask(sys::SIG_SETMASK, &child_signal, null_mut());
        let children = sys::signalfd(-1, &child_signal, sys::SFD_CLOEXEC | sys::SFD_NONBLOCK);
        if children < 0 {
            return sys::EXIT_BROKEN;
        }
        report("ready\n");
        let mut go = 0u8;
        if sys::read(GO, (&raw mut go).cast(), 1) != 1 {
            return sys::EXIT_RUNNER_GONE;
        }
        let mut failure = [0; 2];
        if sys::pipe2(failure.as_mut_ptr(), sys::O_CLOEXEC) != 0 {
            return sys::EXIT_BROKEN;
        }
        let child = sys::fork();
        if child < 0 {
            report(&format!("cannot-execute {}\n", sys::errno()));
            return sys::EXIT_BROKEN;
        }
        if child == 0 {
            execute(program, failure[1]);
        }
        sys::close(failure[1]);
        reap_until(child, children, failure[0])
    }
}

/// The child's side: never returns.
///
/// # Safety
///
/// As for `run`.
unsafe fn execute(program: *const *const c_char, failure: c_int) -> ! {
    // SAFETY: plain system calls; `program` is what the caller promises.
    unsafe {
        sys::close(GO);
        sys::close(REPORT);
        sys::setsid();
        let none: sys::sigset_t = zeroed();
        sys::sigprocmask(sys::SIG_SETMASK, &none, null_mut());
        sys::execvp(*program, program);
        let errno = sys::errno();
        sys::write(failure, (&raw const errno).cast(), size_of::<c_int>());
        sys::_exit(127)
    }
}

/// Reaps orphans until the program itself has ended, and reports that. Returning ends process 1,
/// and with it whatever is left.
///
/// # Safety
///
/// The descriptors are open and ours.
unsafe fn reap_until(child: c_int, children: c_int, failure: c_int) -> c_int {
    let mut awaited = [
        sys::pollfd {
            fd: children,
            events: sys::POLLIN,
            revents: 0,
        },
        sys::pollfd {
            fd: GO,
            events: 0,
            revents: 0,
        },
    ];
    loop {
        // SAFETY: plain system calls on descriptors and structures of our own.
        unsafe {
            sys::poll(awaited.as_mut_ptr(), 2, -1);
            if awaited[1].revents != 0 {
                return sys::EXIT_RUNNER_GONE;
            }
            let mut drained = [0u8; 1024];
            while sys::read(children, drained.as_mut_ptr().cast(), drained.len()) > 0 {}
            loop {
                let mut status = 0;
                let mut used: sys::rusage = zeroed();
                let ended = sys::wait4(-1, &mut status, sys::WNOHANG, &mut used);
                if ended <= 0 {
                    break;
                }
                if ended == child {
                    report_end(status, &used, failure);
                    return 0;
                }
            }
        }
    }
}

/// # Safety
///
/// `failure` is the reading end of the pipe that the child wrote its errno to.
unsafe fn report_end(status: c_int, used: &sys::rusage, failure: c_int) {
    let mut errno: c_int = 0;
    // SAFETY: at most the size of `errno` is written to it.
    let failed = unsafe { sys::read(failure, (&raw mut errno).cast(), size_of::<c_int>()) };
    if failed == size_of::<c_int>() as isize {
        report(&format!("cannot-execute {errno}\n"));
        return;
    }
    let signal = status & 0x7f;
    let (kind, number) = if signal == 0 {
        ("exit", (status >> 8) & 0xff)
    } else {
        ("signal", signal)
    };
    let user_us = used.ru_utime.as_micros();
    let system_us = used.ru_stime.as_micros();
    report(&format!(
        "{kind} {number} {user_us} {system_us} {}\n",
        used.ru_maxrss
    ));
}

/// A line is far below PIPE_BUF, so it is written whole or not at all.
fn report(line: &str) {
    // SAFETY: the pointer and the length are those of `line`.
    unsafe { sys::write(REPORT, line.as_ptr().cast(), line.len()) };
}
