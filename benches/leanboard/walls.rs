//! What the walls cost: beside a run, where nobody is charged for it, and inside the measured
//! window. Bare is the same init starting the same program on the same CPU, without walls.

mod bare;
mod bombs;
mod limits;
mod turns;

use std::path::Path;
use std::time::Duration;

use leanboard::sandbox::{Engine, ReadOnlyMount, Walls, WallsOptions, enter_private_mounts, warm};

use crate::Outcome;
use crate::neighbours::Neighbours;
use crate::report::{at_most, heading, is_installed, line, milliseconds, quantile};
use crate::service::{ROOMS, RoomsFolder};
use bare::Bare;
use turns::{Job, Run, take_turns};

const SHORT_ROUNDS: usize = 25;
const LONG_ROUNDS: usize = 15;
/// How long the long job should take, bare.
const LONG_JOB: Duration = Duration::from_secs(2);
/// Multiplies two matrices as often as its argument says, on one core.
const LONG_PROGRAM: &str = "
import sys, numpy
a = numpy.random.default_rng(0).random((384, 384))
for _ in range(int(sys.argv[1])):
    a @ a
";

/// An engine with what is to be demanded of it.
struct Engined {
    name: &'static str,
    walls: Walls,
    around_target_ms: f64,
    // Dropped after the walls.
    rooms: RoomsFolder,
}

/// Measures on a thread of its own, because mount namespaces belong to threads.
pub fn run(runtime: &Path) -> Outcome<()> {
    std::thread::scope(|scope| {
        let measuring = scope.spawn(|| measure(runtime).map_err(|error| error.to_string()));
        Ok(measuring.join().map_err(|_| "the benchmark panicked")??)
    })
}

fn measure(runtime: &Path) -> Outcome<()> {
    enter_private_mounts()?;
    let mut engines = Vec::new();
    for (name, engine, around_target_ms) in
        [("crun", Engine::Crun, 40.0), ("runc", Engine::Runc, 60.0)]
    {
        if !is_installed(name) {
            println!("\n{name} is not installed, so it is left out");
            continue;
        }
        let rooms = format!("bench-{name}-{}", std::process::id());
        let rooms = RoomsFolder(Path::new(ROOMS).join(rooms));
        let walls = Walls::raise(WallsOptions {
            engine,
            ..WallsOptions::new(&rooms.0)
        })?;
        engines.push(Engined {
            name,
            walls,
            around_target_ms,
            rooms,
        });
    }
    let Some(first) = engines.first() else {
        return Err("neither crun nor runc is installed".into());
    };
    let bare = Bare::new(&first.walls, &first.rooms.0)?;
    warm(runtime)?;
    let nothing = Job::new(&["/bin/true"]);
    compare_short("/bin/true", &nothing, 0.5, &bare, &engines)?;
    let python = Job::new(&["/usr/bin/python3", "-c", "pass"]);
    compare_short("python3 -c pass", &python, 1.0, &bare, &engines)?;
    compare_long(runtime, &bare, &engines)?;
    for engine in &engines {
        limits::measure(engine, runtime)?;
    }
    Ok(())
}

/// Runs a job by turns, and compares the medians.
fn compare_short(
    title: &str,
    job: &Job,
    window_target_ms: f64,
    bare: &Bare,
    engines: &[Engined],
) -> Outcome<()> {
    let neighbours = Neighbours::watch()?;
    let runs = by_turns(SHORT_ROUNDS, job, bare, engines)?;
    heading(
        &format!("One run of {title}, {SHORT_ROUNDS} by turns"),
        &["median ms", "added", "", "fastest ms", "added"],
    );
    let at = |runs: &[Run], part: f64, of: fn(&Run) -> Duration| {
        let figures: Vec<f64> = runs.iter().map(|run| milliseconds(of(run))).collect();
        quantile(&figures, part)
    };
    let window = |runs: &[Run], part| at(runs, part, |run| run.window);
    let (bare_median, bare_fastest) = (window(&runs[0], 0.5), window(&runs[0], 0.0));
    let names = || engines.iter().map(|engine| engine.name);
    for (name, runs) in std::iter::once("bare").chain(names()).zip(&runs) {
        let (median, fastest) = (window(runs, 0.5), window(runs, 0.0));
        let added = median - bare_median;
        let figures = [
            format!("{median:.2}"),
            format!("{added:+.2}"),
            match name {
                "bare" => String::new(),
                _ => at_most(added, window_target_ms, "ms"),
            },
            format!("{fastest:.2}"),
            format!("{:+.2}", fastest - bare_fastest),
        ];
        line(&format!("{name}: in the window"), &figures);
    }
    for (engine, runs) in engines.iter().zip(&runs[1..]) {
        let median = at(runs, 0.5, Run::around);
        let figures = [
            format!("{median:.1}"),
            String::new(),
            at_most(median, engine.around_target_ms, "ms"),
            format!("{:.1}", at(runs, 0.0, Run::around)),
        ];
        line(&format!("{}: set-up and teardown", engine.name), &figures);
    }
    neighbours.report()
}

/// Runs a job of some two seconds by turns, and compares the fastest runs: noise only adds.
fn compare_long(runtime: &Path, bare: &Bare, engines: &[Engined]) -> Outcome<()> {
    const TARGET: f64 = 1.01;
    let inside = Path::new("/runtime");
    let job = |loops: u32| Job {
        command: ["/runtime/bin/python", "-I", "-c", LONG_PROGRAM]
            .map(str::to_owned)
            .into_iter()
            .chain([loops.to_string()])
            .collect(),
        mounts: vec![ReadOnlyMount::new(runtime, inside)],
    };
    // Not wall time, which says little of a job on a busy machine.
    let cpu_s = |loops| -> Outcome<f64> { Ok(bare.run(&job(loops))?.cpu.as_secs_f64()) };
    let (few, many) = (20, 120);
    let per_loop = (cpu_s(many)? - cpu_s(few)?) / f64::from(many - few);
    let loops = (LONG_JOB.as_secs_f64() / per_loop.max(1e-6)).clamp(100.0, 1e6) as u32;
    let neighbours = Neighbours::watch()?;
    let runs = by_turns(LONG_ROUNDS, &job(loops), bare, engines)?;
    let least = |runs: &[Run], of: fn(&Run) -> Duration| {
        let figures: Vec<f64> = runs.iter().map(|run| of(run).as_secs_f64()).collect();
        quantile(&figures, 0.0)
    };
    let both = |runs: &[Run]| (least(runs, |run| run.window), least(runs, |run| run.cpu));
    heading(
        &format!("A job of 2 s with numpy, fastest of {LONG_ROUNDS} by turns"),
        &["window s", "ratio", "", "CPU s", "ratio"],
    );
    let (bare_s, bare_cpu_s) = both(&runs[0]);
    let nothing = String::new();
    line(
        "bare",
        &[
            format!("{bare_s:.3}"),
            nothing.clone(),
            nothing,
            format!("{bare_cpu_s:.3}"),
        ],
    );
    for (engine, runs) in engines.iter().zip(&runs[1..]) {
        let (seconds, cpu_s) = both(runs);
        let ratio = seconds / bare_s;
        let figures = [
            format!("{seconds:.3}"),
            format!("{ratio:.4}"),
            at_most(ratio, TARGET, "×"),
            format!("{cpu_s:.3}"),
            format!("{:.4}", cpu_s / bare_cpu_s),
        ];
        line(engine.name, &figures);
    }
    neighbours.report()
}

/// The first round is a warm-up.
fn by_turns(rounds: usize, job: &Job, bare: &Bare, engines: &[Engined]) -> Outcome<Vec<Vec<Run>>> {
    let walls: Vec<&Walls> = engines.iter().map(|engine| &engine.walls).collect();
    take_turns(0..1, job, bare, &walls)?;
    take_turns(1..rounds + 1, job, bare, &walls)
}
