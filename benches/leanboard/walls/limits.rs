//! Whether the limits hold as promised: how fast a tree is dead after its deadline, whether a peak of
//! memory is what was touched, and whether a bomb leaves anything for the next run to pay for.

use std::path::Path;
use std::time::Duration;

use leanboard::domain::limits::Limits;
use leanboard::domain::outcome::Outcome as Ending;
use leanboard::sandbox::{ReadOnlyMount, Room, Run, Walls};

use super::Engined;
use super::bombs::{BOMBS, Bomb, GOOD, UNWILLING, python};
use crate::Outcome;
use crate::neighbours::Neighbours;
use crate::report::{at_most, heading, line, milliseconds, quantile};

const ROUNDS: usize = 7;
const ONES: &str = "import numpy; numpy.ones(200 << 20, dtype='u1')";

pub fn measure(engine: &Engined, runtime: &Path) -> Outcome<()> {
    let neighbours = Neighbours::watch()?;
    heading(
        &format!("Limits under {}, {ROUNDS} runs each", engine.name),
        &["median", "worst", ""],
    );
    kill_at_the_deadline(&engine.walls)?;
    measure_ones(&engine.walls, runtime)?;
    for bomb in &BOMBS {
        compare_around(&engine.walls, bomb)?;
    }
    neighbours.report()
}

/// From the deadline until every process is dead and the group is gone: `wait` answers then.
fn kill_at_the_deadline(walls: &Walls) -> Outcome<()> {
    const TARGET_MS: f64 = 100.0;
    let mut room = python(UNWILLING);
    room.limits.time = Duration::from_millis(300);
    let mut late_ms = Vec::new();
    for _ in 0..ROUNDS {
        let mut sandbox = walls.make_room(&room)?;
        let started = sandbox.start()?;
        let run = sandbox.wait()?;
        let late = started.elapsed().saturating_sub(room.limits.time);
        expect(&run, &Ending::TimedOut)?;
        late_ms.push(milliseconds(late));
    }
    let [median, worst] = [0.5, 1.0].map(|part| quantile(&late_ms, part));
    line(
        "deadline → tree dead, group gone",
        &[
            format!("{median:.1} ms"),
            format!("{worst:.1} ms"),
            at_most(worst, TARGET_MS, "ms"),
        ],
    );
    Ok(())
}

fn measure_ones(walls: &Walls, runtime: &Path) -> Outcome<()> {
    let mut peaks_mib = Vec::new();
    for _ in 0..ROUNDS {
        let mut room = Room::new(["/runtime/bin/python", "-I", "-c", ONES], Limits::default());
        room.mounts = vec![ReadOnlyMount::new(runtime, "/runtime")];
        let run = walls.make_room(&room)?.wait()?;
        expect(&run, &Ending::Exited { code: 0 })?;
        peaks_mib.push(run.usage.peak_memory.as_u64() as f64 / f64::from(1 << 20));
    }
    let [least, median, most] = [0.0, 0.5, 1.0].map(|part| quantile(&peaks_mib, part));
    line(
        "peak memory of numpy.ones, 200 MiB",
        &[
            format!("{median:.1} MiB"),
            format!("{most:.1} MiB"),
            at_most(most, 230.0, "MiB"),
        ],
    );
    line(
        "largest peak by the smallest",
        &[
            format!("{:.4}", most / least),
            String::new(),
            at_most(most / least, 1.01, "×"),
        ],
    );
    Ok(())
}

/// CPU times of the same good program, with a bomb just before it and without, by turns.
fn compare_around(walls: &Walls, bomb: &Bomb) -> Outcome<()> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        before.push(good(walls)?);
        let run = walls.make_room(&bomb.room())?.wait()?;
        expect(&run, &bomb.ends_as)?;
        drop(run);
        after.push(good(walls)?);
    }
    let ratio = quantile(&after, 0.5) / quantile(&before, 0.5);
    let worst = quantile(&after, 1.0) / quantile(&before, 0.5);
    line(
        &format!("CPU time after {} by before", bomb.name),
        &[
            format!("{ratio:.4}"),
            format!("{worst:.4}"),
            at_most(ratio, 1.05, "×"),
        ],
    );
    Ok(())
}

/// CPU seconds.
fn good(walls: &Walls) -> Outcome<f64> {
    let run = walls.make_room(&python(GOOD))?.wait()?;
    expect(&run, &Ending::Exited { code: 0 })?;
    Ok(run.usage.cpu.as_secs_f64())
}

fn expect(run: &Run, expected: &Ending) -> Outcome<()> {
    if run.outcome == *expected {
        return Ok(());
    }
    Err(format!(
        "a run ended as {:?} and not as {expected:?}: {}",
        run.outcome,
        run.stderr.text()
    )
    .into())
}
