//! Walls of its own for every test, and programs to put behind them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use leanboard::domain::outcome::Outcome;
use leanboard::sandbox::{Engine, Room, Run, Sandbox, Walls, WallsOptions, enter_private_mounts};

pub use super::bombs::{python, small};

/// What every engine must do alike is tested with each that is installed.
pub fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::Crun, Engine::Runc];
    engines.retain(|engine| {
        Command::new(program(engine))
            .arg("--version")
            .output()
            .is_ok()
    });
    assert_ne!(engines, [], "crun or runc is installed");
    engines
}

pub fn program(engine: &Engine) -> &Path {
    match engine {
        Engine::Crun => Path::new("crun"),
        Engine::Runc => Path::new("runc"),
        Engine::Path(path) => path,
    }
}

pub struct TestWalls {
    pub walls: Walls,
    pub engine: Engine,
    pub name: String,
    // Dropped after the walls.
    pub folder: RuntimeFolder,
}

/// A runner's folder on the host, which a real one keeps for its next start.
pub struct RuntimeFolder(pub PathBuf);

impl Drop for RuntimeFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0.join("lock"));
        let _ = std::fs::remove_dir(&self.0);
    }
}

impl Drop for TestWalls {
    fn drop(&mut self) {
        // A test that already fails says why.
        if !std::thread::panicking() {
            self.assert_nothing_is_left();
        }
    }
}

impl TestWalls {
    pub fn raise() -> TestWalls {
        TestWalls::raise_with(engines().remove(0))
    }

    /// One after the other, each gone before the next is raised.
    pub fn on_every_engine() -> impl Iterator<Item = TestWalls> {
        engines().into_iter().map(TestWalls::raise_with)
    }

    pub fn raise_with(engine: Engine) -> TestWalls {
        enter_private_mounts().expect("the tests run as root");
        let (options, folder) = options(engine.clone());
        TestWalls {
            engine,
            walls: Walls::raise(options).unwrap_or_else(|error| panic!("{error}: {error:?}")),
            name: folder.0.file_name().unwrap().to_str().unwrap().into(),
            folder,
        }
    }

    pub fn make(&self, room: &Room) -> Sandbox {
        self.walls
            .make_room(room)
            .unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    pub fn run(&self, room: &Room) -> Run {
        self.make(room)
            .wait()
            .unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    /// No process, group, mount or folder of a run.
    pub fn assert_nothing_is_left(&self) {
        assert_eq!(processes_of(&self.name), Vec::<i32>::new());
        for group in groups_of(&self.name) {
            let inside: Vec<_> = std::fs::read_dir(group)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_type().unwrap().is_dir())
                .collect();
            assert!(inside.is_empty(), "{inside:?}");
        }
        let rooms: Vec<_> = std::fs::read_dir(self.folder.0.join("rooms"))
            .unwrap()
            .collect();
        assert!(rooms.is_empty(), "{rooms:?}");
        let mounts = std::fs::read_to_string("/proc/thread-self/mounts").unwrap();
        let below = format!("{}/rooms", self.folder.0.display());
        assert!(!mounts.contains(&below), "{mounts}");
    }
}

/// Of walls that are gone, or never stood.
pub fn assert_leaves_nothing(folder: &RuntimeFolder) {
    let name = folder.0.file_name().unwrap().to_str().unwrap();
    assert_eq!(groups_of(name), Vec::<PathBuf>::new());
    let mounts = std::fs::read_to_string("/proc/thread-self/mounts").unwrap();
    assert!(!mounts.contains(&*folder.0.to_string_lossy()), "{mounts}");
}

pub fn options(engine: Engine) -> (WallsOptions, RuntimeFolder) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test-{}-{number}", std::process::id());
    let mut options = WallsOptions::new(Path::new("/run/leanboard-test").join(name));
    options.engine = engine;
    let folder = RuntimeFolder(options.runtime_dir.clone());
    (options, folder)
}

/// The runner's group in every controller, named after it and its folder.
pub fn groups_of(name: &str) -> Vec<PathBuf> {
    let v2 = PathBuf::from("/sys/fs/cgroup");
    // In a unit of systemd they lie in the unit's group, beside that of the tests themselves.
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let unit = own.map(|own| own.strip_suffix("/runner").unwrap_or(own));
    let delegated = unit
        .filter(|unit| !unit.is_empty())
        .map(|unit| Path::new("/sys/fs/cgroup").join(unit));
    let is_its = |group: &PathBuf| {
        let group = group.file_name().unwrap().to_string_lossy();
        let digest = group
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'));
        digest.is_some_and(|digest| digest.len() == 8 && !digest.contains('-'))
    };
    std::fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .flatten()
        // In a hybrid layout crun leaves ordinary files there until a run is waited for.
        .filter(|controller| controller.file_name() != "unified")
        .map(|controller| controller.path())
        .chain([v2])
        .chain(delegated)
        .flat_map(|controller| std::fs::read_dir(controller.join("leanboard")))
        .flat_map(|groups| groups.flatten().map(|group| group.path()))
        .filter(is_its)
        .collect()
}

/// All processes in the groups of the runs of the runner `name`.
pub fn processes_of(name: &str) -> Vec<i32> {
    groups_of(name)
        .iter()
        .flat_map(|group| std::fs::read_dir(group).into_iter().flatten().flatten())
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cgroup.procs")).ok())
        .flat_map(|pids| {
            pids.lines()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

pub fn shell(script: &str) -> Room {
    Room::new(["/bin/sh", "-c", script], small())
}

#[track_caller]
pub fn assert_ok(run: &Run) {
    assert_eq!(
        run.outcome,
        Outcome::Exited { code: 0 },
        "stdout: {}\nstderr: {}",
        run.stdout.text(),
        run.stderr.text()
    );
}
