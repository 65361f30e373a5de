//! Sums that keep their last digits.

/// A sum of many floating point numbers whose error does not grow with their count: Neumaier's
/// variant of Kahan's algorithm, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
/// Summen", 1974.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub fn of(values: impl Iterator<Item = f64>) -> f64 {
        let mut sum = Sum::default();
        for value in values {
            sum.add(value);
        }
        sum.total()
    }

    pub fn add(&mut self, value: f64) {
        let total = self.total + value;
        self.lost += if self.total.abs() >= value.abs() {
            (self.total - total) + value
        } else {
            (value - total) + self.total
        };
        self.total = total;
    }

    /// Not finite where a partial sum was not.
    pub fn total(&self) -> f64 {
        self.total + self.lost
    }
}

/// The arithmetic mean; not a number where there are no values.
pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    Sum::of(values) / count as f64
}

/// A power of two that brings the largest of these values near 1 if its square would overflow or
/// vanish, and 1 otherwise. Multiplying with it loses nothing that matters to a sum of squares.
pub fn scale(values: impl Iterator<Item = f64>) -> f64 {
    /// Squares of values between these, and sums of many such squares, are ordinary numbers.
    const ORDINARY: std::ops::RangeInclusive<f64> = 1e-100..=1e100;
    /// Both this power of two and its inverse are ordinary numbers.
    const EXPONENT_MAX: f64 = 1000.0;
    let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 || !largest.is_finite() || ORDINARY.contains(&largest) {
        return 1.0;
    }
    let exponent = largest.log2().floor().clamp(-EXPONENT_MAX, EXPONENT_MAX);
    (-exponent).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_are_not_lost_among_large_ones() {
        let terms = [1.0, 1e100, 1.0, -1e100];
        assert_eq!(
            Sum::of(terms.into_iter()).total_cmp(&2.0),
            std::cmp::Ordering::Equal
        );
        let many = std::iter::repeat_n(0.1, 1_000_000);
        assert!((Sum::of(many) - 100_000.0).abs() < 1e-10);
    }

    #[test]
    fn a_scale_is_exact_and_only_there_where_it_is_needed() {
        assert!((scale([3.0, -7.0].into_iter()) - 1.0).abs() < f64::EPSILON);
        for large in [f64::MAX, 1e200, 1e-200, f64::MIN_POSITIVE, 5e-324] {
            let scale = scale([large, 0.0].into_iter());
            let square = (large * scale).powi(2);
            assert!(square.is_normal() && square < 1e100, "{large}: {square}");
            assert!(((large * scale) / scale - large).abs() <= 0.0);
        }
    }
}
