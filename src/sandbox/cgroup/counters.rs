//! What a group has used.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::{Controller, Group, Version};
use crate::domain::outcome::Usage;
use crate::domain::units::Bytes;

/// Open files of one group's counters.
#[derive(Debug)]
pub struct Counters {
    version: Version,
    cpu: File,
    /// None without the memory controller, in degraded walls.
    peak_memory: Option<File>,
}

impl Counters {
    pub(super) fn open(group: &Group) -> io::Result<Counters> {
        let (cpu, peak_memory) = match group.hierarchy.version() {
            Version::V1 => ("cpuacct.usage", "memory.max_usage_in_bytes"),
            Version::V2 => ("cpu.stat", "memory.peak"),
        };
        let cpu_folder = group.folder(Controller::CpuTime).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no controller counts CPU time")
        })?;
        let peak_memory = match group.folder(Controller::Memory) {
            Some(folder) => Some(File::open(folder.join(peak_memory))?),
            None => None,
        };
        Ok(Counters {
            version: group.hierarchy.version(),
            cpu: File::open(cpu_folder.join(cpu))?,
            peak_memory,
        })
    }

    /// Since the group was made.
    pub fn read(&self) -> io::Result<Usage> {
        let mut buffer = [0; 1024];
        let cpu = read_at_start(&self.cpu, &mut buffer)?;
        let cpu = match self.version {
            Version::V1 => Duration::from_nanos(number(cpu)?),
            Version::V2 => {
                let micros = keyed(cpu, "usage_usec").ok_or_else(|| malformed(cpu))?;
                Duration::from_micros(micros)
            }
        };
        let peak_memory = match &self.peak_memory {
            Some(file) => number(read_at_start(file, &mut buffer)?)?,
            None => 0,
        };
        Ok(Usage {
            cpu,
            peak_memory: Bytes::new(peak_memory),
        })
    }
}

fn read_at_start<'a>(file: &File, buffer: &'a mut [u8]) -> io::Result<&'a str> {
    let read = file.read_at(buffer, 0)?;
    std::str::from_utf8(&buffer[..read]).map_err(|_| malformed("bytes that are no text"))
}

fn number(text: &str) -> io::Result<u64> {
    text.trim().parse().map_err(|_| malformed(text))
}

fn malformed(text: &str) -> io::Error {
    let message = format!("a counter holds no number: {text:?}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// The number behind `key` in lines "key number".
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(found, _)| *found == key)
        .and_then(|(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::Hierarchy;
    use super::*;

    fn group_with(mountinfo: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Group) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let hierarchy = Hierarchy::find(mountinfo, root.path()).unwrap();
        let group = Group::new(&hierarchy, Path::new("/leanboard/a/7"));
        (root, group)
    }

    #[test]
    fn version_1_counts_nanoseconds_in_a_folder_per_controller() {
        let mountinfo = "1 0 0:1 / /cg/cpu,cpuacct rw - cgroup none rw,cpu,cpuacct\n\
                         2 0 0:2 / /cg/memory rw - cgroup none rw,memory\n\
                         3 0 0:3 / /cg/pids rw - cgroup none rw,pids\n";
        let (_root, group) = group_with(
            mountinfo,
            &[
                ("cg/cpu,cpuacct/leanboard/a/7/cpuacct.usage", "512000000\n"),
                (
                    "cg/memory/leanboard/a/7/memory.max_usage_in_bytes",
                    "2097152\n",
                ),
                (
                    "cg/memory/leanboard/a/7/memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
                ),
                ("cg/pids/leanboard/a/7/pids.events", "max 41\n"),
            ],
        );
        let usage = group.open_counters().unwrap().read().unwrap();
        assert_eq!(usage.cpu, Duration::from_millis(512));
        assert_eq!(usage.peak_memory, Bytes::from_mib(2));
        assert_eq!(group.out_of_memory_kills().unwrap(), 3);
        assert_eq!(group.refused_forks().unwrap(), 41);
    }

    #[test]
    fn version_2_counts_microseconds_in_one_folder() {
        let mountinfo = "1 0 0:1 / /cg rw - cgroup2 none rw\n";
        let (_root, group) = group_with(
            mountinfo,
            &[
                ("cg/cgroup.controllers", "cpuset cpu memory pids\n"),
                (
                    "cg/leanboard/a/7/cpu.stat",
                    "usage_usec 512000\nuser_usec 500000\nsystem_usec 12000\n",
                ),
                ("cg/leanboard/a/7/memory.peak", "2097152\n"),
                (
                    "cg/leanboard/a/7/memory.events",
                    "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 1\n",
                ),
                ("cg/leanboard/a/7/pids.events", "max 0\n"),
            ],
        );
        let usage = group.open_counters().unwrap().read().unwrap();
        assert_eq!(usage.cpu, Duration::from_millis(512));
        assert_eq!(usage.peak_memory, Bytes::from_mib(2));
        assert_eq!(group.out_of_memory_kills().unwrap(), 1);
        assert_eq!(group.refused_forks().unwrap(), 0);
    }
}
