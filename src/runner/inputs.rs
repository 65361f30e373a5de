//! A competition's tables, read once and kept: the arrays of its test inputs, and its solution.

use std::io::Read;
use std::rc::Rc;

use bytes::Buf;

use super::{JobError, Runner};
use crate::db;
use crate::db::competitions::{Competition, CompetitionFile};
use crate::domain::solution::Solution;
use crate::domain::table::Table;
use crate::sandbox;
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
        let wrong = |path: &str, error: &dyn std::fmt::Display| {
            JobError::Competition(format!("{path} of {} is wrong: {error}", spec.slug))
        };
        let sample = self.find_file(competition, &spec.task.sample)?;
        let sample_table = Table::read(self.read(&sample)?, &spec.task.id)
            .map_err(|error| wrong(&sample.path, &error))?;
        let test = self.find_file(competition, &spec.task.test)?;
        let test_table = Table::read(self.read(&test)?, &spec.task.id)
            .map_err(|error| wrong(&test.path, &error))?;
        let solution = self.find_file(competition, &spec.task.solution)?;
        let solution = Solution::read(self.read(&solution)?, spec, &test_table.ids)
            .map_err(|error| wrong(&solution.path, &error))?;
        Ok(Prepared {
            sample: self.lay_out(competition, &sample, &sample_table)?,
            test: self.lay_out(competition, &test, &test_table)?,
            solution,
        })
    }

    /// Writes a table's arrays into the runner's folder.
    fn lay_out(
        &self,
        competition: &Competition,
        file: &CompetitionFile,
        table: &Table,
    ) -> Result<Inputs, JobError> {
        let name = format!("inputs-{}-{}", competition.id, file.digest);
        let inputs = Inputs::write(&self.parts.folder.join(name), table, &competition.spec)
            .map_err(SessionError::from)?;
        // Read once, so that no sandbox is charged for the page cache.
        sandbox::warm(inputs.folder()).map_err(SessionError::from)?;
        Ok(inputs)
    }

    fn find_file(
        &self,
        competition: &Competition,
        path: &str,
    ) -> Result<CompetitionFile, JobError> {
        let found = db::competitions::find_file(&self.parts.db, competition.id, path);
        self.wait_for(found)?.ok_or_else(|| {
            JobError::Competition(format!("{} has no file {path}", competition.spec.slug))
        })
    }

    fn read(&self, file: &CompetitionFile) -> Result<impl Read + use<>, JobError> {
        Ok(self.wait_for(self.parts.store.read(&file.digest))?.reader())
    }
}
