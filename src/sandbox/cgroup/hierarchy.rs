//! Where the machine's controllers are mounted.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// What a sandbox needs of its control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Counts CPU time; limits nothing.
    CpuTime,
    CpuSet,
    Memory,
    Pids,
    /// Which devices may be opened. Version 2 does this with a BPF program instead.
    Devices,
}

impl Controller {
    pub const ALL: [Controller; 5] = [
        Controller::CpuTime,
        Controller::CpuSet,
        Controller::Memory,
        Controller::Pids,
        Controller::Devices,
    ];

    /// The name among version 1's mount options and in /proc/PID/cgroup.
    pub fn v1_name(self) -> &'static str {
        match self {
            Controller::CpuTime => "cpuacct",
            Controller::CpuSet => "cpuset",
            Controller::Memory => "memory",
            Controller::Pids => "pids",
            Controller::Devices => "devices",
        }
    }

    /// The name in version 2's `cgroup.controllers`, where it is a controller at all.
    fn v2_name(self) -> Option<&'static str> {
        match self {
            // `cpu.stat` exists in every group.
            Controller::CpuTime | Controller::Devices => None,
            Controller::CpuSet => Some("cpuset"),
            Controller::Memory => Some("memory"),
            Controller::Pids => Some("pids"),
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.v1_name())
    }
}

#[derive(Debug, Clone)]
pub struct Hierarchy {
    version: Version,
    mounts: BTreeMap<Controller, Mount>,
    all_mounts: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
struct Mount {
    at: PathBuf,
    /// The group that the mount shows at its top: "/" but in containers without a namespace.
    shows: PathBuf,
}

impl Hierarchy {
    /// Finds the mounts in the text of a `mountinfo`, whose paths lie below `root` ("/" but in
    /// tests). Where controllers of version 1 are mounted, version 1 is what engines use.
    pub fn find(mountinfo: &str, root: &Path) -> io::Result<Hierarchy> {
        let mut v1 = BTreeMap::new();
        let mut v1_mounts = Vec::new();
        let mut v2 = None;
        for line in mountinfo.lines() {
            let Some(found) = parse_line(line, root) else {
                continue;
            };
            match found.kind {
                "cgroup" => {
                    for controller in Controller::ALL {
                        if found.options.split(',').any(|o| o == controller.v1_name()) {
                            v1.entry(controller).or_insert_with(|| found.mount.clone());
                        }
                    }
                    v1_mounts.push(found.mount.at);
                }
                "cgroup2" => v2 = Some(found.mount),
                _ => {}
            }
        }
        match v2 {
            Some(mount) if v1.is_empty() => Hierarchy::unified(mount),
            _ => Ok(Hierarchy {
                version: Version::V1,
                mounts: v1,
                all_mounts: v1_mounts,
            }),
        }
    }

    fn unified(mount: Mount) -> io::Result<Hierarchy> {
        let available = fs::read_to_string(mount.at.join("cgroup.controllers"))?;
        let mounts = Controller::ALL
            .into_iter()
            .filter(|controller| match controller.v2_name() {
                Some(name) => available.split_whitespace().any(|found| found == name),
                None => true,
            })
            .map(|controller| (controller, mount.clone()))
            .collect();
        Ok(Hierarchy {
            version: Version::V2,
            mounts,
            all_mounts: vec![mount.at],
        })
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn has(&self, controller: Controller) -> bool {
        self.mounts.contains_key(&controller)
    }

    pub fn mount(&self, controller: Controller) -> Option<&Path> {
        self.mounts.get(&controller).map(|mount| mount.at.as_path())
    }

    /// What /proc/PID/cgroup says of a process in `group`.
    pub fn name_in_proc(&self, controller: Controller, group: &Path) -> Option<PathBuf> {
        let shows = &self.mounts.get(&controller)?.shows;
        Some(super::below(shows, group))
    }

    /// What version 2's `cgroup.subtree_control` of every group above ours must be told.
    pub fn to_pass_on(&self) -> String {
        self.mounts
            .keys()
            .filter_map(|controller| controller.v2_name())
            .map(|name| format!("+{name}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Those of other controllers too: the engine makes a group in each.
    pub fn all_mounts(&self) -> &[PathBuf] {
        &self.all_mounts
    }
}

struct Line<'a> {
    mount: Mount,
    kind: &'a str,
    options: &'a str,
}

/// "31 23 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory"
fn parse_line<'a>(line: &'a str, root: &Path) -> Option<Line<'a>> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let shows = mount.next()?;
    let at = mount.next()?;
    let mut file_system = file_system.split(' ');
    let kind = file_system.next()?;
    let options = file_system.nth(1)?;
    Some(Line {
        mount: Mount {
            at: super::below(root, Path::new(at)),
            shows: shows.into(),
        },
        kind,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "\
25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
28 25 0:25 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
29 25 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
";

    #[test]
    fn controllers_of_version_1_are_found_where_they_are_mounted() {
        let found = Hierarchy::find(V1, Path::new("/")).unwrap();
        assert_eq!(found.version(), Version::V1);
        assert_eq!(
            found.mount(Controller::CpuTime),
            Some(Path::new("/sys/fs/cgroup/cpu,cpuacct"))
        );
        assert!(!found.has(Controller::CpuSet));
        assert_eq!(found.all_mounts().len(), 4);
        assert_eq!(
            found.name_in_proc(Controller::Pids, Path::new("/leanboard/a/1")),
            Some("/docker/abc/leanboard/a/1".into())
        );
    }

    #[test]
    fn in_a_hybrid_layout_version_1_is_used() {
        let hybrid = format!("{V1}30 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        let found = Hierarchy::find(&hybrid, Path::new("/")).unwrap();
        assert_eq!(found.version(), Version::V1);
        assert!(found.has(Controller::Memory));
    }

    #[test]
    fn version_2_has_what_its_root_offers() {
        let root = tempfile::tempdir().unwrap();
        let mount = root.path().join("sys/fs/cgroup");
        fs::create_dir_all(&mount).unwrap();
        fs::write(mount.join("cgroup.controllers"), "cpuset cpu io pids\n").unwrap();
        let mountinfo = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
        let found = Hierarchy::find(mountinfo, root.path()).unwrap();
        assert_eq!(found.version(), Version::V2);
        assert!(found.has(Controller::CpuTime) && found.has(Controller::Devices));
        assert!(!found.has(Controller::Memory));
        assert_eq!(found.mount(Controller::Pids), Some(mount.as_path()));
    }
}
