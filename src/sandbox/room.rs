//! What one run sees: its folders, its files, its output folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use nix::sys::statfs::statfs;

use super::config::USER;
use super::error::{Doing, SandboxError};
use super::mounts::{Mounted, bind_read_only, create_mount_point, mount_tmpfs};
use super::warm::check_readable;
use crate::domain::limits::Limits;

/// What is asked for one run.
#[derive(Debug, Clone)]
pub struct Room {
    /// The program, as an absolute path inside or a name to be found on `PATH`, and its arguments.
    pub command: Vec<String>,
    /// Beside `PATH`, `HOME`, `LANG` and the thread counts, which it may override.
    pub env: Vec<(String, String)>,
    /// Without a mount at `/usr` the host's is shown.
    pub mounts: Vec<ReadOnlyMount>,
    pub limits: Limits,
    /// Where the output folder, the only one that outlives the run, appears inside.
    pub output: PathBuf,
    pub working_dir: PathBuf,
}

impl Room {
    /// A room with nothing but the host's `/usr`, working in `/output`.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>, limits: Limits) -> Room {
        Room {
            command: command.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            mounts: Vec::new(),
            limits,
            output: "/output".into(),
            working_dir: "/output".into(),
        }
    }
}

/// What the output folder takes, itself included.
pub(super) const MOST_OUTPUT_FILES: u32 = 4096;

/// A file or folder of the host that the program may read.
///
/// Folders above `source` may be closed to others, but what it contains must be readable by
/// everyone (o+r, folders o+rx): inside, the program is nobody special. [`super::warm`] checks a
/// whole tree. Mounts below `source` are not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnlyMount {
    pub source: PathBuf,
    pub target: PathBuf,
}

impl ReadOnlyMount {
    pub fn new(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> ReadOnlyMount {
        ReadOnlyMount {
            source: source.into(),
            target: target.into(),
        }
    }
}

/// The folder of one run on the host. All of it lies on one small tmpfs and goes away with it.
#[derive(Debug)]
pub(super) struct RoomFolder {
    folder: PathBuf,
    mounted: Option<Mounted>,
    pub read_only: Vec<(PathBuf, PathBuf)>,
}

impl RoomFolder {
    /// `folder` must not exist; its parents must be searchable by everyone.
    pub fn furnish(
        folder: &Path,
        room: &Room,
        init: &Path,
        uid_range_start: u32,
    ) -> Result<RoomFolder, SandboxError> {
        fs::create_dir(folder).doing(|| format!("cannot create {}", folder.display()))?;
        let mounted = Mounted::tmpfs(folder, "size=8m,mode=0711")?;
        let mut furnished = RoomFolder {
            folder: folder.into(),
            mounted: Some(mounted),
            read_only: Vec::new(),
        };
        furnished.build_root()?;
        furnished.mount_output(room, uid_range_start)?;
        furnished.show(init, Path::new(super::config::INIT))?;
        let usr = Path::new("/usr");
        if room.mounts.iter().all(|mount| mount.target != usr) {
            furnished.show(usr, usr)?;
        }
        for mount in &room.mounts {
            furnished.show(&mount.source, &mount.target)?;
        }
        Ok(furnished)
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn rootfs(&self) -> PathBuf {
        self.path().join("rootfs")
    }

    pub fn output(&self) -> PathBuf {
        self.path().join("output")
    }

    /// Whether nothing more fits into the output folder: no byte, or no file.
    pub fn is_full(&self) -> bool {
        statfs(&self.output())
            .is_ok_and(|found| found.blocks_available() == 0 || found.files_free() == 0)
    }

    /// Mount points, the links that a merged `/usr` needs, and the three files without which
    /// programs find no user and no localhost.
    fn build_root(&self) -> Result<(), SandboxError> {
        let rootfs = self.rootfs();
        let build = || -> std::io::Result<()> {
            for folder in ["proc", "dev", "tmp", "etc"] {
                fs::create_dir_all(rootfs.join(folder))?;
            }
            // runc gives a tmpfs the mode of its mount point.
            fs::set_permissions(rootfs.join("tmp"), fs::Permissions::from_mode(0o1777))?;
            for link in ["bin", "sbin", "lib", "lib64"] {
                symlink(format!("usr/{link}"), rootfs.join(link))?;
            }
            let passwd = format!("root:x:0:0::/:/bin/false\nentry:x:{USER}:{USER}::/tmp:/bin/sh\n");
            fs::write(rootfs.join("etc/passwd"), passwd)?;
            fs::write(rootfs.join("etc/group"), format!("entry:x:{USER}:\n"))?;
            let hosts = "127.0.0.1 localhost sandbox\n::1 localhost\n";
            fs::write(rootfs.join("etc/hosts"), hosts)
        };
        build().doing(|| "cannot build the sandbox's root folder")
    }

    /// A tmpfs that is mounted here, outside, so that it can still be read after the run.
    fn mount_output(&self, room: &Room, uid_range_start: u32) -> Result<(), SandboxError> {
        let user = uid_range_start + USER;
        let options = format!(
            "size={},nr_inodes={MOST_OUTPUT_FILES},mode=0700,uid={user},gid={user}",
            room.limits.output.as_u64()
        );
        let outside = self.output();
        create_mount_point(&outside, true).doing(|| "cannot create the output folder")?;
        mount_tmpfs(&outside, &options)?;
        self.create_target(&room.output, true)
    }

    fn show(&mut self, source: &Path, target: &Path) -> Result<(), SandboxError> {
        let cannot_find = || format!("cannot find {} for the sandbox", source.display());
        let source = source.canonicalize().doing(cannot_find)?;
        let metadata = source.metadata().doing(cannot_find)?;
        check_readable(&source, &metadata)?;
        let number = self.read_only.len().to_string();
        let reachable = self.path().join("sources").join(number);
        bind_read_only(&source, &reachable)?;
        self.create_target(target, metadata.is_dir())?;
        self.read_only.push((reachable, target.into()));
        Ok(())
    }

    /// The engine, being nobody special either, cannot create a mount point.
    fn create_target(&self, target: &Path, is_folder: bool) -> Result<(), SandboxError> {
        let mut components = target.components();
        let is_plain = components.next() == Some(Component::RootDir)
            && components.all(|c| matches!(c, Component::Normal(_)));
        let Some(relative) = target.strip_prefix("/").ok().filter(|_| is_plain) else {
            return Err(SandboxError::BadTarget(target.display().to_string()));
        };
        create_mount_point(&self.rootfs().join(relative), is_folder)
            .doing(|| format!("cannot create the mount point {}", target.display()))
    }
}

impl Drop for RoomFolder {
    fn drop(&mut self) {
        let folder = self.path().to_path_buf();
        self.mounted = None;
        // Never recursively: should the unmounting have failed, what lies below is not ours.
        if let Err(error) = fs::remove_dir(&folder) {
            tracing::warn!(room.path = %folder.display(), %error, "could not remove a room");
        }
    }
}
