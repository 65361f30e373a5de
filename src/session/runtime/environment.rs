//! What the Python environment of models holds, read from its files: nothing in it is started.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The end of the folder that pip leaves beside each package: `numpy-2.4.6.dist-info`.
const RECORD: &str = ".dist-info";

/// The interpreter and the packages that a model may meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// Such as "3.11.2"; `None` where the environment does not say.
    pub python: Option<String>,
    /// Versions by the names of the packages.
    pub packages: BTreeMap<String, String>,
}

impl Environment {
    /// Reads `pyvenv.cfg` and the names of the installed packages' records.
    pub fn read(folder: &Path) -> Environment {
        let settings = fs::read_to_string(folder.join("pyvenv.cfg")).unwrap_or_default();
        Environment {
            python: version(&settings),
            packages: libraries(folder)
                .iter()
                .flat_map(|library| names(&library.join("site-packages")))
                .filter_map(|name| package(&name))
                .collect(),
        }
    }
}

/// The folders `lib/python3.*`.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let library = folder.join("lib");
    names(&library)
        .into_iter()
        .filter(|name| name.starts_with("python"))
        .map(|name| library.join(name))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn version(settings: &str) -> Option<String> {
    let lines = settings.lines().filter_map(|line| line.split_once('='));
    lines
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, value)| *key == "version" && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

fn package(record: &str) -> Option<(String, String)> {
    let (name, version) = record.strip_suffix(RECORD)?.rsplit_once('-')?;
    Some((name.replace('_', "-"), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_from_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("lib/python3.11/site-packages");
        for name in [
            "numpy",
            "numpy-2.4.6.dist-info",
            "scikit_learn-1.9.1.dist-info",
            "x.pth",
        ] {
            fs::create_dir_all(packages.join(name)).unwrap();
        }
        let settings = "home = /usr/bin\nversion = 3.11.2\nexecutable = /usr/bin/python3.11\n";
        fs::write(folder.path().join("pyvenv.cfg"), settings).unwrap();
        let environment = Environment::read(folder.path());
        assert_eq!(environment.python.as_deref(), Some("3.11.2"));
        let packages: Vec<_> = environment.packages.into_iter().collect();
        let expected = [("numpy", "2.4.6"), ("scikit-learn", "1.9.1")];
        assert_eq!(
            packages,
            expected.map(|(name, version)| (name.to_owned(), version.to_owned()))
        );
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let environment = Environment::read(Path::new("/nowhere"));
        assert_eq!(environment.python, None);
        assert!(environment.packages.is_empty());
    }
}
