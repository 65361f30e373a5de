//! Reads and checks competition bundles: a folder with the rules, the texts, the data that
//! participants download, the hidden test inputs and answers, and example entries.

mod answer_key;
mod feed;
mod files;
mod finding;
mod keys;
mod leaks;
pub(crate) mod manifest;
mod rules;
mod tables;

use std::path::Path;

use crate::domain::competition::{CompetitionSpec, MetricSpec};
use crate::domain::solution::Solution;
use crate::domain::table::Table;
use crate::domain::units::Bytes;

pub use answer_key::AnswerKey;
pub use feed::{Feed, columns};
pub use files::{BundleFile, FileKind};
pub use finding::Finding;

use manifest::Manifest;

/// The largest text of a bundle, which is held in memory and in the database.
const TEXT_SIZE_MAX: Bytes = Bytes::from_mib(1);

/// A competition that can be created: everything in it was checked.
#[derive(Debug)]
pub struct Bundle {
    pub spec: CompetitionSpec,
    /// Markdown.
    pub description: String,
    /// Markdown.
    pub rules: String,
    /// What lies in `data/`, `hidden/` and `starter/`, sorted by path.
    pub files: Vec<BundleFile>,
    /// The hidden test inputs.
    pub test: Table,
    /// Public rows that look like the test inputs.
    pub sample: Table,
    /// The answers to the test inputs, in their order.
    pub solution: Solution,
}

impl Bundle {
    /// Reads a bundle's folder. Finds as much as can be found at once: what is wrong in one file
    /// does not hide what is wrong in another, but values are only checked against each other, and
    /// tables against the rules, once every key of `competition.toml` is right by itself.
    pub fn read(folder: &Path) -> Result<Bundle, Vec<Finding>> {
        let mut findings = Vec::new();
        let (mut files, faults) = files::list(folder);
        findings.extend(faults);
        findings.extend(leaks::find(&files));
        let description = keep(text(folder, "description.md"), &mut findings);
        let rules = keep(text(folder, "rules.md"), &mut findings);
        let manifest = keep(
            text(folder, manifest::FILE).and_then(|text| Manifest::parse(&text)),
            &mut findings,
        );
        let mut tables = None;
        if let Some(manifest) = &manifest {
            let contradictions = rules::check(manifest);
            let rules_hold = contradictions.is_empty();
            findings.extend(contradictions);
            match metric_file(folder, manifest) {
                Ok(file) => files.extend(file),
                Err(finding) => findings.push(finding),
            }
            findings.extend(missing_starters(manifest, &files));
            if rules_hold {
                tables = keep(tables::read(manifest, &files), &mut findings);
            }
        }
        match (manifest, description, rules, tables) {
            (Some(manifest), Some(description), Some(rules), Some(tables))
                if findings.is_empty() =>
            {
                Ok(Bundle {
                    spec: manifest.spec,
                    description,
                    rules,
                    files,
                    test: tables.test,
                    sample: tables.sample,
                    solution: tables.solution,
                })
            }
            _ => {
                findings.sort();
                findings.dedup();
                Err(findings)
            }
        }
    }

    /// The file at a path of the bundle, such as `data/train.csv`.
    pub fn file(&self, path: &str) -> Option<&BundleFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn text(folder: &Path, name: &str) -> Result<String, Vec<Finding>> {
    files::read_text(folder, name, TEXT_SIZE_MAX).map_err(|finding| vec![finding])
}

fn keep<T>(read: Result<T, Vec<Finding>>, findings: &mut Vec<Finding>) -> Option<T> {
    read.map_err(|faults| findings.extend(faults)).ok()
}

fn missing_starters(manifest: &Manifest, files: &[BundleFile]) -> Vec<Finding> {
    (manifest.spec.starter.iter().enumerate())
        .filter(|(_, starter)| !files.iter().any(|file| file.path == starter.file))
        .map(|(at, starter)| {
            let message = format!("the bundle has no file `{}`", starter.file);
            manifest.finding(&format!("starter[{at}].file"), message)
        })
        .collect()
}

/// The host's own metric, where it is named and only there: otherwise it would silently not be used.
/// Nobody but the runners sees it.
fn metric_file(folder: &Path, manifest: &Manifest) -> Result<Option<BundleFile>, Finding> {
    let path = folder.join(MetricSpec::FILE);
    let finding = |message: &str| Finding {
        file: MetricSpec::FILE.to_owned(),
        line: None,
        message: message.to_owned(),
    };
    if !manifest.spec.metric.is_custom() {
        return match path.symlink_metadata() {
            Err(_) => Ok(None),
            Ok(_) => Err(finding(
                "it is not used: say `metric.name = \"custom\"`, or take out the file",
            )),
        };
    }
    let text = files::read_text(folder, MetricSpec::FILE, TEXT_SIZE_MAX)?;
    // Python says the rest, behind walls.
    if !text.lines().any(|line| line.starts_with("def score(")) {
        return Err(finding(
            "it defines no function `score(solution, submission, row_id_column_name)`",
        ));
    }
    Ok(Some(BundleFile {
        path: MetricSpec::FILE.to_owned(),
        kind: FileKind::Hidden,
        absolute: path,
        size: Bytes::new(text.len() as u64),
    }))
}

#[cfg(test)]
mod tests;
