//! Reads files once, so that the machine and not the measured program pays for the page cache.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::{Doing, SandboxError};
use crate::domain::units::Bytes;

/// Reads a file, or every regular file below a folder without following links, into the page
/// cache, and returns their total size. A program that reads a 300 MB input was charged 313 MB
/// of memory cold, and 5.6 MB warmed.
///
/// # Errors
///
/// [`SandboxError::NotReadable`] names the first file or folder that the sandbox's user could not
/// read, which would otherwise be found out only by the program.
pub fn warm(path: &Path) -> Result<Bytes, SandboxError> {
    let mut buffer = vec![0; 1 << 20];
    let mut waiting = vec![path.to_path_buf()];
    let mut total = 0;
    while let Some(path) = waiting.pop() {
        let cannot_read = || format!("cannot read {}", path.display());
        let metadata = fs::symlink_metadata(&path).doing(cannot_read)?;
        if metadata.is_dir() {
            check_readable(&path, &metadata)?;
            for entry in fs::read_dir(&path).doing(cannot_read)? {
                waiting.push(entry.doing(cannot_read)?.path());
            }
        } else if metadata.is_file() {
            check_readable(&path, &metadata)?;
            total += read_all(&path, &mut buffer).doing(cannot_read)?;
        }
    }
    Ok(Bytes::new(total))
}

/// How much the kernel has taken out of memory since it started: while this stays the same, all that
/// was warmed is still there. `None` where the kernel does not say.
pub fn pages_taken() -> Option<u64> {
    count_taken(&fs::read_to_string("/proc/vmstat").ok()?)
}

/// Pages that were stolen from somebody, and times that caches were dropped by hand.
fn count_taken(vmstat: &str) -> Option<u64> {
    let counts: Vec<u64> = (vmstat.lines())
        .filter(|line| line.starts_with("pgsteal_") || line.starts_with("drop_"))
        .map(|line| line.split_once(' ')?.1.parse().ok())
        .collect::<Option<_>>()?;
    (!counts.is_empty()).then(|| counts.iter().sum())
}

fn read_all(path: &Path, buffer: &mut [u8]) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut total = 0;
    loop {
        match file.read(buffer)? {
            0 => return Ok(total),
            read => total += read as u64,
        }
    }
}

/// Files keep their owners inside the sandbox, where its user is none of them.
pub(super) fn check_readable(path: &Path, metadata: &fs::Metadata) -> Result<(), SandboxError> {
    let needed = if metadata.is_dir() { 0o005 } else { 0o004 };
    if metadata.permissions().mode() & needed == needed {
        Ok(())
    } else {
        Err(SandboxError::NotReadable(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_took_is_told_only_where_it_counts_it() {
        let vmstat = "nr_free_pages 7\npgsteal_kswapd 10\npgsteal_direct 3\ndrop_pagecache 1\n";
        assert_eq!(count_taken(vmstat), Some(14));
        assert_eq!(count_taken("nr_free_pages 7\n"), None);
    }

    #[test]
    fn a_file_that_only_its_owner_reads_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let secret = folder.path().join("test.csv");
        fs::write(&secret, "id\n1\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(warm(folder.path()).unwrap(), Bytes::new(5));
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let error = warm(folder.path()).unwrap_err();
        assert!(matches!(error, SandboxError::NotReadable(path) if path == secret));
    }
}
