//! A competition's tables, read once and kept: the arrays of its test inputs, and its solution.

use std::rc::Rc;

use bytes::{Buf, Bytes};

use super::{JobError, Runner};
use crate::db;
use crate::db::competitions::Competition;
use crate::domain::solution::Solution;
use crate::domain::table::Table;
use crate::session::{Inputs, SessionError};

/// What evaluations need of a competition.
#[derive(Debug)]
pub struct Prepared {
    pub sample: Inputs,
    pub test: Inputs,
    pub solution: Solution,
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
        let sample = self.read(competition, &spec.task.sample)?;
        let sample = Table::read(sample.reader(), &spec.task.id)
            .map_err(|error| wrong(&spec.task.sample, &error))?;
        let test = self.read(competition, &spec.task.test)?;
        let test = Table::read(test.reader(), &spec.task.id)
            .map_err(|error| wrong(&spec.task.test, &error))?;
        let solution = self.read(competition, &spec.task.solution)?;
        let solution = Solution::read(solution.reader(), spec, &test.ids)
            .map_err(|error| wrong(&spec.task.solution, &error))?;
        let folder = self.folder.join(format!("inputs-{}", competition.id));
        let write = |name: &str, table: &Table| {
            Inputs::write(&folder.join(name), table, spec).map_err(SessionError::from)
        };
        Ok(Prepared {
            sample: write("sample", &sample)?,
            test: write("test", &test)?,
            solution,
        })
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
}
