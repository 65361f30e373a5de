//! Takes files out of the output folder, which an untrusted program has filled.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use thiserror::Error;

use crate::domain::units::Bytes;

/// Why a file was not taken. All but [`OutputError::Unreadable`] are the participant's doing.
#[derive(Debug, Error)]
pub enum OutputError {
    #[error("the program left no {0}")]
    Missing(String),
    #[error("{0} is a link, or lies behind one, and only plain files are taken")]
    Link(String),
    #[error("{0} is not a plain file with a single name")]
    NotPlain(String),
    #[error("{name} is {size} long, and at most {most} are taken")]
    TooLarge {
        name: String,
        size: Bytes,
        most: Bytes,
    },
    #[error("the output {name} cannot be read")]
    Unreadable { name: String, source: io::Error },
}

impl OutputError {
    /// Whether the participant's program is to blame; otherwise we are.
    pub fn is_participants(&self) -> bool {
        match self {
            OutputError::Missing(_)
            | OutputError::Link(_)
            | OutputError::NotPlain(_)
            | OutputError::TooLarge { .. } => true,
            OutputError::Unreadable { .. } => false,
        }
    }
}

/// Reads `name` below `folder`. Nothing that lies there makes this follow a link, leave the
/// folder, block, or read more than `most`.
pub(super) fn take(folder: &Path, name: &str, most: Bytes) -> Result<Vec<u8>, OutputError> {
    let unreadable = |source: io::Error| OutputError::Unreadable {
        name: name.into(),
        source,
    };
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let folder = open(folder, flags | OFlag::O_DIRECTORY, Mode::empty())
        .map_err(|errno| unreadable(errno.into()))?;
    let how = OpenHow::new()
        // Opening a named pipe waits for its other end otherwise.
        .flags(flags | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    let file = match openat2(&folder, name, how) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Err(OutputError::Missing(name.into())),
        Err(Errno::ELOOP | Errno::EXDEV) => return Err(OutputError::Link(name.into())),
        // A socket, or a device without a driver.
        Err(Errno::ENXIO | Errno::ENODEV) => return Err(OutputError::NotPlain(name.into())),
        Err(errno) => return Err(unreadable(errno.into())),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Err(OutputError::NotPlain(name.into()));
    }
    if metadata.len() > most.as_u64() {
        return Err(OutputError::TooLarge {
            name: name.into(),
            size: Bytes::new(metadata.len()),
            most,
        });
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.take(most.as_u64())
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use nix::unistd::mkfifo;

    use super::*;

    const MOST: Bytes = Bytes::from_kib(4);

    #[test]
    fn a_plain_file_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("predictions.csv"), "id,label\n").unwrap();
        let taken = take(folder.path(), "predictions.csv", MOST).unwrap();
        assert_eq!(taken, b"id,label\n");
    }

    #[test]
    fn whatever_else_a_program_plants_is_refused_and_is_its_own_fault() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("/etc/shadow", at("symlink")).unwrap();
        symlink("/etc", at("folder-link")).unwrap();
        fs::write(at("original"), "x").unwrap();
        fs::hard_link(at("original"), at("hard-link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        let _listening = UnixListener::bind(at("socket")).unwrap();
        File::create(at("sparse"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        for (name, refused) in [
            ("symlink", "Link"),
            ("folder-link/shadow", "Link"),
            ("../escape", "Link"),
            ("/etc/passwd", "Link"),
            ("hard-link", "NotPlain"),
            ("folder", "NotPlain"),
            ("fifo", "NotPlain"),
            ("socket", "NotPlain"),
            ("sparse", "TooLarge"),
            ("nothing", "Missing"),
            ("original/below", "Missing"),
        ] {
            let error = take(folder.path(), name, MOST).unwrap_err();
            assert!(
                format!("{error:?}").starts_with(refused),
                "{name}: {error:?}"
            );
            assert!(error.is_participants(), "{name}");
        }
    }
}
