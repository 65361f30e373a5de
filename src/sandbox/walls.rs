//! A machine that is ready to run untrusted programs.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;

use super::canary;
use super::cgroup::{Expected, Group};
use super::channel::open_pipes;
use super::config::{self, Plan};
use super::engine::{Bundle, Engine, EngineCommand};
use super::error::{Doing, SandboxError};
use super::mounts::{Mounted, forget_strays};
use super::preflight::{self, Machine};
use super::room::{Room, RoomFolder};
use super::run::{Container, Files, Parts, Sandbox};
use super::watcher::open_pidfd;
use crate::domain::digest::Digest;

/// Process 1 of every sandbox, compiled by the build script.
const INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/leanboard-init"));

#[derive(Debug, Clone)]
pub struct WallsOptions {
    /// A folder for this runner alone, like `/run/leanboard/runner-1`; made if need be. It also
    /// names the runner's control groups, so its last part is of letters, digits, `-` and `_`. The
    /// folders above it must be searchable by everyone.
    pub runtime_dir: PathBuf,
    pub engine: Engine,
    /// The first of 65,536 user and group ids of the host that nothing else uses.
    pub uid_range_start: u32,
    /// Go on without what the machine lacks. [`Walls::degraded`] then tells what that is, and no
    /// result may be compared with others.
    pub allow_degraded: bool,
    /// The CPUs that runs may use; all of the machine's without it. A run gets the last of them.
    pub cpus: Option<Vec<usize>>,
}

impl WallsOptions {
    /// crun, nothing missing, all CPUs, and ids above those that systemd gives to containers.
    pub fn new(runtime_dir: impl Into<PathBuf>) -> WallsOptions {
        WallsOptions {
            runtime_dir: runtime_dir.into(),
            engine: Engine::Crun,
            uid_range_start: 0x7000_0000,
            allow_degraded: false,
            cpus: None,
        }
    }
}

/// Raised once per start of a runner; see [`Walls::raise`].
#[derive(Debug)]
pub struct Walls {
    engine: EngineCommand,
    machine: Machine,
    /// The group that the groups of all runs lie in.
    group: Group,
    uid_range_start: u32,
    folder: PathBuf,
    next_room: AtomicU64,
    _mounted: Mounted,
    _lock: Flock<File>,
}

impl Walls {
    /// Checks that the machine can enforce the limits, removes what a former runner of the same
    /// name has left behind, and has a canary try what must be impossible.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Missing`] names everything that the machine lacks, each with its remedy;
    /// [`SandboxError::WallsBroken`] what the canary could do.
    pub fn raise(options: WallsOptions) -> Result<Walls, SandboxError> {
        let folder = options.runtime_dir;
        let name = group_name(&folder)?;
        let engine = EngineCommand::new(&options.engine, folder.join("engine"));
        let machine = preflight::check(&engine, options.allow_degraded, options.cpus)?;
        let lock = lock(&folder)?;
        let group_path = machine.group_base.join("leanboard").join(name);
        let group = Group::new(&machine.hierarchy, &group_path);
        if !group.remove() {
            return Err(SandboxError::WontDie);
        }
        machine.delegate_to(&group_path)?;
        let mounted = Mounted::tmpfs(&folder, "size=64m,mode=0711")?;
        write_files(&folder)?;
        machine.announce();
        let walls = Walls {
            engine,
            machine,
            group,
            uid_range_start: options.uid_range_start,
            folder,
            next_room: AtomicU64::new(1),
            _mounted: mounted,
            _lock: lock,
        };
        canary::sing(&walls)?;
        Ok(walls)
    }

    /// What the machine lacks and degraded walls do without. Empty: results are comparable.
    pub fn degraded(&self) -> &[String] {
        &self.machine.degraded
    }

    /// "crun version 1.8.1"
    pub fn engine_version(&self) -> &str {
        &self.machine.engine_version
    }

    /// The CPUs of a run that may use `count`.
    pub fn cpu_set(&self, count: u32) -> Result<&[usize], SandboxError> {
        let all = &self.machine.cpus;
        all.len()
            .checked_sub(count.max(1) as usize)
            .map(|first| &all[first..])
            .ok_or(SandboxError::TooFewCpus {
                wanted: count,
                available: all.len(),
            })
    }

    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Builds what one run sees, and the walls around it, and checks that its limits hold. When
    /// this returns, the program waits for [`Sandbox::start`].
    pub fn make_room(&self, room: &Room) -> Result<Sandbox, SandboxError> {
        let number = self.next_room.fetch_add(1, Ordering::Relaxed).to_string();
        let expected = Expected {
            memory: room.limits.memory,
            processes: room.limits.processes,
            cpus: self.cpu_set(room.limits.cpus)?.to_vec(),
        };
        let folder = RoomFolder::furnish(
            &self.folder.join("rooms").join(&number),
            room,
            &self.folder.join("init"),
            self.uid_range_start,
        )?;
        let files = Files::of(&folder);
        let group = Group::new(&self.machine.hierarchy, &self.group.path().join(&number));
        let output = folder.output();
        let spec = config::build(&Plan {
            rootfs: &folder.rootfs(),
            read_only: &folder.read_only,
            output: (&output, &room.output),
            command: &room.command,
            env: &room.env,
            working_dir: &room.working_dir,
            limits: &room.limits,
            expected: &expected,
            cgroup: group.path(),
            hierarchy: &self.machine.hierarchy,
            counts_swap: self.machine.counts_swap,
            uid_range_start: self.uid_range_start,
        })?;
        fs::write(&files.config, serde_json::to_vec(&spec)?)
            .doing(|| "cannot write the engine's configuration")?;
        let (ours, theirs) = open_pipes(self.uid_range_start + config::USER)?;
        let container = Container {
            engine: self.engine.clone(),
            id: format!("leanboard-{number}"),
            group,
            removed: false,
        };
        let bundle = Bundle {
            id: &container.id,
            folder: folder.path(),
            pid_file: &files.pid,
            log: &files.log,
        };
        self.engine.create(&bundle, theirs)?;
        let pid = read_pid(&files.pid)?;
        let pidfd = open_pidfd(pid.as_raw().unsigned_abs())
            .doing(|| "cannot open the sandbox's first process")?;
        let sandbox = Sandbox::assemble(Parts {
            program: room.command.join(" "),
            time: room.limits.time,
            container,
            folder,
            pipes: ours,
            pidfd,
        })?;
        sandbox.wake_init()?;
        sandbox.check_enforced(pid, &expected)?;
        Ok(sandbox)
    }
}

impl Drop for Walls {
    fn drop(&mut self) {
        forget_strays(self.group.path());
        if !self.group.remove() {
            tracing::warn!(cgroup.path = %self.group.path().display(), "could not remove the runner's control groups");
        }
    }
}

/// One name for each folder: runners of the same name below different folders, whose locks differ,
/// must not remove each other's groups.
fn group_name(folder: &Path) -> Result<String, SandboxError> {
    let bad_target = || SandboxError::BadTarget(folder.display().to_string());
    let name = (folder.file_name().and_then(|name| name.to_str()))
        .filter(|name| {
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        })
        .ok_or_else(bad_target)?;
    let whole = std::path::absolute(folder).map_err(|_| bad_target())?;
    let digest = Digest::of(whole.as_os_str().as_bytes()).to_string();
    Ok(format!("{name}-{}", &digest[..8]))
}

/// Held as long as the runner lives; the file lies below the tmpfs, where others find it.
fn lock(folder: &Path) -> Result<Flock<File>, SandboxError> {
    let cannot_lock = || format!("cannot lock {}", folder.display());
    fs::create_dir_all(folder).doing(cannot_lock)?;
    let open_to_search = fs::Permissions::from_mode(0o711);
    fs::set_permissions(folder, open_to_search).doing(cannot_lock)?;
    let file = File::create(folder.join("lock")).doing(cannot_lock)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| SandboxError::InUse(folder.into()))
}

fn write_files(folder: &Path) -> Result<(), SandboxError> {
    let write = || -> std::io::Result<()> {
        let init = folder.join("init");
        fs::write(&init, INIT)?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o555))?;
        for (name, mode) in [("rooms", 0o711), ("engine", 0o711)] {
            fs::create_dir(folder.join(name))?;
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    };
    write().doing(|| format!("cannot write to {}", folder.display()))
}

fn read_pid(file: &Path) -> Result<Pid, SandboxError> {
    let text = fs::read_to_string(file).doing(|| "cannot read the engine's pid file")?;
    text.trim()
        .parse()
        .map(Pid::from_raw)
        .map_err(|_| SandboxError::InitDied)
}
