//! A digest over all that an image holds, which at once finds what must not be in one.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::domain::digest::{Digest, Hasher};

#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("{} does not belong to root", .0.display())]
    Owner(PathBuf),
    #[error("{} can be changed by others, or gives rights to whoever starts it", .0.display())]
    Mode(PathBuf),
    #[error("{} is neither a file nor a folder nor a link", .0.display())]
    Kind(PathBuf),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
}

/// Hashes name, kind, mode and content of all that lies in these folders below `root`, in an order
/// that depends on the names alone.
///
/// # Errors
/// Names the first thing that does not belong to root, that others could change, that has a set-uid
/// bit, or that is a device, a socket or a pipe.
pub fn tree_digest(root: &Path, folders: &[&str]) -> Result<Digest, TreeError> {
    let mut hasher = Hasher::default();
    let mut waiting: Vec<PathBuf> = folders.iter().rev().map(PathBuf::from).collect();
    while let Some(relative) = waiting.pop() {
        let path = root.join(&relative);
        let failed = |source| TreeError::Read {
            path: path.clone(),
            source,
        };
        let metadata = fs::symlink_metadata(&path).map_err(failed)?;
        check(&path, &metadata)?;
        hasher.update(relative.as_os_str().as_bytes());
        if metadata.is_dir() {
            hasher.update(format!("\0folder {:o}\n", metadata.mode() & 0o7777).as_bytes());
            let mut names = fs::read_dir(&path)
                .and_then(|entries| {
                    entries
                        .map(|entry| Ok(entry?.file_name()))
                        .collect::<io::Result<Vec<_>>>()
                })
                .map_err(failed)?;
            names.sort();
            waiting.extend(names.iter().rev().map(|name| relative.join(name)));
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).map_err(failed)?;
            hasher.update(b"\0link ");
            hasher.update(target.as_os_str().as_bytes());
            hasher.update(b"\n");
        } else {
            let content = file_digest(&path).map_err(failed)?;
            hasher.update(format!("\0file {:o} {content}\n", metadata.mode() & 0o7777).as_bytes());
        }
    }
    Ok(hasher.finish())
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), TreeError> {
    if metadata.uid() != 0 || metadata.gid() != 0 {
        return Err(TreeError::Owner(path.into()));
    }
    let kind = metadata.file_type();
    if kind.is_symlink() {
        return Ok(());
    }
    if !kind.is_file() && !kind.is_dir() {
        return Err(TreeError::Kind(path.into()));
    }
    if metadata.mode() & 0o7022 != 0 {
        return Err(TreeError::Mode(path.into()));
    }
    Ok(())
}

/// The SHA-256 of a file, read piece by piece.
pub fn file_digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_same_files_have_the_same_digest_and_others_another() {
        let folder = tempfile::tempdir().unwrap();
        let usr = folder.path().join("usr");
        fs::create_dir(&usr).unwrap();
        set_mode(&usr, 0o755);
        let file = usr.join("python");
        fs::write(&file, "1").unwrap();
        set_mode(&file, 0o644);
        symlink("python", usr.join("python3")).unwrap();
        let digest = || tree_digest(folder.path(), &["usr"]);
        if !nix::unistd::geteuid().is_root() {
            assert!(matches!(digest(), Err(TreeError::Owner(_))));
            return;
        }
        let first = digest().unwrap();
        fs::write(&file, "1").unwrap();
        assert_eq!(digest().unwrap(), first);
        fs::write(&file, "2").unwrap();
        assert_ne!(digest().unwrap(), first);
        fs::write(&file, "1").unwrap();
        set_mode(&file, 0o755);
        assert_ne!(digest().unwrap(), first);
        for mode in [0o4755, 0o2755, 0o666, 0o775] {
            set_mode(&file, mode);
            assert!(matches!(digest(), Err(TreeError::Mode(path)) if path == file));
        }
        set_mode(&file, 0o644);
        nix::unistd::mkfifo(&usr.join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(digest(), Err(TreeError::Kind(_))));
    }
}
