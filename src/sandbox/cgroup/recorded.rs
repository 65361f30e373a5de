//! Tests on trees as machines had them while a sandbox ran: what `Group` reads of a group, and what
//! it says of each limit that is another than the one asked for.
//!
//! `hybrid` is of kernel 6.18 with crun 1.8.1; `v1` and `v2` of Debian's kernel 6.1. In all of them
//! one process runs, and in the latter two forks were refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Controller, Expected, Group, Hierarchy, Version};
use crate::domain::units::Bytes;

const GROUP: &str = "/leanboard/runner-1/7";

/// A tree that a test may change.
struct Tree {
    root: tempfile::TempDir,
    group: Group,
}

impl Tree {
    fn copy(name: &str) -> Tree {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/cgroup/recorded");
        let root = tempfile::tempdir().unwrap();
        copy_all(&recorded.join(name), root.path());
        let mountinfo = fs::read_to_string(root.path().join("mountinfo")).unwrap();
        let hierarchy = Hierarchy::find(&mountinfo, root.path()).unwrap();
        let group = Group::new(&hierarchy, Path::new(GROUP));
        Tree { root, group }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root.path().join(name)).unwrap()
    }

    /// All that is checked of a tree that was recorded: it is no control group any more.
    fn complaint(&self, expected: &Expected) -> Option<String> {
        let checked = (self.group.check_membership(&self.read("proc_cgroup")))
            .and_then(|()| self.group.check_values(expected, &self.read("swaps")))
            .and_then(|()| self.group.check_devices())
            .and_then(|()| self.group.check_counting());
        checked.err()
    }

    fn change(&self, controller: Controller, file: &str, text: &str) {
        fs::write(self.file(controller, file), text).unwrap();
    }

    fn file(&self, controller: Controller, file: &str) -> PathBuf {
        self.group.folder(controller).unwrap().join(file)
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A tree, its version, and what its sandbox was given.
fn trees() -> Vec<(&'static str, Version, Expected)> {
    let given = |memory, processes, cpus| Expected {
        memory: Bytes::from_mib(memory),
        processes,
        cpus,
    };
    vec![
        ("hybrid", Version::V1, given(128, 32, vec![1])),
        ("v1", Version::V1, given(64, 8, vec![1])),
        ("v2", Version::V2, given(64, 8, vec![1])),
    ]
}

#[test]
fn the_limits_of_every_recorded_sandbox_hold() {
    for (name, version, given) in trees() {
        let tree = Tree::copy(name);
        assert_eq!(tree.group.hierarchy.version(), version, "{name}");
        for controller in Controller::ALL {
            assert!(tree.group.hierarchy.has(controller), "{name}: {controller}");
        }
        assert_eq!(tree.complaint(&given), None, "{name}");
    }
}

#[test]
fn ordinary_files_enforce_nothing_however_right_they_look() {
    for (name, _, _) in trees() {
        let complaint = Tree::copy(name).group.check_file_systems().unwrap_err();
        assert!(complaint.ends_with("is no control group"), "{complaint}");
    }
}

#[test]
fn every_other_limit_is_named_with_what_it_is() {
    for (name, version, given) in trees() {
        let (memory, swap, cpus) = match version {
            Version::V1 => (
                "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes",
                "cpuset.cpus",
            ),
            Version::V2 => ("memory.max", "memory.swap.max", "cpuset.cpus.effective"),
        };
        let mut wrong = vec![
            (Controller::Memory, memory, "9223372036854771712"),
            (Controller::Memory, swap, "max"),
            (Controller::CpuSet, cpus, "0-1"),
            (Controller::Pids, "pids.max", "max"),
        ];
        if version == Version::V2 {
            wrong.push((Controller::Memory, "memory.oom.group", "0"));
        }
        for (controller, file, text) in wrong {
            let tree = Tree::copy(name);
            tree.change(controller, file, &format!("{text}\n"));
            let complaint = tree.complaint(&given).expect(file);
            let named = format!("{file} is {text} instead of ");
            assert!(complaint.starts_with(&named), "{name}: {complaint}");
        }
    }
}

#[test]
fn a_process_in_another_group_is_found_out_in_each_layout() {
    for (name, _, given) in trees() {
        let tree = Tree::copy(name);
        let membership = tree
            .read("proc_cgroup")
            .replace(GROUP, "/leanboard/other/1");
        fs::write(tree.root.path().join("proc_cgroup"), membership).unwrap();
        let complaint = tree.complaint(&given).expect(name);
        assert!(
            complaint.contains("instead of /leanboard/runner-1/7"),
            "{complaint}"
        );
    }
}

#[test]
fn devices_that_nobody_guards_are_found_out_where_a_file_tells() {
    for (name, version, given) in trees() {
        if version == Version::V1 {
            let tree = Tree::copy(name);
            tree.change(Controller::Devices, "devices.list", "a *:* rwm\n");
            assert_eq!(
                tree.complaint(&given).as_deref(),
                Some("every device is allowed")
            );
        }
    }
}

#[test]
fn counters_that_stand_still_are_found_out() {
    for (name, version, given) in trees() {
        let (cpu, memory, zero) = match version {
            Version::V1 => ("cpuacct.usage", "memory.max_usage_in_bytes", "0\n"),
            Version::V2 => ("cpu.stat", "memory.peak", "usage_usec 0\nuser_usec 0\n"),
        };
        let tree = Tree::copy(name);
        tree.change(Controller::CpuTime, cpu, zero);
        let complaint = tree.complaint(&given).expect(name);
        assert!(complaint.contains("CPU time stands still"), "{complaint}");
        let tree = Tree::copy(name);
        tree.change(Controller::Memory, memory, "0\n");
        let complaint = tree.complaint(&given).expect(name);
        assert!(
            complaint.contains("peak memory stands still"),
            "{complaint}"
        );
    }
}

#[test]
fn swap_that_is_on_must_be_counted() {
    for (name, version, given) in trees() {
        let tree = Tree::copy(name);
        let swaps = tree.read("swaps") + "/swap.img file 2097148 0 -2\n";
        fs::write(tree.root.path().join("swaps"), swaps).unwrap();
        assert_eq!(tree.complaint(&given), None, "{name}");
        let accounting = match version {
            Version::V1 => "memory.memsw.limit_in_bytes",
            Version::V2 => "memory.swap.max",
        };
        fs::remove_file(tree.file(Controller::Memory, accounting)).unwrap();
        let complaint = tree.complaint(&given);
        assert_eq!(
            complaint.as_deref(),
            Some("swap is on and not limited"),
            "{name}"
        );
    }
}

#[test]
fn what_was_used_is_read_alike_from_each_layout() {
    for (name, _, given) in trees() {
        let tree = Tree::copy(name);
        let used = tree.group.open_counters().unwrap().read().unwrap();
        let plausible = Duration::from_millis(1)..Duration::from_secs(60);
        assert!(plausible.contains(&used.cpu), "{name}: {used:?}");
        assert!(used.peak_memory >= Bytes::from_mib(1), "{name}: {used:?}");
        assert!(used.peak_memory <= given.memory, "{name}: {used:?}");
        assert_eq!(tree.group.out_of_memory_kills().unwrap(), 0, "{name}");
        let refused = tree.group.refused_forks().unwrap();
        assert_eq!(refused > 0, name != "hybrid", "{name}: {refused}");
    }
}

#[test]
fn a_group_that_was_killed_whole_has_run_out_of_memory() {
    let tree = Tree::copy("v2");
    let killed = Group::new(&tree.group.hierarchy, Path::new("/leanboard/runner-1/8"));
    assert_eq!(killed.out_of_memory_kills().unwrap(), 2);
    let used = killed.open_counters().unwrap().read().unwrap();
    assert_eq!(used.peak_memory, Bytes::from_mib(16));
}
