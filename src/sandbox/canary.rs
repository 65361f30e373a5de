//! The first bird in the mine: before a runner takes jobs, a program of ours tries to break out.

use std::time::Duration;

use super::cgroup::Controller;
use super::error::SandboxError;
use super::room::Room;
use super::walls::Walls;
use crate::domain::limits::Limits;
use crate::domain::outcome::Outcome;
use crate::domain::units::Bytes;

const MEMORY: Bytes = Bytes::from_mib(64);

pub(super) fn sing(walls: &Walls) -> Result<(), SandboxError> {
    let run = run(walls, "walls")?;
    if !run.outcome.is_success() {
        let possible = run.stdout.text().trim().replace('\n', ", ");
        return Err(SandboxError::WallsBroken(format!(
            "a program could {possible} ({:?})",
            run.outcome
        )));
    }
    if !walls.machine().hierarchy.has(Controller::Memory) {
        return Ok(());
    }
    let run = self::run(walls, "memory")?;
    if run.outcome != Outcome::OutOfMemory || run.usage.peak_memory > MEMORY {
        return Err(SandboxError::WallsBroken(format!(
            "a program with a limit of {MEMORY} took {} and ended as {:?}",
            run.usage.peak_memory, run.outcome
        )));
    }
    Ok(())
}

fn run(walls: &Walls, what: &str) -> Result<super::run::Run, SandboxError> {
    let limits = Limits {
        time: Duration::from_secs(10),
        memory: MEMORY,
        processes: 8,
        cpus: 1,
        output: Bytes::from_mib(1),
    };
    let command = [super::config::INIT, "canary", what];
    walls.make_room(&Room::new(command, limits))?.wait()
}
