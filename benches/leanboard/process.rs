//! Child processes: their output, and servers that end with us.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Outcome;

/// What a program prints that must not fail.
pub fn output(command: &mut Command) -> Outcome<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{program} failed ({}): {words}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What a program used.
pub struct Spent {
    pub wall: Duration,
    /// The most memory that it held at once.
    pub peak_bytes: u64,
}

/// Runs a program that must not fail, without its output.
pub fn timed(command: &mut Command) -> Outcome<Spent> {
    command.stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let child = command.spawn()?;
    let pid = i32::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which zeros are valid.
    let mut usage: nix::libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to variables of this function; the child is waited for here alone.
    let waited = unsafe { nix::libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    let wall = start.elapsed();
    if waited != pid || status != 0 {
        return Err(format!("a program failed with the status {status}").into());
    }
    Ok(Spent {
        wall,
        peak_bytes: u64::try_from(usage.ru_maxrss)? * 1024,
    })
}

/// A server that writes its log to a file. Stopped when this is dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it, and waits until its log has a line with these words, which it answers with.
    ///
    /// The kernel stops it with the thread that calls this.
    pub fn start(mut command: Command, log: &Path, ready: &str) -> Outcome<(Server, String)> {
        command.stdin(Stdio::null()).stderr(File::create(log)?);
        // SAFETY: between fork and exec only one async-signal-safe system call is made.
        unsafe {
            command.pre_exec(|| set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from));
        }
        let mut server = Server {
            child: command.spawn()?,
            log: log.to_owned(),
        };
        let line = server.wait_for_line(ready)?;
        Ok((server, line))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn wait_for_line(&mut self, words: &str) -> Outcome<String> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&self.log)?;
            if let Some(line) = text.lines().find(|line| line.contains(words)) {
                return Ok(line.to_owned());
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("waited in vain for `{words}` in: {text}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
