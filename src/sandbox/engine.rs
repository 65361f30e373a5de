//! The command line of an OCI runtime: the same words for crun and runc.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};

use super::channel::TheirEnds;
use super::error::{Doing, SandboxError};

/// Which OCI runtime builds the walls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    Crun,
    Runc,
    /// Another executable that understands the same command line.
    Path(PathBuf),
}

impl Engine {
    pub(super) fn program(&self) -> &Path {
        match self {
            Engine::Crun => Path::new("crun"),
            Engine::Runc => Path::new("runc"),
            Engine::Path(path) => path,
        }
    }
}

/// An engine with the folder where it keeps its state.
#[derive(Debug, Clone)]
pub(super) struct EngineCommand {
    program: PathBuf,
    state: PathBuf,
}

/// What `create` needs beside the pipes.
pub(super) struct Bundle<'a> {
    pub id: &'a str,
    pub folder: &'a Path,
    pub pid_file: &'a Path,
    pub log: &'a Path,
}

/// A command of an engine takes some 10 ms; one that takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// As the init expects them: go, report, commands, events.
const FIRST_INHERITED: i32 = 3;
const INHERITED: usize = 4;

impl EngineCommand {
    pub fn new(engine: &Engine, state: PathBuf) -> EngineCommand {
        EngineCommand {
            program: engine.program().into(),
            state,
        }
    }

    /// The first line of `--version`: "crun version 1.8.1".
    pub fn version(&self) -> io::Result<String> {
        let output = self.command_without_state().arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// Builds the walls; the init does not run yet. Its pipes are closed on our side afterwards.
    pub fn create(&self, bundle: &Bundle<'_>, pipes: TheirEnds) -> Result<(), SandboxError> {
        let inherited = out_of_the_way([pipes.go, pipes.report, pipes.commands, pipes.events])?;
        let numbers = inherited.each_ref().map(|fd| fd.as_raw_fd());
        let mut command = self.command_without_state();
        command
            .arg("--log")
            .arg(bundle.log)
            .arg("--root")
            .arg(&self.state)
            .args(["create", "--preserve-fds", &INHERITED.to_string()])
            .arg("--bundle")
            .arg(bundle.folder)
            .arg("--pid-file")
            .arg(bundle.pid_file)
            .arg(bundle.id)
            .stdout(pipes.stdout)
            .stderr(pipes.stderr);
        // SAFETY: dup2 is allowed between fork and exec, and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                for (target, fd) in (FIRST_INHERITED..).zip(numbers) {
                    if nix::libc::dup2(fd, target) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        let created = self.finish("create", command);
        drop(inherited);
        created.map_err(|error| with_log(error, bundle.log))
    }

    /// Runs the init.
    pub fn start(&self, id: &str) -> Result<(), SandboxError> {
        let mut command = self.command("start");
        command.arg(id);
        self.finish("start", command)
    }

    /// Kills what is left and forgets the container.
    pub fn delete(&self, id: &str) -> Result<(), SandboxError> {
        let mut command = self.command("delete");
        command.args(["--force", id]);
        self.finish("delete", command)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.command_without_state();
        command.arg("--root").arg(&self.state).arg(verb);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn command_without_state(&self) -> Command {
        const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", PATH).stdin(Stdio::null());
        command
    }

    fn finish(&self, verb: &str, mut command: Command) -> Result<(), SandboxError> {
        let name = || format!("{} {verb}", self.program.display());
        let mut child = command
            .spawn()
            .doing(|| format!("cannot run {}", self.program.display()))?;
        // Our copies of the pipes' other ends.
        drop(command);
        let status = wait_until(&mut child, Instant::now() + PATIENCE)
            .doing(|| format!("cannot wait for {}", name()))?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(SandboxError::Engine {
                command: name(),
                message: status.to_string(),
            }),
            None => Err(SandboxError::Engine {
                command: name(),
                message: format!("no answer within {PATIENCE:?}"),
            }),
        }
    }
}

/// `None` when it had to be killed at the deadline.
fn wait_until(
    child: &mut Child,
    deadline: Instant,
) -> io::Result<Option<std::process::ExitStatus>> {
    let pidfd = super::watcher::open_pidfd(child.id())?;
    let ended = super::channel::wait_for(
        std::os::fd::AsFd::as_fd(&pidfd),
        nix::poll::PollFlags::POLLIN,
        Some(deadline),
    );
    if matches!(ended, Ok(true)) {
        return child.wait().map(Some);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// Moves descriptors above those that the child's are copied to, so that no copy overwrites one
/// that is still to be copied.
fn out_of_the_way(fds: [OwnedFd; INHERITED]) -> Result<[OwnedFd; INHERITED], SandboxError> {
    use std::os::fd::FromRawFd;
    let lowest = FIRST_INHERITED + INHERITED as i32;
    let [a, b, c, d] = fds.map(|fd| {
        let moved = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(lowest))
            .doing(|| "cannot copy a descriptor of the sandbox")?;
        // SAFETY: fcntl has just made this descriptor, and nobody else knows it.
        Ok::<OwnedFd, SandboxError>(unsafe { OwnedFd::from_raw_fd(moved) })
    });
    Ok([a?, b?, c?, d?])
}

/// The engine's own words, which tell more than its exit status.
fn with_log(error: SandboxError, log: &Path) -> SandboxError {
    let words = fs::read_to_string(log).unwrap_or_default();
    match error {
        SandboxError::Engine { command, message } if !words.trim().is_empty() => {
            SandboxError::Engine {
                command,
                message: format!("{message}: {}", words.trim()),
            }
        }
        other => other,
    }
}
