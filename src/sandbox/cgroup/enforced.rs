//! Reads the limits back. crun 1.8.1 runs without any limit where a version 1 controller is not
//! mounted: it writes ordinary files of the right names, silently.

use std::fs;
use std::path::Path;

use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::Pid;

use super::{Controller, Group, Version};
use crate::domain::units::Bytes;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Expected {
    pub memory: Bytes,
    pub processes: u32,
    pub cpus: Vec<usize>,
}

impl Group {
    /// Whether the kernel enforces `expected` for `pid`; `Err` names the first thing that it does
    /// not. Controllers that the machine lacks are not looked for: that is the pre-flight's
    /// decision.
    pub fn check_enforced(&self, pid: Pid, expected: &Expected) -> Result<(), String> {
        self.check_file_systems()?;
        let membership = read(Path::new(&format!("/proc/{pid}/cgroup")))?;
        self.check_membership(&membership)?;
        self.check_values(expected, &read(Path::new("/proc/swaps"))?)?;
        self.check_devices()?;
        self.check_counting()
    }

    fn controllers(&self) -> impl Iterator<Item = Controller> {
        Controller::ALL
            .into_iter()
            .filter(|controller| self.hierarchy.has(*controller))
    }

    pub(super) fn check_file_systems(&self) -> Result<(), String> {
        let expected = match self.hierarchy.version() {
            Version::V1 => CGROUP_SUPER_MAGIC,
            Version::V2 => CGROUP2_SUPER_MAGIC,
        };
        for folder in self.controllers().filter_map(|c| self.folder(c)) {
            let found = statfs(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            if found.filesystem_type() != expected {
                return Err(format!("{} is no control group", folder.display()));
            }
        }
        Ok(())
    }

    pub(super) fn check_membership(&self, proc_cgroup: &str) -> Result<(), String> {
        for controller in self.controllers() {
            let expected = self
                .hierarchy
                .name_in_proc(controller, &self.path)
                .unwrap_or_default();
            let wanted = match self.hierarchy.version() {
                Version::V1 => controller.v1_name(),
                Version::V2 => "",
            };
            let found = proc_cgroup
                .lines()
                .filter_map(|line| line.split_once(':')?.1.split_once(':'))
                .find(|(names, _)| names.split(',').any(|name| name == wanted))
                .map(|(_, path)| path);
            if found.map(Path::new) != Some(&expected) {
                return Err(format!(
                    "the {controller} controller has the process in {found:?} instead of {}",
                    expected.display()
                ));
            }
        }
        Ok(())
    }

    pub(super) fn check_values(&self, expected: &Expected, swaps: &str) -> Result<(), String> {
        let memory = expected.memory.as_u64().to_string();
        let processes = expected.processes.to_string();
        let cpus = cpu_list(&expected.cpus);
        match self.hierarchy.version() {
            Version::V1 => {
                self.check(Controller::Memory, "memory.limit_in_bytes", &memory)?;
                self.check_swap("memory.memsw.limit_in_bytes", &memory, swaps)?;
                self.check(Controller::CpuSet, "cpuset.cpus", &cpus)?;
            }
            Version::V2 => {
                self.check(Controller::Memory, "memory.max", &memory)?;
                self.check(Controller::Memory, "memory.oom.group", "1")?;
                self.check_swap("memory.swap.max", "0", swaps)?;
                self.check(Controller::CpuSet, "cpuset.cpus.effective", &cpus)?;
            }
        }
        self.check(Controller::Pids, "pids.max", &processes)
    }

    fn check(&self, controller: Controller, file: &str, expected: &str) -> Result<(), String> {
        let Some(folder) = self.folder(controller) else {
            return Ok(());
        };
        let found = read(&folder.join(file))?;
        if found.trim() == expected {
            Ok(())
        } else {
            Err(format!("{file} is {} instead of {expected}", found.trim()))
        }
    }

    /// Without swap accounting there must be no swap at all.
    fn check_swap(&self, file: &str, expected: &str, swaps: &str) -> Result<(), String> {
        match self.folder(Controller::Memory) {
            Some(folder) if folder.join(file).exists() => {
                self.check(Controller::Memory, file, expected)
            }
            Some(_) if has_swap(swaps) => Err("swap is on and not limited".into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Version 2 has no file that tells.
    pub(super) fn check_devices(&self) -> Result<(), String> {
        let (Version::V1, Some(folder)) =
            (self.hierarchy.version(), self.folder(Controller::Devices))
        else {
            return Ok(());
        };
        let allowed = read(&folder.join("devices.list"))?;
        if allowed.lines().any(|rule| rule.starts_with("a ")) {
            return Err("every device is allowed".into());
        }
        Ok(())
    }

    /// The init has run by now, so a counter at zero does not count.
    pub(super) fn check_counting(&self) -> Result<(), String> {
        if !self.hierarchy.has(Controller::CpuTime) {
            return Ok(());
        }
        let usage = self
            .open_counters()
            .and_then(|counters| counters.read())
            .map_err(|error| format!("the counters cannot be read: {error}"))?;
        if usage.cpu.is_zero() {
            return Err("the counter of CPU time stands still".into());
        }
        if self.hierarchy.has(Controller::Memory) && usage.peak_memory == Bytes::new(0) {
            return Err("the counter of peak memory stands still".into());
        }
        Ok(())
    }
}

/// Whether the text of /proc/swaps lists any swap below its heading.
pub fn has_swap(swaps: &str) -> bool {
    swaps.lines().count() > 1
}

/// As the kernel writes a set of CPUs: "0-2,7".
pub fn cpu_list(cpus: &[usize]) -> String {
    let mut sorted = cpus.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [only] => only.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        })
        .collect::<Vec<_>>()
        .join(",")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_written_as_the_kernel_writes_them() {
        for (cpus, list) in [
            (vec![1], "1"),
            (vec![0, 1], "0-1"),
            (vec![7, 0, 2, 1], "0-2,7"),
        ] {
            assert_eq!(cpu_list(&cpus), list);
        }
    }
}
