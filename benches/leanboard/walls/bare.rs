//! The same programs without walls.

use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leanboard::sandbox::Walls;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempPath;

use super::Outcome;
use super::turns::{Job, Run};

/// Runs programs as the sandbox's init does, on the CPU that sandboxes use, without walls.
pub struct Bare {
    init: TempPath,
    cpus: CpuSet,
}

impl Bare {
    /// With a copy of the init that the walls have laid out where it cannot be executed.
    pub fn new(walls: &Walls, rooms: &Path) -> Outcome<Bare> {
        let mut cpus = CpuSet::new();
        for cpu in walls.cpu_set(1)? {
            cpus.set(*cpu)?;
        }
        let init = tempfile::NamedTempFile::new()?.into_temp_path();
        fs::copy(rooms.join("init"), &init)?;
        Ok(Bare { init, cpus })
    }

    pub fn run(&self, job: &Job) -> Outcome<Run> {
        let begun = Instant::now();
        let (their_go, mut go) = pipe()?;
        let (report, their_report) = pipe()?;
        let mut init = self.command(job, their_go, their_report);
        let mut child = init.spawn()?;
        // Our copies of the pipes' other ends.
        drop(init);
        let mut report = BufReader::new(report).lines();
        let mut next = || report.next().unwrap_or_else(|| Ok(String::new()));
        if next()? != "ready" {
            return Err("the init did not become ready".into());
        }
        let started = Instant::now();
        go.write_all(b"g")?;
        let end = next()?;
        let window = started.elapsed();
        child.wait()?;
        let whole = begun.elapsed();
        // "exit 0 USER_US SYSTEM_US MAXRSS_KIB"
        let words: Vec<&str> = end.split(' ').collect();
        let ["exit", "0", user_us, system_us, _] = words[..] else {
            return Err(format!("a bare run ended with `{end}`").into());
        };
        Ok(Run {
            whole,
            window,
            cpu: Duration::from_micros(user_us.parse::<u64>()? + system_us.parse::<u64>()?),
        })
    }

    fn command(&self, job: &Job, go: PipeReader, report: PipeWriter) -> Command {
        let mut init = Command::new(&self.init);
        init.arg("run").args(job.command.iter().map(|word| {
            // What is mounted inside lies elsewhere outside.
            let mount = job.mounts.iter().find_map(|mount| {
                let below = Path::new(word).strip_prefix(&mount.target).ok()?;
                Some(mount.source.join(below))
            });
            mount.unwrap_or_else(|| word.into())
        }));
        init.current_dir("/tmp")
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/tmp")
            .env("LANG", "C.UTF-8")
            .env("OMP_NUM_THREADS", "1")
            .env("OPENBLAS_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let cpus = self.cpus;
        // SAFETY: between fork and exec only async-signal-safe system calls are made. The init
        // expects the pipes as 3 and 4; neither copy overwrites a pipe that is still to be copied.
        unsafe {
            init.pre_exec(move || {
                let (go, report) = (go.as_raw_fd(), report.as_raw_fd());
                let out_of_the_way = nix::libc::fcntl(report, nix::libc::F_DUPFD_CLOEXEC, 5);
                if out_of_the_way < 0
                    || nix::libc::dup2(go, 3) < 0
                    || nix::libc::dup2(out_of_the_way, 4) < 0
                {
                    return Err(std::io::Error::last_os_error());
                }
                // A pipe that has its number already would be closed by the exec.
                if go == 3 {
                    nix::libc::fcntl(3, nix::libc::F_SETFD, 0);
                }
                sched_setaffinity(Pid::from_raw(0), &cpus).map_err(std::io::Error::from)
            });
        }
        init
    }
}
