//! Columns for a terminal: as wide as needed, shortened in the middle where the screen is too narrow.

use super::escape::terminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a column stands, and whether it may be shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Whole, at the left.
    Fixed,
    /// Whole, at the right: numbers.
    Number,
    /// At the left; gives way when the table is too wide.
    Flexible,
}

/// The narrowest that a flexible column becomes.
const NARROWEST: usize = 8;

/// Head and rows in lines of at most `width` columns, two spaces between columns; the first line is the head. The
/// fixed columns are never cut, so a very narrow screen gets longer lines. Unseen characters are shown.
///
/// ```
/// use denywatch::render::table::{Column, layout};
/// let rows = [vec!["D-1".to_owned(), "arn:aws:s3:::artifacts-prod/key".to_owned()]];
/// let lines = layout(&[("ID", Column::Fixed), ("RESOURCE", Column::Flexible)], &rows, 20);
/// assert_eq!(lines, ["ID   RESOURCE", "D-1  arn:aws…rod/key"]);
/// ```
pub fn layout(head: &[(&str, Column)], rows: &[Vec<String>], width: usize) -> Vec<String> {
    let mut table = Table::new(head);
    let rows: Vec<Vec<String>> = rows.iter().map(|row| table.add(row)).collect();
    let fitted = table.fit(width);
    std::iter::once(fitted.head()).chain(rows.iter().map(|row| fitted.line(row))).collect()
}

/// A table whose rows are kept elsewhere: it only knows how wide they are.
#[derive(Debug)]
pub(super) struct Table<'h> {
    head: &'h [(&'h str, Column)],
    natural: Vec<usize>,
}

impl<'h> Table<'h> {
    /// Without rows.
    pub(super) fn new(head: &'h [(&'h str, Column)]) -> Self {
        Self { head, natural: head.iter().map(|(title, _)| title.width()).collect() }
    }

    /// Makes room for a row; its cells as [`Fitted::line`] takes them.
    pub(super) fn add(&mut self, row: &[String]) -> Vec<String> {
        let row: Vec<String> = row.iter().map(|cell| terminal(cell)).collect();
        for (natural, cell) in self.natural.iter_mut().zip(&row) {
            *natural = cell.width().max(*natural);
        }
        row
    }

    /// With all its rows, in lines of at most `width` columns.
    pub(super) fn fit(&self, width: usize) -> Fitted<'h> {
        let kinds: Vec<Column> = self.head.iter().map(|(_, kind)| *kind).collect();
        Fitted { head: self.head, widths: shrink(self.natural.clone(), &kinds, width), kinds }
    }
}

/// A table that is ready to be written.
#[derive(Debug)]
pub(super) struct Fitted<'h> {
    head: &'h [(&'h str, Column)],
    kinds: Vec<Column>,
    widths: Vec<usize>,
}

impl Fitted<'_> {
    /// The first line.
    pub(super) fn head(&self) -> String {
        let titles: Vec<String> = self.head.iter().map(|(title, _)| (*title).to_owned()).collect();
        self.line(&titles)
    }

    /// The line of a row that was added.
    pub(super) fn line(&self, row: &[String]) -> String {
        line(row, &self.kinds, &self.widths)
    }
}

/// Takes from the widest flexible column, one at a time, until all fits.
fn shrink(mut widths: Vec<usize>, kinds: &[Column], width: usize) -> Vec<usize> {
    let gaps = 2 * kinds.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let flexible = widths.iter_mut().zip(kinds).filter(|(_, kind)| **kind == Column::Flexible).map(|(w, _)| w);
        match flexible.max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            Some(_) | None => break,
        }
    }
    widths
}

fn line(row: &[String], kinds: &[Column], widths: &[usize]) -> String {
    let mut out = String::new();
    for ((cell, kind), width) in row.iter().zip(kinds).zip(widths) {
        let cell = shorten(cell, *width);
        let pad = " ".repeat(width.saturating_sub(cell.width()));
        let gap = if out.is_empty() { "" } else { "  " };
        match kind {
            Column::Number => out.extend([gap, &pad, &cell]),
            Column::Fixed | Column::Flexible => out.extend([gap, &cell, &pad]),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// At most `width` columns, with `…` in the middle where something was left out.
pub fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let tail: String = take(text.chars().rev(), room / 2).chars().rev().collect();
    format!("{}…{tail}", take(text.chars(), room - tail.width().min(room)))
}

fn take(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &[(&str, Column)] = &[("ID", Column::Fixed), ("N", Column::Number), ("WHAT", Column::Flexible)];

    fn row(id: &str, n: &str, what: &str) -> Vec<String> {
        [id, n, what].map(str::to_owned).to_vec()
    }

    #[test]
    fn numbers_stand_right_and_long_cells_give_way() {
        let rows = [row("D-1", "7", "arn:aws:s3:::bucket/key"), row("D-22", "120", "*")];
        assert_eq!(layout(HEAD, &rows, 80), ["ID      N  WHAT", "D-1     7  arn:aws:s3:::bucket/key", "D-22  120  *"]);
        assert_eq!(layout(HEAD, &rows, 22), ["ID      N  WHAT", "D-1     7  arn:a…t/key", "D-22  120  *"]);
        assert_eq!(layout(HEAD, &rows, 3)[1], "D-1     7  arn:…key");
    }

    #[track_caller]
    fn check(text: &str, width: usize, expect: &str) {
        assert_eq!(shorten(text, width), expect);
    }

    #[test]
    fn shortening_counts_columns() {
        check("abcdef", 6, "abcdef");
        check("abcdef", 5, "ab…ef");
        check("你好世界", 6, "你…界");
        check("abcdef", 1, "…");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_screen(texts in prop::collection::vec(crate::report::sample::hostile(), 0..5), width in 24usize..90) {
            let rows: Vec<_> = texts.iter().map(|text| row("D-1", "7", text)).collect();
            for line in layout(HEAD, &rows, width) {
                prop_assert!(line.width() <= width, "{}", line);
                prop_assert!(!line.chars().any(super::super::escape::is_unseen), "{:?}", line);
            }
        }
    }
}
