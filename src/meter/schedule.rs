//! When devices are read.

use std::time::Duration;

/// When the n-th reading is due, from 0: one in each period, at another part of it each time. In step
/// with a counter's tick, all readings would be equally late after it, and nobody could tell by how
/// much.
///
/// The parts are the multiples of the golden ratio, which are spread most evenly (Niederreiter,
/// "Random number generation and quasi-Monte Carlo methods", 1992). Two readings are 0.6 or 1.6
/// periods apart.
pub fn nth_reading(number: u32, period: Duration) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    period * number + period.mul_f64((f64::from(number) * GOLDEN).fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_ten_a_second_never_above_twenty_and_fall_everywhere_in_a_tick() {
        let period = Duration::from_millis(100);
        let due: Vec<Duration> = (0..100).map(|number| nth_reading(number, period)).collect();
        for pair in due.windows(2) {
            let gap = pair[1] - pair[0];
            assert!((50..200).contains(&gap.as_millis()), "{gap:?}");
        }
        assert!((9_900..10_100).contains(&due[99].as_millis()));
        for tick_ms in [20, 100] {
            let mut tenths: Vec<u128> = (due.iter().take(30))
                .map(|due| due.as_micros() % (tick_ms * 1_000) / (tick_ms * 100))
                .collect();
            tenths.sort_unstable();
            tenths.dedup();
            assert_eq!(tenths.len(), 10, "{tick_ms}");
        }
    }
}
