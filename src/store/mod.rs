//! Bytes by digest. What is stored never changes, is durable once it is named, and is named only
//! when it is whole.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes as Chunk;
use futures_util::StreamExt;
use nix::sys::statvfs::statvfs;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt, WriteMultipart};

use crate::domain::digest::{Digest, Hasher};
use crate::domain::ids::UploadId;
use crate::domain::units::Bytes;

/// Parts of an upload that may be on their way to the disk at once; more would only fill memory.
const PARTS_IN_FLIGHT: usize = 2;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the object store failed: {0}")]
    Backend(#[from] object_store::Error),
    #[error("the stored bytes of {0} are not what their name says")]
    Corrupt(Digest),
    #[error("cannot {doing} {path}: {source}")]
    File {
        doing: &'static str,
        path: String,
        source: std::io::Error,
    },
}

/// An object store: a local folder so far.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn ObjectStore>,
    folder: PathBuf,
    /// What uploads leave of the disk.
    kept_free: Bytes,
}

impl Store {
    /// The store in a local folder, which is made if it is not there. Every write is on the disk
    /// before it is confirmed.
    pub fn local(folder: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::File {
            doing: "create",
            path: folder.display().to_string(),
            source,
        })?;
        let backend = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Store {
            backend: Arc::new(backend),
            folder: folder.to_owned(),
            kept_free: Bytes::default(),
        })
    }

    /// The same store, whose uploads leave so much of the disk to others.
    pub fn keeping_free(self, kept_free: Bytes) -> Store {
        Store { kept_free, ..self }
    }

    /// Whether an upload of this size leaves enough of the disk free.
    pub fn has_room_for(&self, size: Bytes) -> Result<bool, StoreError> {
        let disk = statvfs(&self.folder).map_err(|error| StoreError::File {
            doing: "look at the disk of",
            path: self.folder.display().to_string(),
            source: error.into(),
        })?;
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        Ok(free.saturating_sub(size.as_u64()) >= self.kept_free.as_u64())
    }

    /// Begins to receive an upload, which has no digest until its last byte.
    pub async fn receive(&self, upload: UploadId) -> Result<Incoming, StoreError> {
        let parts = self.backend.put_multipart(&upload_key(upload)).await?;
        Ok(Incoming {
            parts: WriteMultipart::new(parts),
            hasher: Hasher::default(),
            size: 0,
        })
    }

    /// Opens an upload that was received, to look at it.
    pub async fn open_upload(&self, upload: UploadId) -> Result<File, StoreError> {
        self.open_key(&upload_key(upload)).await
    }

    /// Where files that have no name may be unpacked: on the disk of which [`Store::has_room_for`] tells.
    pub fn spool(&self) -> PathBuf {
        self.folder.join("uploads")
    }

    /// Gives a received upload its name. Doing so again, after a crash, changes nothing.
    pub async fn adopt(&self, upload: UploadId, digest: &Digest) -> Result<(), StoreError> {
        let object = object_key(digest);
        match self.backend.rename(&upload_key(upload), &object).await {
            Err(object_store::Error::NotFound { .. }) => {
                self.backend.head(&object).await?;
            }
            renamed => renamed?,
        }
        Ok(())
    }

    /// Forgets an upload, if it is there.
    pub async fn discard(&self, upload: UploadId) -> Result<(), StoreError> {
        match self.backend.delete(&upload_key(upload)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes uploads, whole or broken off, that a crash left behind: all that are older than any
    /// upload that can still be committed.
    pub fn sweep(&self, older_than: Duration) -> std::io::Result<()> {
        for entry in std::fs::read_dir(self.folder.join("uploads"))
            .into_iter()
            .flatten()
        {
            let entry = entry?;
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > older_than {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Stores what is read from a file, and says its name.
    pub async fn put_file(&self, path: &Path) -> Result<(Digest, Bytes), StoreError> {
        let upload = UploadId::new();
        let mut incoming = self.receive(upload).await?;
        let failed = |source| StoreError::File {
            doing: "read",
            path: path.display().to_string(),
            source,
        };
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let mut chunks = tokio_util::io::ReaderStream::with_capacity(file, 256 << 10);
        while let Some(chunk) = chunks.next().await {
            incoming.write(chunk.map_err(failed)?).await?;
        }
        let (digest, size) = incoming.finish().await?;
        self.adopt(upload, &digest).await?;
        Ok((digest, size))
    }

    /// Opens stored bytes for handing on. Who acts on them reads or copies them instead, which
    /// checks that they are what their name says.
    pub async fn open(&self, digest: &Digest) -> Result<File, StoreError> {
        self.open_key(&object_key(digest)).await
    }

    /// Reads stored bytes whole: for tables, not for models.
    pub async fn read(&self, digest: &Digest) -> Result<Chunk, StoreError> {
        let bytes = self.backend.get(&object_key(digest)).await?.bytes().await?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(StoreError::Corrupt(*digest)),
        }
    }

    /// Copies stored bytes into a new file.
    pub async fn copy_to(&self, digest: &Digest, path: &Path) -> Result<(), StoreError> {
        let failed = |source| StoreError::File {
            doing: "write",
            path: path.display().to_string(),
            source,
        };
        let mut chunks = self.backend.get(&object_key(digest)).await?.into_stream();
        let mut file = File::create_new(path).map_err(failed)?;
        let mut hasher = Hasher::default();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(failed)?;
        }
        match hasher.finish() == *digest {
            true => Ok(()),
            false => Err(StoreError::Corrupt(*digest)),
        }
    }

    async fn open_key(&self, key: &Key) -> Result<File, StoreError> {
        match self.backend.get(key).await?.payload {
            GetResultPayload::File(file, _) => Ok(file),
            GetResultPayload::Stream(mut chunks) => {
                let failed = |source| StoreError::File {
                    doing: "spool",
                    path: key.to_string(),
                    source,
                };
                let mut file = tempfile::tempfile().map_err(failed)?;
                while let Some(chunk) = chunks.next().await {
                    file.write_all(&chunk?).map_err(failed)?;
                }
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
                Ok(file)
            }
        }
    }
}

/// An upload on its way in: hashed while it passes, never whole in memory. Dropped before it is
/// finished, it leaves nothing behind.
pub struct Incoming {
    parts: WriteMultipart,
    hasher: Hasher,
    size: u64,
}

impl Incoming {
    pub async fn write(&mut self, chunk: Chunk) -> Result<(), StoreError> {
        self.parts.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        self.hasher.update(&chunk);
        self.size += chunk.len() as u64;
        self.parts.put(chunk);
        Ok(())
    }

    /// How much has come so far.
    pub fn size(&self) -> Bytes {
        Bytes::new(self.size)
    }

    pub async fn finish(self) -> Result<(Digest, Bytes), StoreError> {
        self.parts.finish().await?;
        Ok((self.hasher.finish(), Bytes::new(self.size)))
    }

    pub async fn abort(self) -> Result<(), StoreError> {
        Ok(self.parts.abort().await?)
    }
}

fn upload_key(upload: UploadId) -> Key {
    Key::from(format!("uploads/{upload}"))
}

/// Two hexadecimal digits deep, so that no folder grows without bound.
fn object_key(digest: &Digest) -> Key {
    let name = digest.to_string();
    Key::from(format!("objects/{}/{name}", &name[..2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                found.extend(files(&entry.path()));
            } else {
                found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        found
    }

    #[tokio::test]
    async fn an_upload_is_named_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        let upload = UploadId::new();
        let mut incoming = store.receive(upload).await.unwrap();
        incoming.write(Chunk::from_static(b"hello ")).await.unwrap();
        incoming.write(Chunk::from_static(b"there")).await.unwrap();
        let (digest, size) = incoming.finish().await.unwrap();
        assert_eq!((digest, size), (Digest::of(b"hello there"), Bytes::new(11)));

        store.adopt(upload, &digest).await.unwrap();
        assert_eq!(store.read(&digest).await.unwrap(), "hello there");
        assert_eq!(files(folder.path()), [digest.to_string()]);
    }

    #[tokio::test]
    async fn bytes_that_are_not_what_their_name_says_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        let good = folder.path().join("good");
        std::fs::write(&good, b"good").unwrap();
        let (digest, _) = store.put_file(&good).await.unwrap();
        let copy = folder.path().join("copy");
        store.copy_to(&digest, &copy).await.unwrap();
        assert_eq!(std::fs::read(&copy).unwrap(), b"good");

        let name = digest.to_string();
        std::fs::write(
            folder.path().join("objects").join(&name[..2]).join(&name),
            b"evil",
        )
        .unwrap();
        let second = folder.path().join("second");
        assert!(matches!(
            store.read(&digest).await,
            Err(StoreError::Corrupt(_))
        ));
        assert!(matches!(
            store.copy_to(&digest, &second).await,
            Err(StoreError::Corrupt(_))
        ));
    }

    #[tokio::test]
    async fn an_upload_that_breaks_off_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(folder.path()).unwrap();
        let mut incoming = store.receive(UploadId::new()).await.unwrap();
        incoming.write(Chunk::from(vec![7; 6 << 20])).await.unwrap();
        drop(incoming);
        tokio::time::timeout(std::time::Duration::from_secs(5), async {
            while !files(folder.path()).is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}
