//! Where a run could leave something.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::support::{groups_of, processes_of};
use crate::support::{App, Runner};

/// Users of sandboxes have this number or a higher one.
const FIRST_USER: u32 = 0x7000_0000;

pub struct Traces {
    runner: String,
    process: PathBuf,
    folder: PathBuf,
}

impl Traces {
    pub fn new(app: &App, runner: &Runner, name: String) -> Traces {
        Traces {
            process: Path::new("/proc").join(runner.id().to_string()),
            folder: app.data_dir().join("runner").join(&name),
            runner: name,
        }
    }

    /// Processes, control groups, mounts, files, and what is shared between processes.
    pub fn seen(&self) -> Vec<String> {
        // As the runner sees it, whose mounts are its own.
        let rooms = self
            .process
            .join("root/run/leanboard-test")
            .join(&self.runner);
        let mounts = fs::read_to_string(self.process.join("mountinfo")).unwrap();
        let mut seen = vec![
            format!("processes {:?}", processes_of(&self.runner)),
            format!("children {:?}", self.children()),
            format!("mounts {}", mounts.lines().count()),
        ];
        for group in groups_of(&self.runner) {
            seen.push(format!("groups {:?}", folders_in(&group)));
        }
        for folder in [&rooms.join("rooms"), &rooms.join("engine"), &self.folder] {
            seen.push(format!("{folder:?} {:?}", names_in(folder)));
        }
        for folder in ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"] {
            seen.push(format!("{folder} {:?}", strangers_in(Path::new(folder))));
        }
        // The column with the owner differs from table to table.
        for (table, owner) in [("shm", 7), ("sem", 4), ("msg", 7)] {
            let table = fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap();
            let owners = table
                .lines()
                .skip(1)
                .filter_map(|line| line.split_whitespace().nth(owner));
            let strangers = owners.filter(|owner| owner.parse::<u32>().unwrap() >= FIRST_USER);
            seen.push(format!("shared {}", strangers.count()));
        }
        seen
    }

    fn children(&self) -> Vec<String> {
        let threads = fs::read_dir(self.process.join("task")).unwrap().flatten();
        let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")));
        lists
            .map(|list| list.unwrap_or_default().trim().to_owned())
            .filter(|list| !list.is_empty())
            .collect()
    }
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn folders_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// What belongs to the users of sandboxes.
fn strangers_in(folder: &Path) -> BTreeSet<String> {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.metadata().is_ok_and(|file| file.uid() >= FIRST_USER))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
