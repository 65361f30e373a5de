//! The promises of the layout: who may name whom, and that what is documented is what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Left may name right, nothing else.
const MAY_NAME: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("db", &["domain"]),
    ("store", &["domain"]),
    ("entries", &["domain"]),
    ("competitions", &["domain"]),
    ("sandbox", &["domain"]),
    ("meter", &["domain"]),
    ("scoring", &["sandbox", "meter", "domain"]),
    ("session", &["sandbox", "meter", "domain"]),
    (
        "runner",
        &[
            "db", "store", "entries", "session", "scoring", "sandbox", "meter", "domain",
        ],
    ),
    ("web", &["db", "store", "entries", "competitions", "domain"]),
    ("telemetry", &["config"]),
    // Leads to the parsers of all the others.
    (
        "fuzzing",
        &[
            "cli",
            "web",
            "entries",
            "competitions",
            "session",
            "scoring",
            "sandbox",
            "domain",
        ],
    ),
];

/// Each outside technology has its homes.
const HOMES: [(&str, &[&str]); 8] = [
    ("actix_web::", &["web"]),
    ("askama", &["web"]),
    ("sqlx::query", &["db"]),
    ("nvml_wrapper", &["meter"]),
    ("object_store::", &["store"]),
    ("oci_spec::", &["sandbox"]),
    ("process::Command", &["sandbox", "cli", "db/embedded.rs"]),
    ("env::var", &["config.rs"]),
];

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let relative = path.strip_prefix(Path::new(ROOT).join("src")).unwrap();
                into.push((relative.to_owned(), text));
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(ROOT).join("src"), &mut found);
    assert!(found.len() > 50);
    found
}

/// The code of a file without its comments.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn module_of(path: &Path) -> String {
    let first = path
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_name_only_those_they_may_name() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            assert!(
                matches!(module.as_str(), "cli" | "main" | "lib" | "config"),
                "{module}"
            );
            continue;
        };
        for named in names_after(&code(&text), "crate::") {
            let is_ours = MAY_NAME.iter().any(|(name, _)| *name == named)
                || matches!(named.as_str(), "cli" | "config");
            if is_ours && named != module && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{} names {named}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The words that follow a prefix, those in braces included.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (start, _) in code.match_indices(prefix) {
        let rest = &code[start + prefix.len()..];
        match rest.strip_prefix('{') {
            None => {
                names.insert(word(rest));
            }
            Some(list) => {
                let list = list.split(';').next().unwrap();
                names.extend(list.split(',').map(|name| word(name.trim())));
            }
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn each_technology_stays_at_home() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (technology, homes) in HOMES {
            let is_home = homes.iter().any(|home| path.starts_with(home));
            if !is_home && code(&text).contains(technology) {
                wrong.push(format!("{} uses {technology}", path.display()));
            }
        }
    }
    // The web server's runtime is started where the command line starts it.
    wrong.retain(|line| line != "cli/serve.rs uses actix_web::");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_setting_is_in_the_example_of_the_environment() {
    let example = fs::read_to_string(Path::new(ROOT).join(".env.example")).unwrap();
    let documented: BTreeSet<String> = example
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with("LEANBOARD_") || name == "DATABASE_URL")
        .collect();
    let settings: BTreeSet<String> = leanboard::cli::variables().into_iter().collect();
    assert_eq!(documented, settings);
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in sources() {
        let is_part_of_another = path.ends_with("main.rs") || path.ends_with("tests.rs");
        assert!(
            is_part_of_another || text.starts_with("//!"),
            "{} has no module comment",
            path.display()
        );
    }
}
