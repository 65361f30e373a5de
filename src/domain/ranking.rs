//! From figures to ranks. Pure: the same entries give the same board, in whatever order they come.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::competition::Direction;
use super::cost::RankedCost;
use super::efficiency::{Efficiency, Scale, Unranked};
use super::ids::{SubmissionId, TeamId};
use super::statistics::Interval;

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
    /// Cost per pass, of the window and kind that the competition ranks.
    pub cost: Option<RankedCost>,
    /// Where that cost may lie, in its unit; `None` with too few trials.
    pub cost_interval: Option<Interval>,
}

/// A line of the leaderboard: a team's best submission, its efficiency and its rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub entry: Entry,
    pub efficiency: Result<Efficiency, Unranked>,
    /// Where the efficiency may lie; `None` with too few trials.
    pub efficiency_interval: Option<Interval>,
    /// From 1; `None` where the entry is listed without a rank.
    pub rank: Option<u32>,
    /// Of the efficiency board; `None` where the efficiency has no interval.
    pub range: Option<RankRange>,
}

/// The ranks that an entry may have, as far as its cost and those of the others can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankRange {
    pub best: u32,
    pub worst: u32,
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
        .map(|entry| {
            let efficiency =
                scale.and_then(|scale| scale.efficiency_of(entry.score, entry.cost.as_ref()));
            let interval = |cost| Some(scale.ok()?.interval(efficiency.as_ref().ok()?, cost));
            Standing {
                efficiency_interval: entry.cost_interval.and_then(interval),
                efficiency,
                rank: None,
                range: None,
                entry,
            }
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
    match board {
        Board::Efficiency => claim_ranges(&mut standings),
        // A score is the same in every trial.
        Board::Score => {}
    }
    standings
}

/// Claims a range of ranks for each standing whose efficiency has an interval: better are surely
/// those whose intervals end before its own begins, worse those whose begin after its own ends. One
/// without an interval may lie anywhere, so it is surely better or worse than nobody, and nothing
/// is claimed for it.
fn claim_ranges(standings: &mut [Standing]) {
    let ranked = || standings.iter().filter(|standing| standing.rank.is_some());
    let intervals: Vec<Interval> = ranked()
        .filter_map(|standing| standing.efficiency_interval)
        .collect();
    let all = count(ranked().count());
    let (mut lows, mut highs): (Vec<f64>, Vec<f64>) =
        intervals.iter().map(|own| (own.low, own.high)).unzip();
    lows.sort_by(f64::total_cmp);
    highs.sort_by(f64::total_cmp);
    for standing in standings.iter_mut().filter(|s| s.rank.is_some()) {
        standing.range = standing.efficiency_interval.map(|own| {
            let surely_better = highs.partition_point(|high| *high < own.low);
            let surely_worse = lows.len() - lows.partition_point(|low| *low <= own.high);
            RankRange {
                best: 1 + count(surely_better),
                worst: all - count(surely_worse),
            }
        });
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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

    use super::super::competition::Cost;
    use super::*;

    fn entry(team: u128, minute: u32, score: f64, cost: f64) -> Entry {
        Entry {
            submission: SubmissionId(Uuid::from_u128(team << 8 | u128::from(minute))),
            team: TeamId(Uuid::from_u128(team)),
            submitted_at: Utc.with_ymd_and_hms(2026, 1, 1, 0, minute, 0).unwrap(),
            score,
            cost: Some(RankedCost {
                amount: Cost::Cpu.amount(cost),
                energy: None,
            }),
            cost_interval: None,
        }
    }

    /// An entry whose cost may lie between these two.
    fn measured(team: u128, score: f64, cost: f64, low: f64, high: f64) -> Entry {
        Entry {
            cost_interval: Some(Interval { low, high }),
            ..entry(team, 0, score, cost)
        }
    }

    /// The ranks that each team may have: rank, best and worst.
    fn ranges(standings: &[Standing]) -> Vec<(u128, Option<(u32, u32)>)> {
        standings
            .iter()
            .map(|standing| {
                let range = standing.range.map(|range| (range.best, range.worst));
                (standing.entry.team.0.as_u128(), range)
            })
            .collect()
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

    #[test]
    fn entries_whose_intervals_overlap_share_their_ranks_and_overlap_is_not_handed_on() {
        let entries = vec![
            measured(1, 0.9, 0.10, 0.09, 0.11),
            measured(2, 0.9, 0.20, 0.18, 0.25),
            measured(3, 0.9, 0.26, 0.24, 0.32),
            measured(4, 0.9, 0.33, 0.31, 0.36),
        ];
        let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries.clone());
        assert_eq!(
            ranges(&board),
            [
                (1, Some((1, 1))),
                (2, Some((2, 3))),
                (3, Some((2, 4))),
                (4, Some((3, 4))),
            ]
        );
        let board = rank(Board::Score, HIGHER, Ok(&scale()), entries);
        assert!(board.iter().all(|standing| standing.range.is_none()));
    }

    #[test]
    fn an_entry_without_an_interval_claims_nothing_and_may_be_anywhere() {
        let entries = vec![
            measured(1, 0.9, 0.10, 0.09, 0.11),
            entry(2, 0, 0.9, 0.20),
            measured(3, 0.9, 0.33, 0.31, 0.36),
        ];
        let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
        assert_eq!(
            ranges(&board),
            [(1, Some((1, 2))), (2, None), (3, Some((2, 3)))]
        );
    }

    #[test]
    fn what_has_no_rank_has_no_range_and_takes_none_from_others() {
        let entries = vec![
            measured(1, 0.9, 0.10, 0.09, 0.11),
            measured(2, 0.05, 0.10, 0.09, 0.11),
        ];
        let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
        assert_eq!(ranges(&board), [(1, Some((1, 1))), (2, None)]);
    }

    /// Entries of one team each: score, cost, and how far the ends of its interval are from it.
    fn some_entries() -> impl Strategy<Value = Vec<Entry>> {
        let interval = prop::option::of((0.0f64..0.5, 0.0f64..0.5));
        let figures = (0.0f64..1.0, 0.001f64..5.0, interval);
        prop::collection::vec(figures, 1..25).prop_map(|figures| {
            (1..)
                .zip(figures)
                .map(|(team, (score, cost, interval))| Entry {
                    cost_interval: interval.map(|(below, above)| Interval {
                        low: cost * (1.0 - below),
                        high: cost * (1.0 + above),
                    }),
                    ..entry(team, 0, score, cost)
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn a_range_holds_the_rank_and_lies_on_the_board(entries in some_entries()) {
            let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
            let ranked = board.iter().filter(|standing| standing.rank.is_some()).count() as u32;
            for standing in &board {
                let Some(range) = standing.range else { continue };
                let rank = standing.rank.unwrap();
                prop_assert!(1 <= range.best && range.best <= rank);
                prop_assert!(rank <= range.worst && range.worst <= ranked);
            }
        }

        /// What is known less well never makes the others known better.
        #[test]
        fn a_wider_interval_narrows_no_range(
            entries in some_entries(), which in any::<prop::sample::Index>(), factor in 1.0f64..10.0,
            forget in any::<bool>(),
        ) {
            let mut wider = entries.clone();
            let entry = which.get_mut(&mut wider);
            entry.cost_interval = entry.cost_interval.filter(|_| !forget).map(|interval| Interval {
                low: interval.low / factor,
                high: interval.high * factor,
            });
            let team = entry.team;
            let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), wider);
            for before in rank(Board::Efficiency, HIGHER, Ok(&scale()), entries) {
                let after = board.iter().find(|s| s.entry.team == before.entry.team).unwrap();
                match (before.range, after.range) {
                    (Some(before), Some(after)) => {
                        prop_assert!(after.best <= before.best && before.worst <= after.worst);
                    }
                    (before, None) => prop_assert!(before.is_none() || after.entry.team == team),
                    (None, Some(_)) => prop_assert!(false, "a range came from nowhere"),
                }
            }
        }

        /// Two entries never claim a strict order that contradicts their intervals.
        #[test]
        fn entries_whose_intervals_overlap_have_ranges_that_do(entries in some_entries()) {
            let board = rank(Board::Efficiency, HIGHER, Ok(&scale()), entries);
            for a in &board {
                for b in &board {
                    let (Some(x), Some(y)) = (a.efficiency_interval, b.efficiency_interval) else { continue };
                    let (Some(p), Some(q)) = (a.range, b.range) else { continue };
                    if x.low <= y.high && y.low <= x.high {
                        prop_assert!(p.best <= q.worst && q.best <= p.worst);
                    }
                }
            }
        }

        #[test]
        fn ranges_do_not_depend_on_the_order_entries_come_in(
            entries in some_entries(), seed in any::<usize>(),
        ) {
            let mut shuffled = entries.clone();
            shuffled.rotate_left(seed % entries.len());
            shuffled.reverse();
            prop_assert_eq!(
                rank(Board::Efficiency, HIGHER, Ok(&scale()), entries),
                rank(Board::Efficiency, HIGHER, Ok(&scale()), shuffled)
            );
        }

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
