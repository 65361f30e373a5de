//! An NVML of made-up GPUs, told by each test what it plays.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A copy of the fake library that nobody else has, with its settings beside it.
pub struct FakeNvml {
    folder: TempDir,
}

impl FakeNvml {
    /// Plays these settings, which are TOML.
    pub fn playing(settings: &str) -> FakeNvml {
        let fake = FakeNvml {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::copy(built(), fake.library()).unwrap();
        fake.play(settings);
        fake
    }

    /// As from an old driver: without a function of this name.
    pub fn without(function: &str) -> FakeNvml {
        let fake = FakeNvml::playing("");
        let mut bytes = std::fs::read(fake.library()).unwrap();
        let name = format!("\0{function}\0");
        let places: Vec<_> = memchr::memmem::find_iter(&bytes, name.as_bytes()).collect();
        assert!(!places.is_empty(), "no {function}");
        for place in places {
            bytes[place + 1] = b'_';
        }
        std::fs::write(fake.library(), bytes).unwrap();
        fake
    }

    pub fn library(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml.so.1")
    }

    /// Plays other settings from the next call on.
    pub fn play(&self, settings: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, settings).unwrap();
        std::fs::rename(new, self.folder.path().join("fake-nvml.toml")).unwrap();
    }
}

/// Cargo builds it for this test, beside it.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test
        .parent()
        .map(Path::new)
        .unwrap()
        .join("libfake_nvml.so");
    assert!(library.exists(), "no {}", library.display());
    library
}
