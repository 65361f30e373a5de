//! `leanboard runtime`: what lies around models in their sandboxes, made once for a machine.

mod apt;
mod host;
mod image;
mod wheels;

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::{Failure, Settings};
use crate::session::Runtime;
use crate::session::runtime::{MANIFEST, STAMP, USR, read_manifest};

/// Exact versions with the hashes of their wheels.
const REQUIREMENTS: &str = include_str!("../../../sandbox/runtime/requirements.txt");

#[derive(Debug, Subcommand)]
pub enum RuntimeCommand {
    /// Make the image that replaces the host's /usr in sandboxes, unless it is there and current
    Build(Build),
}

#[derive(Debug, Args)]
pub struct Build {
    /// Make a Python environment on top of the host's /usr instead, for development
    #[arg(long)]
    host: bool,
}

impl RuntimeCommand {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let RuntimeCommand::Build(Build { host }) = self;
        let folder = default_folder(settings);
        if !host {
            return image::build(&folder);
        }
        if host::is_current(&folder) {
            return Ok(());
        }
        host::build(&folder)
    }
}

pub fn default_folder(settings: &Settings) -> PathBuf {
    settings.data.data_dir().join("runtime")
}

/// Opens the runtime in a folder: it must be current, and an image as it was built.
///
/// # Errors
/// Names the folder and the command that makes it.
pub fn open(folder: &Path) -> Result<Runtime, Failure> {
    check(folder)?;
    Runtime::open(folder).map_err(|error| {
        format!(
            "the runtime image in {} is damaged: {error}; remove the folder, and make it anew with \
             `leanboard runtime build`",
            folder.display()
        )
    })
}

/// Whether there is a runtime of either kind, of this version.
///
/// # Errors
/// Names the folder and the command that makes it.
pub fn check(folder: &Path) -> Result<(), Failure> {
    if host::is_current(folder) || image::is_current(folder)? {
        return Ok(());
    }
    Err(format!(
        "the runtime in {} is missing or of another version; make it with `leanboard runtime build` \
         (LEANBOARD_DATA_DIR), or name another with --runtime-dir (LEANBOARD_RUNTIME_DIR)",
        folder.display()
    ))
}

/// Sees to a runtime of either kind; where there is none, makes the one on the host's `/usr`, which
/// takes less.
pub fn prepare(folder: &Path) -> Result<(), Failure> {
    if host::is_current(folder) || image::is_current(folder)? {
        return Ok(());
    }
    if folder.join(MANIFEST).exists() || folder.join(USR).exists() {
        // Never exchanged for something that is pinned less.
        return check(folder);
    }
    host::build(folder)
}

/// A folder beside the one that is made: that one appears whole or not at all.
struct Partial {
    path: PathBuf,
    /// Nobody else builds beside it meanwhile.
    _lock: Flock<File>,
}

impl Partial {
    /// Begins afresh, whatever an interrupted build left.
    fn start(folder: &Path) -> Result<Partial, Failure> {
        let path = folder.with_extension("partial");
        let parent = folder.parent().unwrap_or(Path::new("/"));
        let failed = |error: io::Error| format!("cannot make {}: {error}", path.display());
        fs::create_dir_all(parent).map_err(failed)?;
        let parent = File::open(parent).map_err(failed)?;
        let lock = Flock::lock(parent, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| format!("{} is being made already: {error}", folder.display()))?;
        remove(&path)?;
        fs::create_dir(&path).map_err(failed)?;
        Ok(Partial { path, _lock: lock })
    }

    /// Puts it in its place, with a stamp.
    fn finish(&self, folder: &Path, stamp: &str) -> Result<(), Failure> {
        let failed = |error: io::Error| format!("cannot make {}: {error}", folder.display());
        fs::write(self.path.join(STAMP), stamp).map_err(failed)?;
        remove(folder)?;
        fs::rename(&self.path, folder).map_err(failed)
    }
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("cannot remove {}: {error}", folder.display())),
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()
    });
    entries.map_err(|error| format!("cannot read {}: {error}", folder.display()))
}

/// Runs a program to its end or ours, and answers with what it printed. `remedy` is for one that is not
/// there.
fn run(command: &mut Command, remedy: &str) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    // What is interrupted does not go on beside the next start.
    // SAFETY: between fork and exec only one async-signal-safe system call is made.
    unsafe {
        command.pre_exec(|| set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from));
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot run {program}: {error}; {remedy}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{program} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
