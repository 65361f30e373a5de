//! Tables of text: columns side by side, as wide as a terminal lets them be.

use std::io::IsTerminal;

use terminal_size::Width;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::plain;

/// Between two columns.
const GAP: usize = 2;
/// Rather than to cut a column below this width, others are left out.
const CUT_MIN: usize = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    pub align: Align,
    /// Cut with an ellipsis where there is no room; the others stay whole.
    pub may_be_cut: bool,
    /// Where there is still no room, columns are left out: those of the highest number first, all
    /// at once. 0 stays.
    pub drop_order: u8,
}

impl Column {
    pub const fn left(title: &'static str) -> Column {
        Column {
            title,
            align: Align::Left,
            may_be_cut: false,
            drop_order: 0,
        }
    }

    pub const fn right(title: &'static str) -> Column {
        Column {
            align: Align::Right,
            ..Column::left(title)
        }
    }

    pub const fn cut(self) -> Column {
        Column {
            may_be_cut: true,
            ..self
        }
    }

    pub const fn droppable(self, drop_order: u8) -> Column {
        Column { drop_order, ..self }
    }
}

/// The width of the terminal that standard output is, if it is one.
pub fn width_of_output() -> Option<usize> {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(output).map(|(Width(width), _)| usize::from(width))
}

/// The lines of a table, of at most `width` columns of a terminal if it can be done.
pub fn lay_out(columns: &[Column], rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
    let rows: Vec<Vec<String>> = (rows.iter())
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let mut widths: Vec<usize> = (columns.iter().enumerate())
        .map(|(at, column)| {
            let cells = rows.iter().map(|row| row[at].width());
            cells.max().unwrap_or(0).max(column.title.width())
        })
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    if let Some(width) = width {
        fit(columns, &mut widths, &mut shown, width);
    }
    let titles: Vec<String> = (columns.iter())
        .map(|column| column.title.to_owned())
        .collect();
    (std::iter::once(&titles).chain(&rows))
        .map(|row| {
            let cells = shown
                .iter()
                .map(|&at| padded(&row[at], widths[at], columns[at].align));
            let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
            line.trim_end().to_owned()
        })
        .collect()
}

fn fit(columns: &[Column], widths: &mut [usize], shown: &mut Vec<usize>, width: usize) {
    loop {
        let gaps = GAP * shown.len().saturating_sub(1);
        let needed = shown.iter().map(|&at| widths[at]).sum::<usize>() + gaps;
        let Some(excess) = needed.checked_sub(width).filter(|excess| *excess > 0) else {
            return;
        };
        let can_be_cut = (shown.iter().copied())
            .filter(|&at| columns[at].may_be_cut)
            .max_by_key(|&at| widths[at]);
        if let Some(at) = can_be_cut
            && widths[at] >= excess + CUT_MIN
        {
            widths[at] -= excess;
            return;
        }
        let dropped = shown.iter().map(|&at| columns[at].drop_order).max();
        match (dropped.filter(|order| *order > 0), can_be_cut) {
            (Some(order), _) => shown.retain(|&at| columns[at].drop_order != order),
            (None, Some(at)) => {
                widths[at] = widths[at].saturating_sub(excess).max(1);
                return;
            }
            (None, None) => return,
        }
    }
}

fn padded(cell: &str, width: usize, align: Align) -> String {
    let cell = cut(cell, width);
    let padding = " ".repeat(width.saturating_sub(cell.width()));
    match align {
        Align::Left => format!("{cell}{padding}"),
        Align::Right => format!("{padding}{cell}"),
    }
}

/// The text, its end replaced where it is wider than a terminal's columns allow.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::right("rank"),
        Column::left("team").cut(),
        Column::right("score"),
        Column::right("entries").droppable(1),
    ];

    fn rows() -> Vec<Vec<String>> {
        [
            ["1", "Straight Lines", "0.9", "12"],
            ["10", "数字の読み手", "0.25", "1"],
        ]
        .map(|row| row.map(str::to_owned).to_vec())
        .to_vec()
    }

    #[test]
    fn columns_stand_below_each_other_whatever_the_width_of_a_character() {
        assert_eq!(
            lay_out(&COLUMNS, &rows(), None),
            [
                "rank  team            score  entries",
                "   1  Straight Lines    0.9       12",
                "  10  数字の読み手     0.25        1",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_cut() {
        assert_eq!(
            lay_out(&COLUMNS, &rows(), Some(35)),
            [
                "rank  team            score",
                "   1  Straight Lines    0.9",
                "  10  数字の読み手     0.25",
            ]
        );
        assert_eq!(
            lay_out(&COLUMNS, &rows(), Some(23)),
            [
                "rank  team        score",
                "   1  Straight …    0.9",
                "  10  数字の読…    0.25",
            ]
        );
    }

    #[test]
    fn what_others_wrote_moves_no_cursor() {
        let rows = vec![["1", "a\u{1b}[2Jb", "1", "1"].map(str::to_owned).to_vec()];
        assert_eq!(
            lay_out(&COLUMNS, &rows, None)[1],
            "   1  a[2Jb      1        1"
        );
    }
}
