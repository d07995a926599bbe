//! A pasted text without its dress: colours, box drawing, timestamps, escapes.

/// Stands for a quotation mark that the text had escaped, so that it ends no string.
pub(super) const ESCAPED_QUOTE: char = '\u{E000}';

/// One physical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What is left of it; empty for a line that only parts paragraphs.
    pub text: String,
    /// Characters that it took on the screen.
    pub width: usize,
    /// A space stood before the text.
    pub indented: bool,
}

/// The text's lines, undressed.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let plain = if text.contains("<Message>") { without_entities(text) } else { text.to_owned() };
    let plain = without_colours(&unescape(&plain));
    plain.split('\n').map(undress).collect()
}

/// JSON's and Go's escapes, however often they were escaped again; everything else is left alone.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', ESCAPED_QUOTE]) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let after = rest.trim_start_matches('\\');
        let slashes = rest.len() - after.len();
        let (plain, used) = if slashes == 0 { (Some('\u{FFFD}'), ESCAPED_QUOTE.len_utf8()) } else { escape(after) };
        match plain {
            Some(plain) => out.push(plain),
            None => out.push_str(&rest[..slashes]),
        }
        rest = if slashes == 0 { &rest[used..] } else { &after[used..] };
    }
    out.push_str(rest);
    out
}

/// The character behind a run of backslashes and how many bytes name it.
fn escape(after: &str) -> (Option<char>, usize) {
    match after.as_bytes().first() {
        Some(b'"') => (Some(ESCAPED_QUOTE), 1),
        Some(b'n') => (Some('\n'), 1),
        Some(b't' | b'r') => (Some(' '), 1),
        Some(b'/') => (Some('/'), 1),
        Some(b'u') => {
            let code = after.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
            match code {
                Some('"') => (Some(ESCAPED_QUOTE), 5),
                Some(c) => (Some(c), 5),
                None => (None, 0),
            }
        }
        Some(b'x') if after.starts_with("x1b") || after.starts_with("x1B") => (Some('\u{1b}'), 3),
        _ => (None, 0),
    }
}

/// XML's five entities; the ampersand last, so that nothing is undone twice.
fn without_entities(text: &str) -> String {
    let quotes = text.replace("&quot;", "\\\"").replace("&#34;", "\\\"").replace("&apos;", "'").replace("&#39;", "'");
    quotes.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Without terminal control sequences.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                let parameter = |c: &char| matches!(c, '[' | '0'..='9' | ';' | ':' | '?');
                while chars.next_if(parameter).is_some() {}
                chars.next_if(char::is_ascii_alphabetic);
            }
            '\u{1b}' | '\r' | '\u{7}' => {}
            _ => out.push(c),
        }
    }
    out
}

fn undress(line: &str) -> Line {
    let width = line.trim_end().chars().count();
    let boxes = |c: char| c.is_whitespace() || matches!(c, '│' | '┃' | '╷' | '╵' | '╭' | '╰' | '|' | '>');
    let text = without_stamp(line.trim_matches(boxes));
    Line { text: text.to_owned(), width, indented: line.starts_with(' ') }
}

/// Without dates, times and levels at the line's beginning.
fn without_stamp(line: &str) -> &str {
    let mut rest = line;
    let mut stamped = false;
    loop {
        let (word, tail) = rest.split_once(' ').unwrap_or((rest, ""));
        let bare = word.trim_matches(['[', ']', ',']);
        let level = matches!(
            bare,
            "ERROR" | "WARN" | "WARNING" | "INFO" | "DEBUG" | "FATAL" | "TRACE" | "stderr" | "stdout" | "F"
        );
        if !is_stamp(bare) && !(level && (stamped || word.starts_with('['))) {
            return rest;
        }
        stamped = true;
        rest = tail.trim_start();
    }
}

/// `2024-05-01T12:00:00.123Z`, `2024/05/01`, `12:00:00`.
fn is_stamp(word: &str) -> bool {
    let bytes = word.as_bytes();
    let digits = |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let at = |n: usize, marks: &[u8]| bytes.get(n).is_some_and(|b| marks.contains(b));
    let date = digits(0, 4) && at(4, b"-/") && digits(5, 7) && at(7, b"-/") && digits(8, 10);
    let time = digits(0, 2) && at(2, b":") && digits(3, 5) && at(5, b":") && digits(6, 8);
    (date || time) && bytes.iter().all(|b| b.is_ascii_digit() || b"TZ:.,+-/".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let found = lines(text);
        assert_eq!(found.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), expect, "{text}");
    }

    #[test]
    fn dress_comes_off() {
        check("\u{1b}[31m│\u{1b}[0m Error: x\r\n│ \n│   y", &["Error: x", "", "y"]);
        check("2024-05-01T12:00:00.123Z [ERROR] x", &["x"]);
        check("2024/05/01 12:00:00 x\n12:00:00 INFO y", &["x", "y"]);
        check(
            r#"{"a":"b \"c\" \\\"d\\\"\n\u001b[1me\u0022"}"#,
            &["{\"a\":\"b \u{E000}c\u{E000} \u{E000}d\u{E000}", "e\u{E000}\"}"],
        );
        check("4ef3-84a2\n123456789012:key/a\nC:\\dir\\u", &["4ef3-84a2", "123456789012:key/a", "C:\\dir\\u"]);
        check("\u{E000}", &["\u{FFFD}"]);
    }
}
