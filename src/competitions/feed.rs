//! What a competition's entries are fed and asked for: its rules, and the columns of its public sample.

use std::fs;
use std::path::Path;

use super::files::{read_text, unreadable};
use super::{Finding, Manifest, TEXT_SIZE_MAX, manifest, rules};
use crate::domain::competition::CompetitionSpec;
use crate::domain::table::{ColumnKind, Table, TableFormat};

/// What an entry is checked against before it is run. Nothing but two files was looked at, neither of
/// them hidden, so that a participant's copy of a bundle will do.
#[derive(Debug)]
pub struct Feed {
    pub spec: CompetitionSpec,
    /// All columns of the test inputs but the row id, in file order.
    pub columns: Vec<(String, ColumnKind)>,
}

impl Feed {
    /// Reads `competition.toml` and the public sample of a bundle's folder.
    pub fn read(folder: &Path) -> Result<Feed, Vec<Finding>> {
        let spec = read_rules(folder)?;
        let finding = |line, message| {
            vec![Finding {
                file: spec.task.sample.clone(),
                line,
                message,
            }]
        };
        let bytes = fs::read(folder.join(&spec.task.sample))
            .map_err(|error| finding(None, unreadable(&error)))?;
        let sample = Table::read_as(TableFormat::of(&spec.task.sample), &bytes, &spec.task.id)
            .map_err(|error| finding(error.line, error.fault.to_string()))?;
        Ok(Feed {
            columns: columns(&sample),
            spec,
        })
    }
}

/// The columns of a table, as the door's check of models takes them.
pub fn columns(table: &Table) -> Vec<(String, ColumnKind)> {
    let columns = table.columns.iter();
    columns
        .map(|column| (column.name.clone(), column.values.kind()))
        .collect()
}

/// Reads `competition.toml`, without a look at any other file.
pub fn read_rules(folder: &Path) -> Result<CompetitionSpec, Vec<Finding>> {
    let text = read_text(folder, manifest::FILE, TEXT_SIZE_MAX);
    let manifest = Manifest::parse(&text.map_err(|finding| vec![finding])?)?;
    let contradictions = rules::check(&manifest);
    match contradictions.is_empty() {
        true => Ok(manifest.spec),
        false => Err(contradictions),
    }
}
