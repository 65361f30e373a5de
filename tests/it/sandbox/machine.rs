//! Machines that lack something, and runners that die.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leanboard::domain::outcome::Outcome;
use leanboard::sandbox::{Engine, SandboxError, Walls, enter_private_mounts};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::sandbox::support::{TestWalls, engines, options, processes_of, shell};

/// Whether this machine has a controller of version 1, which a mount namespace can be without.
fn has_version_1(controller: &str) -> bool {
    let is_there = Path::new("/sys/fs/cgroup").join(controller).exists();
    if !is_there {
        println!("skipped: cgroup version 2 has no controllers of their own");
    }
    is_there
}

/// Mostly by the engine itself. Of memory crun writes the limit into an ordinary file, silently.
#[test]
fn a_controller_that_vanishes_is_noticed_before_the_program_runs() {
    for controller in ["memory", "pids", "cpuset", "devices"] {
        for walls in TestWalls::on_every_engine() {
            if !has_version_1(controller) {
                continue;
            }
            // Only this thread sees it.
            let at = Path::new("/sys/fs/cgroup").join(controller);
            let nothing = None::<&str>;
            mount(nothing, &at, Some("tmpfs"), MsFlags::empty(), nothing).unwrap();
            let made = walls.walls.make_room(&shell("true"));
            umount2(&at, MntFlags::MNT_DETACH).unwrap();
            let error = made.map(drop).unwrap_err();
            let is_noticed = match (&error, &walls.engine, controller) {
                (SandboxError::LimitsNotEnforced(_), _, _) => true,
                (SandboxError::Engine { .. }, Engine::Crun, "memory") => false,
                (SandboxError::Engine { .. }, _, _) => true,
                _ => false,
            };
            assert!(is_noticed, "{controller}, {:?}: {error:?}", walls.engine);
            assert!(walls.run(&shell("true")).outcome.is_success());
        }
    }
}

#[test]
fn a_missing_controller_is_refused_by_name_unless_degraded_walls_are_wanted() {
    for controller in ["memory", "pids", "cpuset", "devices", "cpuacct"] {
        for engine in engines() {
            enter_private_mounts().unwrap();
            if !has_version_1(controller) {
                continue;
            }
            let at = Path::new("/sys/fs/cgroup").join(controller);
            umount2(&at, MntFlags::MNT_DETACH).unwrap();
            let (mut options, _folder) = options(engine.clone());
            let error = Walls::raise(options.clone()).unwrap_err().to_string();
            let named = format!("the cgroup controller {controller} is missing: mount it");
            assert!(error.contains(&named), "{error}");
            options.allow_degraded = true;
            match (Walls::raise(options), &engine, controller) {
                (Ok(walls), _, "memory" | "pids" | "cpuset") => {
                    assert_eq!(walls.degraded().len(), 1);
                    let run = walls.make_room(&shell("exit 3")).unwrap().wait().unwrap();
                    assert_eq!(run.outcome, Outcome::Exited { code: 3 });
                }
                // Some things nobody can do without, and crun not without sets of CPUs.
                (Err(SandboxError::Missing(_)), _, "devices" | "cpuacct") => {}
                (Err(SandboxError::Engine { .. }), Engine::Crun, "cpuset") => {}
                (other, _, _) => panic!("{controller}, {engine:?}: {other:?}"),
            }
            let nothing = None::<&str>;
            let version_1 = Some("cgroup");
            mount(nothing, &at, version_1, MsFlags::empty(), Some(controller)).unwrap();
        }
    }
}

/// All that can be tried of version 2 on a machine whose controllers belong to version 1. runc,
/// where it is installed: crun asks for CAP_SYS_RESOURCE on version 2, which a container may lack.
#[test]
fn version_2_without_controllers_runs_only_degraded_and_still_kills_the_whole_tree() {
    enter_private_mounts().unwrap();
    umount2("/sys/fs/cgroup", MntFlags::MNT_DETACH).unwrap();
    let (none, no_flags) = (None::<&str>, MsFlags::empty());
    mount(none, "/sys/fs/cgroup", Some("cgroup2"), no_flags, none).unwrap();
    let engine = crate::sandbox::support::engines().pop().unwrap();
    let (mut options, _folder) = options(engine);
    options.allow_degraded = true;
    let walls = Walls::raise(options).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let mut room = shell("setsid sleep 60 & sleep 60");
    room.limits.time = Duration::from_millis(300);
    let run = walls.make_room(&room).unwrap().wait().unwrap();
    assert_eq!(run.outcome, Outcome::TimedOut);
    assert!(run.usage.cpu > Duration::ZERO);
}

#[test]
fn an_engine_that_is_not_installed_is_named() {
    enter_private_mounts().unwrap();
    let (options, _folder) = options(Engine::Path("/usr/bin/no-such-engine".into()));
    let error = Walls::raise(options).unwrap_err();
    assert!(error.to_string().contains("install crun"), "{error}");
}

#[test]
fn walls_without_private_mounts_are_refused() {
    let error = std::thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        let shared = MsFlags::MS_SHARED | MsFlags::MS_REC;
        mount(None::<&str>, "/", None::<&str>, shared, None::<&str>).unwrap();
        Walls::raise(options(Engine::Crun).0).unwrap_err()
    })
    .join()
    .unwrap();
    assert!(matches!(error, SandboxError::Missing(_)), "{error:?}");
}

#[test]
fn two_runners_cannot_share_a_folder() {
    let first = TestWalls::raise();
    let (mut second, _folder) = options(Engine::Crun);
    second.runtime_dir = first.folder.0.clone();
    // Another runner has mounts of its own, and so sees the folder below.
    let error = std::thread::spawn(move || {
        enter_private_mounts().unwrap();
        umount2(&second.runtime_dir, MntFlags::MNT_DETACH).unwrap();
        Walls::raise(second).unwrap_err()
    })
    .join()
    .unwrap();
    assert!(matches!(error, SandboxError::InUse(_)), "{error:?}");
}

#[test]
fn a_run_cannot_have_more_cpus_than_there_are() {
    for walls in TestWalls::on_every_engine() {
        let mut room = shell("true");
        room.limits.cpus = 100_000;
        let error = walls.walls.make_room(&room).unwrap_err();
        assert!(
            matches!(error, SandboxError::TooFewCpus { .. }),
            "{error:?}"
        );
    }
}

/// Not a test but the program of the next one: a runner with a run that never ends.
#[test]
fn runner_that_is_killed() {
    let Some(folder) = std::env::var_os("SANDBOX_TEST_KILLED_RUNNER") else {
        return;
    };
    enter_private_mounts().unwrap();
    let (mut options, _) = options(crate::sandbox::support::engines().remove(0));
    options.runtime_dir = folder.into();
    let walls = Walls::raise(options).unwrap();
    let room = shell("trap '' TERM HUP; setsid sleep 600 & sleep 600");
    let sandbox = walls.make_room(&room).unwrap();
    println!("running");
    let _ = sandbox.wait();
}

#[test]
fn when_the_runner_is_killed_everything_dies_and_the_next_one_cleans_up() {
    let (options, _folder) = options(crate::sandbox::support::engines().remove(0));
    let name = options.runtime_dir.file_name().unwrap().to_str().unwrap();
    let name = name.to_owned();
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sandbox::machine::runner_that_is_killed",
            "--nocapture",
        ])
        .env("SANDBOX_TEST_KILLED_RUNNER", &options.runtime_dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    // Its init, the shell and two sleeps.
    while processes_of(&name)
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .len()
        < 4
    {
        assert!(Instant::now() < patience, "the runner does not run");
        std::thread::sleep(Duration::from_millis(5));
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
    let killed = Instant::now();
    while !processes_of(&name).is_empty() {
        assert!(
            killed.elapsed() < Duration::from_millis(1000),
            "they live on"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!crate::sandbox::support::groups_of(&name).is_empty());
    enter_private_mounts().unwrap();
    let walls = Walls::raise(options).unwrap();
    let run = walls.make_room(&shell("exit 0")).unwrap().wait().unwrap();
    assert!(run.outcome.is_success());
    drop(walls);
    assert!(crate::sandbox::support::groups_of(&name).is_empty());
}
