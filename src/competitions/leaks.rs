//! Looks for hidden files among those that participants download.

use std::fs::File;
use std::io::{self, BufReader, Read};

use super::files::{BundleFile, FileKind, unreadable};
use super::finding::Finding;

/// One finding for each public file that has the name or the bytes of a hidden one.
pub fn find(files: &[BundleFile]) -> Vec<Finding> {
    let of_kind = |kind| files.iter().filter(move |file| file.kind == kind);
    let mut findings = Vec::new();
    for public in of_kind(FileKind::Public) {
        for hidden in of_kind(FileKind::Hidden) {
            let why = if name(public).eq_ignore_ascii_case(name(hidden)) {
                format!("it has the name of `{}`, which is hidden", hidden.path)
            } else {
                match are_equal(public, hidden) {
                    Ok(false) => continue,
                    Ok(true) => format!("it is a copy of `{}`, which is hidden", hidden.path),
                    Err(error) => unreadable(&error),
                }
            };
            findings.push(Finding {
                file: public.path.clone(),
                line: None,
                message: why,
            });
        }
    }
    findings
}

/// The path without its first folder.
fn name(file: &BundleFile) -> &str {
    file.path
        .split_once('/')
        .map_or(file.path.as_str(), |(_, name)| name)
}

fn are_equal(a: &BundleFile, b: &BundleFile) -> io::Result<bool> {
    if a.size != b.size {
        return Ok(false);
    }
    let mut a = BufReader::new(File::open(&a.absolute)?).bytes();
    let mut b = BufReader::new(File::open(&b.absolute)?).bytes();
    loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => return Ok(true),
            (x, y) if x != y => return Ok(false),
            (_, _) => {}
        }
    }
}
