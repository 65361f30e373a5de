//! Reads the tables of a bundle and checks them against its rules and each other.

use std::fs::File;
use std::io::Read;

use super::files::BundleFile;
use super::finding::Finding;
use super::manifest::Manifest;
use crate::domain::solution::{Solution, order_of};
use crate::domain::table::{Table, TableFormat};
use crate::domain::text_table::{TableError, TextTable};

/// The array of all numeric columns, which a column's own name would hide.
const FEATURES: &str = "features";

/// The tables that a competition runs on.
#[derive(Debug)]
pub struct Tables {
    pub test: Table,
    pub sample: Table,
    pub solution: Solution,
}

pub fn read(manifest: &Manifest, files: &[BundleFile]) -> Result<Tables, Vec<Finding>> {
    let spec = &manifest.spec;
    let task = &spec.task;
    let mut reader = Reader {
        manifest,
        files,
        findings: Vec::new(),
    };
    let test = reader.table("task.test", &task.test);
    let sample = reader.table("task.sample", &task.sample);
    if let (Some(test), Some(sample)) = (&test, &sample) {
        reader.check_columns(&task.sample, sample, test);
    }
    let mut solution = None;
    if let Some(test) = &test {
        solution = reader.solution(test);
        reader.check_sample_submission(test);
    }
    match (test, sample, solution) {
        (Some(test), Some(sample), Some(solution)) if reader.findings.is_empty() => Ok(Tables {
            test,
            sample,
            solution,
        }),
        _ => Err(reader.findings),
    }
}

struct Reader<'a> {
    manifest: &'a Manifest,
    files: &'a [BundleFile],
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn table(&mut self, key: &str, path: &str) -> Option<Table> {
        let mut file = self.open(key, path)?;
        let mut bytes = Vec::new();
        if let Err(error) = file.read_to_end(&mut bytes) {
            self.find(path, None, super::files::unreadable(&error));
            return None;
        }
        let format = TableFormat::of(path);
        let read = Table::read_as(format, &bytes, &self.manifest.spec.task.id);
        let table = self.found(path, read)?;
        // Only text has lines.
        let first_line = (format == TableFormat::Csv).then_some(1);
        let targets = self.manifest.spec.task.targets();
        if table.columns.is_empty() {
            self.find(
                path,
                first_line,
                "there are no columns but the row ids".to_owned(),
            );
        }
        // Where no column of numbers is, nothing else is called so.
        let has_numeric = table
            .columns
            .iter()
            .any(|column| column.values.is_numeric());
        for column in &table.columns {
            let is_hidden = has_numeric || !column.values.kind().holds_numbers();
            if targets.contains(&column.name) {
                let target = &column.name;
                let message = format!("the column `{target}` is what is predicted; take it out");
                self.find(path, first_line, message);
            } else if column.name == FEATURES && is_hidden {
                let message = format!(
                    "a column cannot be called `{FEATURES}`, which stands for all numeric columns"
                );
                self.find(path, first_line, message);
            }
        }
        Some(table)
    }

    fn solution(&mut self, test: &Table) -> Option<Solution> {
        let path = &self.manifest.spec.task.solution;
        let file = self.open("task.solution", path)?;
        match Solution::read(file, &self.manifest.spec, &test.ids) {
            Ok(solution) => Some(solution),
            Err(error) => {
                self.find(path, error.line, error.fault.to_string());
                None
            }
        }
    }

    fn check_sample_submission(&mut self, test: &Table) {
        let task = &self.manifest.spec.task;
        let path = &task.sample_submission;
        let Some(file) = self.open("task.sample_submission", path) else {
            return;
        };
        let read = TextTable::read(file, &task.id);
        let Some(table) = self.found(path, read) else {
            return;
        };
        let names: Vec<&String> = table.columns.iter().map(|column| &column.name).collect();
        let wanted = task.predicted_columns();
        if !names.iter().copied().eq(wanted) {
            let listed: Vec<String> = wanted.iter().map(|name| format!("`{name}`")).collect();
            let order = if wanted.len() > 1 {
                ", in this order"
            } else {
                ""
            };
            let columns = listed.join(", ");
            let message = format!("the columns must be `{}` and {columns}{order}", task.id);
            self.find(path, Some(1), message);
        }
        if let Err(differ) = order_of(&test.ids, &table.ids) {
            self.find(path, None, differ.to_string());
        }
    }

    /// The sample stands for the test inputs in the smoke run and on the page to submit, so it must
    /// look like them: the same columns, and in each the type of array that it becomes.
    fn check_columns(&mut self, path: &str, sample: &Table, test: &Table) {
        let names = |table: &Table| -> Vec<String> {
            (table.columns.iter())
                .map(|column| column.name.clone())
                .collect()
        };
        let test_path = &self.manifest.spec.task.test;
        let (shown, hidden) = (TableFormat::of(path), TableFormat::of(test_path));
        if shown != hidden {
            let message = format!(
                "the sample is {}, and `{test_path}` is {}; scripts find either under one name, so \
                 write both in one format",
                shown.as_str(),
                hidden.as_str()
            );
            return self.find(path, None, message);
        }
        if names(sample) != names(test) {
            let message = format!("the columns must be those of `{test_path}`, in the same order");
            let line = (TableFormat::of(path) == TableFormat::Csv).then_some(1);
            return self.find(path, line, message);
        }
        for (sample, test) in sample.columns.iter().zip(&test.columns) {
            let (shown, hidden) = (sample.values.kind(), test.values.kind());
            if shown != hidden {
                let message = format!(
                    "the column `{}` has {shown} here and {hidden} in `{test_path}`; what entries \
                     are fed is told by the sample, so take rows that show it",
                    sample.name
                );
                self.find(path, None, message);
            }
        }
    }

    /// Opens a file that a key names; only files that were listed are, so it is no link.
    fn open(&mut self, key: &str, path: &str) -> Option<File> {
        let Some(file) = self.files.iter().find(|file| file.path == path) else {
            let message = format!("the bundle has no file `{path}`, which is `{key}`");
            self.findings.push(self.manifest.finding(key, message));
            return None;
        };
        match File::open(&file.absolute) {
            Ok(file) => Some(file),
            Err(error) => {
                self.find(path, None, super::files::unreadable(&error));
                None
            }
        }
    }

    fn found<T>(&mut self, path: &str, read: Result<T, TableError>) -> Option<T> {
        match read {
            Ok(table) => Some(table),
            Err(error) => {
                self.find(path, error.line, error.fault.to_string());
                None
            }
        }
    }

    fn find(&mut self, path: &str, line: Option<u64>, message: String) {
        self.findings.push(Finding {
            file: path.to_owned(),
            line,
            message,
        });
    }
}
