//! Metrics of texts.

use std::collections::{HashMap, HashSet};

use super::sums::Sum;
use super::{Undefined, finite};

/// The mean of [`levenshtein`] over the rows: 0 or more characters, lower is better. Kaggle's mean
/// Levenshtein distance.
pub fn mean_levenshtein(predicted: &[&str], actual: &[&str]) -> Result<f64, Undefined> {
    mean(predicted, actual, |predicted, actual| {
        levenshtein(predicted, actual) as f64
    })
}

/// The mean share of words that two texts have in common, of all that are in either: 0 to 1, higher is
/// better. Words are what stands between spaces, in lower case and each once; two texts without words
/// are the same. The `jaccard` of Kaggle's Tweet Sentiment Extraction.
pub fn mean_word_jaccard(predicted: &[&str], actual: &[&str]) -> Result<f64, Undefined> {
    mean(predicted, actual, |predicted, actual| {
        let (predicted, actual) = (predicted.to_lowercase(), actual.to_lowercase());
        let words = |text| -> HashSet<&str> { str::split_whitespace(text).collect() };
        let (predicted, actual) = (words(&predicted), words(&actual));
        let common = predicted.intersection(&actual).count();
        match predicted.len() + actual.len() - common {
            0 => 1.0,
            either => common as f64 / either as f64,
        }
    })
}

fn mean(
    predicted: &[&str],
    actual: &[&str],
    figure: impl Fn(&str, &str) -> f64,
) -> Result<f64, Undefined> {
    if actual.is_empty() {
        return Err(Undefined::NoRows);
    }
    let figures = predicted.iter().zip(actual).map(|(p, a)| figure(p, a));
    finite(Sum::of(figures) / actual.len() as f64)
}

/// The fewest characters to insert, delete or replace that make one text of the other. Characters are
/// Unicode's scalar values. Takes time with the product of the lengths, of which one is divided by 64:
/// Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming",
/// 1999, in Hyyrö's form for whole texts.
pub fn levenshtein(predicted: &str, actual: &str) -> usize {
    let pattern: Vec<char> = actual.chars().collect();
    if pattern.is_empty() {
        return predicted.chars().count();
    }
    let blocks = pattern.len().div_ceil(64);
    // In which places of the pattern a character stands.
    let mut places: HashMap<char, Vec<u64>> = HashMap::new();
    for (at, c) in pattern.iter().enumerate() {
        places.entry(*c).or_insert_with(|| vec![0; blocks])[at / 64] |= 1 << (at % 64);
    }
    let nowhere = vec![0; blocks];
    let mut columns = vec![Block::default(); blocks];
    let last = 1 << ((pattern.len() - 1) % 64);
    let mut distance = pattern.len();
    for c in predicted.chars() {
        let places = places.get(&c).unwrap_or(&nowhere);
        // The first row grows by one with each character of the text.
        let mut carried = Step::Up;
        for (at, (block, places)) in columns.iter_mut().zip(places).enumerate() {
            let end = if at + 1 == blocks { last } else { 1 << 63 };
            carried = block.advance(*places, carried, end);
        }
        match carried {
            Step::Up => distance += 1,
            Step::Level => {}
            Step::Down => distance -= 1,
        }
    }
    distance
}

/// Sixty-four rows of one column of the table of distances: where they grow or shrink by one from one
/// row to the next.
#[derive(Debug, Clone, Copy)]
struct Block {
    up: u64,
    down: u64,
}

impl Default for Block {
    fn default() -> Block {
        Block { up: !0, down: 0 }
    }
}

/// How a row's distance changes from one column to the next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Up,
    Level,
    Down,
}

impl Block {
    /// Goes on to the next column. `above` is the step in the row above this block; the answer is the
    /// one in the row of the bit `end`.
    fn advance(&mut self, places: u64, above: Step, end: u64) -> Step {
        let (above_up, above_down) = match above {
            Step::Up => (1, 0),
            Step::Level => (0, 0),
            Step::Down => (0, 1),
        };
        let vertical = places | self.down;
        let places = places | above_down;
        let diagonal = ((places & self.up).wrapping_add(self.up) ^ self.up) | places;
        let up = self.down | !(diagonal | self.up);
        let down = self.up & diagonal;
        let step = match (up & end != 0, down & end != 0) {
            (true, _) => Step::Up,
            (false, true) => Step::Down,
            (false, false) => Step::Level,
        };
        let up = (up << 1) | above_up;
        let down = (down << 1) | above_down;
        self.up = down | !(vertical | up);
        self.down = up & vertical;
        step
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The table of distances, row by row.
    fn by_the_book(a: &str, b: &str) -> usize {
        let b: Vec<char> = b.chars().collect();
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.chars().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, y) in b.iter().enumerate() {
                let replaced = diagonal + usize::from(x != *y);
                diagonal = row[j + 1];
                row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[b.len()]
    }

    #[test]
    fn distances_of_texts_that_are_known() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("Straße", "Strasse", 2),
            ("é", "e\u{301}", 2),
        ] {
            assert_eq!(levenshtein(a, b), expected, "{a} and {b}");
            assert_eq!(levenshtein(b, a), expected, "{b} and {a}");
        }
    }

    proptest! {
        #[test]
        fn distances_are_those_of_the_whole_table(a in "[abc]{0,200}", b in "[abcd]{0,200}") {
            prop_assert_eq!(levenshtein(&a, &b), by_the_book(&a, &b));
        }

        #[test]
        fn words_in_common_do_not_depend_on_order_or_case(a in "[aAbB ]{0,20}", b in "[aAbB ]{0,20}") {
            let share = mean_word_jaccard(&[&a], &[&b]).unwrap();
            let swapped = mean_word_jaccard(&[&b.to_uppercase()], &[&a]).unwrap();
            prop_assert!((share - swapped).abs() < f64::EPSILON);
            prop_assert!((0.0..=1.0).contains(&share));
        }
    }
}
