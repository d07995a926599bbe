//! Where in a JSON text whole records end.

use crate::record;
use memchr::memchr2;
use std::sync::Arc;

/// Members that list events, without letter case and underscores: log files, `LookupEvents`, CloudWatch Logs, CloudTrail Lake,
/// `GetQueryResults` of CloudWatch Logs.
const LISTS: [&[u8]; 5] = [b"records", b"events", b"logevents", b"queryresultrows", b"results"];
/// Bytes kept of what stands before a list.
const HEAD: usize = 64 << 10;
/// Bytes kept of a member's name.
const NAME: usize = 64;

/// Open brackets of which the sort is kept: far more than any event has, or a reader takes in.
const DEEPEST: usize = 64 << 10;

/// A pass over the text. Strings are skipped exactly, since callers choose what stands in them.
#[derive(Debug, Default)]
pub(super) struct Json {
    in_string: bool,
    escaped: bool,
    /// Open brackets, by their closing byte, as deep as [`DEEPEST`].
    open: Vec<u8>,
    /// How many are open inside of these; a text of nothing but brackets must not fill the memory.
    deeper: u64,
    /// The last string outside any list: the name of the member that is being read.
    name: Vec<u8>,
    is_name: bool,
    /// Where the open value begins that nothing is around.
    start: usize,
    /// Brackets around the records of the list of events that is open; 0 where none is.
    around: usize,
    /// What this list began with.
    opening: Arc<[u8]>,
    /// Lists of events that the open value had so far, and whether it has none: then it is one event.
    lists: usize,
    is_one: bool,
    /// Behind the last whole record, and what begins and closes the text there.
    pub(super) end: usize,
    pub(super) closing: &'static [u8],
    ending_in: Arc<[u8]>,
}

impl Json {
    /// Looks at the text from here on.
    pub(super) fn look(&mut self, text: &[u8], from: usize) {
        let mut at = from;
        while let Some(next) = self.step(text, at) {
            at = next;
        }
    }

    /// Looks at what follows of a record that is left out: where that ends.
    pub(super) fn ends_record(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        self.end = 0;
        while let Some(next) = self.step(text, at) {
            at = next;
            if self.end > 0 {
                self.end = 0;
                return Some(at);
            }
        }
        None
    }

    /// Where the record begins that is open, if nothing is around it.
    pub(super) fn open_record(&self) -> Option<usize> {
        (self.around == 0 && !self.open.is_empty()).then_some(self.start)
    }

    /// What begins the text behind the last whole record.
    pub(super) fn head(&self) -> &[u8] {
        if self.closing.is_empty() { b"" } else { &self.ending_in }
    }

    /// What begins the text where it was looked at to.
    pub(super) fn head_here(&self) -> &[u8] {
        if self.around > 0 { &self.opening } else { b"" }
    }

    /// What stood before `from` is gone, and a head of this length stands in its place.
    pub(super) fn moved(&mut self, from: usize, head: usize) {
        self.end = 0;
        self.start = if self.start >= from { self.start - from + head } else { 0 };
    }

    /// One byte, or the rest of a string; the place behind.
    fn step(&mut self, text: &[u8], at: usize) -> Option<usize> {
        if self.in_string {
            return self.in_string(text, at);
        }
        let byte = *text.get(at)?;
        match byte {
            b'"' => {
                self.in_string = true;
                self.is_name = self.open == [b'}'];
                if self.is_name {
                    self.name.clear();
                }
            }
            b'{' => self.opened(at, b'}'),
            b'[' => {
                let is_list = self.open.is_empty() || self.open == [b'}'] && self.is_list(&text[self.start..at]);
                self.opened(at, b']');
                if is_list {
                    self.around = self.open.len();
                    self.lists += 1;
                    self.opening = match &text[self.start..=at] {
                        // What stands before a further list are the records of the one before.
                        short if short.len() <= HEAD && self.lists == 1 => short.into(),
                        _ => [b"{\"", &*self.name, b"\":["].concat().into(),
                    };
                }
            }
            b'}' | b']' => self.closed(byte, at + 1),
            _ => {}
        }
        Some(at + 1)
    }

    fn in_string(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        if self.escaped {
            self.escaped = false;
            self.keep(&rest[..1]);
            return Some(at + 1);
        }
        let length = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        self.keep(&rest[..length]);
        match rest.get(length) {
            Some(b'"') => self.in_string = false,
            Some(byte) => {
                self.escaped = true;
                self.keep(&[*byte]);
            }
            None => return Some(text.len()),
        }
        Some(at + length + 1)
    }

    fn keep(&mut self, part: &[u8]) {
        if self.is_name {
            let room = NAME.saturating_sub(self.name.len());
            self.name.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    /// Whether the list that opens behind this head is one of events. It is none where the head by itself tells an event:
    /// that would be told again with each part of the list.
    fn is_list(&mut self, head: &[u8]) -> bool {
        let plain: Vec<u8> = self.name.iter().filter(|byte| **byte != b'_').map(u8::to_ascii_lowercase).collect();
        if self.is_one || !LISTS.contains(&&*plain) {
            return false;
        }
        let is_as_before = || self.opening.strip_suffix(b"[").is_some_and(|opening| opening == head);
        self.is_one = self.lists == 0 && !is_as_before() && tells_event(head);
        !self.is_one
    }

    fn opened(&mut self, at: usize, closing: u8) {
        if self.open.is_empty() {
            (self.start, self.lists, self.is_one) = (at, 0, false);
        }
        match self.open.len() {
            DEEPEST => self.deeper += 1,
            _ => self.open.push(closing),
        }
    }

    /// A bracket closed: is that the end of a record?
    fn closed(&mut self, byte: u8, end: usize) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        if self.open.pop() != Some(byte) {
            // Whoever reads it will say so.
            return;
        }
        let is_in_list = self.around > 0 && self.open.len() == self.around;
        if self.open.len() < self.around {
            self.around = 0;
        }
        let closing: &[u8] = match &*self.open {
            [] => b"",
            [b']'] if is_in_list => b"]",
            [b'}', b']'] if is_in_list => b"]}",
            _ => return,
        };
        (self.end, self.closing, self.ending_in) = (end, closing, Arc::clone(&self.opening));
    }
}

/// Whether an object that begins so and whose list is empty tells an event.
fn tells_event(head: &[u8]) -> bool {
    record::for_each(&[head, b"[]}"].concat(), "", |_| {}, |_| {}) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_without_end_fill_no_memory() {
        let (mut json, part) = (Json::default(), vec![b'['; 1 << 20]);
        (0..40).for_each(|_| json.look(&part, 0));
        assert!(json.open.capacity() <= 2 * DEEPEST, "{}", json.open.capacity());
        let closing = vec![b']'; 40 << 20];
        json.look(&closing, 0);
        assert_eq!((json.open.len(), json.deeper, json.end), (0, 0, 40 << 20));
    }
}
