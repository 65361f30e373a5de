//! What Leanboard itself costs: its walls, its door, its scoring, its queue, its harness and its leaderboard, each figure
//! beside its target and beside what it is compared with in the same run. See docs/benchmarks.md.
//!
//! `cargo bench` runs all parts; `cargo bench -- walls door` only those.

mod door;
mod first_sandbox;
mod harness;
mod leaderboard;
mod neighbours;
mod nginx;
mod process;
mod report;
mod scoring;
mod seed;
mod service;
mod walls;
#[path = "../../tests/it/support/wire.rs"]
mod wire;
mod wrk;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use service::Service;

/// The program, as it was built for this benchmark.
const PROGRAM: &str = env!("CARGO_BIN_EXE_leanboard");

/// Whatever went wrong, in a sentence: nobody but a person at a terminal reads it.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let convert = std::env::args().find_map(|argument| {
        let folder = argument.strip_prefix(scoring::WRITE_PARQUET)?;
        Some(PathBuf::from(folder))
    });
    if let Some(folder) = convert {
        return scoring::write_parquet(&folder);
    }
    // cargo adds flags of its own.
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_chosen = |part: &str| chosen.is_empty() || chosen.iter().any(|name| name == part);
    let runtime = build_runtime()?;
    report::print_machine();
    if is_chosen("walls") {
        walls::run(&runtime)?;
    }
    if is_chosen("door") {
        door::run(&runtime)?;
    }
    if is_chosen("scoring") {
        scoring::run(&runtime)?;
    }
    if ["queue", "harness", "leaderboard"]
        .into_iter()
        .any(is_chosen)
    {
        let service = Service::start(&runtime)?;
        if is_chosen("queue") {
            first_sandbox::run(&service)?;
        }
        if is_chosen("harness") {
            harness::run(&service, &runtime)?;
        }
        if is_chosen("leaderboard") {
            leaderboard::run(&service)?;
        }
    }
    Ok(())
}

/// The Python environment that models run in, made once and kept.
fn build_runtime() -> Outcome<PathBuf> {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("data");
    let mut build = Command::new(PROGRAM);
    build
        .args(["runtime", "build", "--host", "--data-dir"])
        .arg(&data);
    process::output(&mut build)?;
    Ok(data.join("runtime"))
}
