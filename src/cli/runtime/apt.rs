//! Where the host takes Debian's packages from, so that an image comes from the same mirror.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Failure, run};

/// Debian's own, for sources that name no other.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The host's sources of a suite, its updates and its security fixes, one a line, as apt reads them.
///
/// # Errors
/// When the host has none.
pub fn sources(suite: &str) -> Result<String, Failure> {
    let mut lines = Vec::new();
    for path in list_files()? {
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => lines.extend(of_lines(&text, suite)),
            Some("sources") => lines.extend(of_stanzas(&text, suite)),
            Some(_) | None => {}
        }
    }
    lines.sort();
    lines.dedup();
    if !lines
        .iter()
        .any(|line| line.contains(&format!(" {suite} ")))
    {
        return Err(format!(
            "/etc/apt has no source of Debian's suite `{suite}`, component `main`, which the image is \
             made of; add one, and an image can be built"
        ));
    }
    Ok(lines.concat())
}

fn list_files() -> Result<Vec<std::path::PathBuf>, Failure> {
    let main = Path::new("/etc/apt/sources.list");
    let mut files = Vec::new();
    if main.exists() {
        files.push(main.to_path_buf());
    }
    let entries = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten();
    files.extend(entries.flatten().map(|entry| entry.path()));
    if files.is_empty() {
        return Err(
            "/etc/apt has no sources, so it is not known where Debian's packages are; the image is \
             built on Debian"
                .to_owned(),
        );
    }
    files.sort();
    Ok(files)
}

/// How the host's apt reaches them: proxies, certificates and what it checks, in apt's own syntax.
pub fn options() -> Result<String, Failure> {
    let dump = run(
        Command::new("apt-config").args(["dump", "--no-empty"]),
        "the image is built on Debian",
    )?;
    Ok(transport(&dump))
}

fn transport(dump: &str) -> String {
    const KEPT: [&str; 5] = [
        "Acquire::http",
        "Acquire::Check-",
        "Acquire::ForceIPv",
        "Acquire::Max-",
        "Acquire::Retries",
    ];
    let lines = dump
        .lines()
        .filter(|line| KEPT.iter().any(|kept| line.starts_with(kept)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Sources in one line each.
fn of_lines(text: &str, suite: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else {
            continue;
        };
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (Some(uri), Some(of)) = (words.next(), words.next()) else {
            continue;
        };
        let key = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="));
        if is_ours(of, suite) && words.any(|component| component == "main") {
            found.push(source(key, uri, of));
        }
    }
    found
}

/// Sources in paragraphs of fields.
fn of_stanzas(text: &str, suite: &str) -> Vec<String> {
    let mut found = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            let fields = stanza.lines().filter_map(|line| line.split_once(':'));
            let value = fields
                .filter(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
                .next();
            value.unwrap_or_default()
        };
        let has =
            |name: &str, word: &str| field(name).split_whitespace().any(|found| found == word);
        if !has("Types", "deb") || !has("Components", "main") || has("Enabled", "no") {
            continue;
        }
        // A key that stands in the file itself begins on the next line.
        let key = Some(field("Signed-By")).filter(|key| key.starts_with('/'));
        for uri in field("URIs").split_whitespace() {
            for of in field("Suites").split_whitespace() {
                if is_ours(of, suite) {
                    found.push(source(key, uri, of));
                }
            }
        }
    }
    found
}

fn is_ours(of: &str, suite: &str) -> bool {
    of.strip_prefix(suite)
        .is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"))
}

fn source(key: Option<&str>, uri: &str, suite: &str) -> String {
    let key = key.unwrap_or(KEYRING);
    format!("deb [signed-by={key}] {uri} {suite} main\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
                            http://mirror.example/debian bookworm main\n";

    #[test]
    fn sources_in_lines_are_those_of_debian() {
        let text = "# a comment\n\
                    deb http://mirror.example/debian bookworm main contrib\n\
                    deb-src http://mirror.example/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/security bookworm-security main\n\
                    deb http://mirror.example/debian bookworm-backports main\n\
                    deb http://elsewhere.example/linux bookworm stable\n\
                    deb http://mirror.example/debian trixie main\n";
        let security =
            "deb [signed-by=/k.gpg] http://mirror.example/security bookworm-security main\n";
        assert_eq!(of_lines(text, "bookworm"), [EXPECTED, security]);
    }

    #[test]
    fn sources_in_paragraphs_are_those_of_debian() {
        let text = "Types: deb deb-src\n# a comment: with a colon\nURIs: http://mirror.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main\nSigned-By:\n -----BEGIN\n\n\
                    Types: deb\nURIs: http://elsewhere.example\nSuites: nodistro\nComponents: main\n\n\
                    Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n";
        let updates = EXPECTED.replace("bookworm main", "bookworm-updates main");
        assert_eq!(of_stanzas(text, "bookworm"), [EXPECTED, updates.as_str()]);
    }

    #[test]
    fn only_the_way_to_the_mirror_is_taken_from_the_hosts_settings() {
        let dump = "APT::Architecture \"amd64\";\nAcquire::http::Proxy \"http://p:1/\";\n\
                    Acquire::Check-Date \"false\";\nDPkg::Post-Invoke:: \"rm\";\n";
        assert_eq!(
            transport(dump),
            "Acquire::http::Proxy \"http://p:1/\";\nAcquire::Check-Date \"false\";\n"
        );
    }
}
