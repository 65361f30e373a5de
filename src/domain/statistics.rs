//! Statistics over few, noisy figures.

/// The median; the mean of the middle two where their number is even. `None` without figures.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// Where a figure may lie, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Whether both ends lie within this part of a figure.
    pub fn is_within(&self, part: f64, of: f64) -> bool {
        self.high - of <= part * of && of - self.low <= part * of
    }
}

/// How sure an interval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// 95 %, to stop measuring by.
    ToStop,
    /// 99 %, to rank by: looking again after each trial costs the 95 % ones some of their
    /// confidence.
    ToRank,
}

impl Confidence {
    fn at_least(self) -> f64 {
        match self {
            Confidence::ToStop => 0.95,
            Confidence::ToRank => 0.99,
        }
    }
}

/// The interval of the median of what the figures are drawn from, between two of the figures
/// themselves, whatever their distribution: the narrowest pair of order statistics that is sure
/// enough. `None` where the figures are too few: six are needed for 95 %, eight for 99 %.
pub fn interval_of_median(figures: &[f64], confidence: Confidence) -> Option<Interval> {
    let order = order(figures.len(), confidence)?;
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Interval {
        low: sorted[order - 1],
        high: sorted[sorted.len() - order],
    })
}

/// The largest k for which the k-th smallest and the k-th largest of n figures enclose the median
/// surely enough. Each figure is below the median with probability ½, so that they do not with
/// probability 2 · P(Bin(n, ½) < k).
fn order(n: usize, confidence: Confidence) -> Option<usize> {
    let unsure = 1.0 - confidence.at_least();
    // P(Bin(n, ½) = k), from k to k: times (n − k) / (k + 1).
    let mut probability = 0.5f64.powi(i32::try_from(n).ok()?);
    let mut below = 0.0;
    let mut order = None;
    for k in 0..n.div_ceil(2) {
        below += probability;
        if 2.0 * below > unsure {
            break;
        }
        order = Some(k + 1);
        probability *= (n - k) as f64 / (k + 1) as f64;
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_shrugs_off_one_outlier() {
        for (figures, expected) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[1.0, 2.0], Some(1.5)),
            (&[1.0, 1e9, 2.0], Some(2.0)),
        ] {
            assert_eq!(median(figures), expected);
        }
    }

    #[test]
    fn which_figures_are_the_ends_of_an_interval() {
        for (n, to_stop, to_rank) in [
            (0, None, None),
            (3, None, None),
            (5, None, None),
            (6, Some(1), None),
            (7, Some(1), None),
            (8, Some(1), Some(1)),
            (10, Some(2), Some(1)),
            (12, Some(3), Some(2)),
            (15, Some(4), Some(3)),
            (20, Some(6), Some(4)),
            (30, Some(10), Some(8)),
        ] {
            assert_eq!(order(n, Confidence::ToStop), to_stop, "95 % of {n}");
            assert_eq!(order(n, Confidence::ToRank), to_rank, "99 % of {n}");
        }
    }

    #[test]
    fn an_interval_lies_between_two_of_the_figures() {
        let figures = [7.0, 2.0, 9.0, 4.0, 10.0, 1.0, 3.0, 8.0, 6.0, 5.0];
        let interval = |confidence| interval_of_median(&figures, confidence).unwrap();
        let to_stop = interval(Confidence::ToStop);
        assert_eq!((to_stop.low, to_stop.high), (2.0, 9.0));
        let to_rank = interval(Confidence::ToRank);
        assert_eq!((to_rank.low, to_rank.high), (1.0, 10.0));
        assert_eq!(interval_of_median(&figures[..7], Confidence::ToRank), None);
    }

    #[test]
    fn an_interval_is_narrow_when_both_its_ends_are_near() {
        let is_near = |low, high| Interval { low, high }.is_within(0.01, 100.0);
        assert!(is_near(99.0, 101.0));
        assert!(!is_near(98.9, 100.0));
        assert!(!is_near(100.0, 101.1));
    }

    proptest! {
        #[test]
        fn the_median_of_the_figures_lies_in_every_interval(
            figures in prop::collection::vec(1e-6f64..1e3, 6..40),
        ) {
            let middle = median(&figures).unwrap();
            for confidence in [Confidence::ToStop, Confidence::ToRank] {
                if let Some(interval) = interval_of_median(&figures, confidence) {
                    prop_assert!(interval.low <= middle && middle <= interval.high);
                }
            }
        }

        /// What is surer is wider.
        #[test]
        fn the_interval_to_rank_by_holds_the_one_to_stop_by(
            figures in prop::collection::vec(1e-6f64..1e3, 8..40),
        ) {
            let narrow = interval_of_median(&figures, Confidence::ToStop).unwrap();
            let wide = interval_of_median(&figures, Confidence::ToRank).unwrap();
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        }
    }
}
