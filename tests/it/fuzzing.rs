//! The inputs that fuzzing kept, read once more.

use std::fs;
use std::path::{Path, PathBuf};

use leanboard::fuzzing::TARGETS;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn inputs(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_parser_holds_on_all_that_fuzzing_found() {
    for (name, target) in TARGETS {
        let corpus = inputs(&folder().join("corpus").join(name));
        assert!(!corpus.is_empty(), "{name} has no corpus");
        let regressions = inputs(&folder().join("regressions").join(name));
        for path in corpus.iter().chain(&regressions) {
            // A test that fails shows the last that was read.
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn every_parser_has_a_program_that_fuzzes_it() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let names: Vec<String> = inputs(&folder().join("fuzz_targets"))
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), TARGETS.len());
    for (name, _) in TARGETS {
        assert!(names.iter().any(|program| program == name), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
