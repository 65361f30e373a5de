//! Reads control groups, version 1 and 2. The engine writes them; we only read, kill and remove,
//! because what was written is not always what is enforced.

mod counters;
mod enforced;
mod hierarchy;
#[cfg(test)]
mod recorded;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::Pid;

pub use counters::Counters;
pub use enforced::{Expected, cpu_list, has_swap};
pub use hierarchy::{Controller, Hierarchy, Version};

/// The group of one sandbox.
#[derive(Debug, Clone)]
pub struct Group {
    hierarchy: Hierarchy,
    /// Below the root of every controller: "/leanboard/runner-1/7".
    path: PathBuf,
}

impl Group {
    pub fn new(hierarchy: &Hierarchy, path: &Path) -> Group {
        Group {
            hierarchy: hierarchy.clone(),
            path: path.into(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the files of `controller` lie for this group.
    fn folder(&self, controller: Controller) -> Option<PathBuf> {
        let mount = self.hierarchy.mount(controller)?;
        Some(below(mount, &self.path))
    }

    /// Opens the counters once, so that a reading costs two system calls.
    pub fn open_counters(&self) -> io::Result<Counters> {
        Counters::open(self)
    }

    /// How many of the group's processes the kernel has killed for want of memory.
    pub fn out_of_memory_kills(&self) -> io::Result<u64> {
        let file = match self.hierarchy.version() {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        self.keyed_value(Controller::Memory, file, "oom_kill")
    }

    /// How many times the limit on processes has made a fork fail.
    pub fn refused_forks(&self) -> io::Result<u64> {
        self.keyed_value(Controller::Pids, "pids.events", "max")
    }

    /// The value behind `key` in a file of lines "key value"; zero without the controller.
    fn keyed_value(&self, controller: Controller, file: &str, key: &str) -> io::Result<u64> {
        let Some(folder) = self.folder(controller) else {
            return Ok(0);
        };
        let text = fs::read_to_string(folder.join(file))?;
        Ok(counters::keyed(&text, key).unwrap_or(0))
    }

    /// Becomes readable when the group runs out of memory. Only version 1 needs it: version 2
    /// kills the whole group by itself.
    pub fn out_of_memory_event(&self) -> io::Result<Option<OwnedFd>> {
        let (Version::V1, Some(folder)) =
            (self.hierarchy.version(), self.folder(Controller::Memory))
        else {
            return Ok(None);
        };
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let control = File::open(folder.join("memory.oom_control"))?;
        let request = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
        fs::OpenOptions::new()
            .write(true)
            .open(folder.join("cgroup.event_control"))?
            .write_all(request.as_bytes())?;
        Ok(Some(event.into()))
    }

    /// The longest time that a thread of the group, of those that live, has waited for a CPU although
    /// it had work. `None` where the kernel does not count it.
    pub fn longest_wait(&self) -> Option<Duration> {
        let controllers = [Controller::Pids, Controller::Memory, Controller::CpuSet];
        let list = match self.hierarchy.version() {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.threads",
        };
        let threads = (controllers.into_iter())
            .filter_map(|controller| self.folder(controller))
            .find_map(|folder| fs::read_to_string(folder.join(list)).ok())
            .unwrap_or_default();
        threads
            .lines()
            .filter_map(|thread| fs::read_to_string(format!("/proc/{thread}/schedstat")).ok())
            .filter_map(|stat| run_queue_delay(&stat))
            .max()
    }

    /// Forgets the engine's own share of the peak, where the kernel can.
    pub fn reset_peak_memory(&self) {
        if let (Version::V1, Some(folder)) =
            (self.hierarchy.version(), self.folder(Controller::Memory))
            && let Err(error) = fs::write(folder.join("memory.max_usage_in_bytes"), "0")
        {
            tracing::debug!(%error, "the peak of memory still contains the engine's start");
        }
    }

    /// Kills whatever is in the group or below it and removes the group from every controller.
    /// True when nothing of it is left.
    pub fn remove(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(5);
        let give_up = Instant::now() + PATIENCE;
        loop {
            let left = self
                .hierarchy
                .all_mounts()
                .iter()
                // Where an engine was fooled by an ordinary folder, there is no group.
                .filter(|mount| is_control_group(mount))
                .map(|mount| below(mount, &self.path))
                .filter(|folder| !remove_tree(folder))
                .count();
            if left == 0 {
                return true;
            }
            if Instant::now() >= give_up {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Of a line "CPU_NS WAITED_NS SLICES" of /proc/PID/schedstat (kernel's sched-stats.rst).
fn run_queue_delay(schedstat: &str) -> Option<Duration> {
    let waited_ns = schedstat.split_ascii_whitespace().nth(1)?;
    waited_ns.parse().ok().map(Duration::from_nanos)
}

fn below(mount: &Path, group: &Path) -> PathBuf {
    mount.join(group.strip_prefix("/").unwrap_or(group))
}

fn is_control_group(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|found| {
        [CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC].contains(&found.filesystem_type())
    })
}

/// Kills and removes one group folder with those inside. True when it is gone.
fn remove_tree(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return !folder.exists();
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    // Version 2 has one file for this; writing it where it does not exist fails.
    if fs::write(folder.join("cgroup.kill"), "1").is_err() {
        for member in members(folder) {
            // It may have ended meanwhile.
            let _ = kill(member, Signal::SIGKILL);
        }
    }
    match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.raw_os_error() == Some(Errno::ENOENT as i32),
    }
}

/// The processes of a group folder, never ourselves or a process of another pid namespace (0).
fn members(folder: &Path) -> Vec<Pid> {
    fs::read_to_string(folder.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .filter(|pid: &i32| *pid > 1)
        .map(Pid::from_raw)
        .filter(|pid| *pid != Pid::this())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_is_what_a_thread_has_waited() {
        let waited = Some(Duration::from_nanos(87_940));
        assert_eq!(run_queue_delay("1200 87940 3\n"), waited);
        assert_eq!(run_queue_delay(""), None);
    }
}
