//! The rules and the solution of a bundle without all the rest, for scoring by hand.

use std::fs::File;
use std::path::Path;

use super::files::{read_text, unreadable};
use super::finding::Finding;
use super::manifest::{self, Manifest};
use super::{TEXT_SIZE_MAX, rules};
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
        let text = read_text(folder, manifest::FILE, TEXT_SIZE_MAX);
        let manifest = Manifest::parse(&text.map_err(|finding| vec![finding])?)?;
        let contradictions = rules::check(&manifest);
        if !contradictions.is_empty() {
            return Err(contradictions);
        }
        let spec = manifest.spec;
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
