//! Right answers and predictions as a host's own metric is given them: columns of a table, as
//! Python would read them from CSV files.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Predictions;
use crate::domain::answers::{Answers, Class};
use crate::domain::competition::CompetitionSpec;
use crate::domain::solution::Solution;
use crate::domain::split::Split;
use crate::domain::table::Values;
use crate::domain::text_table::TextColumn;

/// What `sandbox/harness/own_metric.py` reads.
#[derive(Debug, Serialize)]
struct Frames<'a> {
    row_id: &'a str,
    params: &'a Map<String, Value>,
    ids: Cells<'a>,
    solution: Vec<Column<'a>>,
    submission: Vec<Column<'a>>,
    splits: Splits,
}

/// Places of rows, counted from 0.
#[derive(Debug, Serialize)]
struct Splits {
    public: Vec<usize>,
    private: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Column<'a> {
    name: &'a str,
    #[serde(flatten)]
    cells: Cells<'a>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "values", rename_all = "lowercase")]
enum Cells<'a> {
    Int64(Vec<i64>),
    Float64(&'a [f64]),
    Bool(Vec<bool>),
    Str(Vec<&'a str>),
    /// Read by pandas itself.
    Csv(&'a [String]),
}

/// The file of both tables, rows in the same order in each. The solution has `more` columns than those
/// that are predicted, in the order of `ids`.
pub fn frames(
    spec: &CompetitionSpec,
    ids: &[String],
    solution: &Solution,
    more: &[TextColumn],
    predictions: &Predictions,
) -> serde_json::Result<Vec<u8>> {
    let task = &spec.task;
    let targets = task.targets().iter().map(String::as_str);
    let more = more.iter().map(|column| Column {
        name: &column.name,
        cells: Cells::Csv(&column.cells),
    });
    let mut right = columns(targets, solution.answers(), &task.classes);
    right.extend(more);
    let numbers = match Values::of_ids(ids) {
        Values::Integers(numbers) => Some(numbers),
        Values::Decimals { .. } | Values::Text(_) | Values::Arrays(_) => None,
    };
    let predicted = task.predicted_columns().iter().map(String::as_str);
    serde_json::to_vec(&Frames {
        row_id: &task.id,
        params: &spec.metric.params,
        ids: match numbers {
            Some(numbers) => Cells::Int64(numbers),
            None => Cells::Str(ids.iter().map(String::as_str).collect()),
        },
        solution: right,
        submission: columns(predicted, predictions.answers(), &task.classes),
        splits: Splits {
            public: solution.rows_of(Split::Public),
            private: solution.rows_of(Split::Private),
        },
    })
}

fn columns<'a>(
    names: impl Iterator<Item = &'a str>,
    answers: &'a Answers,
    classes: &'a [String],
) -> Vec<Column<'a>> {
    let cells: Vec<Cells<'a>> = match answers {
        Answers::Labels(labels) => vec![of_labels(labels, classes)],
        Answers::Values(columns) | Answers::Probabilities(columns) => columns
            .iter()
            .map(|column| Cells::Float64(column))
            .collect(),
        Answers::Lists(texts) | Answers::Texts(texts) => {
            vec![Cells::Str(texts.iter().map(String::as_str).collect())]
        }
    };
    names
        .zip(cells)
        .map(|(name, cells)| Column { name, cells })
        .collect()
}

/// Numbers where each class is one, so that all rows and both tables are alike whichever classes they
/// happen to have.
fn of_labels<'a>(labels: &[Class], classes: &'a [String]) -> Cells<'a> {
    let number = |class: &String| class.parse().ok().filter(|n: &i64| n.to_string() == *class);
    let flag = |class: &String| match class.as_str() {
        "True" | "TRUE" | "true" => Some(true),
        "False" | "FALSE" | "false" => Some(false),
        _ => None,
    };
    if let Some(numbers) = classes.iter().map(number).collect::<Option<Vec<i64>>>() {
        return Cells::Int64(labels.iter().map(|label| numbers[label.place()]).collect());
    }
    if let Some(flags) = classes.iter().map(flag).collect::<Option<Vec<bool>>>() {
        return Cells::Bool(labels.iter().map(|label| flags[label.place()]).collect());
    }
    let texts = labels.iter().map(|label| classes[label.place()].as_str());
    Cells::Str(texts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_numbers_where_every_class_is_written_as_one() {
        let labels = [Class::at(1), Class::at(0)];
        let classes = |names: [&str; 2]| names.map(str::to_owned);
        for (names, cells) in [
            (["0", "-3"], Cells::Int64(vec![-3, 0])),
            (["False", "True"], Cells::Bool(vec![true, false])),
            (["007", "8"], Cells::Str(vec!["8", "007"])),
            (["0", "none"], Cells::Str(vec!["none", "0"])),
        ] {
            assert_eq!(of_labels(&labels, &classes(names)), cells);
        }
    }
}
