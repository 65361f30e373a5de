//! `leanboard runtime`: the pinned Python environment that models run in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Subcommand;

use super::{Failure, Settings};
use crate::domain::digest::Digest;

/// Exact versions with the hashes of their wheels.
const REQUIREMENTS: &str = include_str!("../../sandbox/runtime/requirements.txt");
/// Debian's, because the sandbox shows the host's `/usr` and nothing of anybody's home.
const PYTHON: &str = "/usr/bin/python3";
/// Says which requirements an environment was made from; written last.
const STAMP: &str = "leanboard-runtime";

#[derive(Debug, Subcommand)]
pub enum RuntimeCommand {
    /// Make the environment, unless it is there and current
    Build,
}

impl RuntimeCommand {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            RuntimeCommand::Build => build(&default_folder(settings)),
        }
    }
}

pub fn default_folder(settings: &Settings) -> PathBuf {
    settings.data.data_dir().join("runtime")
}

/// Whether the environment is there and current.
///
/// # Errors
/// Names the folder and the command that makes it.
pub fn check(folder: &Path) -> Result<(), Failure> {
    if is_current(folder) {
        return Ok(());
    }
    Err(format!(
        "the Python environment in {} is missing or of another version; make it with \
         `leanboard runtime build` (LEANBOARD_DATA_DIR), or name another with --runtime-dir \
         (LEANBOARD_RUNTIME_DIR)",
        folder.display()
    ))
}

/// Makes the environment, unless it is there and current. It appears whole or not at all.
pub fn build(folder: &Path) -> Result<(), Failure> {
    if is_current(folder) {
        return Ok(());
    }
    eprintln!(
        "Installing the Python environment for models in {} …",
        folder.display()
    );
    let partial = folder.with_extension("partial");
    remove(&partial)?;
    let failed = |error: std::io::Error| format!("cannot make {}: {error}", partial.display());
    fs::create_dir_all(&partial).map_err(failed)?;
    run(Command::new(PYTHON)
        .args(["-I", "-m", "venv"])
        .arg(&partial))?;
    let list = partial.join("requirements.txt");
    fs::write(&list, REQUIREMENTS).map_err(failed)?;
    let mut pip = Command::new(partial.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args([
        "--no-input",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-compile",
    ])
    .arg("--requirement")
    .arg(&list);
    run(&mut pip)?;
    // Compiled ahead, because the sandbox cannot write what it compiles.
    let mut compile = Command::new(partial.join("bin/python"));
    compile
        .args(["-m", "compileall", "-q"])
        .arg(partial.join("lib"));
    run(&mut compile)?;
    fs::write(partial.join(STAMP), stamp()).map_err(failed)?;
    remove(folder)?;
    fs::rename(&partial, folder).map_err(failed)
}

fn is_current(folder: &Path) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == stamp())
}

fn stamp() -> String {
    Digest::of(REQUIREMENTS.as_bytes()).to_string()
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("cannot remove {}: {error}", folder.display())),
    }
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        format!("cannot run {program}: {error}; install the Debian package `python3-venv`")
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
