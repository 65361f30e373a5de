//! Names that stand in addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A competition's name in addresses: 2 to 50 lower-case letters, digits and single hyphens,
/// beginning with a letter, and none of the words that addresses need for themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

const RESERVED: [&str; 14] = [
    "account",
    "admin",
    "api",
    "competitions",
    "data",
    "files",
    "health",
    "kaggle",
    "list",
    "new",
    "sign-in",
    "sign-up",
    "static",
    "submissions",
];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    #[error("a slug has 2 to 50 characters")]
    Length,
    #[error("a slug has lower-case letters, digits and single hyphens, and begins with a letter")]
    Characters,
    #[error("the slug `{0}` is reserved")]
    Reserved(String),
}

impl Slug {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Slug, SlugError> {
        if !(2..=50).contains(&text.len()) {
            return Err(SlugError::Length);
        }
        let words_are_well_formed = text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        if !words_are_well_formed || !text.as_bytes()[0].is_ascii_lowercase() {
            return Err(SlugError::Characters);
        }
        if RESERVED.contains(&text) {
            return Err(SlugError::Reserved(text.to_owned()));
        }
        Ok(Slug(text.to_owned()))
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;
    fn try_from(text: String) -> Result<Slug, SlugError> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> String {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_words_that_addresses_do_not_need_are_slugs() {
        for (text, expected) in [
            ("digits", Ok(())),
            ("gloss-topics-2", Ok(())),
            ("d", Err(SlugError::Length)),
            ("Digits", Err(SlugError::Characters)),
            ("a--b", Err(SlugError::Characters)),
            ("-ab", Err(SlugError::Characters)),
            ("2ab", Err(SlugError::Characters)),
            ("../x", Err(SlugError::Characters)),
            ("api", Err(SlugError::Reserved("api".into()))),
        ] {
            assert_eq!(text.parse::<Slug>().map(|_| ()), expected, "{text}");
        }
    }
}
