//! The hidden answers to a competition's test rows.

use std::collections::HashMap;
use std::io::Read;

use super::answers::{Answers, CellFault};
use super::competition::CompetitionSpec;
use super::split::{Split, SplitError};
use super::text_table::{TableError, TableFault, TextTable};

/// The column that says which split a row belongs to; Kaggle's word.
pub const USAGE: &str = "Usage";

/// The right answers and the split of every test row, in the order of the test inputs. Both splits
/// have rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    answers: Answers,
    splits: Vec<Split>,
}

/// Why a file is no solution, and on which line, counted from 1, where there is one to name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct SolutionError {
    pub line: Option<u64>,
    pub fault: SolutionFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolutionFault {
    #[error(transparent)]
    Table(TableFault),
    #[error("there is no column `{0}`; a solution has the row id, the target and `Usage`")]
    NoColumn(String),
    #[error(transparent)]
    Usage(SplitError),
    #[error("the target is {fault} ({count} rows in all)")]
    Target { fault: CellFault, count: usize },
    #[error("no row is {0}; both splits need some")]
    EmptySplit(Split),
    #[error(transparent)]
    Ids(IdsDiffer),
}

/// How the row ids of a file differ from those of the test inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the row ids are not those of the test inputs: {missing} of them are missing and {unknown} are \
     unknown, for example `{example}`"
)]
pub struct IdsDiffer {
    pub missing: usize,
    pub unknown: usize,
    pub example: String,
}

impl Solution {
    /// Reads a solution with exactly the rows of the test inputs, in any order; stops at the first
    /// fault.
    pub fn read(
        from: impl Read,
        spec: &CompetitionSpec,
        test_ids: &[String],
    ) -> Result<Solution, SolutionError> {
        let table = TextTable::read(from, &spec.task.id)?;
        let targets = cells(&table, &spec.task.target)?;
        let usages = cells(&table, USAGE)?;
        let splits: Vec<Split> = (usages.iter().enumerate())
            .map(|(row, usage)| {
                let parsed = usage.parse::<Split>();
                parsed.map_err(|e| SolutionFault::Usage(e).at(Some(table.line(row))))
            })
            .collect::<Result<_, _>>()?;
        let target_cells = targets.iter().map(String::as_str);
        let answers =
            Answers::parse(&spec.task, spec.metric.name, target_cells).map_err(|wrong| {
                let (fault, count) = (wrong.fault, wrong.count);
                SolutionFault::Target { fault, count }.at(Some(table.line(wrong.first_row)))
            })?;
        for split in Split::ALL {
            if !splits.contains(&split) {
                return Err(SolutionFault::EmptySplit(split).at(None));
            }
        }
        let order = order_of(test_ids, &table.ids).map_err(|e| SolutionFault::Ids(e).at(None))?;
        Ok(Solution {
            answers: reordered(&answers, &order),
            splits: order.iter().map(|&row| splits[row]).collect(),
        })
    }

    pub fn rows(&self) -> usize {
        self.splits.len()
    }

    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The split of each row.
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }
}

impl SolutionFault {
    fn at(self, line: Option<u64>) -> SolutionError {
        SolutionError { line, fault: self }
    }
}

impl From<TableError> for SolutionError {
    fn from(error: TableError) -> SolutionError {
        SolutionFault::Table(error.fault).at(error.line)
    }
}

/// Where each of the `wanted` ids is among the `found`, which must be the same ids in any order.
/// Neither list has duplicates.
pub fn order_of(wanted: &[String], found: &[String]) -> Result<Vec<usize>, IdsDiffer> {
    let places: HashMap<&str, usize> = (found.iter().enumerate())
        .map(|(place, id)| (id.as_str(), place))
        .collect();
    let order: Vec<usize> = (wanted.iter())
        .filter_map(|id| places.get(id.as_str()).copied())
        .collect();
    if order.len() == wanted.len() && order.len() == found.len() {
        return Ok(order);
    }
    let mut is_known = vec![false; found.len()];
    for &place in &order {
        is_known[place] = true;
    }
    let first_missing = wanted.iter().find(|id| !places.contains_key(id.as_str()));
    let first_unknown = (found.iter().zip(is_known))
        .find(|(_, known)| !known)
        .map(|(id, _)| id);
    Err(IdsDiffer {
        missing: wanted.len() - order.len(),
        unknown: found.len() - order.len(),
        example: first_missing.or(first_unknown).cloned().unwrap_or_default(),
    })
}

fn cells<'a>(table: &'a TextTable, name: &str) -> Result<&'a [String], SolutionError> {
    table
        .column(name)
        .map(|column| column.cells.as_slice())
        .ok_or_else(|| SolutionFault::NoColumn(name.to_owned()).at(Some(1)))
}

fn reordered(answers: &Answers, order: &[usize]) -> Answers {
    match answers {
        Answers::Labels(classes) => {
            Answers::Labels(order.iter().map(|&row| classes[row]).collect())
        }
        Answers::Values(values) => Answers::Values(order.iter().map(|&row| values[row]).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(task: &str) -> CompetitionSpec {
        let text = format!(
            "slug = 'ab'\ntitle = 'AB'\nsummary = ''\nopens_at = '2026-01-01T00:00:00Z'\n\
             starter = []\n{task}"
        );
        toml::from_str(&text).unwrap()
    }

    fn labels() -> CompetitionSpec {
        spec(
            "task = { kind = 'label', target = 'label', classes = ['a', 'b'] }\n\
             metric = { name = 'accuracy', benchmark = 0.5 }",
        )
    }

    fn prices() -> CompetitionSpec {
        spec(
            "task = { kind = 'value', target = 'price' }\n\
             metric = { name = 'rmsle', benchmark = 1 }",
        )
    }

    fn read(spec: &CompetitionSpec, text: &str) -> Result<Solution, String> {
        let test_ids = ["1", "2", "03"].map(str::to_owned);
        Solution::read(text.as_bytes(), spec, &test_ids).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_and_splits_come_in_the_order_of_the_test_rows() {
        let text = "id,price,Usage\n03,3.5,Private\n1,1,Public\n2,0,Public\n";
        let solution = read(&prices(), text).unwrap();
        assert_eq!(*solution.answers(), Answers::Values(vec![1.0, 0.0, 3.5]));
        let splits = [Split::Public, Split::Public, Split::Private];
        assert_eq!(solution.splits(), splits);
    }

    #[test]
    fn what_is_no_solution_is_refused_with_its_line() {
        for (spec, text, expected) in [
            (
                labels(),
                "id,label\n1,a\n2,a\n03,b\n",
                "line 1: there is no column `Usage`; a solution has the row id, the target and \
                 `Usage`",
            ),
            (
                labels(),
                "id,label,Usage\n1,a,Public\n2,a,private\n03,b,Private\n",
                "line 3: a row's Usage is `Public` or `Private`",
            ),
            (
                labels(),
                "id,label,Usage\n1,a,Public\n2,c,Public\n03,d,Private\n",
                "line 3: the target is not in the competition's list of classes (2 rows in all)",
            ),
            (
                labels(),
                "id,label,Usage\n1,a,Public\n2,a,Public\n03,b,Public\n",
                "no row is Private; both splits need some",
            ),
            (
                labels(),
                "id,label,Usage\n1,a,Public\n2,a,Public\n3,b,Private\n",
                "the row ids are not those of the test inputs: 1 of them are missing and 1 are \
                 unknown, for example `03`",
            ),
            (
                prices(),
                "id,price,Usage\n1,1,Public\n2,-1,Public\n03,2,Private\n",
                "line 3: the target is negative, for which RMSLE is not defined (1 rows in all)",
            ),
            (
                prices(),
                "id,price,Usage\n1,inf,Public\n2,x,Public\n03,2,Private\n",
                "line 2: the target is NaN or infinite (2 rows in all)",
            ),
        ] {
            assert_eq!(read(&spec, text).unwrap_err(), expected, "{text}");
        }
    }
}
