//! A competition's tables, read once and kept: its test inputs as entries read them, and its solution.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::{Buf, Bytes};

use super::{JobError, Runner};
use crate::db;
use crate::db::competitions::Competition;
use crate::domain::competition::{CompetitionSpec, MetricSpec};
use crate::domain::solution::{Solution, USAGE};
use crate::domain::table::{Table, TableFormat};
use crate::domain::text_table::{TableError, TextColumn, TextTable};
use crate::session::{Calling, Inputs, ScriptFiles, SessionError};

/// What evaluations need of a competition.
#[derive(Debug)]
pub struct Prepared {
    pub sample: Inputs,
    pub sample_ids: Vec<String>,
    pub test: Inputs,
    pub test_ids: Vec<String>,
    pub solution: Solution,
    /// The host's own, where it has one.
    pub metric: Option<OwnMetric>,
}

/// A metric that runs behind walls.
#[derive(Debug)]
pub struct OwnMetric {
    /// As sandboxes read it.
    pub file: PathBuf,
    /// What the solution has beside the targets, in the order of the test inputs.
    pub more: Vec<TextColumn>,
}

impl Runner {
    /// A competition's tables, which never change once it is created.
    pub(super) fn prepared(&mut self, competition: &Competition) -> Result<Rc<Prepared>, JobError> {
        if let Some(prepared) = self.prepared.get(&competition.id) {
            return Ok(Rc::clone(prepared));
        }
        let prepared = Rc::new(self.prepare(competition)?);
        self.prepared.insert(competition.id, Rc::clone(&prepared));
        Ok(prepared)
    }

    fn prepare(&self, competition: &Competition) -> Result<Prepared, JobError> {
        let spec = &competition.spec;
        let wrong = |path: &str, error: &dyn std::fmt::Display| JobError::Competition {
            slug: spec.slug.to_string(),
            what: format!("{path} is wrong: {error}"),
        };
        let task = &spec.task;
        let sample_text = self.read(competition, &task.sample)?;
        let sample = Table::read_as(TableFormat::of(&task.sample), &sample_text, &task.id)
            .map_err(|error| wrong(&task.sample, &error))?;
        let test_text = self.read(competition, &task.test)?;
        let test = Table::read_as(TableFormat::of(&task.test), &test_text, &task.id)
            .map_err(|error| wrong(&task.test, &error))?;
        let solution_text = self.read(competition, &task.solution)?;
        let solution = Solution::read(solution_text.clone().reader(), spec, &test.ids)
            .map_err(|error| wrong(&task.solution, &error))?;

        let folder = self.folder.join(format!("inputs-{}", competition.id));
        // Left half-written by an evaluation that failed through our fault.
        super::empty_folder(&folder)?;
        let public = self.fetch_public_files(competition, &folder.join("public"))?;
        let whole_submission = self.read(competition, &task.sample_submission)?;
        let placeholders = first_predictions(&whole_submission, spec)
            .map_err(|error| wrong(&task.sample_submission, &error))?;
        let small_submission = sample_submission(&placeholders, spec, &sample.ids)
            .map_err(|error| wrong(&task.sample_submission, &error))?;
        let write = |name: &str, table: &Table, test: &[u8], sample_submission: &[u8]| {
            let files = ScriptFiles {
                public: &public,
                test: (file_name(&task.test), test),
                sample_submission: (file_name(&task.sample_submission), sample_submission),
            };
            let calling = Calling {
                sample: &sample,
                placeholders: &placeholders,
            };
            Inputs::write(&folder.join(name), table, &files, calling, spec)
                .map_err(SessionError::from)
        };
        let metric = match spec.metric.is_custom() {
            true => Some(OwnMetric {
                file: self.fetch_metric(competition, &folder)?,
                more: more_columns(&solution_text, spec, &test.ids)
                    .map_err(|error| wrong(&task.solution, &error))?,
            }),
            false => None,
        };
        Ok(Prepared {
            sample: write("sample", &sample, &sample_text, small_submission.as_bytes())?,
            test: write("test", &test, &test_text, &whole_submission)?,
            sample_ids: sample.ids,
            test_ids: test.ids,
            solution,
            metric,
        })
    }

    fn fetch_metric(&self, competition: &Competition, folder: &Path) -> Result<PathBuf, JobError> {
        let path = folder.join(MetricSpec::FILE);
        let text = self.read(competition, MetricSpec::FILE)?;
        super::write_readable(&path, &text)?;
        Ok(path)
    }

    fn read(&self, competition: &Competition, path: &str) -> Result<Bytes, JobError> {
        let desk = &self.desk;
        let file = db::competitions::find_file(&desk.db, competition.id, path);
        let file = desk.wait_for(file)?.ok_or_else(|| JobError::Competition {
            slug: competition.spec.slug.to_string(),
            what: format!("it has no file {path}"),
        })?;
        Ok(desk.wait_for(desk.store.read(&file.digest))?)
    }

    /// Copies what participants download, for scripts and functions, into a folder of its own.
    fn fetch_public_files(
        &self,
        competition: &Competition,
        folder: &Path,
    ) -> Result<PathBuf, JobError> {
        let failed = |source| JobError::File {
            doing: "make",
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let kinds = &competition.spec.entries.kinds;
        if kinds.iter().all(|kind| kind.is_model()) {
            return Ok(folder.to_owned());
        }
        let desk = &self.desk;
        let files = db::competitions::list_public_files(&desk.db, competition.id);
        for file in desk.wait_for(files)? {
            // A bundle's paths were checked when it was read: plain names only. Starters that are
            // public are not among the data.
            let Some(below) = file.path.strip_prefix("data/") else {
                continue;
            };
            let path = folder.join(below);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            desk.wait_for(desk.store.copy_to(&file.digest, &path))?;
            let readable = fs::Permissions::from_mode(0o644);
            fs::set_permissions(&path, readable).map_err(failed)?;
        }
        Ok(folder.to_owned())
    }
}

/// What a solution has beside its targets, for rows of these ids, each of which it has.
fn more_columns(
    solution: &[u8],
    spec: &CompetitionSpec,
    ids: &[String],
) -> Result<Vec<TextColumn>, TableError> {
    let task = &spec.task;
    let table = TextTable::read(solution, &task.id)?;
    let places: HashMap<&String, usize> = table.ids.iter().zip(0..).collect();
    let is_more =
        |column: &&TextColumn| column.name != USAGE && !task.targets().contains(&column.name);
    let in_order = |column: &TextColumn| TextColumn {
        name: column.name.clone(),
        cells: (ids.iter())
            .filter_map(|id| column.cells.get(*places.get(id)?).cloned())
            .collect(),
    };
    Ok(table.columns.iter().filter(is_more).map(in_order).collect())
}

/// A path's last part; a bundle's paths have forward slashes.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the sample submission has for its first row.
fn first_predictions(whole: &[u8], spec: &CompetitionSpec) -> Result<Vec<String>, String> {
    let task = &spec.task;
    let table = TextTable::read(whole, &task.id).map_err(|error| error.to_string())?;
    let columns = task.predicted_columns().iter();
    columns
        .map(|name| {
            let column = table.column(name);
            let first = column.and_then(|column| column.cells.first().cloned());
            first.ok_or_else(|| format!("there is no column `{name}`"))
        })
        .collect()
}

/// A sample submission for the rows of the public sample, with the same predictions in every one.
fn sample_submission(
    first: &[String],
    spec: &CompetitionSpec,
    ids: &[String],
) -> Result<String, String> {
    let task = &spec.task;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = (|| {
        writer.write_record(std::iter::once(&task.id).chain(task.predicted_columns()))?;
        for id in ids {
            writer.write_record(std::iter::once(id).chain(first))?;
        }
        writer.flush()?;
        Ok::<_, csv::Error>(())
    })();
    written.map_err(|error| error.to_string())?;
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}
