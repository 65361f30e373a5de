//! One run behind the walls, from the blocked init to what is left of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, write};

use super::cgroup::{Counters, Expected, Group};
use super::channel::{
    Lines, OurEnds, Piece, Received, ReceivedBytes, read_piece, wait_for, write_all,
};
use super::engine::EngineCommand;
use super::error::{Doing, SandboxError};
use super::log::Log;
use super::mounts::forget_strays;
use super::outputs::{self, OutputError};
use super::room::{MOST_OUTPUT_FILES, RoomFolder};
use super::watcher::{Canceller, Cause, Report, Seen, Watched, Watcher};
use crate::domain::outcome::{Outcome, Usage};
use crate::domain::units::Bytes;

/// A run whose walls stand and whose program waits for [`Sandbox::start`]. Dropping it kills
/// every process and leaves no group, mount or container behind.
#[derive(Debug)]
pub struct Sandbox {
    program: String,
    time: Duration,
    watcher: Watcher,
    go: OwnedFd,
    commands: OwnedFd,
    events: OwnedFd,
    lines: Lines,
    counters: Counters,
    cpu_before: Duration,
    started: Option<Instant>,
    /// When it was timed out by its caller: as in [`Run::longest_wait`].
    longest_wait: Option<Duration>,
    // In this order: the container is removed before the folder that it uses.
    container: Container,
    folder: Option<RoomFolder>,
}

/// What is left of a run. The output folder exists until this is dropped.
#[derive(Debug)]
pub struct Run {
    pub outcome: Outcome,
    /// From the go byte to the death of the last process.
    pub usage: Usage,
    /// Just before the go byte was written.
    pub started: Instant,
    /// When the program's end was reported, or its tree killed.
    pub ended: Instant,
    /// At its deadline: the longest time that one of its threads had waited for a CPU.
    pub longest_wait: Option<Duration>,
    pub stdout: Log,
    pub stderr: Log,
    folder: RoomFolder,
}

impl Run {
    /// How many files and folders its output folder took, whatever their size.
    pub const MOST_OUTPUT_FILES: u32 = MOST_OUTPUT_FILES;

    /// Wall time of the run.
    pub fn duration(&self) -> Duration {
        self.ended.saturating_duration_since(self.started)
    }

    /// The bytes of the file `name` ("predictions.csv", "logs/a.txt") below the output folder, if
    /// it is a plain file of at most `most`.
    pub fn take_output(&self, name: &str, most: Bytes) -> Result<Vec<u8>, OutputError> {
        outputs::take(&self.folder.output(), name, most)
    }
}

/// What `Walls::make_room` has built, before it is known whether it holds.
pub(super) struct Parts {
    pub program: String,
    pub time: Duration,
    pub container: Container,
    pub folder: RoomFolder,
    pub pipes: OurEnds,
    pub pidfd: OwnedFd,
}

impl Sandbox {
    pub(super) fn assemble(parts: Parts) -> Result<Sandbox, SandboxError> {
        let group = &parts.container.group;
        // Where an engine was fooled by an ordinary folder, these are missing.
        let not_enforced = |what: &str, error: io::Error| {
            SandboxError::LimitsNotEnforced(format!("{what}: {error}"))
        };
        let counters = group
            .open_counters()
            .map_err(|error| not_enforced("the counters cannot be opened", error))?;
        let out_of_memory = group
            .out_of_memory_event()
            .map_err(|error| not_enforced("nothing tells when memory runs out", error))?;
        let watched = Watched {
            report: parts.pipes.report,
            stdout: parts.pipes.stdout,
            stderr: parts.pipes.stderr,
            out_of_memory,
            group: group.clone(),
        };
        Ok(Sandbox {
            program: parts.program,
            time: parts.time,
            watcher: Watcher::watch(parts.pidfd, watched)?,
            go: parts.pipes.go,
            commands: parts.pipes.commands,
            events: parts.pipes.events,
            lines: Lines::default(),
            counters,
            cpu_before: Duration::ZERO,
            started: None,
            longest_wait: None,
            folder: Some(parts.folder),
            container: parts.container,
        })
    }

    /// Runs the init and waits until it blocks on the go byte.
    pub(super) fn wake_init(&self) -> Result<(), SandboxError> {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.container.engine.start(&self.container.id)?;
        if self.watcher.wait_ready(PATIENCE) {
            Ok(())
        } else {
            Err(SandboxError::InitDied)
        }
    }

    pub(super) fn check_enforced(&self, pid: Pid, expected: &Expected) -> Result<(), SandboxError> {
        self.container
            .group
            .check_enforced(pid, expected)
            .map_err(SandboxError::LimitsNotEnforced)
    }

    /// Lets the program run. Returns the instant just before, from which its wall time counts.
    pub fn start(&mut self) -> Result<Instant, SandboxError> {
        if let Some(started) = self.started {
            return Ok(started);
        }
        self.container.group.reset_peak_memory();
        self.cpu_before = self.read_counters()?.cpu;
        let started = Instant::now();
        match write(&self.go, b"g") {
            // A broken pipe: it has been killed already, and `wait` knows by whom.
            Ok(_) | Err(Errno::EPIPE) => {}
            Err(errno) => return Err(errno).doing(|| "cannot start the program"),
        }
        self.watcher.set_deadline(started + self.time);
        self.started = Some(started);
        Ok(started)
    }

    /// Writes a line to the program's command pipe, its descriptor 5. A program that has ended, or
    /// reads no more until its wall limit, is found out by [`Sandbox::receive`].
    pub fn send(&mut self, line: &str) -> Result<(), SandboxError> {
        let line = [line.as_bytes(), b"\n"].concat();
        write_all(self.commands.as_fd(), &line, self.watcher.deadline()).map(drop)
    }

    /// Writes bytes to the same pipe, for no longer than until `deadline`. A program that reads no
    /// more is found out by waiting for its answer until then.
    pub fn send_bytes(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), SandboxError> {
        write_all(self.commands.as_fd(), bytes, Some(deadline)).map(drop)
    }

    /// Waits for a line of the program's event pipe, its descriptor 6.
    pub fn receive(&mut self, deadline: Instant) -> Result<Received, SandboxError> {
        let mut buffer = [0; 4096];
        loop {
            match self.lines.take_line() {
                Some(Ok(text)) => {
                    let at = Instant::now();
                    return Ok(Received::Line { text, at });
                }
                Some(Err(_)) => return Ok(Received::Garbage),
                None => {}
            }
            match read_piece(&self.events, &mut buffer)? {
                Piece::Bytes(read) => self.lines.append(&buffer[..read]),
                Piece::End => return Ok(Received::Ended),
                Piece::NothingYet => {
                    if !wait_for(self.events.as_fd(), PollFlags::POLLIN, Some(deadline))? {
                        return Ok(Received::TimedOut);
                    }
                }
            }
        }
    }

    /// Waits for exactly `count` bytes of the program's event pipe, which follow a line of it. How
    /// many they may be is for the caller to say: they are all kept in memory.
    pub fn receive_bytes(
        &mut self,
        count: usize,
        deadline: Instant,
    ) -> Result<ReceivedBytes, SandboxError> {
        let mut bytes = self.lines.take_up_to(count);
        let mut buffer = vec![0; 64 << 10];
        while bytes.len() < count {
            let most = buffer.len().min(count - bytes.len());
            match read_piece(&self.events, &mut buffer[..most])? {
                Piece::Bytes(read) => bytes.extend(&buffer[..read]),
                Piece::End => return Ok(ReceivedBytes::Ended),
                Piece::NothingYet => {
                    if !wait_for(self.events.as_fd(), PollFlags::POLLIN, Some(deadline))? {
                        return Ok(ReceivedBytes::TimedOut);
                    }
                }
            }
            if Instant::now() >= deadline {
                return Ok(ReceivedBytes::TimedOut);
            }
        }
        let at = Instant::now();
        Ok(ReceivedBytes::Whole { bytes, at })
    }

    /// Ends the program as at its wall limit; [`Sandbox::wait`] then tells what it printed.
    pub fn time_out(&mut self) {
        self.longest_wait = self.container.group.longest_wait();
        self.watcher.kill(Cause::TimedOut);
    }

    /// What the tree has used since the go byte. Two system calls, so it may be called inside a
    /// measured window.
    pub fn usage(&self) -> Result<Usage, SandboxError> {
        let usage = self.read_counters()?;
        Ok(Usage {
            cpu: usage.cpu.saturating_sub(self.cpu_before),
            peak_memory: usage.peak_memory,
        })
    }

    fn read_counters(&self) -> Result<Usage, SandboxError> {
        self.counters
            .read()
            .doing(|| "cannot read the counters of the sandbox")
    }

    pub fn canceller(&self) -> Canceller {
        self.watcher.canceller()
    }

    /// Waits for the end or the deadline, kills what is left and reads the counters.
    pub fn wait(mut self) -> Result<Run, SandboxError> {
        let started = self.start()?;
        let seen = self.watcher.join()?;
        let usage = self.usage()?;
        let outcome = self.outcome(&seen)?;
        self.container.remove()?;
        let Some(folder) = self.folder.take() else {
            return Err(SandboxError::InitDied);
        };
        Ok(Run {
            outcome,
            usage,
            started,
            ended: seen.ended,
            longest_wait: seen.longest_wait.or(self.longest_wait),
            stdout: seen.stdout,
            stderr: seen.stderr,
            folder,
        })
    }

    /// The kernel's own counts come before what the program made of them: a child may be killed
    /// for want of memory and its parent exit with 0.
    fn outcome(&self, seen: &Seen) -> Result<Outcome, SandboxError> {
        if seen.cause == Some(Cause::Cancelled) {
            return Err(SandboxError::Cancelled);
        }
        let group = &self.container.group;
        let reading = || "cannot read the events of the sandbox";
        if group.out_of_memory_kills().doing(reading)? > 0 || seen.cause == Some(Cause::OutOfMemory)
        {
            return Ok(Outcome::OutOfMemory);
        }
        let outcome = match (seen.report, seen.cause) {
            (Some(Report::CannotExecute { errno }), _) => {
                return Err(SandboxError::CannotExecute {
                    program: self.program.clone(),
                    source: io::Error::from_raw_os_error(errno),
                });
            }
            (_, Some(Cause::TooMuchLog)) => Outcome::TooMuchLog,
            (Some(Report::Exit { code }), _) => Outcome::Exited { code },
            (Some(Report::Signal { signal }), _) => Outcome::Killed { signal },
            (None, Some(Cause::TimedOut)) => Outcome::TimedOut,
            (None, _) => return Err(SandboxError::EndedUnreported),
        };
        if !outcome.is_success() && group.refused_forks().doing(reading)? > 0 {
            return Ok(Outcome::TooManyProcesses);
        }
        let is_too_large = match outcome {
            Outcome::Killed { signal } => signal == Signal::SIGXFSZ as i32 || self.output_is_full(),
            Outcome::Exited { code } => code != 0 && self.output_is_full(),
            Outcome::TimedOut
            | Outcome::OutOfMemory
            | Outcome::TooManyProcesses
            | Outcome::OutputTooLarge
            | Outcome::TooMuchLog => false,
        };
        Ok(if is_too_large {
            Outcome::OutputTooLarge
        } else {
            outcome
        })
    }

    fn output_is_full(&self) -> bool {
        self.folder.as_ref().is_some_and(RoomFolder::is_full)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !self.watcher.is_joined() {
            self.watcher.kill(Cause::Cancelled);
            if let Err(error) = self.watcher.join() {
                tracing::error!(%error, "a dropped sandbox was not watched to its end");
            }
        }
    }
}

/// The engine's container and its group, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Container {
    pub engine: EngineCommand,
    pub id: String,
    pub group: Group,
    pub removed: bool,
}

impl Container {
    fn remove(&mut self) -> Result<(), SandboxError> {
        self.removed = true;
        if let Err(error) = self.engine.delete(&self.id) {
            tracing::debug!(%error, "the engine could not delete a container");
        }
        forget_strays(self.group.path());
        if self.group.remove() {
            Ok(())
        } else {
            Err(SandboxError::WontDie)
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.removed
            && let Err(error) = self.remove()
        {
            tracing::error!(%error, container.id = self.id, "a container was left behind");
        }
    }
}

/// Where one run's files lie, below its room's folder.
pub(super) struct Files {
    pub config: PathBuf,
    pub pid: PathBuf,
    pub log: PathBuf,
}

impl Files {
    pub fn of(folder: &RoomFolder) -> Files {
        let at = |name: &str| folder.path().join(name);
        Files {
            config: at("config.json"),
            pid: at("pid"),
            log: at("engine.log"),
        }
    }
}
