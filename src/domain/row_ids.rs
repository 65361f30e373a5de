//! Finds the rows of a file among those that are expected, whatever their order.

use std::collections::HashMap;

/// How many lines of a fault are named.
const NAMED_MAX: usize = 3;

/// A list of row ids.
pub trait Ids {
    fn count(&self) -> usize;

    fn id(&self, place: usize) -> Option<&str>;
}

impl Ids for [String] {
    fn count(&self) -> usize {
        self.len()
    }

    fn id(&self, place: usize) -> Option<&str> {
        self.get(place).map(String::as_str)
    }
}

/// Row ids in one text, for long lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedIds {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl PackedIds {
    pub fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(self.text.len());
    }
}

impl Ids for PackedIds {
    fn count(&self) -> usize {
        self.ends.len()
    }

    fn id(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }
}

/// Expected row ids, of which each must come once.
#[derive(Debug)]
pub struct Matching<'a, I: ?Sized> {
    ids: &'a I,
    /// Made when the order is found to differ.
    places: Option<HashMap<&'a str, usize>>,
    /// Where the next id stands if the order is the expected one.
    next: usize,
    /// On which line each was, counted from 1; 0 where it has not come yet.
    lines: Vec<u64>,
    found: usize,
    unknown: Lines,
    duplicate: Lines,
}

/// How the row ids of a file differ from those that are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    pub expected: usize,
    pub missing: usize,
    /// The place of the first that is missing.
    pub first_missing: Option<usize>,
    pub unknown: Lines,
    /// Those that stood there before.
    pub duplicate: Lines,
}

/// Lines with one fault: how many there are, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    pub count: usize,
    pub first: Vec<u64>,
}

impl<'a, I: Ids + ?Sized> Matching<'a, I> {
    pub fn new(ids: &'a I) -> Matching<'a, I> {
        Matching {
            ids,
            places: None,
            next: 0,
            lines: vec![0; ids.count()],
            found: 0,
            unknown: Lines::default(),
            duplicate: Lines::default(),
        }
    }

    /// The place of an id that stands on this line, unless it is unknown or came before.
    pub fn place(&mut self, id: &str, line: u64) -> Option<usize> {
        let place = match self.ids.id(self.next) {
            Some(next) if next == id => self.next,
            Some(_) | None => {
                let ids = self.ids;
                let places = self.places.get_or_insert_with(|| {
                    let places = 0..ids.count();
                    places
                        .filter_map(|place| Some((ids.id(place)?, place)))
                        .collect()
                });
                match places.get(id) {
                    Some(place) => *place,
                    None => {
                        self.unknown.add(line);
                        return None;
                    }
                }
            }
        };
        if self.lines[place] != 0 {
            self.duplicate.add(line);
            return None;
        }
        self.lines[place] = line;
        self.found += 1;
        self.next = place + 1;
        Some(place)
    }

    /// The line of each place, if each came once and nothing else did.
    pub fn finish(self) -> Result<Vec<u64>, Differences> {
        let missing = self.ids.count() - self.found;
        if missing == 0 && self.unknown.count == 0 && self.duplicate.count == 0 {
            return Ok(self.lines);
        }
        Err(Differences {
            expected: self.ids.count(),
            missing,
            first_missing: self.lines.iter().position(|line| *line == 0),
            unknown: self.unknown,
            duplicate: self.duplicate,
        })
    }
}

impl Lines {
    fn add(&mut self, line: u64) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> [String; 4] {
        ["1", "2", "03", "x"].map(str::to_owned)
    }

    #[test]
    fn each_row_is_found_in_whatever_order_it_comes() {
        for order in [
            ["1", "2", "03", "x"],
            ["x", "1", "2", "03"],
            ["2", "1", "x", "03"],
        ] {
            let ids = ids();
            let mut matching = Matching::new(&ids[..]);
            let places: Vec<usize> = (order.iter().zip(2..))
                .map(|(id, line)| matching.place(id, line).unwrap())
                .collect();
            assert!(
                places
                    .iter()
                    .zip(order)
                    .all(|(place, id)| ids[*place] == id)
            );
            let lines = matching.finish().unwrap();
            assert!((places.iter().zip(2..)).all(|(place, line)| lines[*place] == line));
        }
    }

    #[test]
    fn what_is_missing_unknown_or_there_twice_is_counted_and_the_first_lines_named() {
        let ids = ids();
        let mut matching = Matching::new(&ids[..]);
        let found = ["1", "3", "1", "2", "", "y", "z", "2"];
        for (id, line) in found.iter().zip(2..) {
            matching.place(id, line);
        }
        let differences = matching.finish().unwrap_err();
        assert_eq!((differences.expected, differences.missing), (4, 2));
        assert_eq!(differences.unknown.count, 4);
        assert_eq!(differences.unknown.first, [3, 6, 7]);
        assert_eq!(differences.duplicate.count, 2);
        assert_eq!(differences.duplicate.first, [4, 9]);
    }
}
