//! Lines behind something broken: which of them are records, and which may be a part of it.
//!
//! A broken line of JSON Lines has its brackets closed, or is cut off; what stands behind one that leaves some open may as
//! well be the inside of a broken value over many lines, whose texts callers choose. Exactness goes before recovery: where
//! what is open ends with `[`, `,` or `:`, so that a value of its own may follow, a line counts only with another value on
//! the next line and no comma between, as in no list.

use jiff::Timestamp;
use jiff::civil::DateTime;
#[cfg(feature = "io")]
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A line without what stands before its event: a byte order mark, or the time that CloudWatch Logs puts before each
/// message of an export, and `aws logs tail` with the stream's name behind it.
/// See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html> and
/// <https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html>.
pub(super) fn message(line: &str) -> &str {
    let line = line.trim_start_matches(BYTE_ORDER_MARK);
    let time = line.starts_with(|c: char| c.is_ascii_digit()).then(|| line.split_once(' ')).flatten();
    let is_time =
        |time: &str| time.contains('T') && (time.parse::<Timestamp>().is_ok() || time.parse::<DateTime>().is_ok());
    let Some((time, message)) = time.filter(|(time, _)| is_time(time)) else { return line };
    let message = message.trim_start();
    // As no program writes its own log: a word more before what users may have chosen.
    let named = message.split_once(' ').filter(|_| time.ends_with("+00:00") && !begins(message));
    named.map(|(_, behind)| behind.trim_start()).filter(|behind| begins(behind)).unwrap_or(message)
}

/// The next line that begins a value, behind the one that `at` is in; the text's end where there is none.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    let mut next = at;
    for line in text[at..].split_inclusive('\n') {
        if next > at && begins(message(line)) {
            break;
        }
        next += line.len();
    }
    next
}

fn begins(line: &str) -> bool {
    line.starts_with(['{', '['])
}

/// What is broken before the lines that are read, if it may not have ended yet.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Brackets that are open, strings skipped.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The same without a look at strings: where a quotation mark is what is broken, all that follows is taken for the other.
    bare: usize,
    last: u8,
    /// It was taken in from its own first byte on.
    is_whole: bool,
    /// Lines before this place were found to be a part of it, or perhaps.
    refused: usize,
}

impl Open {
    /// One that is taken in from its own first byte on; by default it began elsewhere.
    pub(super) fn whole() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Takes in more of it.
    pub(super) fn take(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'{' | b'[' => self.bare += 1,
                b'}' | b']' => self.bare = self.bare.saturating_sub(1),
                _ => {}
            }
            match (byte, self.in_string) {
                _ if self.escaped => self.escaped = false,
                (b'\\', true) => self.escaped = true,
                (b'"', _) => self.in_string ^= true,
                (b'{' | b'[', false) => self.depth += 1,
                (b'}' | b']', false) => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.last = if byte.is_ascii_whitespace() { self.last } else { byte };
        }
    }

    /// Whether it surely ended with what was taken in. Words behind its brackets may end with a colon, as in
    /// `[INFO] … event:`; JSON has none there.
    fn is_closed(&self) -> bool {
        let is_end = matches!(self.last, b'}' | b']') || self.is_whole && self.last == b':';
        self.depth == 0 && self.bare == 0 && !self.in_string && is_end
    }

    /// Whether the whole value on the line that begins at `start` is a line by itself.
    pub(super) fn ends_before(&mut self, text: &str, start: usize) -> bool {
        if self.is_closed() {
            return true;
        }
        if start < self.refused {
            return false;
        }
        let (count, end) = whole_lines(text, start);
        let next = text[end..].lines().next().map_or("", message).trim();
        self.refused = end;
        match self.last {
            b'[' | b',' | b':' if next.is_empty() => count > 1,
            b'[' | b',' | b':' => begins(next) && !next.ends_with(','),
            _ => !next.starts_with(['"', ',', ']', '}']),
        }
    }
}

/// How many lines from here on hold a whole value each, and where the next other one begins that is not blank.
fn whole_lines(text: &str, start: usize) -> (usize, usize) {
    let (mut count, mut end) = (0, start);
    for line in text[start..].split_inclusive('\n') {
        let value = message(line).trim();
        let is_whole = begins(value) && serde_json::from_str::<&RawValue>(value).is_ok();
        if !is_whole && !value.is_empty() {
            break;
        }
        count += usize::from(is_whole);
        end += line.len();
    }
    (count, end)
}

/// The next line behind the one that `from` is in that surely is one by itself: an object, with another one on the line
/// behind it and no comma between. `None` also where that line is not whole yet.
#[cfg(feature = "io")]
pub(crate) fn next_by_itself(text: &[u8], from: usize) -> Option<usize> {
    let line_end = |at: usize| memchr::memchr(b'\n', &text[at..]).map(|length| at + length);
    let mut start = line_end(from)? + 1;
    loop {
        let end = line_end(start)?;
        let is_whole = || serde_json::from_slice::<IgnoredAny>(&text[start..end]).is_ok();
        if text[start] == b'{' && is_whole() {
            let next = text.len() - text[end..].trim_ascii_start().len();
            let behind = text[next..line_end(next)?].trim_ascii_end();
            if behind.starts_with(b"{") && !behind.ends_with(b",") {
                return Some(start);
            }
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(broken: &str, lines: &str, expect: bool) {
        let mut open = Open::default();
        open.take(broken);
        assert_eq!(open.ends_before(lines, 0), expect, "{broken} {lines}");
    }

    #[test]
    fn what_closes_its_brackets_has_ended() {
        for broken in
            ["{\"a\": bad}\n", "{\"a\": bad, \"b\": [{\"c\": \"\\\"\"}]}\r\n", "{bad}, {}]}\n", "[{\"a\"\n{}\n]}"]
        {
            check(broken, "{}\n", true);
        }
        for broken in
            ["{\"a\": bad, \"b\":{\"c\":[\n", "{\"a\": bad,\n", "{\"a\": bad, \"b\": {\"c\":\n", "[{\"a\": bad}\n,"]
        {
            for lines in ["{}\n", "{},\n{}\n", "{}\n{}\n]\n", "{}\n\"}\n", "{}\n{},\n", "{}\n7\n"] {
                check(broken, lines, false);
            }
        }
    }

    /// No value inside of another stands there.
    #[test]
    fn behind_what_no_value_follows_a_lone_line_counts() {
        for broken in ["{\"a\":\"cu\n", "{\"a\"", "{\"a\":{\n", "{\"a\": bad\", \"b\": {\"c\": [ \"}}\n"] {
            check(broken, "{}\n", true);
            check(broken, "{}\n7\n", true);
            check(broken, "{}\n{}\n\"}\n", false);
            check(broken, "{}\n{}\n]\n", false);
        }
    }

    #[test]
    fn several_values_without_a_comma_between_are_lines() {
        for lines in ["{}\n{}\n", "{}\n\n{}", "{}\n{\"cut\n", "[]\n\u{feff}{}\n"] {
            check("{\"a\":{\"cu\":\n", lines, true);
        }
    }

    /// As the logger of Lambda for Python writes lines, and others.
    #[test]
    fn words_between_events_are_no_broken_list() {
        let event = r#"{"eventName":"X","eventSource":"s3.amazonaws.com","errorCode":"AccessDenied"}"#;
        for text in [
            format!("[ERROR] 2026-11-10T10:00:00Z denied event:\n{event}\n"),
            format!("[INFO] ts id Received event:\n{event}\nEND RequestId: x\n"),
            format!("{{not JSON}} event:\n{event}\n"),
        ] {
            assert_eq!(crate::record::read(text.as_bytes(), "x").0.len(), 1, "{text}");
        }
        // What began elsewhere, or is a list that goes on, may hold the next line.
        for text in [format!("\"a\"], \"b\":\n{event}\n"), format!("{{bad}},\n{event}\n]\n")] {
            assert_eq!(crate::record::read(text.as_bytes(), "x").0.len(), 0, "{text}");
        }
    }

    #[cfg(feature = "io")]
    #[test]
    fn the_next_line_by_itself_has_another_behind_it() {
        for (text, expect) in [
            ("{\"cu\n{}\n{\"a\":1}\n", Some(5)),
            ("{\"cu\n{\"cu\n{}\n\n{\"cu\n", Some(10)),
            ("{\"cu\n{}\n{\"not whole", None),
            ("{\"cu\n{},\n{}\n]\n", None),
            ("{\"cu\n{}\n{},\n", None),
            ("{\"cu", None),
        ] {
            assert_eq!(next_by_itself(text.as_bytes(), 0), expect, "{text}");
        }
    }

    #[test]
    fn each_line_is_looked_at_once() {
        let (mut open, lines) = (Open::default(), format!("{}]", "{}\n".repeat(300_000)));
        open.take("{\"a\":[\n");
        let ends = (0..300_000).filter(|line| open.ends_before(&lines, 3 * line)).count();
        assert_eq!(ends, 0);
    }
}
