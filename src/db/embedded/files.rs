//! Folders and secrets of the private server, some of which are given to its account.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid, chown};

use super::EmbeddedError;

/// More than any file has that is read here.
const SMALL: u64 = 4096;

/// Makes a folder, or makes it what it should be, in a folder that is ours alone.
pub fn make_folder(
    folder: &Path,
    mode: u32,
    owner: Option<Uid>,
    group: Option<Gid>,
) -> Result<(), EmbeddedError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(folder)
        .map_err(failed("create", folder))?;
    chown(folder, owner, group)
        .map_err(io::Error::from)
        .map_err(failed("give away", folder))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(failed("open up", folder))
}

/// A role's password, kept where only the starter can read it.
pub fn read_or_make_password(path: &Path) -> Result<String, EmbeddedError> {
    match fs::read_to_string(path) {
        Ok(password) => Ok(password),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 24];
            getrandom::fill(&mut bytes)
                .map_err(|error| failed("find random bytes for", path)(io::Error::other(error)))?;
            let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let partial = path.with_extension("partial");
            write_secret(&partial, &password, None)?;
            fs::rename(&partial, path).map_err(failed("write", path))?;
            Ok(password)
        }
        Err(source) => Err(failed("read", path)(source)),
    }
}

/// A new file that only its owner reads.
pub fn write_secret(path: &Path, secret: &str, owner: Option<Uid>) -> Result<(), EmbeddedError> {
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(secret.as_bytes())?;
        fchown(&file, owner.map(Uid::as_raw), None)?;
        file.sync_all()
    };
    let _ = fs::remove_file(path);
    write().map_err(failed("write", path))
}

/// A small file of the server's account, who may have put a link or a pipe in its place.
pub fn read_small(path: &Path) -> io::Result<String> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    let mut text = String::new();
    file.take(SMALL).read_to_string(&mut text)?;
    Ok(text)
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> EmbeddedError {
    move |source| EmbeddedError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
