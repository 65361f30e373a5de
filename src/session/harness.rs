//! The harness, as it is compiled into the program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::SessionError;
use crate::domain::digest::{Digest, Hasher};

static HARNESS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sandbox/harness");

/// Writes the harness below a folder, for sandboxes to read, and says where. Its tests stay out.
pub fn install(folder: &Path) -> Result<PathBuf, SessionError> {
    let target = folder.join("harness");
    let failed = |source| SessionError::File {
        doing: "install the harness in",
        path: target.clone(),
        source,
    };
    if target.exists() {
        fs::remove_dir_all(&target).map_err(failed)?;
    }
    fs::create_dir_all(&target).map_err(failed)?;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    for module in modules() {
        let path = target.join(module.path());
        fs::write(&path, module.contents()).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    Ok(target)
}

/// Which harness this is: a part of every session's fingerprint.
pub fn digest() -> Digest {
    let mut hasher = Hasher::default();
    for module in modules() {
        hasher.update(module.path().as_os_str().as_encoded_bytes());
        hasher.update(module.contents());
    }
    hasher.finish()
}

fn modules() -> impl Iterator<Item = &'static include_dir::File<'static>> {
    HARNESS.files().filter(|file| {
        file.path()
            .extension()
            .is_some_and(|extension| extension == "py")
    })
}
