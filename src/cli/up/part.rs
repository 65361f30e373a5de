//! A process that the supervisor keeps running.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tokio::process::{Child, ChildStdin, Command};

use super::Up;
use crate::cli::{Failure, Settings};
use crate::config::MeterKind;

/// A part that lived this long is started again at once; others wait longer and longer.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How a part is started.
pub struct Recipe {
    name: &'static str,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    /// Out of reach of Ctrl-C at the terminal, so that parts are stopped in order. Not for sudo,
    /// which may have to ask for a password there.
    own_group: bool,
}

/// The web server, which as root gives up all rights.
pub fn serve(up: &Up, settings: &Settings, url: &str) -> Result<Recipe, Failure> {
    let mut arguments = vec![OsString::from("serve")];
    if geteuid().is_root() {
        arguments.extend(["--run-as".into(), up.up.user.clone().into()]);
    }
    let mut environment = common_environment(settings, url);
    environment.push(("LEANBOARD_LISTEN", up.serve.listen.to_string().into()));
    environment.push(("LEANBOARD_SIGN_UP", up.serve.sign_up.to_string().into()));
    environment.push((
        "LEANBOARD_WEB_WORKERS",
        up.serve.web_workers.to_string().into(),
    ));
    environment.push((
        "LEANBOARD_EVENT_STREAMS",
        up.serve.event_streams.to_string().into(),
    ));
    environment.push((
        "LEANBOARD_MIN_FREE_MIB",
        up.serve.min_free_mib.to_string().into(),
    ));
    if let Some(public_url) = &up.serve.public_url {
        environment.push(("LEANBOARD_PUBLIC_URL", public_url.into()));
    }
    Ok(Recipe {
        name: "the web server",
        program: this_program()?,
        arguments,
        environment,
        own_group: true,
    })
}

/// The runner, which needs root: an ordinary user starts it with sudo.
pub fn runner(up: &Up, settings: &Settings, url: &str) -> Result<Recipe, Failure> {
    let mut environment = common_environment(settings, url);
    environment.push(("LEANBOARD_RUNTIME_DIR", up.runtime_folder(settings).into()));
    environment.push(("LEANBOARD_ROOMS_DIR", up.runner.rooms_dir.clone().into()));
    environment.push((
        "LEANBOARD_OCI_RUNTIME",
        up.runner.oci_runtime.clone().into(),
    ));
    let meter = match up.runner.meter {
        MeterKind::Auto => "auto",
        MeterKind::None => "none",
        MeterKind::Fake => "fake",
    };
    environment.push(("LEANBOARD_METER", meter.into()));
    environment.push((
        "LEANBOARD_POWERCAP_DIR",
        up.runner.powercap_dir.clone().into(),
    ));
    if let Some(library) = &up.runner.nvml_library {
        environment.push(("LEANBOARD_NVML_LIBRARY", library.into()));
    }
    environment.push(("LEANBOARD_LEASE_S", up.runner.lease_s.to_string().into()));
    if up.runner.allow_degraded {
        environment.push(("LEANBOARD_ALLOW_DEGRADED", "true".into()));
    }
    if let Some(name) = &up.runner.runner_name {
        environment.push(("LEANBOARD_RUNNER_NAME", name.into()));
    }
    let runner = ["runner", "--until-stdin-closes"].map(OsString::from);
    let (program, arguments) = if geteuid().is_root() {
        (this_program()?, runner.to_vec())
    } else {
        let names: Vec<&str> = environment.iter().map(|(name, _)| *name).collect();
        let mut arguments = vec![format!("--preserve-env={}", names.join(",")).into()];
        arguments.extend(["--".into(), this_program()?]);
        arguments.extend(runner);
        ("sudo".into(), arguments)
    };
    Ok(Recipe {
        name: "the runner",
        program,
        arguments,
        environment,
        own_group: geteuid().is_root(),
    })
}

fn common_environment(settings: &Settings, url: &str) -> Vec<(&'static str, OsString)> {
    let format = match settings.log.log_format {
        crate::config::LogFormat::Text => "text",
        crate::config::LogFormat::Json => "json",
    };
    vec![
        // In the environment and not among the arguments, which everybody can read.
        ("DATABASE_URL", url.into()),
        ("LEANBOARD_DATA_DIR", settings.data.data_dir().into()),
        ("LEANBOARD_LOG", settings.log.log.clone().into()),
        ("LEANBOARD_LOG_FORMAT", format.into()),
    ]
}

fn this_program() -> Result<OsString, Failure> {
    let program = std::env::current_exe();
    program
        .map(OsString::from)
        .map_err(|error| format!("cannot find this program: {error}"))
}

/// A running part.
pub struct Part {
    recipe: Recipe,
    child: Child,
    /// Held open: a part that may not be signalled ends when it closes.
    stdin: Option<ChildStdin>,
    started: Instant,
    pause: Duration,
    /// It has ended, and is started again at this instant.
    start_at: Option<Instant>,
}

impl Part {
    pub fn start(recipe: Recipe) -> Result<Part, Failure> {
        let mut child = spawn(&recipe)?;
        Ok(Part {
            stdin: child.stdin.take(),
            child,
            recipe,
            started: Instant::now(),
            pause: Duration::ZERO,
            start_at: None,
        })
    }

    /// Waits until the part has ended by itself, and starts it again: after a pause that grows while
    /// it keeps ending. May be dropped and called again at any moment.
    pub async fn keep_up(&mut self) -> Result<(), Failure> {
        if self.start_at.is_none() {
            let status = self.child.wait().await;
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            tracing::error!("{} ended by itself ({how})", self.recipe.name);
            self.pause = if self.started.elapsed() > HEALTHY_AFTER {
                Duration::ZERO
            } else {
                (self.pause * 2).clamp(Duration::from_millis(500), LONGEST_PAUSE)
            };
            self.start_at = Some(Instant::now() + self.pause);
        }
        if let Some(start_at) = self.start_at {
            tokio::time::sleep_until(start_at.into()).await;
        }
        tracing::info!("starting {} again", self.recipe.name);
        self.child = spawn(&self.recipe)?;
        self.stdin = self.child.stdin.take();
        self.started = Instant::now();
        self.start_at = None;
        Ok(())
    }

    /// Asks the part to stop, and waits until it has.
    pub async fn stop(&mut self) {
        drop(self.stdin.take());
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        if tokio::time::timeout(STOP_LIMIT, self.child.wait())
            .await
            .is_err()
        {
            tracing::warn!("{} did not stop in time, so it is killed", self.recipe.name);
            let _ = self.child.kill().await;
        }
    }
}

fn spawn(recipe: &Recipe) -> Result<Child, Failure> {
    let mut command = std::process::Command::new(&recipe.program);
    command
        .args(&recipe.arguments)
        .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped());
    if recipe.own_group {
        command.process_group(0);
    }
    // SAFETY: between fork and exec only one async-signal-safe system call is made.
    unsafe {
        command.pre_exec(|| {
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from)
        });
    }
    Command::from(command).spawn().map_err(|error| {
        let program = recipe.program.to_string_lossy();
        format!("cannot start {}: {program}: {error}", recipe.name)
    })
}
