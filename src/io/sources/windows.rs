//! A text of any length → texts of some megabytes that hold whole records each, so that no long one stands in memory.

mod json;

use crate::record::{delimiter_of, next_by_itself};
use json::Json;

/// Bytes of a window, where no record is larger.
const WINDOW: usize = 4 << 20;
/// Bytes of a value that is held until it ends, beside a window: more than any record has, since it may be a list of them,
/// one of many in a list.
pub(super) const LARGEST: usize = 16 << 20;
/// Behind so many broken lines of a file the next one is found; each of them costs a second look at what is held.
const MOST_BROKEN: usize = 1_000;

/// Cuts what it is fed behind whole records. Each window is a text by itself: what a list begins and ends with stands
/// around its part of the list, a table's first row above its part of the rows.
pub(super) struct Windows {
    size: usize,
    largest: usize,
    /// What every window begins with, and behind it what was not handed over yet.
    text: Vec<u8>,
    head: usize,
    shape: Shape,
    /// Bytes of the whole text before what stands behind the head.
    passed: u64,
    /// What comes next belongs to a record that is left out.
    skips: bool,
    /// A comma between two records comes next, or white space.
    at_comma: bool,
    /// Broken lines behind which it went on.
    broken: usize,
    /// Records that were left out, being larger than any event, and where in the text the first of them begins.
    pub(super) too_large: u64,
    pub(super) first_too_large: u64,
    /// Their bytes.
    pub(super) left_out: u64,
}

enum Shape {
    /// Nothing but white space yet.
    Unknown,
    Json(Json),
    /// A table, or lines of whatever sort; `end` is behind the last row. Quotation marks count in a table alone, and open
    /// a cell only at its beginning, as for [`crate::record`].
    Rows {
        in_quotes: bool,
        before: u8,
        /// The first row tells what all are.
        is_told: bool,
        /// Between two cells; `None` for lines of another sort.
        delimiter: Option<u8>,
        end: usize,
    },
}

impl Windows {
    pub(super) fn new() -> Self {
        Self::of(WINDOW, LARGEST + WINDOW)
    }

    fn of(size: usize, largest: usize) -> Self {
        let (text, shape) = (Vec::new(), Shape::Unknown);
        let (skips, at_comma) = (false, false);
        let (broken, too_large, first_too_large, left_out) = (0, 0, 0, 0);
        let (head, passed) = (0, 0);
        Self { size, largest, text, head, shape, passed, skips, at_comma, broken, too_large, first_too_large, left_out }
    }

    /// Takes in more of the text; `each` gets a window and where in the text its part begins.
    pub(super) fn feed(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&[u8], u64)) {
        while !bytes.is_empty() {
            let most = bytes.len().min(self.size);
            let (now, later) = bytes.split_at(most);
            self.take(now);
            if self.text.len() >= self.size {
                self.cut(each);
            }
            if self.text.len() > self.largest {
                self.leave_out(each);
            }
            bytes = later;
        }
    }

    /// The rest. `is_whole`: the text ends here, else it breaks off, and only whole records are handed over.
    pub(super) fn end(mut self, is_whole: bool, each: &mut dyn FnMut(&[u8], u64)) {
        match is_whole {
            true if self.skips => {}
            true if self.text.len() > self.head || self.passed == 0 => each(&self.text, self.passed),
            true => {}
            false => self.cut(each),
        }
    }

    /// The open record is larger than any event. What stands before it and is no record is for the reader to tell of.
    fn leave_out(&mut self, each: &mut dyn FnMut(&[u8], u64)) {
        if self.go_on_behind_a_broken_line(each) {
            return;
        }
        let start = match &self.shape {
            Shape::Json(json) => json.open_record().unwrap_or(self.head).max(self.head),
            _ => self.head,
        };
        let before = &self.text[self.head..start];
        if !before.trim_ascii().is_empty() {
            each(before, self.passed);
        }
        if self.too_large == 0 {
            self.first_too_large = self.passed + (start - self.head) as u64;
        }
        self.passed += (self.text.len() - self.head) as u64;
        self.left_out += (self.text.len() - start) as u64;
        if let Shape::Json(json) = &mut self.shape {
            self.text = json.head_here().to_vec();
            self.head = self.text.len();
            json.moved(usize::MAX, self.head);
        }
        self.text.truncate(self.head);
        if let Shape::Rows { in_quotes, before, .. } = &mut self.shape {
            (*in_quotes, *before) = (false, b'\n');
        }
        (self.skips, self.too_large) = (true, self.too_large + 1);
    }

    /// Whether what is open is one line of many that was cut: then the next one is looked at by itself, which surely is none
    /// inside of what is open.
    fn go_on_behind_a_broken_line(&mut self, each: &mut dyn FnMut(&[u8], u64)) -> bool {
        let Shape::Json(json) = &self.shape else { return false };
        let Some(start) = json.open_record().filter(|start| *start >= self.head) else { return false };
        let Some(line) = next_by_itself(&self.text, start).filter(|_| self.broken < MOST_BROKEN) else { return false };
        each(&self.text[self.head..line], self.passed);
        self.passed += (line - self.head) as u64;
        self.text.drain(..line);
        (self.head, self.broken) = (0, self.broken + 1);
        self.shape = Shape::Json(Json::default());
        self.look(0);
        true
    }

    fn take(&mut self, mut bytes: &[u8]) {
        if self.skips {
            let behind = match &mut self.shape {
                Shape::Json(json) => json.ends_record(bytes),
                _ => bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
            };
            let dropped = behind.unwrap_or(bytes.len());
            self.passed += dropped as u64;
            self.left_out += dropped as u64;
            bytes = &bytes[dropped..];
            let is_list = matches!(self.shape, Shape::Json(_)) && self.head > 0;
            (self.skips, self.at_comma) = (behind.is_none(), is_list);
        }
        if self.at_comma {
            let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len());
            let is_comma = bytes.get(start) == Some(&b',');
            let dropped = start + usize::from(is_comma);
            self.passed += dropped as u64;
            self.at_comma = start == bytes.len();
            bytes = &bytes[dropped..];
        }
        let from = self.text.len();
        self.text.extend_from_slice(bytes);
        if matches!(self.shape, Shape::Unknown) {
            let is_mark = |byte: &u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte);
            let Some(first) = self.text[from..].iter().find(|byte| !is_mark(byte)) else { return };
            self.shape = match first {
                b'{' | b'[' => Shape::Json(Json::default()),
                _ => Shape::Rows { in_quotes: false, before: b'\n', is_told: false, delimiter: None, end: 0 },
            };
            return self.look(0);
        }
        self.look(from);
    }

    fn look(&mut self, from: usize) {
        match &mut self.shape {
            Shape::Unknown => {}
            Shape::Json(json) => json.look(&self.text, from),
            Shape::Rows { in_quotes, before, is_told, delimiter, end } => {
                for (at, byte) in self.text.iter().enumerate().skip(from) {
                    // The second mark of two in a row opens again what the first one closed.
                    let may_open = matches!(*before, b'\n' | b'\r' | b'"') || Some(*before) == *delimiter;
                    let counts = *byte == b'"' && delimiter.is_some() && (*in_quotes || may_open);
                    *in_quotes ^= counts;
                    // A mark inside a cell is a character like others.
                    *before = if *byte == b'"' && !counts { b'x' } else { *byte };
                    if *byte == b'\n' && !*in_quotes {
                        // Of the row alone: what stands before it is blank, and may be many million rows.
                        let start = (*end).min(at);
                        if !*is_told && !self.text[start..at].trim_ascii().is_empty() {
                            let row = String::from_utf8_lossy(&self.text[start..at]);
                            let row = if start == 0 { row.trim_start_matches('\u{feff}') } else { &*row };
                            let first = row.trim_start();
                            *is_told = !first.is_empty();
                            *delimiter = delimiter_of(first);
                            self.head = if delimiter.is_some() { at + 1 } else { 0 };
                        }
                        *end = at + 1;
                    }
                }
            }
        }
    }

    /// Hands over what stands before the end of the last whole record.
    fn cut(&mut self, each: &mut dyn FnMut(&[u8], u64)) {
        let (end, head, closing) = match &self.shape {
            Shape::Unknown => return,
            Shape::Json(json) => (json.end, json.head().to_vec(), json.closing),
            Shape::Rows { end, .. } => (*end, self.text[..self.head].to_vec(), &b""[..]),
        };
        if end <= self.head {
            return;
        }
        let rest = self.text.split_off(end);
        self.text.extend_from_slice(closing);
        each(&self.text, self.passed);
        self.passed += (end - self.head) as u64;
        let start = rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len());
        let comma = usize::from(!closing.is_empty() && rest.get(start) == Some(&b','));
        let dropped = if closing.is_empty() { 0 } else { start + comma };
        self.at_comma = !closing.is_empty() && start == rest.len();
        self.passed += dropped as u64;
        self.head = head.len();
        self.text = head;
        self.text.extend_from_slice(&rest[dropped..]);
        match &mut self.shape {
            Shape::Json(json) => json.moved(end + dropped, self.head),
            Shape::Rows { end, .. } => *end = self.head,
            Shape::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests;
