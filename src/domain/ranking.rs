//! From figures to ranks. Pure: the same entries give the same board, in whatever order they come.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::competition::Direction;
use super::efficiency::{Efficiency, Scale, Unranked};
use super::ids::{SubmissionId, TeamId};

/// What a board is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Board {
    Efficiency,
    Score,
}

impl Board {
    pub const ALL: [Board; 2] = [Board::Efficiency, Board::Score];

    pub fn as_str(self) -> &'static str {
        match self {
            Board::Efficiency => "efficiency",
            Board::Score => "score",
        }
    }
}

/// One scored submission of one hardware class.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub submission: SubmissionId,
    pub team: TeamId,
    pub submitted_at: DateTime<Utc>,
    /// On the split of the board.
    pub score: f64,
    /// Cost per pass in seconds, of the window and kind that the competition ranks.
    pub cost_s: Option<f64>,
}

/// A line of the leaderboard: a team's best submission, its efficiency and its rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub entry: Entry,
    pub efficiency: Result<Efficiency, Unranked>,
    /// From 1; `None` where the entry is listed without a rank.
    pub rank: Option<u32>,
}

/// Orders the entries of one board and keeps each team's best. Ties go to the earlier submission.
///
/// Without a scale (the reference entry is not measured yet, or the formula is degenerate) the
/// efficiency board lists everybody by score, unranked, with the reason.
pub fn rank(
    board: Board,
    direction: Direction,
    scale: Result<&Scale, Unranked>,
    entries: Vec<Entry>,
) -> Vec<Standing> {
    let mut standings: Vec<Standing> = entries
        .into_iter()
        .map(|entry| Standing {
            efficiency: scale.and_then(|scale| scale.efficiency(entry.score, entry.cost_s)),
            rank: None,
            entry,
        })
        .collect();
    standings.sort_by(|a, b| compare(board, direction, a, b));

    let mut teams = std::collections::HashSet::new();
    standings.retain(|standing| teams.insert(standing.entry.team));

    let mut next = 1;
    for standing in &mut standings {
        let ranked = match board {
            Board::Efficiency => standing.efficiency.is_ok(),
            Board::Score => true,
        };
        if ranked {
            standing.rank = Some(next);
            next += 1;
        }
    }
    standings
}

fn compare(board: Board, direction: Direction, a: &Standing, b: &Standing) -> Ordering {
    let by_efficiency = match (&a.efficiency, &b.efficiency) {
        (Ok(a), Ok(b)) => a.value.total_cmp(&b.value),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => Ordering::Equal,
    };
    let by_score = match direction {
        Direction::HigherIsBetter => b.entry.score.total_cmp(&a.entry.score),
        Direction::LowerIsBetter => a.entry.score.total_cmp(&b.entry.score),
    };
    let by_age = a
        .entry
        .submitted_at
        .cmp(&b.entry.submitted_at)
        .then(a.entry.submission.cmp(&b.entry.submission));
    match board {
        Board::Efficiency => by_efficiency.then(by_score).then(by_age),
        Board::Score => by_score.then(by_age),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn entry(team: u128, minute: u32, score: f64, cost_s: f64) -> Entry {
        Entry {
            submission: SubmissionId(Uuid::from_u128(team << 8 | u128::from(minute))),
            team: TeamId(Uuid::from_u128(team)),
            submitted_at: Utc.with_ymd_and_hms(2026, 1, 1, 0, minute, 0).unwrap(),
            score,
            cost_s: Some(cost_s),
        }
    }

    fn scale() -> Scale {
        Scale::freeze(0.1, 0.99, Direction::HigherIsBetter, 0.2, None).unwrap()
    }

    fn teams(standings: &[Standing]) -> Vec<(u128, Option<u32>)> {
        standings
            .iter()
            .map(|standing| (standing.entry.team.0.as_u128(), standing.rank))
            .collect()
    }

    const HIGHER: Direction = Direction::HigherIsBetter;

    #[test]
    fn neither_the_cheapest_nor_the_most_accurate_entry_need_win() {
        let entries = vec![
            entry(1, 1, 0.96, 0.001),
            entry(2, 2, 0.985, 0.01),
            entry(3, 3, 0.99, 0.2),
        ];
        let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries.clone());
        assert_eq!(teams(&board), [(2, Some(1)), (3, Some(2)), (1, Some(3))]);
        let board = rank(Board::Score, HIGHER, Ok(&scale()), entries);
        assert_eq!(teams(&board), [(3, Some(1)), (2, Some(2)), (1, Some(3))]);
    }

    #[test]
    fn a_team_stands_once_with_its_best_and_ties_go_to_the_earlier() {
        let entries = vec![
            entry(1, 9, 0.9, 0.1),
            entry(2, 3, 0.9, 0.1),
            entry(1, 1, 0.5, 0.1),
        ];
        let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
        assert_eq!(teams(&board), [(2, Some(1)), (1, Some(2))]);
        assert_eq!(board[1].entry.score, 0.9);
    }

    #[test]
    fn who_is_worse_than_the_benchmark_is_listed_last_without_a_rank() {
        let entries = vec![entry(1, 1, 0.05, 1e-6), entry(2, 2, 0.2, 5.0)];
        let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
        assert_eq!(teams(&board), [(2, Some(1)), (1, None)]);
        assert_eq!(board[1].efficiency, Err(Unranked::BelowBenchmark));
    }

    #[test]
    fn until_the_reference_is_measured_nobody_has_a_rank_of_efficiency() {
        let entries = vec![entry(1, 1, 0.5, 0.1), entry(2, 2, 0.9, 0.1)];
        let board = rank(
            Board::Efficiency,
            HIGHER,
            Err(Unranked::ScalePending),
            entries,
        );
        assert_eq!(teams(&board), [(2, None), (1, None)]);
    }

    proptest! {
        #[test]
        fn a_board_does_not_depend_on_the_order_its_entries_come_in(
            figures in prop::collection::vec((1u128..6, 0u32..60, 0.0f64..1.0, 0.001f64..1.0), 1..30),
            seed in any::<u64>(),
        ) {
            let mut seen = std::collections::HashSet::new();
            let entries: Vec<Entry> = figures
                .into_iter()
                .filter(|(team, minute, ..)| seen.insert((*team, *minute)))
                .map(|(team, minute, score, cost)| entry(team, minute, score, cost))
                .collect();
            let mut shuffled = entries.clone();
            let turn = (seed % entries.len() as u64) as usize;
            shuffled.rotate_left(turn);
            shuffled.reverse();
            for board in Board::ALL {
                prop_assert_eq!(
                    rank(board, HIGHER, Ok(&scale()), entries.clone()),
                    rank(board, HIGHER, Ok(&scale()), shuffled.clone())
                );
            }
        }

        #[test]
        fn a_new_entry_leaves_the_efficiency_of_the_others_bit_identical(
            scores in prop::collection::vec(0.1f64..1.0, 2..20),
        ) {
            let entries: Vec<Entry> = (1..).zip(&scores).map(|(i, s)| entry(i, 0, *s, 0.1)).collect();
            let mut fewer = entries.clone();
            fewer.pop();
            let more = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
            for standing in rank(Board::Efficiency, HIGHER, Ok(&scale()), fewer) {
                let same = more.iter().find(|s| s.entry.submission == standing.entry.submission).unwrap();
                prop_assert_eq!(&same.efficiency, &standing.efficiency);
            }
        }
    }
}
