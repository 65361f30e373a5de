//! What is predicted, row by row: the right answers of a solution and the answers of a model.

use std::collections::HashMap;

use super::competition::{Metric, Task, TaskKind};

/// One answer per row, of the kind of its task.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    Labels(Vec<Class>),
    /// Finite, and within the range of the competition's metric.
    Values(Vec<f64>),
}

/// A place in the competition's class list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class(usize);

/// Cells that are no answers: how many, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCells {
    pub count: usize,
    /// Counted from 0.
    pub first_row: usize,
    /// What is wrong with the first.
    pub fault: CellFault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellFault {
    #[error("not in the competition's list of classes")]
    UnknownClass,
    #[error("not a number")]
    NotANumber,
    #[error("NaN or infinite")]
    NotFinite,
    #[error("negative, for which {0} is not defined")]
    Negative(Metric),
}

impl Answers {
    /// Reads one answer per cell. Labels are compared as text.
    pub fn parse<'a>(
        task: &Task,
        metric: Metric,
        cells: impl Iterator<Item = &'a str>,
    ) -> Result<Answers, WrongCells> {
        match task.kind {
            TaskKind::Label => {
                let places: HashMap<&str, Class> = (task.classes.iter().enumerate())
                    .map(|(place, class)| (class.as_str(), Class(place)))
                    .collect();
                let class = |cell| places.get(cell).copied().ok_or(CellFault::UnknownClass);
                collect(cells.map(class)).map(Answers::Labels)
            }
            TaskKind::Value => {
                let value = |cell| parse_value(metric, cell);
                collect(cells.map(value)).map(Answers::Values)
            }
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Answers::Labels(classes) => classes.len(),
            Answers::Values(values) => values.len(),
        }
    }
}

fn parse_value(metric: Metric, cell: &str) -> Result<f64, CellFault> {
    let value: f64 = cell.parse().map_err(|_| CellFault::NotANumber)?;
    if !value.is_finite() {
        return Err(CellFault::NotFinite);
    }
    match metric {
        Metric::Rmsle if value < 0.0 => Err(CellFault::Negative(metric)),
        Metric::Rmsle | Metric::Accuracy => Ok(value),
    }
}

fn collect<T>(answers: impl Iterator<Item = Result<T, CellFault>>) -> Result<Vec<T>, WrongCells> {
    let mut right = Vec::new();
    let mut wrong: Option<WrongCells> = None;
    for (row, answer) in answers.enumerate() {
        match (answer, &mut wrong) {
            (Ok(answer), None) => right.push(answer),
            (Ok(_), Some(_)) => {}
            (Err(_), Some(wrong)) => wrong.count += 1,
            (Err(fault), None) => {
                wrong = Some(WrongCells {
                    count: 1,
                    first_row: row,
                    fault,
                });
            }
        }
    }
    wrong.map_or(Ok(right), Err)
}
