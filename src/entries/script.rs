//! The door check of code: a zip with `main.py` or `predict.py` at its top. Lists it, and reads every
//! file in it once to its end, so that nothing is found out only when it is unpacked for a run.

mod kind;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rejection::{Rejection, clean};
use super::zip::{Bundle, Member, outcome};
use crate::domain::competition::EntryKind;
use crate::domain::units::Bytes;
use kind::{Mentions, kind_of};

/// What runs of a script.
pub const MAIN: &str = "main.py";
/// What is imported of a function.
pub const PREDICT: &str = "predict.py";
/// Files whose names are kept for showing.
const LISTED_MAX: usize = 100;

/// What a zip of code has in it. Names are cleaned for showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    pub file_count: u64,
    pub unpacked_bytes: u64,
    /// The first hundred files, by their names.
    pub files: Vec<ScriptFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFile {
    pub path: String,
    pub size_bytes: u64,
}

/// Lists a zip of `size` bytes, reads all that is in it, and says which of these kinds it is. The inner
/// error is the participant's; the outer one is ours, when the file could not be read.
pub fn check(
    file: File,
    size: Bytes,
    kinds: &[EntryKind],
) -> io::Result<Result<(EntryKind, Script), Rejection>> {
    outcome(Bundle::open(file, size).and_then(|bundle| {
        // What the rest is told by comes first, so that a zip without it is not read to its end.
        kind_of(&bundle.members, kinds, true)?;
        let mut main = Mentions::of_inference_server();
        for member in &bundle.members {
            match member.path.as_str() {
                MAIN => bundle.read(member, &mut main)?,
                _ => bundle.read(member, &mut io::sink())?,
            }
        }
        let kind = kind_of(&bundle.members, kinds, main.found)?;
        let mut files: Vec<ScriptFile> = (bundle.members.iter())
            .map(|member| ScriptFile {
                path: clean(member.path.as_bytes()),
                size_bytes: member.size,
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.truncate(LISTED_MAX);
        let script = Script {
            file_count: bundle.members.len() as u64,
            unpacked_bytes: bundle.members.iter().map(|member| member.size).sum(),
            files,
        };
        Ok((kind, script))
    }))
}

/// Unpacks a zip into a folder that exists and is empty, without a wrapping folder, readable by
/// everybody. What passed [`check`] is not refused here.
pub fn unpack(file: File, size: Bytes, folder: &Path) -> io::Result<Result<(), Rejection>> {
    outcome(Bundle::open(file, size).and_then(|bundle| {
        for member in &bundle.members {
            let path = folder.join(&member.path);
            if let Some(parent) = path.parent() {
                make_folders(folder, parent)?;
            }
            let mut target = File::create_new(&path)?;
            bundle.read(member, &mut target)?;
            target.set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        Ok(())
    }))
}

/// The folders between `top` and `below`, readable by everybody.
fn make_folders(top: &Path, below: &Path) -> io::Result<()> {
    if below == top || below.is_dir() {
        return Ok(());
    }
    if let Some(parent) = below.parent() {
        make_folders(top, parent)?;
    }
    fs::create_dir(below)?;
    fs::set_permissions(below, fs::Permissions::from_mode(0o755))
}
