//! What lies around a model on this machine: an image of its own, or the host's `/usr` with a
//! Python environment. Nothing in it is started here.

mod environment;
mod tree;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use tree::{TreeError, file_digest, tree_digest};

use crate::domain::digest::Digest;
use crate::domain::runtime::{Manifest, RuntimeKind};
use crate::sandbox::{ReadOnlyMount, SandboxError, warm};

/// Of an image: what becomes `/usr`.
pub const USR: &str = "usr";
/// Of an image: the Python environment.
pub const PYTHON: &str = "python";
/// Of an image: what it holds.
pub const MANIFEST: &str = "manifest.json";
/// Says what a folder was made from; written last.
pub const STAMP: &str = "leanboard-runtime";

/// A folder that sandboxes are shown.
#[derive(Debug)]
pub struct Runtime {
    folder: PathBuf,
    image: Option<Manifest>,
}

/// Why a folder is not what it says.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("its manifest is not the one that it was built with")]
    Manifest,
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("its files are not those that it was built with")]
    Edited,
}

impl Runtime {
    /// Opens a folder. All of an image is read and compared with its manifest.
    pub fn open(folder: &Path) -> Result<Runtime, RuntimeError> {
        let image = read_manifest(folder)?;
        if let Some(manifest) = &image
            && tree_digest(folder, &[PYTHON, USR])? != manifest.tree
        {
            return Err(RuntimeError::Edited);
        }
        Ok(Runtime {
            folder: folder.into(),
            image,
        })
    }

    pub fn kind(&self) -> RuntimeKind {
        match self.image {
            Some(_) => RuntimeKind::Image,
            None => RuntimeKind::Host,
        }
    }

    /// What an image holds; nobody pinned what the host has.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.image.as_ref()
    }

    pub fn environment(&self) -> Environment {
        Environment::read(&self.python_folder())
    }

    /// The interpreter, such as "Python 3.11.2".
    pub fn python(&self) -> String {
        match self.environment().python {
            Some(version) => format!("Python {version}"),
            None => "Python".to_owned(),
        }
    }

    /// What a room shows of it. Without a mount at `/usr` the host's is shown.
    pub(super) fn mounts(&self) -> Vec<ReadOnlyMount> {
        let mut mounts = vec![ReadOnlyMount::new(self.python_folder(), "/runtime")];
        if self.image.is_some() {
            mounts.push(ReadOnlyMount::new(self.folder.join(USR), "/usr"));
        }
        mounts
    }

    /// The locale that is sure to be there.
    pub(super) fn language(&self) -> (String, String) {
        let language = match self.kind() {
            RuntimeKind::Image => "en_US.UTF-8",
            RuntimeKind::Host => "C.UTF-8",
        };
        ("LANG".to_owned(), language.to_owned())
    }

    /// Reads it into the page cache: of an image all that a program could read, of the host's `/usr`
    /// nothing.
    pub(super) fn warm(&self) -> Result<(), SandboxError> {
        for mount in self.mounts() {
            warm(&mount.source)?;
        }
        Ok(())
    }

    fn python_folder(&self) -> PathBuf {
        match self.image {
            Some(_) => self.folder.join(PYTHON),
            None => self.folder.clone(),
        }
    }
}

/// The manifest of an image, if the folder holds one.
///
/// # Errors
/// When the stamp, which is written last, is not of this manifest.
pub fn read_manifest(folder: &Path) -> Result<Option<Manifest>, RuntimeError> {
    let text = match fs::read_to_string(folder.join(MANIFEST)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !folder.join(USR).exists() => {
            return Ok(None);
        }
        Err(_) => return Err(RuntimeError::Manifest),
    };
    let stamp = fs::read_to_string(folder.join(STAMP)).unwrap_or_default();
    let manifest: Manifest = serde_json::from_str(&text).map_err(|_| RuntimeError::Manifest)?;
    if stamp != Digest::of(text.as_bytes()).to_string() || manifest.text() != text {
        return Err(RuntimeError::Manifest);
    }
    Ok(Some(manifest))
}
