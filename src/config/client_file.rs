//! The configuration file of a participant's commands: `leanboard/config.toml` in the folder of the
//! user's configuration, which `leanboard login` writes.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Token, config_home, parse_public_url};

const KEYS: [&str; 2] = ["server", "token"];
/// Bits of a mode that let others in.
const OTHERS: u32 = 0o077;

/// What the file says.
#[derive(Debug, Default)]
pub struct ClientFile {
    pub server: Option<String>,
    pub token: Option<Token>,
}

/// Where the file is, or is to be.
///
/// # Errors
/// Where neither `XDG_CONFIG_HOME` nor `HOME` is an absolute path.
pub fn path() -> Result<PathBuf, String> {
    config_home()
        .map(|folder| folder.join("leanboard").join("config.toml"))
        .ok_or_else(|| "there is no folder for configuration: set HOME or XDG_CONFIG_HOME".into())
}

impl ClientFile {
    /// Reads the file; one that is not there says nothing.
    ///
    /// # Errors
    /// Names the file, and the line of what is no setting. Never repeats a value.
    pub fn read() -> Result<ClientFile, String> {
        let Ok(path) = path() else {
            return Ok(ClientFile::default());
        };
        let failed = |error: io::Error| format!("{} cannot be read: {error}", path.display());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ClientFile::default());
            }
            Err(error) => return Err(failed(error)),
        };
        let file = parse(&text).map_err(|fault| format!("{}{fault}", path.display()))?;
        let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
        if file.token.is_some() && mode & OTHERS != 0 {
            return Err(format!(
                "{path} holds a token and is open to other users of this machine; close it with \
                 `chmod 600 {path}`",
                path = path.display()
            ));
        }
        Ok(file)
    }
}

/// Writes the file anew, for its owner alone. Says where.
///
/// # Errors
/// Names what could not be written.
pub fn write(server: &str, token: &Token) -> Result<PathBuf, String> {
    let path = path()?;
    let failed = |error: io::Error| format!("{} cannot be written: {error}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    // Beside it first, so that there is never half a file, nor an open one with a token in it.
    let part = path.with_extension("toml.part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let mut file = (options.write(true).create_new(true).mode(0o600))
        .open(&part)
        .map_err(failed)?;
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let text = format!(
        "server = {}\ntoken = {}\n",
        quoted(server),
        quoted(token.as_str())
    );
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&part, &path))
        .map_err(failed)?;
    Ok(path)
}

/// The fault begins with what follows the file's name: its line, if there is one.
fn parse(text: &str) -> Result<ClientFile, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| line_at(text, span.start));
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        // The error's full text would show the line, and a token may stand there.
        format!("{line}: {}", error.message())
    })?;
    let mut file = ClientFile::default();
    for (key, value) in &table {
        let text = value.as_str();
        let parsed = match key.as_str() {
            "server" => text.ok_or("it must be a text".to_owned()).and_then(|text| {
                file.server = Some(parse_public_url(text)?);
                Ok(())
            }),
            "token" => text.ok_or("it must be a text".to_owned()).and_then(|text| {
                file.token = Some(Token::parse(text)?);
                Ok(())
            }),
            unknown => return Err(format!(": unknown key `{unknown}`{}", nearest(unknown))),
        };
        parsed.map_err(|fault| format!(": `{key}` is wrong: {fault}"))?;
    }
    Ok(file)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

fn nearest(unknown: &str) -> String {
    let nearest = KEYS.into_iter().max_by(|a, b| {
        strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown))
    });
    let keys = KEYS.join("` and `");
    match nearest.filter(|key| strsim::jaro_winkler(key, unknown) > 0.7) {
        Some(key) => format!("; did you mean `{key}`?"),
        None => format!("; the keys are `{keys}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_keys_are_read_and_any_other_is_refused_with_the_nearest() {
        let file = parse("server = 'https://example.org/'\ntoken = 'lb_a-B_9'\n").unwrap();
        assert_eq!(file.server.as_deref(), Some("https://example.org"));
        assert_eq!(file.token.unwrap().as_str(), "lb_a-B_9");
        for (text, expected) in [
            ("tokn = 'x'", ": unknown key `tokn`; did you mean `token`?"),
            (
                "colour = 1",
                ": unknown key `colour`; the keys are `server` and `token`",
            ),
            ("server = 1", ": `server` is wrong: it must be a text"),
            (
                "token = 'secret'",
                ": `token` is wrong: a token begins with `lb_` and has letters, digits, `_` and `-`",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
        let broken = parse("server = 'https://example.org'\ntoken = lb_secret\n").unwrap_err();
        assert!(broken.starts_with(":2: "), "{broken}");
        assert!(!broken.contains("secret"), "{broken}");
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::parse("lb_secret").unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
