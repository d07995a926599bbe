//! The whole records of a text that ends too early.

use crate::record::utf16;

/// Members of an object that list events: log files, `LookupEvents`, CloudWatch Logs.
const LISTS: [&[u8]; 3] = [b"\"Records\"", b"\"Events\"", b"\"logEvents\""];

/// What is used of what could not be read to its end: anything or nothing.
pub(super) fn used(is_any: bool) -> &'static str {
    if is_any { "the whole records before are used" } else { "nothing of it is used" }
}

/// Cuts a text behind its last whole record and closes the list that the record stands in. Half a record is never kept:
/// it could lack the very field that tells what it is. A text without a whole record becomes empty.
/// UTF-16 is turned into UTF-8.
pub(super) fn salvage(text: &mut Vec<u8>) {
    if let Some(plain) = utf16(text) {
        *text = plain.into_bytes();
    }
    let mut scan = Scan::default();
    for (at, byte) in text.iter().enumerate() {
        scan.step(at, *byte, text);
    }
    text.truncate(scan.end);
    text.extend_from_slice(scan.closing);
}

/// Where a pass over the text stands. Strings are skipped exactly, since callers choose what stands in them.
#[derive(Default)]
struct Scan {
    in_string: bool,
    escaped: bool,
    /// Open brackets, by their closing byte.
    open: Vec<u8>,
    /// The last string outside any list: the name of the member that is being read.
    name: (usize, usize),
    string_start: usize,
    /// Whether the open list, if one is open, holds events.
    list_of_events: bool,
    /// End of the last whole record, and what closes the text there.
    end: usize,
    closing: &'static [u8],
}

impl Scan {
    fn step(&mut self, at: usize, byte: u8, text: &[u8]) {
        if self.in_string {
            self.in_string(at, byte);
            return;
        }
        match byte {
            b'"' => (self.in_string, self.string_start) = (true, at),
            b'{' => self.open.push(b'}'),
            b'[' => {
                let name = text.get(self.name.0..self.name.1).unwrap_or_default();
                if self.open == [b'}'] {
                    self.list_of_events = LISTS.contains(&name);
                }
                self.open.push(b']');
            }
            b'}' | b']' => self.closed(byte, at + 1),
            _ => {}
        }
    }

    fn in_string(&mut self, at: usize, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                if self.open.len() == 1 {
                    self.name = (self.string_start, at + 1);
                }
            }
            _ => {}
        }
    }

    /// A bracket closed: is that the end of a record?
    fn closed(&mut self, byte: u8, end: usize) {
        if self.open.pop() != Some(byte) {
            return;
        }
        let closing: &[u8] = match self.open.as_slice() {
            [] => b"",
            [b']'] => b"]",
            [b'}', b']'] if self.list_of_events => b"]}",
            _ => return,
        };
        (self.end, self.closing) = (end, closing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut bytes = text.as_bytes().to_vec();
        salvage(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), expect);
    }

    #[test]
    fn whole_records_stay() {
        check(r#"{"Records":[{"a":1},{"b":{"c":[{}]}},{"d":"#, r#"{"Records":[{"a":1},{"b":{"c":[{}]}}]}"#);
        check(r#"{"x":0,"Records" : [ {"a":1} , {"#, r#"{"x":0,"Records" : [ {"a":1}]}"#);
        check(r#"[{"a":1},{"b":[{"#, r#"[{"a":1}]"#);
        check("{\"a\":1}\n{\"b\":2}\n{\"c\":", "{\"a\":1}\n{\"b\":2}");
        check(r#"{"Records":[{"a":1}]}"#, r#"{"Records":[{"a":1}]}"#);
        check("{\"a\":1}\n\0\0", "{\"a\":1}");
    }

    #[test]
    fn of_utf_16_too() {
        let text = "\u{feff}{\"Records\":[{\"a\":\"ü\"},{\"b\":";
        let mut bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).chain([b'{']).collect();
        salvage(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), r#"{"Records":[{"a":"ü"}]}"#);
    }

    #[test]
    fn half_a_record_does_not() {
        check(r#"{"Records":[{"a":{"b":1},"c":[{"d":1}]"#, "");
        // One record by itself, cut behind a list of its own.
        check(r#"{"errorCode":"AccessDenied","resources":[{"ARN":"x"},{"#, "");
        check(r#"{"Records":{"x":[{"a":1},{"#, "");
        check("", "");
        check("no json", "");
    }

    #[test]
    fn brackets_inside_strings_are_text() {
        check(r#"{"Records":[{"a":"]}"},{"b":"\"}]}"#, r#"{"Records":[{"a":"]}"}]}"#);
        check(r#"{"Records":[{"a":"\\"},{"b":""#, r#"{"Records":[{"a":"\\"}]}"#);
        check(r#"{"note":"\"Records\":[{}","other":[{"a":1},{"#, "");
    }
}
