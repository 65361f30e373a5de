//! How quickly the sensors of a GPU show what it draws.
//!
//! Yang, Adamek and Armour, "Part-time Power Measurements: nvidia-smi's Lack of Attention"
//! (arXiv 2312.02741), measured more than 70 GPUs: ticks of 20 ms on Pascal and Volta and of
//! 100 ms on most others, and from Ampere on, except on GA100, a power usage that is the mean of
//! a whole second.

use std::time::{Duration, Instant};

use nvml_wrapper::enums::device::DeviceArchitecture;

const QUICK_TICK: Duration = Duration::from_millis(20);
const TICK: Duration = Duration::from_millis(100);
const LONG_AVERAGE: Duration = Duration::from_secs(1);

/// How long it takes until the slower of counter and power sensor shows a change. An unknown GPU
/// counts among the slowest.
pub fn lag(
    architecture: Option<&DeviceArchitecture>,
    name: Option<&str>,
    tells_instant_power: bool,
) -> Duration {
    let (tick, average) = match architecture {
        Some(DeviceArchitecture::Pascal | DeviceArchitecture::Volta) => (QUICK_TICK, QUICK_TICK),
        Some(
            DeviceArchitecture::Kepler | DeviceArchitecture::Maxwell | DeviceArchitecture::Turing,
        ) => (TICK, TICK),
        Some(DeviceArchitecture::Ampere) if name.is_some_and(has_ga100) => (TICK, TICK),
        Some(
            DeviceArchitecture::Ampere
            | DeviceArchitecture::Ada
            | DeviceArchitecture::Hopper
            | DeviceArchitecture::Blackwell
            | DeviceArchitecture::Unknown,
        )
        | None => (TICK, LONG_AVERAGE),
    };
    if tells_instant_power {
        tick
    } else {
        tick.max(average)
    }
}

/// The same for a GPU whose counter was seen to tick more seldom than the table says: as often as it
/// was seen.
pub fn slower(lag: Duration, ticks: &[Instant]) -> Duration {
    let mut gaps: Vec<Duration> = ticks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    match gaps.get(gaps.len() / 2) {
        Some(&gap) if gap > lag * 3 / 2 => {
            let tens = gap.as_millis().div_ceil(10);
            Duration::from_millis(10 * u64::try_from(tens).unwrap_or(u64::MAX / 10))
        }
        Some(_) | None => lag,
    }
}

/// By word, so that an RTX A1000 is none.
fn has_ga100(name: &str) -> bool {
    name.split([' ', '-'])
        .any(|word| matches!(word, "A100" | "A100X" | "A800" | "A30" | "A30X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_a_mean_of_a_second_from_ampere_on_but_not_on_ga100() {
        let milliseconds =
            |architecture, name, instant| lag(architecture, name, instant).as_millis();
        let ampere = Some(&DeviceArchitecture::Ampere);
        assert_eq!(
            milliseconds(ampere, Some("NVIDIA A100-SXM4-40GB"), false),
            100
        );
        assert_eq!(milliseconds(ampere, Some("NVIDIA RTX A1000"), false), 1_000);
        assert_eq!(milliseconds(ampere, Some("NVIDIA RTX A1000"), true), 100);
        let volta = Some(&DeviceArchitecture::Volta);
        assert_eq!(milliseconds(volta, Some("Tesla V100-PCIE-16GB"), false), 20);
        assert_eq!(milliseconds(None, None, false), 1_000);
    }

    #[test]
    fn a_counter_that_ticks_more_seldom_than_it_should_is_as_slow_as_it_was_seen() {
        let begun = Instant::now();
        let lag = |milliseconds: &[u64]| {
            let ticks: Vec<_> = (milliseconds.iter())
                .map(|it| begun + Duration::from_millis(*it))
                .collect();
            slower(TICK, &ticks).as_millis()
        };
        assert_eq!(lag(&[3, 503, 1_004, 1_502]), 500);
        // One tick was missed.
        assert_eq!(lag(&[3, 203, 302, 405]), 100);
        assert_eq!(lag(&[3]), 100);
        assert_eq!(lag(&[]), 100);
    }
}
