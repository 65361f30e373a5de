//! The rules and the solution of a bundle without all the rest, for scoring by hand.

use std::fs::File;
use std::path::Path;

use super::feed::read_rules;
use super::files::unreadable;
use super::finding::Finding;
use crate::domain::competition::CompetitionSpec;
use crate::domain::solution::{Solution, SolutionError};
use crate::domain::text_table::TextRows;

/// What predictions are scored by. Nothing but these two files was looked at.
#[derive(Debug)]
pub struct AnswerKey {
    pub spec: CompetitionSpec,
    /// The solution's row ids, in whose order it is.
    pub ids: Vec<String>,
    pub solution: Solution,
}

impl AnswerKey {
    /// Reads `competition.toml` and the solution of a bundle's folder.
    pub fn read(folder: &Path) -> Result<AnswerKey, Vec<Finding>> {
        let spec = read_rules(folder)?;
        let finding = |line, message| {
            vec![Finding {
                file: spec.task.solution.clone(),
                line,
                message,
            }]
        };
        let path = folder.join(&spec.task.solution);
        let open = || File::open(&path).map_err(|error| finding(None, unreadable(&error)));
        let wrong = |error: SolutionError| finding(error.line, error.fault.to_string());
        let ids = TextRows::ids(open()?, &spec.task.id).map_err(|error| wrong(error.into()))?;
        let solution = Solution::read(open()?, &spec, &ids).map_err(wrong)?;
        Ok(AnswerKey {
            spec,
            ids,
            solution,
        })
    }
}
