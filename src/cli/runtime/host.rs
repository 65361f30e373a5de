//! A Python environment on top of the host's `/usr`: quick to make, and for development.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::wheels::{PYTHON, VENV_REMEDY};
use super::{Failure, Partial, REQUIREMENTS, run};
use crate::domain::digest::Digest;
use crate::session::runtime::STAMP;

/// Makes the environment. It appears whole or not at all.
pub fn build(folder: &Path) -> Result<(), Failure> {
    eprintln!(
        "Installing the Python environment for models in {} …",
        folder.display()
    );
    let building = Partial::start(folder)?;
    let partial = &building.path;
    run(
        Command::new(PYTHON).args(["-I", "-m", "venv"]).arg(partial),
        VENV_REMEDY,
    )?;
    let list = partial.join("requirements.txt");
    fs::write(&list, REQUIREMENTS)
        .map_err(|error| format!("cannot make {}: {error}", list.display()))?;
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
    run(&mut pip, VENV_REMEDY)?;
    // Compiled ahead, because the sandbox cannot write what it compiles.
    let mut compile = Command::new(partial.join("bin/python"));
    compile
        .args(["-m", "compileall", "-q"])
        .arg(partial.join("lib"));
    run(&mut compile, VENV_REMEDY)?;
    building.finish(folder, &stamp())
}

pub fn is_current(folder: &Path) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == stamp())
}

fn stamp() -> String {
    Digest::of(REQUIREMENTS.as_bytes()).to_string()
}
