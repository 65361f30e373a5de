//! `leanboard competition new`: writes a bundle to begin with.

use std::fs;
use std::io;
use std::path::Path;

use chrono::Utc;
use include_dir::{Dir, include_dir};

use super::check::shell_word;
use crate::cli::Failure;
use crate::cli::output::say;
use crate::domain::slug::Slug;

/// A small competition with data that is made up, open as it stands.
pub static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/demo/template");

const MANIFEST: &str = "competition.toml";

pub fn write(folder: &Path) -> Result<(), Failure> {
    let slug = slug_of(folder)?;
    refuse_what_is_there(folder)?;
    let failed = |error: io::Error| format!("{} cannot be written: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    TEMPLATE.extract(folder).map_err(failed)?;
    fs::write(folder.join(MANIFEST), manifest(&slug)).map_err(failed)?;
    say(format!(
        "Wrote the bundle of a competition `{slug}`. It works as it stands:\n\n  \
         leanboard competition check {folder}\n  leanboard competition create {folder}\n\n\
         To make it yours, follow the steps at the top of {manifest}.",
        folder = shell_word(folder),
        manifest = folder.join(MANIFEST).display()
    ))
}

/// Nothing of anybody's is written over.
fn refuse_what_is_there(folder: &Path) -> Result<(), Failure> {
    match fs::read_dir(folder).map(|mut entries| entries.next()) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(format!(
            "{} is not empty; name a new folder",
            folder.display()
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{} cannot be used: {error}", folder.display())),
    }
}

/// The folder's name as a name in addresses: `My Cats_2` is `my-cats-2`.
fn slug_of(folder: &Path) -> Result<Slug, Failure> {
    // What ends in `..` has its name in the file system only.
    let absolute = (folder.canonicalize()).or_else(|_| std::path::absolute(folder));
    let absolute = absolute.map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
    let words: Vec<&str> = (name.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect();
    (words.join("-").to_ascii_lowercase().parse()).map_err(|error| {
        format!(
            "the folder's name `{name}` becomes the competition's in addresses, and {error}; name \
             the folder otherwise"
        )
    })
}

/// The template's rules, with this slug, a title after it, and open from today on.
fn manifest(slug: &Slug) -> String {
    let text = TEMPLATE
        .get_file(MANIFEST)
        .and_then(include_dir::File::contents_utf8)
        .expect("the template has rules, in UTF-8");
    let mut title = slug.as_str().replace('-', " ");
    title[..1].make_ascii_uppercase();
    let today = Utc::now().format("%Y-%m-%d").to_string();
    let next_year = (Utc::now() + chrono::Duration::days(90)).format("%Y-%m-%d");
    let mut lines = Vec::new();
    for line in text.lines() {
        lines.push(match line.split(" = ").next() {
            Some("slug") => format!("slug = \"{slug}\""),
            Some("title") => format!("title = \"{title}\""),
            Some("opens_at") => format!("opens_at = {today}"),
            Some("# closes_at") => format!("# closes_at = {next_year}"),
            _ => line.replace("/competitions/template", &format!("/competitions/{slug}")),
        });
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lends_the_competition_its_name() {
        for (folder, expected) in [
            ("/nowhere/My Cats_2", Some("my-cats-2")),
            ("/nowhere/digits/", Some("digits")),
            ("/nowhere/2026", None),
            ("/nowhere/new", None),
            ("/", None),
        ] {
            let slug = slug_of(Path::new(folder)).ok();
            assert_eq!(slug.as_ref().map(Slug::as_str), expected, "{folder}");
        }
    }

    #[test]
    fn the_rules_bear_the_name() {
        let text = manifest(&"my-cats".parse().unwrap());
        for line in ["slug = \"my-cats\"", "title = \"My cats\""] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
        assert!(!text.contains("emplate"), "{text}");
    }
}
