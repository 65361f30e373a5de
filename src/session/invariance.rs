//! Whether a model or a function predicts alike however its rows are cut into batches: on the public
//! sample, where what differs may be said.

use super::run::Finished;
use super::{Bench, Candidate, Inputs, Plan, SessionError, rows_at_once};
use crate::domain::competition::TaskKind;
use crate::domain::submission::Failure;

/// Numbers that differ by less of their size, or of that of all, are the same: sums are taken in another
/// order in larger batches, and what is quantised dynamically takes its scale from the batch.
const SAME: f64 = 1e-2;
/// Where fewer of a hundred differ, it is as likely as not the rounding of a quantised model.
const TOLERATED_PERCENT: usize = 1;
/// A single one among so many or more is no sign that one of a hundred differs.
const ROWS_FOR_ONE: usize = 50;

/// Predictions that two runs over the same rows do not have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Changed {
    count: usize,
    of: usize,
}

impl Bench {
    /// Runs it over the sample again, with half as many rows at a time, and once more as at
    /// first if much differs, so that chance is not taken for a fault of the batches.
    pub(super) fn vary_batches(
        &mut self,
        candidate: &Candidate<'_>,
        sample: &Inputs,
        first: Finished,
    ) -> Result<Finished, SessionError> {
        let full = rows_at_once(candidate).min(sample.rows());
        let Ok(measured) = &first.result else {
            return Ok(first);
        };
        if full < 2 {
            return Ok(first);
        }
        let half = full / 2;
        let kind = candidate.spec.task.kind;
        let halved = self.run(candidate, sample, Plan::smoke(half))?;
        let changed = match &halved.result {
            Ok(halved) => Changed::between(&measured.predictions, &halved.predictions, kind),
            Err(_) => return Ok(halved),
        };
        if changed.count == 0 {
            return Ok(first);
        }
        if !changed.is_tolerated() {
            let again = self.run(candidate, sample, Plan::smoke(full))?;
            let by_chance = match &again.result {
                Ok(again) => Changed::between(&measured.predictions, &again.predictions, kind),
                Err(_) => return Ok(again),
            };
            if by_chance.is_tolerated() {
                return Ok(Finished {
                    result: Err(batch_variant(changed, full, half)),
                    ..first
                });
            }
        }
        let note = format!(
            "\n[Leanboard: {} of {} predictions changed with {half} rows at a time in place of {full}. A \
             prediction should depend on its own row alone.]\n",
            changed.count, changed.of
        );
        Ok(Finished {
            stderr: first.stderr + &note,
            ..first
        })
    }
}

impl Changed {
    /// Between two files of predictions for the same rows.
    fn between(one: &[u8], other: &[u8], kind: TaskKind) -> Changed {
        let (one, other) = (cells(one), cells(other));
        let size = match kind {
            TaskKind::Probability => 1.0,
            TaskKind::Label | TaskKind::List | TaskKind::Text | TaskKind::Value => mean_size(&one),
        };
        let differ = |(a, b): &(&String, &String)| match kind {
            TaskKind::Label | TaskKind::List | TaskKind::Text => a != b,
            TaskKind::Value | TaskKind::Probability => !are_same(a, b, size),
        };
        let missing = one.len().abs_diff(other.len());
        Changed {
            count: one.iter().zip(&other).filter(differ).count() + missing,
            of: one.len().max(other.len()),
        }
    }

    fn is_tolerated(self) -> bool {
        match self.count {
            0 => true,
            1 if self.of >= ROWS_FOR_ONE => true,
            count => count * 100 < self.of * TOLERATED_PERCENT,
        }
    }
}

fn cells(file: &[u8]) -> Vec<String> {
    csv::Reader::from_reader(file)
        .records()
        .map_while(Result::ok)
        .flat_map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn mean_size(cells: &[String]) -> f64 {
    let sizes = || cells.iter().filter_map(|cell| cell.parse::<f64>().ok());
    let count = sizes().count().max(1);
    sizes().map(f64::abs).sum::<f64>() / count as f64
}

fn are_same(a: &str, b: &str, size: f64) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a == b || (a - b).abs() <= SAME * a.abs().max(b.abs()).max(size),
        _ => a == b,
    }
}

fn batch_variant(changed: Changed, full: usize, half: usize) -> Failure {
    Failure::participant(
        "batch_variant",
        format!(
            "{} of {} predictions for the public sample changed with {half} rows at a time in place of \
             {full}. A prediction must depend on its own row alone: take means, \
             ranks and the like from the training data, not from the batch.",
            changed.count, changed.of
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_differ_by_their_rounding_and_labels_not_at_all() {
        let between = |one: &str, other: &str, kind| {
            let file = |cells: &str| format!("prediction\n{cells}").into_bytes();
            Changed::between(&file(one), &file(other), kind)
        };
        let value = between(
            "1.0\n1000\n0.0\n200\n",
            "1.0001\n1020\n0.1\n200.0\n",
            TaskKind::Value,
        );
        assert_eq!(value, Changed { count: 1, of: 4 });
        let probability = between("0.0001\n0.5\n", "0.0002\n0.52\n", TaskKind::Probability);
        assert_eq!(probability, Changed { count: 1, of: 2 });
        let label = between("1\n2\n", "1\n2.0\n", TaskKind::Label);
        assert_eq!(label, Changed { count: 1, of: 2 });
        assert_eq!(between("1\n2\n", "1\n", TaskKind::Label).count, 1);
    }

    #[test]
    fn less_than_one_of_a_hundred_is_tolerated() {
        assert!(Changed { count: 0, of: 0 }.is_tolerated());
        assert!(Changed { count: 2, of: 201 }.is_tolerated());
        assert!(!Changed { count: 2, of: 200 }.is_tolerated());
        assert!(Changed { count: 1, of: 50 }.is_tolerated());
        assert!(!Changed { count: 1, of: 49 }.is_tolerated());
    }
}
