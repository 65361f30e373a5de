//! Reads the text of a `competition.toml` key by key, so that one reading finds every fault.

use std::collections::HashMap;
use std::path::{Component, Path};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::Finding;
use super::keys::{COMPETITION, Key, Kind, home_of};
use crate::domain::competition::CompetitionSpec;
use crate::domain::slug::Slug;

pub const FILE: &str = "competition.toml";

/// A specification whose every value is of its key's kind and range. Whether the values fit
/// together is for `rules` to say.
#[derive(Debug)]
pub struct Manifest {
    pub spec: CompetitionSpec,
    lines: HashMap<String, u64>,
}

impl Manifest {
    pub fn parse(text: &str) -> Result<Manifest, Vec<Finding>> {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let mut reader = Reader {
            line_ends: ends.map(|(offset, _)| offset).collect(),
            lines: HashMap::new(),
            findings: Vec::new(),
        };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map(|span| reader.line_at(span.start));
            reader.find(line, error.message().to_owned());
        }
        if !reader.findings.is_empty() {
            return Err(reader.findings);
        }
        let content = reader.table(document.get_ref(), COMPETITION, "", None);
        if !reader.findings.is_empty() {
            return Err(reader.findings);
        }
        match serde_json::from_value(Value::Object(content)) {
            Ok(spec) => Ok(Manifest {
                spec,
                lines: reader.lines,
            }),
            Err(error) => {
                reader.find(None, error.to_string());
                Err(reader.findings)
            }
        }
    }

    /// A fault of the value at a path such as `starter[1].file`.
    pub fn finding(&self, path: &str, message: impl Into<String>) -> Finding {
        Finding {
            file: FILE.to_owned(),
            line: self.lines.get(path).copied(),
            message: message.into(),
        }
    }
}

struct Reader {
    line_ends: Vec<usize>,
    lines: HashMap<String, u64>,
    findings: Vec<Finding>,
}

impl Reader {
    fn table(
        &mut self,
        table: &DeTable<'_>,
        keys: &[Key],
        path: &str,
        line: Option<u64>,
    ) -> Map<String, Value> {
        let mut content = Map::new();
        for (name, value) in table {
            let line = self.line_at(name.span().start);
            let name = name.get_ref().as_ref();
            let Some(key) = keys.iter().find(|key| key.name == name) else {
                self.find(Some(line), unknown(name, keys));
                continue;
            };
            let path = join(path, name);
            self.lines.insert(path.clone(), line);
            match self.value(value, key.kind, &path, line) {
                Ok(Some(value)) => {
                    content.insert(name.to_owned(), value);
                }
                // What is wrong inside a table or list was told there.
                Ok(None) => {}
                Err(expected) => {
                    self.find(Some(line), format!("`{path}` must be {expected}"));
                }
            }
        }
        for key in keys.iter().filter(|key| key.is_required) {
            if !table.keys().any(|name| name.get_ref() == key.name) {
                self.find(line, format!("missing key `{}`", join(path, key.name)));
            }
        }
        content
    }

    /// The value, or what it should have been.
    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        kind: Kind,
        path: &str,
        line: u64,
    ) -> Result<Option<Value>, String> {
        let value = value.get_ref();
        match kind {
            Kind::Text {
                chars_max,
                may_be_empty,
            } => text(value, chars_max, may_be_empty).map(Some),
            Kind::Slug => slug(value).map(Some),
            Kind::Path(folder) => path_inside(value, folder).map(Some),
            Kind::Integer(min, max) => integer(value, min, max).map(Some),
            Kind::Number => number(value).map(Some),
            Kind::Flag => (value.as_bool())
                .map(|flag| Some(flag.into()))
                .ok_or_else(|| "true or false".to_owned()),
            Kind::Instant => instant(value).map(Some),
            Kind::OneOf(words) => one_of(value, words).map(Some),
            Kind::SomeOf(words) => some_of(value, words).map(Some),
            Kind::Texts => texts(value).map(Some),
            Kind::Values => self.values(value, path).map(Some),
            Kind::Table(keys) => {
                let table = (value.as_table()).ok_or_else(|| format!("a table, [{path}]"))?;
                Ok(Some(self.table(table, keys, path, Some(line)).into()))
            }
            Kind::Tables(keys) => self.tables(value, keys, path).map(Some),
        }
    }

    fn tables(&mut self, value: &DeValue<'_>, keys: &[Key], path: &str) -> Result<Value, String> {
        let expected = || format!("tables, each below its own [[{path}]]");
        let mut tables = Vec::new();
        for (at, item) in value.as_array().ok_or_else(expected)?.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let line = self.line_at(item.span().start);
            self.lines.insert(path.clone(), line);
            let table = item.get_ref().as_table().ok_or_else(expected)?;
            tables.push(self.table(table, keys, &path, Some(line)).into());
        }
        Ok(Value::Array(tables))
    }

    fn values(&mut self, value: &DeValue<'_>, path: &str) -> Result<Value, String> {
        let table = value
            .as_table()
            .ok_or_else(|| format!("a table, [{path}]"))?;
        let mut content = Map::new();
        for (name, value) in table {
            let line = self.line_at(name.span().start);
            let path = join(path, name.get_ref());
            match any_value(value.get_ref()) {
                Some(value) => {
                    content.insert(name.get_ref().to_string(), value);
                }
                None => self.find(
                    Some(line),
                    format!(
                        "`{path}` must be true or false, a finite number, a text, or a list of such"
                    ),
                ),
            }
            self.lines.insert(path, line);
        }
        Ok(content.into())
    }

    fn find(&mut self, line: Option<u64>, message: String) {
        self.findings.push(Finding {
            file: FILE.to_owned(),
            line,
            message,
        });
    }

    fn line_at(&self, offset: usize) -> u64 {
        self.line_ends.partition_point(|end| *end < offset) as u64 + 1
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn unknown(name: &str, keys: &[Key]) -> String {
    match (
        home_of(name),
        nearest(name, keys.iter().map(|key| key.name)),
    ) {
        (Some(home), _) => format!("the key `{name}` belongs in {home}"),
        (None, Some(nearest)) => format!("unknown key `{name}`; did you mean `{nearest}`?"),
        (None, None) => format!("unknown key `{name}`"),
    }
}

/// The word that was most likely meant.
fn nearest(word: &str, words: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    const SIMILAR_ENOUGH: f64 = 0.8;
    words
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(similarity, _)| *similarity >= SIMILAR_ENOUGH)
        .map(|(_, nearest)| nearest)
}

fn any_value(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(flag) => Some((*flag).into()),
        DeValue::Integer(_) => integer(value, i64::MIN, i64::MAX).ok(),
        DeValue::Float(_) => number(value).ok(),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| any_value(item.get_ref()));
            items.collect::<Option<Vec<Value>>>().map(Value::from)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn text(value: &DeValue<'_>, chars_max: usize, may_be_empty: bool) -> Result<Value, String> {
    let is_fit = |text: &&str| {
        (may_be_empty || !text.trim().is_empty())
            && text.chars().count() <= chars_max
            && !text.contains(char::is_control)
    };
    (value.as_str().filter(is_fit))
        .map(Value::from)
        .ok_or_else(|| {
            let least = if may_be_empty { 0 } else { 1 };
            format!("one line of text, {least} to {chars_max} characters")
        })
}

fn slug(value: &DeValue<'_>) -> Result<Value, String> {
    let text = value.as_str().ok_or("a slug, in quotation marks")?;
    let slug: Slug = text.parse().map_err(|error| format!("a slug: {error}"))?;
    Ok(slug.as_str().into())
}

fn path_inside(value: &DeValue<'_>, folder: &str) -> Result<Value, String> {
    let is_inside = |path: &&str| {
        !path.contains(['\\', '\0'])
            && Path::new(path).components().count() >= 2
            && path.split('/').next() == Some(folder)
            && !path.split('/').any(|name| matches!(name, "" | "." | ".."))
            && (Path::new(path).components()).all(|part| matches!(part, Component::Normal(_)))
    };
    (value.as_str().filter(is_inside))
        .map(Value::from)
        .ok_or_else(|| {
            format!("the path of a file in the bundle's folder {folder}/, written `{folder}/…`")
        })
}

fn integer(value: &DeValue<'_>, min: i64, max: i64) -> Result<Value, String> {
    (value.as_integer())
        .and_then(|integer| i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        .filter(|integer| (min..=max).contains(integer))
        .map(Value::from)
        .ok_or_else(|| format!("a whole number from {min} to {max}"))
}

fn number(value: &DeValue<'_>) -> Result<Value, String> {
    let text = (value.as_float().map(|float| float.as_str()))
        .or_else(|| value.as_integer().map(|integer| integer.as_str()));
    text.and_then(|text| text.parse::<f64>().ok())
        .and_then(serde_json::Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| "a finite number".to_owned())
}

fn instant(value: &DeValue<'_>) -> Result<Value, String> {
    let text = match value {
        DeValue::Datetime(datetime) => datetime.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let whole_day = || {
        let day: NaiveDate = text.parse().ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    (DateTime::parse_from_rfc3339(&text).ok())
        .map(|instant| instant.with_timezone(&Utc))
        .or_else(whole_day)
        .map(|instant| instant.to_rfc3339().into())
        .ok_or_else(|| {
            "a day, 2026-01-31, which begins at midnight UTC, or an instant with its offset, \
             2026-01-31T18:00:00Z"
                .to_owned()
        })
}

fn one_of(value: &DeValue<'_>, words: &'static [&'static str]) -> Result<Value, String> {
    (value.as_str().filter(|word| words.contains(word)))
        .map(Value::from)
        .ok_or_else(|| {
            let all = words.join("\", \"");
            let meant = value.as_str();
            let meant = meant.and_then(|word| nearest(word, words.iter().copied()));
            match (words, meant) {
                ([only], _) => format!("\"{only}\""),
                (_, Some(meant)) => format!("one of \"{all}\"; did you mean \"{meant}\"?"),
                (_, None) => format!("one of \"{all}\""),
            }
        })
}

fn some_of(value: &DeValue<'_>, words: &[&str]) -> Result<Value, String> {
    let chosen = texts(value).ok().filter(|chosen| {
        let chosen = chosen.as_array().map(Vec::as_slice).unwrap_or_default();
        let known = |word: &Value| word.as_str().is_some_and(|word| words.contains(&word));
        let is_new = |(at, word): (usize, &Value)| !chosen[..at].contains(word);
        !chosen.is_empty() && chosen.iter().all(known) && chosen.iter().enumerate().all(is_new)
    });
    chosen.ok_or_else(|| format!("a list of some of \"{}\"", words.join("\", \"")))
}

fn texts(value: &DeValue<'_>) -> Result<Value, String> {
    let items = value.as_array().map(|array| {
        (array.iter())
            .map(|item| item.get_ref().as_str().map(Value::from))
            .collect::<Option<Vec<Value>>>()
    });
    items
        .flatten()
        .map(Value::Array)
        .ok_or_else(|| "a list of texts, each in quotation marks".to_owned())
}
