//! Watches one sandbox from outside, on a thread of its own, so that the limits hold whatever the
//! caller does: reads the init's reports, empties the program's standard output and error, and
//! kills the tree at the deadline, when memory runs out, and when the output floods us.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::cgroup::Group;
use super::channel::{Piece, read_piece, timeout_until};
use super::error::{Doing, SandboxError};
use super::log::Log;

/// Ends a run from any thread. The run's own thread then gets [`SandboxError::Cancelled`].
#[derive(Debug, Clone)]
pub struct Canceller(Arc<Killer>);

impl Canceller {
    pub fn cancel(&self) {
        self.0.kill(Cause::Cancelled);
    }
}

/// Why we killed a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    TimedOut,
    OutOfMemory,
    TooMuchLog,
    Cancelled,
}

/// What the init says, but for "ready".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    Exit { code: i32 },
    Signal { signal: i32 },
    CannotExecute { errno: i32 },
}

/// What the watcher saw until the last process was dead.
#[derive(Debug)]
pub(super) struct Seen {
    pub report: Option<Report>,
    pub cause: Option<Cause>,
    /// When the report was read, or the tree killed.
    pub ended: Instant,
    /// When it was killed at its deadline: how long a thread had waited for a CPU.
    pub longest_wait: Option<Duration>,
    pub stdout: Log,
    pub stderr: Log,
}

#[derive(Debug)]
pub(super) struct Watcher {
    killer: Arc<Killer>,
    ready: Receiver<()>,
    thread: Option<JoinHandle<Result<Seen, SandboxError>>>,
}

pub(super) struct Watched {
    pub report: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    pub out_of_memory: Option<OwnedFd>,
    pub group: Group,
}

impl Watcher {
    pub fn watch(pidfd: OwnedFd, watched: Watched) -> Result<Watcher, SandboxError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let killer = Arc::new(Killer {
            pidfd,
            wake: EventFd::from_flags(flags).doing(|| "cannot make an event")?,
            deadline: OnceLock::new(),
            killed: Mutex::new(None),
        });
        let (say_ready, ready) = channel();
        let watch = Watch {
            killer: Arc::clone(&killer),
            say_ready,
            report: Some(watched.report),
            stdout: Some(watched.stdout),
            stderr: Some(watched.stderr),
            out_of_memory: watched.out_of_memory,
            group: watched.group,
            longest_wait: None,
            reported: Vec::new(),
            found: None,
            stdout_log: Log::default(),
            stderr_log: Log::default(),
        };
        let thread = thread::Builder::new()
            .name("sandbox-watcher".into())
            .spawn(move || watch.until_dead())
            .doing(|| "cannot start a thread")?;
        Ok(Watcher {
            killer,
            ready,
            thread: Some(thread),
        })
    }

    /// Waits until the init blocks on the go byte. False when it does not come to that.
    pub fn wait_ready(&self, patience: Duration) -> bool {
        self.ready.recv_timeout(patience).is_ok()
    }

    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.killer))
    }

    pub fn kill(&self, cause: Cause) {
        self.killer.kill(cause);
    }

    /// Only the first deadline counts.
    pub fn set_deadline(&self, deadline: Instant) {
        let _ = self.killer.deadline.set(deadline);
        self.killer.wake();
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.killer.deadline.get().copied()
    }

    /// Waits until every process is dead.
    pub fn join(&mut self) -> Result<Seen, SandboxError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(seen)) => seen,
            // The thread panicked, or was joined before.
            Some(Err(_)) | None => Err(SandboxError::InitDied),
        }
    }

    pub fn is_joined(&self) -> bool {
        self.thread.is_none()
    }
}

#[derive(Debug)]
struct Killer {
    pidfd: OwnedFd,
    wake: EventFd,
    deadline: OnceLock<Instant>,
    killed: Mutex<Option<(Cause, Instant)>>,
}

impl Killer {
    /// Killing process 1 of a pid namespace kills everything in it. The first cause counts.
    fn kill(&self, cause: Cause) {
        let mut killed = self.killed.lock().unwrap_or_else(PoisonError::into_inner);
        killed.get_or_insert((cause, Instant::now()));
        if let Err(errno) = kill_process(&self.pidfd)
            && errno != Errno::ESRCH
        {
            tracing::error!(%errno, "could not kill a sandbox");
        }
        drop(killed);
        self.wake();
    }

    fn killed(&self) -> Option<(Cause, Instant)> {
        *self.killed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Err(errno) = self.wake.write(1) {
            tracing::error!(%errno, "could not wake a sandbox's watcher");
        }
    }
}

struct Watch {
    killer: Arc<Killer>,
    say_ready: Sender<()>,
    report: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    out_of_memory: Option<OwnedFd>,
    group: Group,
    /// At its deadline: how long a thread had waited for a CPU.
    longest_wait: Option<Duration>,
    /// Of the report pipe, what is not a whole line yet.
    reported: Vec<u8>,
    found: Option<(Report, Instant)>,
    stdout_log: Log,
    stderr_log: Log,
}

impl Watch {
    /// How long a killed tree may take to die: the kernel frees its memory meanwhile.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn until_dead(mut self) -> Result<Seen, SandboxError> {
        while !self.wait_once()? {
            self.read_reports()?;
            self.empty_logs()?;
            self.notice_out_of_memory();
            self.enforce_deadline()?;
        }
        // Nothing can write any more, so this is all that there will ever be.
        self.read_reports()?;
        self.empty_logs()?;
        reap(&self.killer.pidfd)?;
        let cause = self.killer.killed();
        let (report, reported_at) = self.found.unzip();
        Ok(Seen {
            report,
            cause: cause.map(|(cause, _)| cause),
            ended: reported_at
                .or(cause.map(|(_, at)| at))
                .unwrap_or_else(Instant::now),
            longest_wait: self.longest_wait,
            stdout: self.stdout_log,
            stderr: self.stderr_log,
        })
    }

    /// True when process 1 is dead, and so all others: the kernel buries them first.
    fn wait_once(&self) -> Result<bool, SandboxError> {
        let mut awaited = vec![
            PollFd::new(self.killer.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.killer.wake.as_fd(), PollFlags::POLLIN),
        ];
        let pipes = [
            &self.report,
            &self.stdout,
            &self.stderr,
            &self.out_of_memory,
        ];
        awaited.extend(
            pipes
                .into_iter()
                .flatten()
                .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut awaited, timeout_until(self.next_deadline())) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).doing(|| "cannot watch a sandbox"),
        }
        if awaited[1].any() == Some(true) {
            // Only to make it unreadable again.
            let _ = self.killer.wake.read();
        }
        Ok(awaited[0].any() == Some(true))
    }

    fn next_deadline(&self) -> Option<Instant> {
        let killed = self.killer.killed().map(|(_, at)| at);
        match killed.or(self.found.map(|(_, at)| at)) {
            Some(dying_since) => Some(dying_since + Watch::PATIENCE),
            None => self.killer.deadline.get().copied(),
        }
    }

    fn enforce_deadline(&mut self) -> Result<(), SandboxError> {
        let now = Instant::now();
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.found.is_some() || self.killer.killed().is_some() {
            return Err(SandboxError::WontDie);
        }
        self.longest_wait = self.group.longest_wait();
        self.killer.kill(Cause::TimedOut);
        Ok(())
    }

    /// Otherwise the kernel kills single processes, and their parent may go on and exit with 0.
    fn notice_out_of_memory(&mut self) {
        let Some(event) = &self.out_of_memory else {
            return;
        };
        let mut count = [0; 8];
        if nix::unistd::read(event, &mut count).is_ok() {
            self.killer.kill(Cause::OutOfMemory);
            self.out_of_memory = None;
        }
    }

    fn read_reports(&mut self) -> Result<(), SandboxError> {
        let mut buffer = [0; 512];
        while let Some(pipe) = &self.report {
            match read_piece(pipe, &mut buffer)? {
                Piece::Bytes(read) => self.reported.extend(&buffer[..read]),
                Piece::NothingYet => break,
                Piece::End => self.report = None,
            }
        }
        while let Some(newline) = self.reported.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.reported.drain(..=newline).collect();
            let line = String::from_utf8_lossy(&line);
            if line == "ready\n" {
                // Nobody listens when the room has been given up meanwhile.
                let _ = self.say_ready.send(());
            } else if self.found.is_none() {
                self.found = parse_report(&line).map(|report| (report, Instant::now()));
            }
        }
        Ok(())
    }

    fn empty_logs(&mut self) -> Result<(), SandboxError> {
        empty(&mut self.stdout, &mut self.stdout_log)?;
        empty(&mut self.stderr, &mut self.stderr_log)?;
        if (self.stdout_log.is_flood() || self.stderr_log.is_flood())
            && self.killer.killed().is_none()
        {
            self.killer.kill(Cause::TooMuchLog);
        }
        Ok(())
    }
}

/// Bounded, so that a program that writes without end does not keep us from its deadline.
fn empty(pipe: &mut Option<OwnedFd>, log: &mut Log) -> Result<(), SandboxError> {
    const MOST_AT_ONCE: usize = 32;
    let mut buffer = [0; 64 << 10];
    for _ in 0..MOST_AT_ONCE {
        let Some(open) = pipe else {
            break;
        };
        match read_piece(open, &mut buffer)? {
            Piece::Bytes(read) => log.append(&buffer[..read]),
            Piece::NothingYet => break,
            Piece::End => *pipe = None,
        }
    }
    Ok(())
}

fn parse_report(line: &str) -> Option<Report> {
    let mut words = line.split_whitespace();
    let kind = words.next()?;
    let number = words.next()?.parse().ok()?;
    match kind {
        "exit" => Some(Report::Exit { code: number }),
        "signal" => Some(Report::Signal { signal: number }),
        "cannot-execute" => Some(Report::CannotExecute { errno: number }),
        _ => None,
    }
}

/// A handle of a process that cannot come to mean another one.
pub(super) fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor or an error.
    let fd = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0) };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn kill_process(pidfd: &OwnedFd) -> nix::Result<()> {
    let (signal, no_details, no_flags) = (nix::libc::SIGKILL, 0, 0);
    // SAFETY: a null pointer for the details is allowed.
    let sent = unsafe {
        nix::libc::syscall(
            nix::libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            no_details,
            no_flags,
        )
    };
    Errno::result(sent).map(drop)
}

/// The engine has left, so its child is ours.
fn reap(pidfd: &OwnedFd) -> Result<(), SandboxError> {
    match waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED) {
        Ok(_) | Err(Errno::ECHILD) => Ok(()),
        Err(errno) => Err(errno).doing(|| "cannot reap the sandbox's first process"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_the_init_are_understood_and_nothing_else() {
        for (line, report) in [
            ("exit 3 900 100 1024\n", Some(Report::Exit { code: 3 })),
            ("signal 11 0 0 0\n", Some(Report::Signal { signal: 11 })),
            (
                "cannot-execute 2\n",
                Some(Report::CannotExecute { errno: 2 }),
            ),
            ("exit\n", None),
            ("exit zero\n", None),
            ("done 0\n", None),
        ] {
            assert_eq!(parse_report(line), report, "{line}");
        }
    }
}
