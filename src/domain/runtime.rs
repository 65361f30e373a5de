//! What lies around a model: the system and the Python environment, as a runner shows them to its
//! sandboxes.

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// Where the `/usr` of sandboxes comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeKind {
    /// Built from packages that its manifest names.
    Image,
    /// The host's own, with whatever is installed there: for development.
    Host,
}

impl RuntimeKind {
    /// In words, the mark of the host's included.
    pub fn words(self) -> &'static str {
        match self {
            RuntimeKind::Image => "pinned image",
            RuntimeKind::Host => "host's /usr (development)",
        }
    }
}

/// What an image holds. Its digest names the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Which requirements and steps it was built by.
    pub recipe: Digest,
    /// Of Debian.
    pub suite: String,
    /// As Debian calls it.
    pub architecture: String,
    /// Such as "3.11.2".
    pub python: String,
    /// Debian's packages, with the hashes of their files.
    pub debian: Vec<Package>,
    /// Python's packages, with the hashes of their wheels.
    pub wheels: Vec<Package>,
    /// Over every file: name, kind, mode and content.
    pub tree: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub sha256: Digest,
}

impl Manifest {
    /// The file as it is written, whose digest names the image.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is texts");
        text.push('\n');
        text
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_was_read_has_the_digest_of_the_one_that_was_written() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            sha256: Digest::of(name.as_bytes()),
        };
        let manifest = Manifest {
            recipe: Digest::of(b"recipe"),
            suite: "bookworm".to_owned(),
            architecture: "amd64".to_owned(),
            python: "3.11.2".to_owned(),
            debian: vec![package("libc6")],
            wheels: vec![package("numpy")],
            tree: Digest::of(b"tree"),
        };
        let read: Manifest = serde_json::from_str(&manifest.text()).unwrap();
        assert_eq!(read.digest(), manifest.digest());
        let mut other = manifest.clone();
        other.wheels[0].version = "2".to_owned();
        assert_ne!(other.digest(), manifest.digest());
    }
}
