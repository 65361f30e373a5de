//! The first bird in the mine: before a runner takes jobs, a program of ours tries to break out.

use std::time::Duration;

use super::cgroup::Controller;
use super::error::SandboxError;
use super::room::Room;
use super::run::Run;
use super::walls::Walls;
use crate::domain::limits::Limits;
use crate::domain::outcome::Outcome;
use crate::domain::units::Bytes;

const MEMORY: Bytes = Bytes::from_mib(64);

/// Tries what must be impossible, and what the machine is said to limit.
pub(super) fn sing(walls: &Walls) -> Result<(), SandboxError> {
    let hierarchy = &walls.machine().hierarchy;
    expect_nothing_possible(run(walls, "walls")?)?;
    if hierarchy.has(Controller::Pids) {
        expect_nothing_possible(run(walls, "processes")?)?;
    }
    if hierarchy.has(Controller::Memory) {
        expect_out_of_memory(&run(walls, "memory")?)?;
    }
    Ok(())
}

fn expect_nothing_possible(run: Run) -> Result<(), SandboxError> {
    if run.outcome.is_success() {
        return Ok(());
    }
    let possible = run.stdout.text().trim().replace('\n', ", ");
    Err(SandboxError::WallsBroken(format!(
        "a program could {possible} ({:?})",
        run.outcome
    )))
}

fn expect_out_of_memory(run: &Run) -> Result<(), SandboxError> {
    if run.outcome == Outcome::OutOfMemory && run.usage.peak_memory <= MEMORY {
        return Ok(());
    }
    Err(SandboxError::WallsBroken(format!(
        "a program with a limit of {MEMORY} took {} and ended as {:?}",
        run.usage.peak_memory, run.outcome
    )))
}

fn run(walls: &Walls, what: &str) -> Result<Run, SandboxError> {
    let limits = Limits {
        time: Duration::from_secs(10),
        memory: MEMORY,
        processes: 8,
        cpus: 1,
        output: Bytes::from_mib(1),
        ..Limits::default()
    };
    let command = [super::config::INIT, "canary", what];
    match walls.make_room(&Room::new(command, limits))?.wait() {
        Err(SandboxError::EndedUnreported) => Err(SandboxError::WallsBroken(
            "a program could end process 1".into(),
        )),
        ran => ran,
    }
}
