//! Mounts that only the runner's own mount namespace sees, so that they vanish with the runner.

use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, TMPFS_MAGIC, statfs};

use super::error::{Doing, SandboxError};

/// Gives the calling thread, and every thread and process that it starts from now on, a mount
/// namespace of its own, and makes this process the parent of its orphaned grandchildren.
///
/// Call it in `main` before any thread exists, or first thing on the thread that will use the
/// walls. In that namespace the second hierarchy of a hybrid cgroup layout is unmounted, because
/// crun refuses to work beside it. An empty tmpfs takes its place: crun writes an ordinary file
/// there for every container, see [`forget_strays`].
pub fn enter_private_mounts() -> Result<(), SandboxError> {
    unshare(CloneFlags::CLONE_NEWNS)
        .doing(|| "cannot enter a mount namespace of its own (this needs root)")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .doing(|| "cannot make the mounts private")?;
    let unified = Path::new(UNIFIED);
    if statfs(unified).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC) {
        umount2(unified, MntFlags::MNT_DETACH)
            .doing(|| format!("cannot unmount {UNIFIED} in the runner's mount namespace"))?;
        mount_tmpfs(unified, "size=1m,mode=0755")?;
    }
    set_child_subreaper(true).doing(|| "cannot become the parent of orphans")
}

/// Where a hybrid layout has its second hierarchy.
const UNIFIED: &str = "/sys/fs/cgroup/unified";

/// Removes the ordinary files that crun takes for a group of the second hierarchy.
pub(super) fn forget_strays(group: &Path) {
    let is_ours = statfs(UNIFIED).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC);
    let strays = Path::new(UNIFIED).join(group.strip_prefix("/").unwrap_or(group));
    if is_ours
        && strays.exists()
        && let Err(error) = fs::remove_dir_all(&strays)
    {
        tracing::warn!(cgroup.path = %strays.display(), %error, "could not remove strays");
    }
}

/// A mount that is taken away when this is dropped, and with it all mounts below it.
#[derive(Debug)]
pub(super) struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// An empty file system in memory. `options` are tmpfs options: "size=4m,mode=0711".
    pub fn tmpfs(at: &Path, options: &str) -> Result<Mounted, SandboxError> {
        mount_tmpfs(at, options)?;
        Ok(Mounted { at: at.into() })
    }
}

/// As [`Mounted::tmpfs`], for one that lies in another and goes away with it.
pub(super) fn mount_tmpfs(at: &Path, options: &str) -> Result<(), SandboxError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options))
        .doing(|| format!("cannot mount a tmpfs on {}", at.display()))
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = umount2(&self.at, MntFlags::MNT_DETACH) {
            tracing::warn!(mount.path = %self.at.display(), %error, "could not unmount");
        }
    }
}

/// Shows `source`, a file or a folder without the mounts below it, read-only at `at`, which is
/// created. It goes away with the [`Mounted`] that it lies in.
pub(super) fn bind_read_only(source: &Path, at: &Path) -> Result<(), SandboxError> {
    let failed = || format!("cannot mount {} for the sandbox", source.display());
    create_mount_point(at, source.is_dir()).doing(failed)?;
    let bind = MsFlags::MS_BIND;
    mount(Some(source), at, None::<&str>, bind, None::<&str>).doing(failed)?;
    let read_only = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV;
    mount(None::<&str>, at, None::<&str>, read_only, None::<&str>).doing(failed)
}

/// An empty folder or file to mount on, with the folders above it.
pub(super) fn create_mount_point(at: &Path, is_folder: bool) -> std::io::Result<()> {
    if is_folder {
        return fs::create_dir_all(at);
    }
    if let Some(folder) = at.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::File::create_new(at) {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether mounts made here stay here.
pub(super) fn are_private(mountinfo: &str) -> bool {
    mountinfo
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.get(4) == Some(&"/"))
        .all(|fields| {
            !fields
                .iter()
                .take_while(|field| **field != "-")
                .any(|field| field.starts_with("shared:"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_root_is_not_private() {
        let shared = "29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
        let private = "29 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
                       30 29 0:3 / /proc rw shared:2 - proc proc rw\n";
        assert!(!are_private(shared));
        assert!(are_private(private));
    }
}
