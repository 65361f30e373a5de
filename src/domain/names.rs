//! Names and texts that strangers write, parsed at the door.

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "A name has 2 to 40 letters, digits, `-`, `_` or `.`, and begins with a letter or digit."
    )]
    UserName,
    #[error("A password has 10 to 200 characters.")]
    Password,
    #[error("A description has at most 2,000 characters.")]
    Description,
    #[error("A token's name has 1 to 80 characters.")]
    TokenName,
}

/// A user's name, as it stands on boards.
pub fn parse_user_name(text: &str) -> Result<String, NameError> {
    let name = text.trim();
    let has_length = (2..=40).contains(&name.chars().count());
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if has_length && name.chars().all(is_plain) && name.starts_with(char::is_alphanumeric) {
        Ok(name.to_owned())
    } else {
        Err(NameError::UserName)
    }
}

/// Length is what makes a password hard to guess, so length is all that is asked for.
pub fn parse_password(text: String) -> Result<String, NameError> {
    if (10..=200).contains(&text.chars().count()) {
        Ok(text)
    } else {
        Err(NameError::Password)
    }
}

/// What a participant says about a submission. Control characters but line ends are dropped.
pub fn parse_description(text: &str) -> Result<String, NameError> {
    let clean: String = text
        .trim()
        .chars()
        .filter(|c| *c == '\n' || !(c.is_control() || is_invisible(*c)))
        .collect();
    if clean.chars().count() <= 2000 {
        Ok(clean)
    } else {
        Err(NameError::Description)
    }
}

pub fn parse_token_name(text: &str) -> Result<String, NameError> {
    let is_shown = |c: &char| !(c.is_control() || is_invisible(*c));
    let clean: String = text.trim().chars().filter(is_shown).collect();
    if (1..=80).contains(&clean.chars().count()) {
        Ok(clean)
    } else {
        Err(NameError::TokenName)
    }
}

/// The last part of what a client calls its file: for showing, never for opening.
pub fn clean_file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_shown = |c: &char| !(c.is_control() || is_invisible(*c));
    let clean: String = last.chars().filter(is_shown).take(200).collect();
    match clean.trim() {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

/// Whether a character can hide, or turn around, the text beside it: soft hyphen, zero-width and
/// direction marks, tags.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_word() {
        for good in ["ada", "Ada.L-1", "Zoë"] {
            assert_eq!(parse_user_name(good).as_deref(), Ok(good));
        }
        for bad in ["", "a", "a b", "<b>", "-ada", "a\u{202e}b", &"x".repeat(41)] {
            assert_eq!(parse_user_name(bad), Err(NameError::UserName), "{bad}");
        }
    }

    #[test]
    fn a_file_name_keeps_no_path_and_no_control_characters() {
        assert_eq!(clean_file_name("C:\\models\\big.onnx"), "big.onnx");
        assert_eq!(clean_file_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_file_name("a\r\nb.onnx"), "ab.onnx");
        assert_eq!(clean_file_name("a\u{202e}xnno.zip"), "axnno.zip");
        assert_eq!(clean_file_name("/"), "unnamed");
    }
}
