//! The paths in a zip: each must be a plain one below the folder it is unpacked in, and no two may
//! meet on a file system of any kind.

use std::collections::HashMap;

use super::{ENTRIES_MAX, Member};
use crate::entries::rejection::{Rejection, RejectionCode, clean};

const PATH_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 255;
const DEPTH_MAX: usize = 32;

/// All paths seen so far, folders between them included, as they are where case does not count.
#[derive(Default)]
pub struct Names {
    seen: HashMap<String, Kind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// It was in the list itself, or only in the path of something below it.
    Folder {
        listed: bool,
    },
}

impl Names {
    /// The path as text, without a folder's slash.
    pub fn add(&mut self, raw: &[u8], is_folder: bool) -> Result<String, Rejection> {
        let text = std::str::from_utf8(raw).map_err(|_| unfit(raw, "is not UTF-8"))?;
        let path = if is_folder {
            text.strip_suffix('/').unwrap_or(text)
        } else {
            text
        };
        check_path(path).map_err(|why| unfit(raw, why))?;
        for (at, _) in path.match_indices('/') {
            self.see(&path[..at], Kind::Folder { listed: false }, path)?;
        }
        let kind = if is_folder {
            Kind::Folder { listed: true }
        } else {
            Kind::File
        };
        self.see(path, kind, path)?;
        Ok(path.to_owned())
    }

    fn see(&mut self, path: &str, kind: Kind, of: &str) -> Result<(), Rejection> {
        let folded = path.to_lowercase();
        let former = self.seen.get(&folded).copied();
        let is_fine = match (former, kind) {
            (None, _) => true,
            (Some(Kind::Folder { listed }), Kind::Folder { listed: again }) => !(listed && again),
            (Some(Kind::File), _) | (Some(Kind::Folder { .. }), Kind::File) => false,
        };
        if !is_fine {
            return Err(RejectionCode::ZipDuplicate.because(format!(
                "The zip lists `{}` twice, or once as a file and once as a folder; capital letters \
                 do not make a difference. Give each its own name.",
                clean(of.as_bytes())
            )));
        }
        // Folders that only lie between count, too: each is made when it is unpacked.
        if former.is_none() && self.seen.len() >= ENTRIES_MAX {
            return Err(super::too_many(self.seen.len() as u64 + 1));
        }
        let listed = matches!(former, Some(Kind::Folder { listed: true }));
        let kind = match kind {
            Kind::Folder { listed: now } => Kind::Folder {
                listed: listed || now,
            },
            Kind::File => Kind::File,
        };
        self.seen.insert(folded, kind);
        Ok(())
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.len() > PATH_BYTES_MAX {
        return Err("is too long");
    }
    if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        return Err("begins at the root of a file system");
    }
    if path.contains('\\') {
        return Err("has a backslash, which divides a path on some systems only");
    }
    if path.contains(char::is_control) {
        return Err("has a control character");
    }
    if path.split('/').count() > DEPTH_MAX {
        return Err("lies in too many folders");
    }
    for name in path.split('/') {
        match name {
            "" => return Err("has a folder without a name"),
            "." | ".." => return Err("climbs out of the folder it lies in"),
            _ if name.len() > NAME_BYTES_MAX => return Err("has a name that is too long"),
            _ => {}
        }
    }
    Ok(())
}

fn unfit(raw: &[u8], why: &str) -> Rejection {
    RejectionCode::ZipPath.because(format!(
        "The path `{}` in the zip {why}. Every path must be a plain one below the zip’s top.",
        clean(raw)
    ))
}

/// What file managers leave beside the files.
pub fn is_litter(path: &str) -> bool {
    path.split('/')
        .any(|name| matches!(name, "__MACOSX" | ".DS_Store" | "Thumbs.db" | "__pycache__"))
}

/// Takes the one folder away that everything lies in, if there is one and no script beside it.
pub fn unwrap(members: &mut [Member]) {
    let Some((folder, _)) = (members.first()).and_then(|first| first.path.split_once('/')) else {
        return;
    };
    let prefix = format!("{folder}/");
    if members
        .iter()
        .all(|member| member.path.starts_with(&prefix))
    {
        for member in members {
            member.path = member.path.split_off(prefix.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_all(paths: &[&str]) -> Result<(), RejectionCode> {
        let mut names = Names::default();
        for path in paths {
            names
                .add(path.as_bytes(), path.ends_with('/'))
                .map_err(|rejection| rejection.code)?;
        }
        Ok(())
    }

    #[test]
    fn only_plain_paths_below_the_top_are_taken() {
        for path in [
            "/etc/passwd",
            "../main.py",
            "a/../../b",
            "a\\b",
            "C:/a",
            "a//b",
            "./a",
            "",
            "/",
            "a\nb",
            "a\0b",
        ] {
            assert_eq!(add_all(&[path]), Err(RejectionCode::ZipPath), "{path:?}");
        }
        for path in [
            "main.py",
            "models/weights.bin",
            "models/",
            "ä b/…c.py",
            "..a",
        ] {
            assert_eq!(add_all(&[path]), Ok(()), "{path:?}");
        }
        assert!(Names::default().add(b"\xff", false).is_err());
    }

    #[test]
    fn no_two_paths_meet_even_where_case_does_not_count() {
        for paths in [
            &["main.py", "main.py"][..],
            &["main.py", "Main.PY"],
            &["models", "models/weights.bin"],
            &["models/weights.bin", "models"],
            &["models/", "models"],
            &["Models/", "models/"],
            &["ÄRGER.py", "ärger.py"],
        ] {
            assert_eq!(
                add_all(paths),
                Err(RejectionCode::ZipDuplicate),
                "{paths:?}"
            );
        }
        assert_eq!(add_all(&["models/", "models/a", "models/b"]), Ok(()));
        assert_eq!(add_all(&["models/a", "models/", "models/b"]), Ok(()));
    }
}
