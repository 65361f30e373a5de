//! How numbers and instants are written: with the digits that mean something, and a unit that
//! makes them readable.

use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, Utc};

use crate::domain::competition::Metric;
use crate::domain::cost::{Amount, Unit};
use crate::domain::statistics::Interval;
use crate::domain::units::{Bytes, Joules, Watts};

/// A number with its unit, which stands back a little.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = r#"{{ value }}<span class="unit"> {{ unit }}</span>"#
)]
pub struct Figure {
    value: String,
    unit: &'static str,
}

impl HtmlSafe for Figure {}

impl Figure {
    /// For titles and for drawings, which have no markup.
    pub fn text(&self) -> String {
        format!("{}\u{a0}{}", self.value, self.unit)
    }
}

/// Three significant digits; whole numbers from 100 on.
fn significant(value: f64) -> String {
    let size = value.abs();
    let decimals = if size == 0.0 {
        0
    } else if size < 0.9995 {
        3
    } else if size < 9.995 {
        2
    } else if size < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$}")
}

/// A time in the unit that leaves one to three digits before the point.
pub fn duration(time: Duration) -> Figure {
    seconds(time.as_secs_f64())
}

pub fn seconds(seconds: f64) -> Figure {
    let (scaled, unit) = if seconds < 0.999_5e-3 {
        (seconds * 1e6, "µs")
    } else if seconds < 0.9995 {
        (seconds * 1e3, "ms")
    } else {
        (seconds, "s")
    };
    Figure {
        value: significant(scaled),
        unit,
    }
}

/// An amount of cost, in its unit.
pub fn amount(amount: Amount) -> Figure {
    match amount.unit {
        Unit::Seconds => seconds(amount.value),
        Unit::Joules => in_joules(amount.value),
    }
}

/// A round time, such as a limit.
pub fn round_seconds(time_s: f64) -> String {
    round_amount(Amount {
        value: time_s,
        unit: Unit::Seconds,
    })
}

/// A round amount, as axes have it: "10 ms", without digits that say nothing.
pub fn round_amount(round: Amount) -> String {
    let figure = amount(round);
    let value = match figure.value.split_once('.') {
        Some((whole, decimals)) if decimals.bytes().all(|digit| digit == b'0') => whole,
        _ => &figure.value,
    };
    format!("{value}\u{a0}{}", figure.unit)
}

pub fn joules(energy: Joules) -> Figure {
    in_joules(energy.as_f64())
}

fn in_joules(joules: f64) -> Figure {
    let size = joules.abs();
    let (scaled, unit) = if size < 0.999_5e-3 {
        (joules * 1e6, "µJ")
    } else if size < 0.9995 {
        (joules * 1e3, "mJ")
    } else {
        (joules, "J")
    };
    Figure {
        value: significant(scaled),
        unit,
    }
}

pub fn watts(power: Watts) -> Figure {
    Figure {
        value: significant(power.as_f64()),
        unit: "W",
    }
}

pub fn bytes(size: Bytes) -> Figure {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = size.as_u64() as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    let value = match unit {
        "B" => size.as_u64().to_string(),
        _ => significant(value),
    };
    Figure { value, unit }
}

/// A score, with as many decimals as its metric deserves: in the unit of a target, five digits.
pub fn score(metric: Metric, score: f64) -> String {
    signed(format!("{score:.*}", decimals(metric, score)))
}

fn decimals(metric: Metric, score: f64) -> usize {
    const DECIMALS: usize = 4;
    const DECIMALS_MAX: i32 = 9;
    match metric.has_unit() && score != 0.0 && score.is_finite() {
        true => (4 - score.abs().log10().floor() as i32).clamp(0, DECIMALS_MAX) as usize,
        false => DECIMALS,
    }
}

/// An efficiency or one of its terms.
pub fn efficiency(value: f64) -> String {
    signed(format!("{value:.4}"))
}

/// Where an efficiency may lie: "0.0094–0.0097".
pub fn efficiencies(interval: Interval) -> String {
    format!("{}–{}", efficiency(interval.low), efficiency(interval.high))
}

/// Where a score may lie: "0.9523–0.9799".
pub fn scores(metric: Metric, interval: Interval) -> String {
    let (low, high) = (score(metric, interval.low), score(metric, interval.high));
    match interval.low < 0.0 {
        true => format!("{low} to {high}"),
        false => format!("{low}–{high}"),
    }
}

/// By how much a score must change, with its sign; rounded up, so that what is said is enough.
pub fn score_change(metric: Metric, change: f64) -> String {
    let unit = 0.1_f64.powi(decimals(metric, change) as i32);
    let size = (change.abs() / unit - 1e-6).ceil().max(1.0) * unit;
    let sign = if change < 0.0 { '\u{2212}' } else { '+' };
    format!("{sign}{}", score(metric, size))
}

/// How much less it must cost; rounded up by the last digit shown, so that what is said is enough.
pub fn saving(less: Amount) -> (f64, Figure) {
    const LAST_DIGIT: f64 = 1.005;
    let value = less.value * LAST_DIGIT;
    (value, amount(Amount { value, ..less }))
}

/// With a real minus sign, and none before zero.
fn signed(digits: String) -> String {
    match digits.strip_prefix('-') {
        Some(size) if size.bytes().any(|digit| matches!(digit, b'1'..=b'9')) => {
            format!("\u{2212}{size}")
        }
        Some(size) => size.to_owned(),
        None => digits,
    }
}

/// A constant as the host wrote it, with no more than six significant decimals.
pub fn constant(value: f64) -> String {
    let digits = format!("{value:.6}");
    signed(
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
    )
}

/// A count, its thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: "1 team", "2 teams".
pub fn counted(number: i64, noun: &str) -> String {
    let number = u64::try_from(number).unwrap_or(0);
    match (number, noun.strip_suffix("ry")) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{} {stem}ries", count(number)),
        (_, None) => format!("{} {noun}s", count(number)),
    }
}

/// How far off an instant is, in words: "in 12 days", "3 hours ago".
pub fn from_now(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let away = (at - now).num_minutes();
    let minutes = away.abs();
    let (count, noun) = match minutes {
        0..=99 => (minutes.max(1), "minute"),
        100..=2_879 => (minutes / 60, "hour"),
        2_880..=86_399 => (minutes / 1_440, "day"),
        86_400..=1_051_199 => (minutes / 43_800, "month"),
        _ => (minutes / 525_600, "year"),
    };
    let text = counted(count, noun);
    if away < 0 {
        format!("{text} ago")
    } else {
        format!("in {text}")
    }
}

/// A rough time to wait, in words.
pub fn wait(seconds: f64) -> String {
    let to_next = |step: f64| (seconds / step).ceil() * step;
    if seconds <= 5.0 {
        "a few seconds".to_owned()
    } else if seconds <= 30.0 {
        format!("about {:.0} s", to_next(5.0))
    } else if seconds <= 90.0 {
        format!("about {:.0} s", to_next(10.0))
    } else if seconds < 90.0 * 60.0 {
        format!("about {:.0} min", to_next(60.0) / 60.0)
    } else {
        format!("about {:.0} h", seconds / 3600.0)
    }
}

/// A time that passes, as a clock shows it: "7 s", "2 min 05 s".
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {:02} s", seconds % 60),
        _ => format!("{hours} h {:02} min", minutes % 60),
    }
}

/// "1st", "2nd", "3rd", "4th".
pub fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (1, hundred) if hundred != 11 => "st",
        (2, hundred) if hundred != 12 => "nd",
        (3, hundred) if hundred != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// An instant in UTC; a script shows it in the reader's zone.
#[derive(Debug, Clone, Copy, Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ self.machine() }}">{{ self.text() }}</time>"#
)]
pub struct Moment(pub DateTime<Utc>);

impl HtmlSafe for Moment {}

impl Moment {
    fn machine(&self) -> String {
        self.0.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    pub fn text(&self) -> String {
        self.0.format("%-d %b %Y, %H:%M UTC").to_string()
    }
}

/// An instant of which the day is enough.
#[derive(Debug, Clone, Copy, Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ moment.machine() }}" title="{{ moment.text() }}" data-day>{{ self.text() }}</time>"#
)]
pub struct Day {
    moment: Moment,
}

impl HtmlSafe for Day {}

impl Day {
    pub fn of(at: DateTime<Utc>) -> Day {
        Day { moment: Moment(at) }
    }

    fn text(&self) -> String {
        self.moment.0.format("%-d %b %Y").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::competition::Cost;

    #[test]
    fn three_digits_are_shown_and_a_unit_that_fits() {
        for (figure, shown) in [
            (seconds(0.0), "0 µs"),
            (seconds(0.000_000_4), "0.400 µs"),
            (seconds(0.000_251_4), "251 µs"),
            (seconds(0.000_999_6), "1.00 ms"),
            (seconds(0.012_34), "12.3 ms"),
            (seconds(0.099_96), "100 ms"),
            (seconds(0.999_6), "1.00 s"),
            (seconds(32_400.0), "32400 s"),
            (joules(Joules::from_millijoules(1_500)), "1.50 J"),
            (joules(Joules::from_microjoules(320)), "320 µJ"),
            (amount(Cost::Energy.amount(1.2)), "1.20 J"),
            (amount(Cost::Cpu.amount(1.2)), "1.20 s"),
            (bytes(Bytes::new(0)), "0 B"),
            (bytes(Bytes::new(1023)), "1023 B"),
            (bytes(Bytes::new(2_743)), "2.68 KiB"),
            (bytes(Bytes::new((1 << 20) - 1)), "1.00 MiB"),
            (bytes(Bytes::from_mib(200)), "200 MiB"),
        ] {
            assert_eq!(figure.text().replace('\u{a0}', " "), shown);
        }
    }

    #[test]
    fn waits_are_rough_clocks_are_whole_and_places_have_their_endings() {
        for (seconds, shown) in [
            (0.0, "a few seconds"),
            (6.0, "about 10 s"),
            (42.0, "about 50 s"),
            (95.0, "about 2 min"),
            (7200.0, "about 2 h"),
        ] {
            assert_eq!(wait(seconds), shown);
        }
        for (seconds, shown) in [(7, "7 s"), (125, "2 min 05 s"), (3700, "1 h 01 min")] {
            assert_eq!(clock(Duration::from_secs(seconds)), shown);
        }
        for (number, shown) in [
            (1, "1st"),
            (2, "2nd"),
            (3, "3rd"),
            (11, "11th"),
            (112, "112th"),
        ] {
            assert_eq!(ordinal(number), shown);
        }
    }

    #[test]
    fn what_is_missing_to_the_next_rank_is_rounded_up() {
        for (change, shown) in [
            (0.003_21, "+0.0033"),
            (0.003_2, "+0.0032"),
            (-0.000_000_1, "\u{2212}0.0001"),
            (0.0, "+0.0001"),
        ] {
            assert_eq!(score_change(Metric::Accuracy, change), shown);
        }
        let (seconds_less, figure) = saving(Cost::Cpu.amount(0.000_381_4));
        assert!(seconds_less > 0.000_381_4);
        assert_eq!(figure.text().replace('\u{a0}', " "), "383 µs");
    }

    #[test]
    fn instants_are_told_from_now_on() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let minutes = |minutes| now + chrono::TimeDelta::minutes(minutes);
        for (at, words) in [
            (minutes(0), "in 1 minute"),
            (minutes(60), "in 60 minutes"),
            (minutes(150), "in 2 hours"),
            (minutes(12 * 1440 + 5), "in 12 days"),
            (minutes(-3 * 60), "3 hours ago"),
            (minutes(90 * 1440), "in 2 months"),
            (minutes(-800 * 1440), "2 years ago"),
        ] {
            assert_eq!(from_now(now, at), words);
        }
    }

    #[test]
    fn axes_have_round_amounts() {
        for (time_s, shown) in [
            (0.01, "10 ms"),
            (0.000_5, "500 µs"),
            (2.0, "2 s"),
            (0.1, "100 ms"),
        ] {
            let time = Cost::Time.amount(time_s);
            assert_eq!(round_amount(time).replace('\u{a0}', " "), shown);
        }
        let energy = Cost::Energy.amount(0.02);
        assert_eq!(round_amount(energy).replace('\u{a0}', " "), "20 mJ");
    }

    #[test]
    fn scores_constants_and_counts_are_written_alike_everywhere() {
        assert_eq!(score(Metric::Accuracy, 0.989_97), "0.9900");
        assert_eq!(efficiency(-0.0123), "\u{2212}0.0123");
        assert_eq!(efficiency(-0.000_01), "0.0000");
        for (value, shown) in [(0.1, "0.1"), (0.0089, "0.0089"), (1.0, "1"), (0.0, "0")] {
            assert_eq!(constant(value), shown);
        }
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), shown);
        }
        assert_eq!(counted(1, "team"), "1 team");
        assert_eq!(counted(2, "team"), "2 teams");
        assert_eq!(counted(2, "entry"), "2 entries");
    }
}
