//! What the machine has, what it lacks, and what to do about it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, openat2};
use nix::sched::sched_getaffinity;
use nix::unistd::{Pid, Uid};

use super::cgroup::{Controller, Hierarchy, Version, has_swap};
use super::engine::EngineCommand;
use super::error::{Doing, SandboxError};
use super::mounts::are_private;

/// What the walls are built on.
#[derive(Debug)]
pub(super) struct Machine {
    pub engine_version: String,
    pub hierarchy: Hierarchy,
    pub counts_swap: bool,
    /// In ascending order.
    pub cpus: Vec<usize>,
    /// The group below which the runner makes its own.
    pub group_base: PathBuf,
    pub degraded: Vec<String>,
}

/// Everything at once, so that an operator does not repair one thing after the other.
pub(super) fn check(
    engine: &EngineCommand,
    allow_degraded: bool,
    cpus: Option<Vec<usize>>,
) -> Result<Machine, SandboxError> {
    if !Uid::effective().is_root() {
        return Err(missing("the runner is not root: start it with sudo"));
    }
    let mountinfo = fs::read_to_string("/proc/thread-self/mountinfo")
        .doing(|| "cannot read the mounts of this thread")?;
    if !are_private(&mountinfo) {
        return Err(missing(
            "this thread has no mount namespace of its own: it must start below `enter_private_mounts`",
        ));
    }
    let engine_version = engine_version(engine)?;
    let hierarchy = Hierarchy::find(&mountinfo, Path::new("/"))
        .doing(|| "cannot read the machine's control groups")?;
    let mut lacks = kernel_lacks();
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    lacks.extend(capabilities_lack(
        &status,
        hierarchy.version(),
        &engine_version,
    ));
    lacks.extend(controllers_lack(&hierarchy));
    let counts_swap = counts_swap(&hierarchy);
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    if !counts_swap && has_swap(&swaps) {
        lacks.push("swap is on but not counted: swapoff -a, or boot with swapaccount=1".into());
    }
    // Time that nobody counts cannot be measured, and engines guard devices or do not start.
    let can_degrade = hierarchy.has(Controller::CpuTime) && hierarchy.has(Controller::Devices);
    let may_degrade = allow_degraded && can_degrade;
    if !lacks.is_empty() && !may_degrade {
        return Err(SandboxError::Missing(lacks));
    }
    Ok(Machine {
        engine_version,
        group_base: group_base(&hierarchy)?,
        hierarchy,
        counts_swap,
        cpus: usable_cpus(cpus)?,
        degraded: lacks,
    })
}

fn missing(what: &str) -> SandboxError {
    SandboxError::Missing(vec![what.into()])
}

/// Without an engine nothing can be degraded to.
fn engine_version(engine: &EngineCommand) -> Result<String, SandboxError> {
    let found = engine.version().map_err(|error| {
        missing(&format!(
            "the OCI runtime cannot be run ({error}): install crun 1.8 or later, or runc 1.1"
        ))
    })?;
    judge_engine(&found).map_err(|why| missing(&why))
}

/// Follows the version of an engine that is not one of those that we test with.
const EXPERIMENTAL: &str = " (experimental)";

/// What results call an engine that says this of itself, or why it is not used.
fn judge_engine(found: &str) -> Result<String, String> {
    let too_old = || {
        Err(format!(
            "{found} is too old: install crun 1.8 or later, or runc 1.1"
        ))
    };
    match parse_version(found) {
        Some(("crun", version)) if version < (1, 8) => too_old(),
        Some(("runc", version)) if version < (1, 1) => too_old(),
        Some(("crun" | "runc", _)) => Ok(found.to_owned()),
        Some(_) | None if found.starts_with("runsc") => Err(format!(
            "{found} cannot be used: its `create` lacks --preserve-fds, by which a run is started, \
             watched and measured. Use crun or runc"
        )),
        // Whatever passes the canary may be tried.
        Some(_) | None => Ok(format!("{found}{EXPERIMENTAL}")),
    }
}

/// The name and the first two numbers of "runc version 1.1.5+ds1".
fn parse_version(line: &str) -> Option<(&str, (u32, u32))> {
    let (name, version) = line.split_once(" version ")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((name, (numbers.next()?.ok()?, numbers.next()?.ok()?)))
}

fn kernel_lacks() -> Vec<String> {
    let mut lacks = Vec::new();
    let allowed = fs::read_to_string("/proc/sys/user/max_user_namespaces");
    if !Path::new("/proc/self/ns/user").exists() || allowed.is_ok_and(|count| count.trim() == "0") {
        lacks.push("user namespaces are off: sysctl user.max_user_namespaces=65536".into());
    }
    if !Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
        lacks.push("the kernel has no seccomp filters: use one with CONFIG_SECCOMP_FILTER".into());
    }
    if openat2(AT_FDCWD, "/", OpenHow::new().flags(OFlag::O_PATH)).is_err() {
        lacks.push(
            "openat2 does not work: use Linux 5.6 or later, and no RestrictSUIDSGID= in the unit"
                .into(),
        );
    }
    lacks
}

/// Root in a container or a unit may have lost some of its capabilities.
fn capabilities_lack(status: &str, version: Version, engine: &str) -> Vec<String> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    let mut needed = vec![
        (0, "CAP_CHOWN"),
        (1, "CAP_DAC_OVERRIDE"),
        (5, "CAP_KILL"),
        (6, "CAP_SETGID"),
        (7, "CAP_SETUID"),
        (12, "CAP_NET_ADMIN"),
        (21, "CAP_SYS_ADMIN"),
    ];
    if version == Version::V2 {
        // Engines lock memory for the program that guards the devices.
        needed.push((24, "CAP_SYS_RESOURCE"));
    }
    if let Some(("runc", _)) = parse_version(engine) {
        // It enters the mount namespace that it makes, by way of its child's /proc/PID/ns.
        needed.extend([(18, "CAP_SYS_CHROOT"), (19, "CAP_SYS_PTRACE")]);
    }
    needed
        .into_iter()
        .filter(|(bit, _)| effective >> bit & 1 == 0)
        .map(|(_, name)| format!("the runner has no {name}: grant it to the unit or container"))
        .collect()
}

fn controllers_lack(hierarchy: &Hierarchy) -> Vec<String> {
    let remedy = match hierarchy.version() {
        Version::V1 => "mount it below /sys/fs/cgroup, or boot with cgroup version 2",
        Version::V2 => {
            "run in a unit with Delegate=yes, or enable it in the parent's cgroup.subtree_control"
        }
    };
    let mut lacks: Vec<String> = Controller::ALL
        .into_iter()
        .filter(|controller| !hierarchy.has(*controller))
        .map(|controller| format!("the cgroup controller {controller} is missing: {remedy}"))
        .collect();
    if hierarchy.version() == Version::V1 && hierarchy.all_mounts().is_empty() {
        lacks.push("no control groups are mounted: mount -t cgroup2 none /sys/fs/cgroup".into());
    }
    lacks
}

/// Version 2 always does where there is a memory controller and swap can exist at all.
fn counts_swap(hierarchy: &Hierarchy) -> bool {
    hierarchy
        .mount(Controller::Memory)
        .is_some_and(|mount| match hierarchy.version() {
            Version::V1 => mount.join("memory.memsw.limit_in_bytes").exists(),
            Version::V2 => true,
        })
}

fn usable_cpus(wanted: Option<Vec<usize>>) -> Result<Vec<usize>, SandboxError> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).doing(|| "cannot read the CPU affinity")?;
    let mut cpus: Vec<usize> = (0..nix::sched::CpuSet::count())
        .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
        .collect();
    if let Some(wanted) = wanted {
        if let Some(absent) = wanted.iter().find(|cpu| !cpus.contains(cpu)) {
            return Err(missing(&format!(
                "this machine has no CPU {absent} for runs: name others of {cpus:?}"
            )));
        }
        cpus.retain(|cpu| wanted.contains(cpu));
    }
    Ok(cpus)
}

/// Where the processes of a delegated group go, because a group that has some cannot pass
/// controllers on.
const RUNNER_GROUP: &str = "runner";

/// A unit with `Delegate=yes` keeps its sandboxes inside, so that stopping the unit stops them;
/// otherwise they lie at the top.
fn group_base(hierarchy: &Hierarchy) -> Result<PathBuf, SandboxError> {
    let top = PathBuf::from("/");
    let (Version::V2, Some(mount)) = (hierarchy.version(), hierarchy.mount(Controller::CpuTime))
    else {
        return Ok(top);
    };
    let own = fs::read_to_string("/proc/self/cgroup").doing(|| "cannot read the own group")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let delegated = own.and_then(|own| delegated(own, |group| is_delegated(&mount.join(group))));
    Ok(delegated.map_or(top.clone(), |group| top.join(group)))
}

/// Of a process in the group `own`, that of its unit. A runner that is started anew inside the same
/// unit is where the former one has moved everybody.
fn delegated(own: &str, is_delegated: impl Fn(&str) -> bool) -> Option<&str> {
    let above = (own.strip_suffix(RUNNER_GROUP)).and_then(|above| above.strip_suffix('/'));
    [Some(own), above]
        .into_iter()
        .flatten()
        .find(|group| !group.is_empty() && is_delegated(group))
}

/// systemd marks the groups that it leaves to their units.
fn is_delegated(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else {
        return false;
    };
    [c"trusted.delegate", c"user.delegate"].iter().any(|name| {
        let mut value = 0u8;
        // SAFETY: two null-terminated strings, and one byte to write to.
        let length = unsafe {
            nix::libc::getxattr(path.as_ptr(), name.as_ptr(), (&raw mut value).cast(), 1)
        };
        length == 1 && value == b'1'
    })
}

impl Machine {
    /// Lets version 2's controllers reach the groups in `group`, which version 1 does by itself.
    pub fn delegate_to(&self, group: &Path) -> Result<(), SandboxError> {
        let (Version::V2, Some(mount)) = (
            self.hierarchy.version(),
            self.hierarchy.mount(Controller::CpuTime),
        ) else {
            return Ok(());
        };
        let failed = || format!("cannot enable the controllers of {}", group.display());
        let base = mount.join(
            self.group_base
                .strip_prefix("/")
                .unwrap_or(&self.group_base),
        );
        if self.group_base != Path::new("/") {
            move_processes(&base, &base.join(RUNNER_GROUP)).doing(failed)?;
        }
        let last = mount.join(group.strip_prefix("/").unwrap_or(group));
        fs::create_dir_all(&last).doing(failed)?;
        let mut passing: Vec<&Path> = last
            .ancestors()
            .take_while(|folder| folder.starts_with(&base))
            .collect();
        passing.reverse();
        let wanted = self.hierarchy.to_pass_on();
        for folder in passing {
            fs::write(folder.join("cgroup.subtree_control"), &wanted).doing(failed)?;
        }
        Ok(())
    }

    pub fn announce(&self) {
        if self.engine_version.ends_with(EXPERIMENTAL) {
            tracing::warn!(
                engine = self.engine_version,
                "an OCI runtime that we do not know"
            );
        }
        for lack in &self.degraded {
            tracing::warn!(lack, "the walls are degraded: results are not comparable");
        }
    }
}

fn move_processes(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for pid in fs::read_to_string(from.join("cgroup.procs"))?.lines() {
        match fs::write(to.join("cgroup.procs"), pid) {
            Err(error) if error.raw_os_error() != Some(nix::libc::ESRCH) => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number_and_not_by_letter() {
        assert_eq!(
            parse_version("crun version 1.14.3"),
            Some(("crun", (1, 14)))
        );
        assert_eq!(
            parse_version("runc version 1.1.5+ds1"),
            Some(("runc", (1, 1)))
        );
        assert_eq!(parse_version("youki 0.7"), None);
    }

    #[test]
    fn engines_are_taken_by_name_and_version_and_unknown_ones_are_marked() {
        for known in ["crun version 1.8.1", "runc version 1.1.5+ds1"] {
            assert_eq!(judge_engine(known).as_deref(), Ok(known));
        }
        for old in ["crun version 1.7", "runc version 1.0.3"] {
            assert!(judge_engine(old).unwrap_err().contains("is too old"));
        }
        let unknown = judge_engine("youki version 0.7.0");
        assert_eq!(unknown.as_deref(), Ok("youki version 0.7.0 (experimental)"));
        for gvisor in ["runsc version 0.0~20221219.0", "runsc version release-2023"] {
            assert!(judge_engine(gvisor).unwrap_err().contains("--preserve-fds"));
        }
    }

    #[test]
    fn a_lost_capability_is_named() {
        let status = "Name:\tx\nCapEff:\t000001fffef3ffff\n";
        let lacks = |version, engine| capabilities_lack(status, version, engine).join("\n");
        assert_eq!(lacks(Version::V1, "crun version 1.8.1"), "");
        let resource = lacks(Version::V2, "crun version 1.8.1");
        assert!(resource.starts_with("the runner has no CAP_SYS_RESOURCE: "));
        assert_eq!(resource.lines().count(), 1);
        let of_runc = lacks(Version::V1, "runc version 1.1.5+ds1");
        assert!(of_runc.contains("CAP_SYS_CHROOT") && of_runc.contains("CAP_SYS_PTRACE"));
        assert_eq!(of_runc.lines().count(), 2);
    }

    #[test]
    fn the_unit_s_group_is_found_from_where_a_former_runner_moved_everybody_to() {
        let unit = "system.slice/leanboard.service";
        let of_the_unit = |own| delegated(own, |group| group == unit);
        assert_eq!(of_the_unit(unit), Some(unit));
        let moved = "system.slice/leanboard.service/runner";
        assert_eq!(of_the_unit(moved), Some(unit));
        let elsewhere = [
            "",
            "runner",
            "system.slice/other.service/runner",
            "user.slice",
        ];
        assert_eq!(elsewhere.map(of_the_unit), [None; 4]);
        assert_eq!(of_the_unit("system.slice/leanboard.service/x"), None);
    }

    #[test]
    fn a_missing_controller_is_named_with_its_remedy() {
        let no_memory = "1 0 0:1 / /cg/cpuacct rw - cgroup none rw,cpuacct\n\
                         2 0 0:2 / /cg/pids rw - cgroup none rw,pids\n\
                         3 0 0:3 / /cg/cpuset rw - cgroup none rw,cpuset\n\
                         4 0 0:4 / /cg/devices rw - cgroup none rw,devices\n";
        let hierarchy = Hierarchy::find(no_memory, Path::new("/")).unwrap();
        let lacks = controllers_lack(&hierarchy);
        assert_eq!(lacks.len(), 1);
        assert!(lacks[0].starts_with("the cgroup controller memory is missing: mount it"));
    }
}
