//! The rules and the solution of a bundle without all the rest, for scoring by hand.

use std::fs::File;
use std::path::Path;

use super::feed::read_rules;
use super::files::unreadable;
use super::finding::Finding;
use crate::domain::competition::CompetitionSpec;
use crate::domain::row_ids::PackedIds;
use crate::domain::solution::Solution;

/// What predictions are scored by. Nothing but these two files was looked at.
#[derive(Debug)]
pub struct AnswerKey {
    pub spec: CompetitionSpec,
    /// The solution's row ids, in whose order it is.
    pub ids: PackedIds,
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
        let file = File::open(&path).map_err(|error| finding(None, unreadable(&error)))?;
        let (ids, solution) = Solution::read_alone(file, &spec)
            .map_err(|error| finding(error.line, error.fault.to_string()))?;
        Ok(AnswerKey {
            spec,
            ids,
            solution,
        })
    }
}
