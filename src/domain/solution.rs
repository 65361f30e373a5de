//! The hidden answers to a competition's test rows.

use std::collections::HashMap;
use std::io::Read;

use super::answers::{Answers, AnswersReader, CellFault, Side, WrongCells};
use super::competition::{CompetitionSpec, Metric, Task};
use super::row_ids::{Differences, Ids, Matching, PackedIds};
use super::split::{Split, SplitError};
use super::text_rows::{Row, TextRows};
use super::text_table::{TableError, TableFault, check_ids};

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
    #[error("{target} is {fault} ({count} cells in all)")]
    Target {
        /// "the target", or which of several.
        target: String,
        fault: CellFault,
        count: usize,
    },
    #[error("no row is {0}; both splits need some")]
    EmptySplit(Split),
    #[error("{metric} is not defined on the {split} rows: {why}")]
    Undefined {
        metric: Metric,
        split: Split,
        why: &'static str,
    },
    #[error(transparent)]
    Ids(IdsDiffer),
    #[error("the row id stands on a line above already")]
    IdAgain,
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
        let mut rows = TextRows::open(from, &spec.task.id, usize::MAX)?;
        let columns = Columns::find(rows.names(), &spec.task)?;
        let count = test_ids.len();
        let mut matching = Matching::new(test_ids);
        let mut unknown = None;
        let mut splits = vec![Split::Public; count];
        let mut answers = AnswersReader::new(&spec.task, spec.metric.name, Side::Actual, count);
        while let Some(row) = rows.next_row()? {
            let split = columns.split(&row)?;
            match matching.place(columns.id(&row)?, row.line) {
                Some(place) => {
                    splits[place] = split;
                    columns.set(&mut answers, place, &row);
                }
                None => {
                    unknown.get_or_insert_with(|| row.cell(columns.id).to_owned());
                }
            }
        }
        let lines = matching.finish();
        let lines = lines.map_err(|differences| ids_differ(&differences, test_ids, unknown))?;
        Solution::finish(spec, answers, splits, &lines)
    }

    /// Reads a solution by itself, with the row ids that it has.
    pub fn read_alone(
        from: impl Read,
        spec: &CompetitionSpec,
    ) -> Result<(PackedIds, Solution), SolutionError> {
        let mut rows = TextRows::open(from, &spec.task.id, usize::MAX)?;
        let columns = Columns::find(rows.names(), &spec.task)?;
        let (mut ids, mut lines, mut splits) = (PackedIds::default(), Vec::new(), Vec::new());
        let mut answers = AnswersReader::new(&spec.task, spec.metric.name, Side::Actual, 0);
        while let Some(row) = rows.next_row()? {
            splits.push(columns.split(&row)?);
            answers.add_row();
            columns.set(&mut answers, ids.count(), &row);
            ids.push(row.cell(columns.id));
            lines.push(row.line);
        }
        check_ids(&ids, &lines)?;
        let solution = Solution::finish(spec, answers, splits, &lines)?;
        Ok((ids, solution))
    }

    /// `lines` has the line of each row.
    fn finish(
        spec: &CompetitionSpec,
        answers: AnswersReader<'_>,
        splits: Vec<Split>,
        lines: &[u64],
    ) -> Result<Solution, SolutionError> {
        let answers = answers.finish();
        let answers = answers.map_err(|wrong| wrong_target(&wrong, &spec.task, lines))?;
        let solution = Solution { answers, splits };
        solution.check_splits(spec)?;
        Ok(solution)
    }

    /// Whether both splits have rows, and what the metric needs to be defined.
    fn check_splits(&self, spec: &CompetitionSpec) -> Result<(), SolutionError> {
        for split in Split::ALL {
            let rows = self.rows_of(split);
            if rows.is_empty() {
                return Err(SolutionFault::EmptySplit(split).at(None));
            }
            if let Some(why) = spec.metric.undefined_for(&spec.task, &self.answers, &rows) {
                let metric = spec.metric.name;
                return Err(SolutionFault::Undefined { metric, split, why }.at(None));
            }
        }
        Ok(())
    }

    /// The places of a split's rows.
    pub fn rows_of(&self, split: Split) -> Vec<usize> {
        (self.splits.iter().enumerate())
            .filter(|(_, found)| **found == split)
            .map(|(row, _)| row)
            .collect()
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

/// Where a solution's columns stand.
struct Columns {
    id: usize,
    usage: usize,
    targets: Vec<usize>,
}

impl Columns {
    fn find(names: &[String], task: &Task) -> Result<Columns, SolutionError> {
        let place_of = |name: &String| {
            let place = names.iter().position(|found| found == name);
            place.ok_or_else(|| SolutionFault::NoColumn(name.clone()).at(Some(1)))
        };
        Ok(Columns {
            targets: task
                .targets()
                .iter()
                .map(place_of)
                .collect::<Result<_, _>>()?,
            usage: place_of(&USAGE.to_owned())?,
            id: place_of(&task.id)?,
        })
    }

    fn id<'a>(&self, row: &Row<'a>) -> Result<&'a str, SolutionError> {
        match row.cell(self.id) {
            "" => Err(SolutionFault::Table(TableFault::NoId).at(Some(row.line))),
            id => Ok(id),
        }
    }

    fn split(&self, row: &Row<'_>) -> Result<Split, SolutionError> {
        let split = row.cell(self.usage).parse();
        split.map_err(|error| SolutionFault::Usage(error).at(Some(row.line)))
    }

    fn set(&self, answers: &mut AnswersReader<'_>, place: usize, row: &Row<'_>) {
        for (column, at) in self.targets.iter().enumerate() {
            answers.set(place, column, row.cell(*at));
        }
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

fn ids_differ(
    differences: &Differences,
    test_ids: &[String],
    unknown: Option<String>,
) -> SolutionError {
    if let Some(line) = differences.duplicate.first.first() {
        return SolutionFault::IdAgain.at(Some(*line));
    }
    let first_missing = differences
        .first_missing
        .map(|place| test_ids[place].clone());
    SolutionFault::Ids(IdsDiffer {
        missing: differences.missing,
        unknown: differences.unknown.count,
        example: first_missing.or(unknown).unwrap_or_default(),
    })
    .at(None)
}

fn wrong_target(wrong: &WrongCells, task: &Task, lines: &[u64]) -> SolutionError {
    let target = match (task.targets(), wrong.column) {
        ([_], _) | (_, None) => "the target".to_owned(),
        (targets, Some(column)) => format!("the target `{}`", targets[column]),
    };
    let (fault, count) = (wrong.fault, wrong.count);
    let line = wrong.first_rows.iter().map(|row| lines[*row]).min();
    SolutionFault::Target {
        target,
        fault,
        count,
    }
    .at(line)
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
        assert_eq!(
            *solution.answers(),
            Answers::Values(vec![vec![1.0, 0.0, 3.5]])
        );
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
                "line 3: the target is not in the competition's list of classes (2 cells in all)",
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
                "line 3: the target is negative, for which RMSLE is not defined (1 cells in all)",
            ),
            (
                prices(),
                "id,price,Usage\n1,inf,Public\n2,x,Public\n03,2,Private\n",
                "line 2: the target is NaN or infinite (2 cells in all)",
            ),
        ] {
            assert_eq!(read(&spec, text).unwrap_err(), expected, "{text}");
        }
    }
}
