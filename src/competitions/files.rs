//! The files of a bundle: listed without following links.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::domain::units::Bytes;

/// Folders inside folders, at most.
const DEPTH_MAX: usize = 8;

/// A regular file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    /// Its path in the bundle, with forward slashes: `data/train.csv`.
    pub path: String,
    pub kind: FileKind,
    pub absolute: PathBuf,
    pub size: Bytes,
}

/// Who may see a file, which its folder decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// In `data/`: what participants download.
    Public,
    /// In `hidden/`: nobody but the host and the runners.
    Hidden,
    /// In `starter/`: example entries, of which those that the rules name are public submissions.
    Starter,
}

impl FileKind {
    pub const ALL: [FileKind; 3] = [FileKind::Public, FileKind::Hidden, FileKind::Starter];

    pub fn folder(self) -> &'static str {
        match self {
            FileKind::Public => "data",
            FileKind::Hidden => "hidden",
            FileKind::Starter => "starter",
        }
    }
}

/// All files of the three folders, sorted by path. Names that begin with a dot are left out, as
/// editors and file managers leave them behind.
pub fn list(bundle: &Path) -> (Vec<BundleFile>, Vec<Finding>) {
    let mut listing = Listing::default();
    for kind in FileKind::ALL {
        listing.add(&bundle.join(kind.folder()), kind, kind.folder(), 0);
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    (listing.files, listing.findings)
}

/// The text of one of the bundle's own files, at most `size_max` long.
pub fn read_text(bundle: &Path, name: &str, size_max: Bytes) -> Result<String, Finding> {
    let finding = |message| finding(name, message);
    let path = bundle.join(name);
    let metadata = fs::symlink_metadata(&path).map_err(|error| finding(unreadable(&error)))?;
    if !metadata.is_file() {
        return Err(finding(NOT_A_FILE.to_owned()));
    }
    if metadata.len() > size_max.as_u64() {
        return Err(finding(format!("the file is larger than {size_max}")));
    }
    let bytes = fs::read(&path).map_err(|error| finding(unreadable(&error)))?;
    String::from_utf8(bytes).map_err(|_| finding("the text is not UTF-8".to_owned()))
}

pub fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "the bundle has no such file".to_owned()
    } else {
        format!("it cannot be read: {error}")
    }
}

const NOT_A_FILE: &str = "only files and folders can be in a bundle: no links, no devices";

#[derive(Default)]
struct Listing {
    files: Vec<BundleFile>,
    findings: Vec<Finding>,
}

impl Listing {
    /// Adds whatever a path of the bundle is: a file, or a folder with all it contains.
    fn add(&mut self, absolute: &Path, kind: FileKind, path: &str, depth: usize) {
        match fs::symlink_metadata(absolute) {
            // A folder that is not there lacks the files that the rules name; those are found so.
            Err(error) if error.kind() == io::ErrorKind::NotFound && depth == 0 => {}
            Err(error) => self.findings.push(finding(path, unreadable(&error))),
            Ok(metadata) if metadata.is_dir() => self.add_folder(absolute, kind, path, depth),
            Ok(metadata) if metadata.is_file() && depth > 0 => self.files.push(BundleFile {
                path: path.to_owned(),
                kind,
                absolute: absolute.to_owned(),
                size: Bytes::new(metadata.len()),
            }),
            Ok(metadata) if metadata.is_file() => {
                self.findings
                    .push(finding(path, "it must be a folder".to_owned()));
            }
            Ok(_) => self.findings.push(finding(path, NOT_A_FILE.to_owned())),
        }
    }

    fn add_folder(&mut self, absolute: &Path, kind: FileKind, path: &str, depth: usize) {
        if depth > DEPTH_MAX {
            let message = format!("there are more than {DEPTH_MAX} folders inside each other");
            self.findings.push(finding(path, message));
            return;
        }
        let names: io::Result<Vec<_>> = fs::read_dir(absolute)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        let names = match names {
            Ok(names) => names,
            Err(error) => return self.findings.push(finding(path, unreadable(&error))),
        };
        for name in names {
            match name.to_str() {
                Some(name) if name.starts_with('.') => {}
                Some(name) if name.contains(|c: char| c.is_control() || c == '\\') => {
                    let message =
                        format!("the name {name:?} has characters that names cannot have");
                    self.findings.push(finding(path, message));
                }
                Some(name) => {
                    self.add(
                        &absolute.join(name),
                        kind,
                        &format!("{path}/{name}"),
                        depth + 1,
                    );
                }
                None => {
                    let message = format!("the name {name:?} is not UTF-8");
                    self.findings.push(finding(path, message));
                }
            }
        }
    }
}

fn finding(file: &str, message: String) -> Finding {
    Finding {
        file: file.to_owned(),
        line: None,
        message,
    }
}
