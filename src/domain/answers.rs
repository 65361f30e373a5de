//! What is predicted, row by row: the right answers of a solution and the answers of a model.

use std::collections::HashMap;

use super::competition::{Metric, Task, TaskKind};

/// One answer per row, of the kind of its task. Numbers are kept by column, each of which has one for
/// every row.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    Labels(Vec<Class>),
    /// Finite, and within the range of the competition's metric; a column for each target.
    Values(Vec<Vec<f64>>),
    /// From 0 to 1. A column for each of three and more classes, whose rows add up to 1, or the second
    /// one's of two.
    Probabilities(Vec<Vec<f64>>),
    /// Ids, separated by spaces.
    Lists(Vec<String>),
    Texts(Vec<String>),
}

/// A place in the competition's class list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class(u32);

impl Class {
    /// # Panics
    ///
    /// If there are more classes than a file can name.
    pub fn at(place: usize) -> Class {
        Class(u32::try_from(place).expect("a list of classes is shorter"))
    }

    /// Counted from 0.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// How far from 1 the probabilities of a row may add up to: float32 and rounded decimals are.
const SUM_TOLERANCE: f64 = 1e-3;

/// How many wrong rows are named.
pub const NAMED_MAX: usize = 3;

/// Cells that are no answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCells {
    pub count: usize,
    /// The first rows that have one, counted from 0; at least one and at most [`NAMED_MAX`].
    pub first_rows: Vec<usize>,
    /// The column of the first, counted from 0; none where a whole row is wrong.
    pub column: Option<usize>,
    /// What is wrong with the first.
    pub fault: CellFault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellFault {
    #[error("not in the competition's list of classes")]
    UnknownClass,
    #[error("null")]
    Missing,
    #[error("not a number")]
    NotANumber,
    #[error("NaN or infinite")]
    NotFinite,
    #[error("negative, for which {0} is not defined")]
    Negative(Metric),
    #[error("below 0 or above 1, which no probability is")]
    NotAProbability,
    #[error("part of a row that does not add up to 1")]
    SumNotOne,
    #[error("without an id")]
    NoItems,
}

/// Whose answers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The right ones: for probabilities they are labels, and lists are not empty.
    Actual,
    Predicted,
}

/// Takes answers cell by cell, in any order of rows.
#[derive(Debug)]
pub struct AnswersReader<'a> {
    cells: Cells<'a>,
    wrong: Option<WrongCells>,
}

#[derive(Debug)]
enum Cells<'a> {
    Labels {
        places: HashMap<&'a str, Class>,
        answers: Vec<Class>,
    },
    Values {
        metric: Metric,
        columns: Vec<Vec<f64>>,
    },
    Probabilities(Vec<Vec<f64>>),
    Lists {
        side: Side,
        answers: Vec<String>,
    },
    Texts(Vec<String>),
}

impl<'a> AnswersReader<'a> {
    /// For so many rows, each of whose cells is then set once.
    pub fn new(task: &'a Task, metric: Metric, side: Side, rows: usize) -> AnswersReader<'a> {
        let columns = |count| vec![vec![0.0; rows]; count];
        let cells = match (task.kind, side) {
            (TaskKind::Label, Side::Actual | Side::Predicted)
            | (TaskKind::Probability, Side::Actual) => Cells::Labels {
                places: (task.classes.iter().enumerate())
                    .map(|(place, class)| (class.as_str(), Class::at(place)))
                    .collect(),
                answers: vec![Class::at(0); rows],
            },
            (TaskKind::Value, Side::Actual | Side::Predicted) => Cells::Values {
                metric,
                columns: columns(task.targets().len()),
            },
            (TaskKind::Probability, Side::Predicted) => {
                Cells::Probabilities(columns(task.predicted_columns().len()))
            }
            (TaskKind::List, side) => Cells::Lists {
                side,
                answers: vec![String::new(); rows],
            },
            (TaskKind::Text, Side::Actual | Side::Predicted) => {
                Cells::Texts(vec![String::new(); rows])
            }
        };
        AnswersReader { cells, wrong: None }
    }

    /// Makes room for one row more.
    pub fn add_row(&mut self) {
        match &mut self.cells {
            Cells::Labels { answers, .. } => answers.push(Class::at(0)),
            Cells::Values { columns, .. } | Cells::Probabilities(columns) => {
                for column in columns {
                    column.push(0.0);
                }
            }
            Cells::Lists { answers, .. } | Cells::Texts(answers) => answers.push(String::new()),
        }
    }

    /// Takes the text of a cell. Labels are compared as text.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    pub fn set(&mut self, row: usize, column: usize, cell: &str) {
        let set = match &mut self.cells {
            Cells::Labels { places, answers } => match places.get(cell) {
                Some(class) => {
                    answers[row] = *class;
                    Ok(())
                }
                None => Err(CellFault::UnknownClass),
            },
            Cells::Values { .. } | Cells::Probabilities(_) => {
                return match cell.parse() {
                    Ok(number) => self.set_number(row, column, number),
                    Err(_) => self.find(row, Some(column), CellFault::NotANumber),
                };
            }
            Cells::Lists { side, answers } => {
                answers[row].push_str(cell);
                match side {
                    Side::Actual if cell.trim().is_empty() => Err(CellFault::NoItems),
                    Side::Actual | Side::Predicted => Ok(()),
                }
            }
            Cells::Texts(answers) => {
                answers[row].push_str(cell);
                Ok(())
            }
        };
        if let Err(fault) = set {
            self.find(row, Some(column), fault);
        }
    }

    /// Takes note that there is no cell, in files that can say so.
    pub fn set_missing(&mut self, row: usize, column: usize) {
        self.find(row, Some(column), CellFault::Missing);
    }

    /// Takes a cell of a column of numbers.
    pub fn set_number(&mut self, row: usize, column: usize, number: f64) {
        let checked = match &mut self.cells {
            Cells::Values { metric, columns } => {
                columns[column][row] = number;
                match metric {
                    _ if !number.is_finite() => Err(CellFault::NotFinite),
                    metric if metric.needs_positive() && number < 0.0 => {
                        Err(CellFault::Negative(*metric))
                    }
                    _ => Ok(()),
                }
            }
            Cells::Probabilities(columns) => {
                columns[column][row] = number;
                match number {
                    _ if !number.is_finite() => Err(CellFault::NotFinite),
                    0.0..=1.0 => Ok(()),
                    _ => Err(CellFault::NotAProbability),
                }
            }
            Cells::Labels { .. } | Cells::Lists { .. } | Cells::Texts(_) => {
                return self.set(row, column, &number.to_string());
            }
        };
        if let Err(fault) = checked {
            self.find(row, Some(column), fault);
        }
    }

    /// All answers, if none was wrong.
    pub fn finish(mut self) -> Result<Answers, WrongCells> {
        if self.wrong.is_none() {
            for row in self.cells.rows_not_one() {
                self.find(row, None, CellFault::SumNotOne);
            }
        }
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(match self.cells {
                Cells::Labels { answers, .. } => Answers::Labels(answers),
                Cells::Values { columns, .. } => Answers::Values(columns),
                Cells::Probabilities(columns) => Answers::Probabilities(columns),
                Cells::Lists { answers, .. } => Answers::Lists(answers),
                Cells::Texts(answers) => Answers::Texts(answers),
            }),
        }
    }

    fn find(&mut self, row: usize, column: Option<usize>, fault: CellFault) {
        let wrong = self.wrong.get_or_insert(WrongCells {
            count: 0,
            first_rows: Vec::new(),
            column,
            fault,
        });
        wrong.count += 1;
        if wrong.first_rows.len() < NAMED_MAX && wrong.first_rows.last() != Some(&row) {
            wrong.first_rows.push(row);
        }
    }
}

impl Cells<'_> {
    /// The rows of probabilities that do not add up to 1.
    fn rows_not_one(&self) -> Vec<usize> {
        match self {
            Cells::Probabilities(columns) if columns.len() > 1 => {
                let mut sums = vec![0.0; columns[0].len()];
                for column in columns {
                    for (sum, probability) in sums.iter_mut().zip(column) {
                        *sum += probability;
                    }
                }
                let is_off = |sum: &f64| (sum - 1.0).abs() > SUM_TOLERANCE;
                (sums.iter().enumerate())
                    .filter(|(_, sum)| is_off(sum))
                    .map(|(row, _)| row)
                    .collect()
            }
            Cells::Probabilities(_)
            | Cells::Labels { .. }
            | Cells::Values { .. }
            | Cells::Lists { .. }
            | Cells::Texts(_) => Vec::new(),
        }
    }
}

impl Answers {
    /// How many there are.
    pub fn rows(&self) -> usize {
        match self {
            Answers::Labels(classes) => classes.len(),
            Answers::Values(columns) | Answers::Probabilities(columns) => {
                columns.first().map_or(0, Vec::len)
            }
            Answers::Lists(texts) | Answers::Texts(texts) => texts.len(),
        }
    }

    /// Those of some rows, in this order.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn of_rows(&self, rows: &[usize]) -> Answers {
        let columns = |columns: &[Vec<f64>]| columns.iter().map(|c| pick(c, rows)).collect();
        match self {
            Answers::Labels(classes) => Answers::Labels(pick(classes, rows)),
            Answers::Values(values) => Answers::Values(columns(values)),
            Answers::Probabilities(values) => Answers::Probabilities(columns(values)),
            Answers::Lists(texts) => Answers::Lists(pick(texts, rows)),
            Answers::Texts(texts) => Answers::Texts(pick(texts, rows)),
        }
    }

    /// Whether two answers are the same.
    pub fn is_same(&self, row: usize, other: &Answers, other_row: usize) -> bool {
        let is_same = |mine: &[Vec<f64>], others: &[Vec<f64>]| {
            (mine.iter().zip(others)).all(|(a, b)| a[row].total_cmp(&b[other_row]).is_eq())
        };
        match (self, other) {
            (Answers::Labels(mine), Answers::Labels(others)) => mine[row] == others[other_row],
            (Answers::Values(mine), Answers::Values(others))
            | (Answers::Probabilities(mine), Answers::Probabilities(others)) => {
                is_same(mine, others)
            }
            (Answers::Lists(mine), Answers::Lists(others))
            | (Answers::Texts(mine), Answers::Texts(others)) => mine[row] == others[other_row],
            (
                Answers::Labels(_)
                | Answers::Values(_)
                | Answers::Probabilities(_)
                | Answers::Lists(_)
                | Answers::Texts(_),
                _,
            ) => false,
        }
    }
}

fn pick<T: Clone>(all: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| all[row].clone()).collect()
}
