//! Small drawings, made on the server as SVG: the terms of an efficiency, the trials of a session,
//! the phases of a process. They have classes where others have styles, and text where it helps.

use askama::Template;
use askama::filters::HtmlSafe;

use super::figures;
use crate::domain::competition::Cost;
use crate::domain::efficiency::Efficiency;
use crate::domain::statistics::median;

/// Width of the drawings' own coordinates; what shows them stretches it.
const WIDTH: f64 = 100.0;

/// An efficiency as a bar of its two terms.
#[derive(Debug, Template)]
#[template(path = "drawings/terms.html")]
pub struct TermsBar {
    quality_width: f64,
    cost_width: f64,
    title: String,
}

impl HtmlSafe for TermsBar {}

impl TermsBar {
    /// `full` is the efficiency that fills the bar; what is longer is cut.
    pub fn new(efficiency: &Efficiency, full: f64) -> TermsBar {
        let width = |value: f64| (value / full * WIDTH).clamp(0.0, WIDTH);
        let quality_width = width(efficiency.quality_term);
        TermsBar {
            quality_width,
            cost_width: (width(efficiency.value) - quality_width).max(0.0),
            title: format!(
                "{} for the score + {} for the cost",
                figures::efficiency(efficiency.quality_term),
                figures::efficiency(efficiency.cost_term)
            ),
        }
    }
}

/// The efficiency that fills the bars of a board: the worst one, unless it would leave the others
/// too small to be told apart.
pub fn full_bar(efficiencies: &[f64]) -> f64 {
    const TIMES_THE_MEDIAN: f64 = 4.0;
    let worst = efficiencies.iter().copied().fold(0.0, f64::max);
    let middle = median(efficiencies).unwrap_or(worst);
    let full = worst.min(middle * TIMES_THE_MEDIAN);
    if full > 0.0 { full } else { 1.0 }
}

/// Each trial's cost as a bar from zero, with a line at the median and the interval it may lie in.
#[derive(Debug, Template)]
#[template(path = "drawings/trials.html")]
pub struct TrialsChart {
    bars: Vec<TrialBar>,
    row: usize,
    median_at: f64,
    median: String,
    interval: Option<TrialsInterval>,
}

impl HtmlSafe for TrialsChart {}

#[derive(Debug)]
struct TrialBar {
    number: usize,
    top: usize,
    width: f64,
    cost: String,
}

#[derive(Debug)]
struct TrialsInterval {
    left: f64,
    width: f64,
    text: String,
}

impl TrialsChart {
    const WIDTH: f64 = 420.0;
    /// Where the bars begin, and how far they may reach; the rest is for the text.
    const LEFT: f64 = 54.0;
    const REACH: f64 = 284.0;
    /// Rows of few trials, and of many.
    const ROW: usize = 24;
    const LOW_ROW: usize = 15;
    const MANY: usize = 8;

    /// In the unit of the kind of cost. `interval` is where the median may lie. `None` without trials.
    pub fn new(kind: Cost, costs: &[f64], interval: Option<(f64, f64)>) -> Option<TrialsChart> {
        let text = |value: f64| figures::amount(kind.amount(value)).text();
        let middle = median(costs)?;
        let longest = costs.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let row = match costs.len() {
            few if few <= Self::MANY => Self::ROW,
            _ => Self::LOW_ROW,
        };
        let reach = |cost: f64| cost / longest * Self::REACH;
        let bars = (0..)
            .zip(costs)
            .map(|(index, cost)| TrialBar {
                number: index + 1,
                top: index * row,
                width: reach(*cost),
                cost: text(*cost),
            })
            .collect();
        Some(TrialsChart {
            bars,
            row,
            median_at: Self::LEFT + reach(middle),
            median: text(middle),
            interval: interval.map(|(low, high)| TrialsInterval {
                left: Self::LEFT + reach(low),
                width: reach(high - low),
                text: format!("{} to {}", text(low), text(high)),
            }),
        })
    }

    fn width(&self) -> f64 {
        Self::WIDTH
    }

    fn bottom(&self) -> usize {
        self.bars.len() * self.row
    }

    fn height(&self) -> usize {
        self.bottom() + 20
    }

    fn bar_height(&self) -> usize {
        self.row - 7
    }

    /// Where a row's text stands, below its top.
    fn baseline(&self) -> usize {
        self.row / 2 + 4
    }

    fn left(&self) -> f64 {
        Self::LEFT
    }
}

/// The stretches of a process, side by side.
#[derive(Debug, Template)]
#[template(path = "drawings/phases.html")]
pub struct PhasesBar {
    parts: Vec<PhasePart>,
}

impl HtmlSafe for PhasesBar {}

#[derive(Debug)]
struct PhasePart {
    class: &'static str,
    left: f64,
    width: f64,
    title: String,
}

impl PhasesBar {
    /// Takes a class, a name and a time in seconds for each stretch.
    pub fn new(stretches: &[(&'static str, &str, f64)]) -> PhasesBar {
        let total: f64 = stretches.iter().map(|(_, _, time_s)| time_s).sum();
        let total = total.max(f64::MIN_POSITIVE);
        let mut left = 0.0;
        let mut parts = Vec::new();
        for (class, name, time_s) in stretches {
            let width = time_s / total * WIDTH;
            parts.push(PhasePart {
                class,
                left,
                width,
                title: format!("{name}: {}", figures::seconds(*time_s).text()),
            });
            left += width;
        }
        PhasesBar { parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hopeless_entry_does_not_make_the_other_bars_vanish() {
        assert_eq!(full_bar(&[0.01, 0.02, 0.03]), 0.03);
        assert_eq!(full_bar(&[0.01, 0.02, 0.9]), 0.08);
        assert_eq!(full_bar(&[]), 1.0);
    }

    #[test]
    fn an_interval_is_drawn_where_there_is_one() {
        let costs = [0.010, 0.011, 0.012, 0.011, 0.010, 0.012];
        let chart = TrialsChart::new(Cost::Cpu, &costs, Some((0.010, 0.012))).unwrap();
        let interval = chart.interval.as_ref().unwrap();
        assert!(interval.left < chart.median_at);
        assert!(interval.left + interval.width > chart.median_at);
        assert!(
            chart
                .render()
                .unwrap()
                .contains("10.0\u{a0}ms to 12.0\u{a0}ms")
        );
        let without = TrialsChart::new(Cost::Cpu, &costs[..3], None).unwrap();
        assert!(!without.render().unwrap().contains("class=\"interval\""));
        assert!(TrialsChart::new(Cost::Cpu, &[], None).is_none());
    }

    #[test]
    fn a_score_above_the_best_leaves_the_bar_to_the_cost() {
        let efficiency = Efficiency {
            quality: 1.01,
            quality_term: -0.01,
            cost_term: 0.03,
            value: 0.02,
        };
        let bar = TermsBar::new(&efficiency, 0.04);
        assert_eq!((bar.quality_width, bar.cost_width), (0.0, 50.0));
    }
}
