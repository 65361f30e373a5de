//! Score against cost as a drawing: every ranked entry, and the curve of all that would be as
//! efficient as the leader.

use askama::Template;
use askama::filters::HtmlSafe;

use super::figures;
use crate::db::boards::BoardLine;
use crate::domain::competition::MetricSpec;
use crate::domain::cost::Amount;
use crate::domain::efficiency::Scale;
use crate::domain::ids::{SubmissionId, TeamId};
use crate::domain::statistics::median;

/// Entries that are drawn; more would hide each other.
const POINTS_SHOWN: usize = 60;
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 280.0;
/// The plot's edges; what lies outside is for the axes.
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = HEIGHT - 42.0;
/// How far the cost axis reaches beyond the cheapest and the dearest entry.
const COST_MARGIN: f64 = 1.7;
/// How far the score axis reaches down: so many times as far as the median entry.
const TIMES_THE_MEDIAN: f64 = 8.0;
const CURVE_STEPS: u32 = 80;

#[derive(Debug, Template)]
#[template(path = "drawings/scatter.html")]
pub struct Scatter {
    points: Vec<Point>,
    /// As `points` of a polyline.
    curve: String,
    costs: Vec<Tick>,
    scores: Vec<Tick>,
    /// By its name.
    metric: String,
    cost_name: &'static str,
}

impl HtmlSafe for Scatter {}

#[derive(Debug)]
struct Point {
    x: f64,
    y: f64,
    rank: i32,
    class: &'static str,
    submission: SubmissionId,
    title: String,
}

#[derive(Debug)]
struct Tick {
    at: f64,
    text: String,
}

/// From costs and qualities to places on the drawing.
struct Axes {
    cost: (f64, f64),
    quality: (f64, f64),
}

impl Axes {
    fn of(entries: &[Entry<'_>]) -> Axes {
        let costs = || entries.iter().map(|entry| entry.cost.value);
        let qualities: Vec<f64> = entries.iter().map(|entry| entry.quality).collect();
        let best = qualities.iter().copied().fold(f64::MIN, f64::max);
        let worst = qualities.iter().copied().fold(f64::MAX, f64::min);
        // One hopeless entry does not press all others against the upper edge.
        let usual = best - TIMES_THE_MEDIAN * (best - median(&qualities).unwrap_or(worst));
        let lowest = worst.max(usual);
        let margin = ((best - lowest) * 0.15).max(1e-4);
        Axes {
            cost: (
                costs().fold(f64::MAX, f64::min) / COST_MARGIN,
                costs().fold(0.0, f64::max) * COST_MARGIN,
            ),
            quality: (lowest - margin, best + margin),
        }
    }

    fn x(&self, cost: f64) -> f64 {
        let (low, high) = self.cost;
        LEFT + (cost / low).ln() / (high / low).ln() * (RIGHT - LEFT)
    }

    fn y(&self, quality: f64) -> f64 {
        let (low, high) = self.quality;
        let part = ((quality - low) / (high - low)).clamp(0.0, 1.0);
        BOTTOM - part * (BOTTOM - TOP)
    }

    /// All that is as efficient as `value`, from the left to where it leaves the plot.
    fn curve(&self, scale: &Scale, value: f64) -> String {
        let (low, high) = self.cost;
        let mut points = String::new();
        for step in 0..=CURVE_STEPS {
            let cost = low * (high / low).powf(f64::from(step) / f64::from(CURVE_STEPS));
            let quality = 1.0 - (value - cost / scale.cost_scale);
            if quality > self.quality.1 {
                break;
            }
            points += &format!("{:.1},{:.1} ", self.x(cost), self.y(quality));
        }
        points
    }

    fn cost_ticks(&self, scale: &Scale) -> Vec<Tick> {
        let (low, high) = self.cost;
        let steps: &[f64] = match (high / low).log10() {
            decades if decades < 1.5 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        let mut decade = 10f64.powf(low.log10().floor());
        while decade <= high {
            for step in steps {
                let cost = decade * step;
                if (low..=high).contains(&cost) {
                    ticks.push(Tick {
                        at: self.x(cost),
                        text: figures::round_amount(scale.amount(cost)),
                    });
                }
            }
            decade *= 10.0;
        }
        ticks
    }

    fn score_ticks(&self, scale: &Scale) -> Vec<Tick> {
        let span = scale.best - scale.benchmark;
        let score = |quality: f64| scale.benchmark + quality * span;
        let (a, b) = (score(self.quality.0), score(self.quality.1));
        let (low, high) = (a.min(b), a.max(b));
        let step = round_step((high - low) / 5.0);
        let decimals = usize::try_from((-step.log10().floor()).max(0.0) as i64).unwrap_or(0);
        let mut ticks = Vec::new();
        let mut index = (low / step).ceil();
        while index * step <= high {
            let score = index * step;
            ticks.push(Tick {
                at: self.y(scale.quality(score)),
                text: format!("{score:.decimals$}"),
            });
            index += 1.0;
        }
        ticks
    }
}

/// 1, 2 or 5 times a power of ten, not below `step`.
fn round_step(step: f64) -> f64 {
    let decade = 10f64.powf(step.log10().floor());
    let leading = step / decade;
    decade
        * if leading <= 1.0 {
            1.0
        } else if leading <= 2.0 {
            2.0
        } else if leading <= 5.0 {
            5.0
        } else {
            10.0
        }
}

struct Entry<'a> {
    line: &'a BoardLine,
    rank: i32,
    cost: Amount,
    quality: f64,
    efficiency: f64,
}

fn ranked_entries(lines: &[BoardLine]) -> Vec<Entry<'_>> {
    let entries = lines.iter().filter_map(|line| {
        let efficiency = line.efficiency.as_ref().ok()?;
        Some(Entry {
            line,
            rank: line.rank?,
            cost: line.cost?,
            quality: efficiency.quality,
            efficiency: efficiency.value,
        })
    });
    entries.take(POINTS_SHOWN).collect()
}

/// Places among the entries of those that no other one beats in both cost and quality, the cheapest
/// first. Takes the cost and the quality of each.
fn front(entries: &[(f64, f64)]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..entries.len()).collect();
    places.sort_by(|&a, &b| {
        let ((cost_a, quality_a), (cost_b, quality_b)) = (entries[a], entries[b]);
        cost_a
            .total_cmp(&cost_b)
            .then(quality_b.total_cmp(&quality_a))
    });
    let mut best = f64::NEG_INFINITY;
    places.retain(|&place| {
        let is_better = entries[place].1 > best;
        best = best.max(entries[place].1);
        is_better
    });
    places
}

/// The same in small, without figures: every ranked entry, those on the front marked and joined.
#[derive(Debug, Template)]
#[template(path = "drawings/miniature.html")]
pub struct Miniature {
    points: Vec<MiniaturePoint>,
    /// As `points` of a polyline: a step for each entry of the front.
    steps: String,
    title: String,
}

impl HtmlSafe for Miniature {}

#[derive(Debug)]
struct MiniaturePoint {
    x: f64,
    y: f64,
    class: &'static str,
}

/// Lower than the large drawing, so that a card stays low.
fn flat(y: f64) -> f64 {
    y * 0.62
}

impl Miniature {
    /// `None` where there are not two entries to compare.
    pub fn new(
        metric: &MetricSpec,
        cost_name: &'static str,
        lines: &[BoardLine],
    ) -> Option<Miniature> {
        let entries = ranked_entries(lines);
        if entries.len() < 2 {
            return None;
        }
        let axes = Axes::of(&entries);
        let figures: Vec<(f64, f64)> = (entries.iter())
            .map(|entry| (entry.cost.value, entry.quality))
            .collect();
        let front = front(&figures);
        let mut points: Vec<MiniaturePoint> = (entries.iter().enumerate())
            .map(|(place, entry)| MiniaturePoint {
                x: axes.x(entry.cost.value),
                y: flat(axes.y(entry.quality)),
                class: match (entry.rank, front.contains(&place)) {
                    (1, _) => "leader",
                    (_, true) => "front",
                    (_, false) => "beaten",
                },
            })
            .collect();
        // The leader is drawn last, on top of the others.
        points.reverse();
        let mut steps = String::new();
        let mut former = None;
        for &place in &front {
            let (x, y) = (
                axes.x(entries[place].cost.value),
                flat(axes.y(entries[place].quality)),
            );
            if let Some(former) = former {
                steps += &format!("{x:.1},{former:.1} ");
            }
            steps += &format!("{x:.1},{y:.1} ");
            former = Some(y);
        }
        let named: Vec<String> = (front.iter().map(|&place| &entries[place]))
            .map(|entry| {
                format!(
                    "{} ({} at {})",
                    entry.line.team_name,
                    figures::score(metric.name, entry.line.score),
                    figures::amount(entry.cost).text()
                )
            })
            .collect();
        Some(Miniature {
            points,
            steps,
            title: format!(
                "{metric} against {cost_name} of {} ranked entries. None is both cheaper and better than: {}",
                entries.len(),
                named.join(", ")
            ),
        })
    }

    fn view_box(&self) -> String {
        let (margin, twice) = (12.0, 24.0);
        format!(
            "{} {} {} {}",
            LEFT - margin,
            flat(TOP) - margin,
            RIGHT - LEFT + twice,
            flat(BOTTOM) - flat(TOP) + twice
        )
    }

    fn left(&self) -> f64 {
        LEFT - 6.0
    }

    fn right(&self) -> f64 {
        RIGHT + 6.0
    }

    fn top(&self) -> f64 {
        flat(TOP) - 6.0
    }

    fn bottom(&self) -> f64 {
        flat(BOTTOM) + 6.0
    }
}

impl Scatter {
    /// `None` where there are not two entries to compare.
    pub fn new(
        scale: &Scale,
        metric: &MetricSpec,
        cost_name: &'static str,
        lines: &[BoardLine],
        own_team: Option<TeamId>,
    ) -> Option<Scatter> {
        let entries = ranked_entries(lines);
        if entries.len() < 2 {
            return None;
        }
        let axes = Axes::of(&entries);
        let leader = entries
            .iter()
            .map(|entry| entry.efficiency)
            .fold(f64::MAX, f64::min);
        // The first ranks are drawn last, on top of the others.
        let points = entries
            .iter()
            .rev()
            .map(|entry| Point {
                x: axes.x(entry.cost.value),
                y: axes.y(entry.quality),
                rank: entry.rank,
                class: if own_team == Some(entry.line.team) {
                    "point own"
                } else {
                    "point"
                },
                submission: entry.line.submission,
                title: format!(
                    "{}. {}: {} at {}",
                    entry.rank,
                    entry.line.team_name,
                    figures::score(metric.name, entry.line.score),
                    figures::amount(entry.cost).text()
                ),
            })
            .collect();
        Some(Scatter {
            points,
            curve: axes.curve(scale, leader),
            costs: axes.cost_ticks(scale),
            scores: axes.score_ticks(scale),
            metric: metric.to_string(),
            cost_name,
        })
    }

    fn width(&self) -> f64 {
        WIDTH
    }

    fn height(&self) -> f64 {
        HEIGHT
    }

    fn left(&self) -> f64 {
        LEFT
    }

    fn right(&self) -> f64 {
        RIGHT
    }

    fn top(&self) -> f64 {
        TOP
    }

    fn bottom(&self) -> f64 {
        BOTTOM
    }

    fn middle(&self) -> f64 {
        (LEFT + RIGHT) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::competition::Direction;

    #[test]
    fn ticks_stand_at_round_numbers() {
        for (step, rounded) in [(0.0013, 0.002), (0.011, 0.02), (0.05, 0.05), (0.7, 1.0)] {
            assert!((round_step(step) - rounded).abs() < 1e-12, "{step}");
        }
    }

    #[test]
    fn on_the_front_are_those_that_nobody_beats_in_both() {
        let (cheap, middle, dear) = ((1.0, 0.5), (2.0, 0.8), (9.0, 0.9));
        let (beaten, twin) = ((3.0, 0.7), (2.0, 0.6));
        assert_eq!(front(&[dear, beaten, cheap, twin, middle]), [2, 4, 0]);
        assert_eq!(front(&[]), [0usize; 0]);
    }

    #[test]
    fn on_the_curve_a_dearer_entry_has_to_predict_better() {
        let scale = Scale::freeze(0.1, 0.9, Direction::HigherIsBetter, 0.01, None).unwrap();
        let axes = Axes {
            cost: (1e-4, 1e-1),
            quality: (0.9, 1.1),
        };
        let curve = axes.curve(&scale, 0.02);
        let heights: Vec<f64> = curve
            .split_whitespace()
            .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        assert!(heights.len() > 10);
        assert!(heights.is_sorted_by(|left, right| left >= right));
    }
}
