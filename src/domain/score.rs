//! Prediction quality by a competition's metric.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::competition::Direction;
use super::split::Split;
use super::statistics::Interval;

/// A finite score, in the unit and range of its metric. It cannot be NaN, so it has a total order:
/// the one of its value, which is not always from worse to better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Score(f64);

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a score is a finite number, not {0}")]
pub struct NotFinite(f64);

impl Score {
    pub fn new(value: f64) -> Result<Score, NotFinite> {
        if value.is_finite() {
            // Adding zero turns -0.0 into 0.0, so that equal scores are ordered as equal.
            Ok(Score(value + 0.0))
        } else {
            Err(NotFinite(value))
        }
    }

    pub fn as_f64(self) -> f64 {
        self.0
    }

    /// Whether it is strictly better; equal scores are not better than each other.
    pub fn is_better_than(self, other: Score, direction: Direction) -> bool {
        match direction {
            Direction::HigherIsBetter => self > other,
            Direction::LowerIsBetter => self < other,
        }
    }
}

/// Where the scores of a submission may lie, because the test rows are one sample of many. Nothing is
/// known of a metric that is no mean over rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScoreIntervals {
    pub public: Option<Interval>,
    pub private: Option<Interval>,
}

impl ScoreIntervals {
    pub fn on(&self, split: Split) -> Option<Interval> {
        match split {
            Split::Public => self.public,
            Split::Private => self.private,
        }
    }
}

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<f64> for Score {
    type Error = NotFinite;
    fn try_from(value: f64) -> Result<Score, NotFinite> {
        Score::new(value)
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> f64 {
        score.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: f64) -> Score {
        Score::new(value).unwrap()
    }

    #[test]
    fn what_is_not_finite_is_no_score() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Score::new(value).is_err());
        }
        assert!(serde_json::from_str::<Score>("null").is_err());
        assert_eq!(serde_json::from_str::<Score>("0.25").unwrap(), score(0.25));
    }

    #[test]
    fn the_direction_says_which_of_two_scores_is_better() {
        let (low, high) = (score(0.1), score(0.2));
        assert!(high.is_better_than(low, Direction::HigherIsBetter));
        assert!(low.is_better_than(high, Direction::LowerIsBetter));
        assert!(!low.is_better_than(low, Direction::LowerIsBetter));
        assert_eq!(score(-0.0).cmp(&score(0.0)), Ordering::Equal);
    }
}
