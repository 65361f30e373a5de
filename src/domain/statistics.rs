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

#[cfg(test)]
mod tests {
    use super::median;

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
}
