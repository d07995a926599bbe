//! A pasted text without its dress: colours, box drawing, timestamps, escapes.

/// Stands for a quotation mark that the text had escaped, so that it ends no string.
pub(super) const ESCAPED_QUOTE: char = '\u{E000}';

/// Marks a line break, or an escape, inside a name: nothing stood there, or what was escaped.
pub(super) const BREAK: char = '\u{E001}';

/// Marks a break that no known word adjoins, or an escaped tab: a space, as far as one can tell.
pub(super) const SPACE: char = '\u{E002}';

/// Stands for XML's `&lt;` until other escapes are undone, so that no backslash before it is taken for its own.
const ESCAPED_LESS: char = '\u{E003}';

/// One physical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What is left of it; empty for a line that only parts paragraphs.
    pub text: String,
    /// Characters that it took on the screen.
    pub width: usize,
    /// A space stood before the text.
    pub indented: bool,
    /// The line of the input that it came from; escaped line breaks begin no new one.
    pub source: usize,
}

/// The text's lines, undressed.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let own = text.replace(ESCAPED_LESS, "\u{FFFD}");
    let plain = if own.contains("<Message>") { without_entities(&own) } else { own };
    let mut lines = Vec::new();
    for (source, line) in plain.split('\n').enumerate() {
        let plain = without_colours(&unescape(line));
        lines.extend(plain.split('\n').map(|line| undress(line, source)));
    }
    lines
}

/// JSON's and Go's escapes, however often they were escaped again; everything else is left alone. Where an escape may as
/// well be a name's own text, a mark stands beside what came of it.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', ESCAPED_QUOTE, BREAK, SPACE, ESCAPED_LESS]) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let after = rest.trim_start_matches('\\');
        let slashes = rest.len() - after.len();
        if slashes == 0 {
            let less = rest.starts_with(ESCAPED_LESS);
            out.extend(if less { [BREAK, '<'].as_slice() } else { &['\u{FFFD}'] });
            rest = &rest[ESCAPED_QUOTE.len_utf8()..];
            continue;
        }
        let at = out.len();
        let used = escape(after, &mut out);
        if out[at..].starts_with(ESCAPED_QUOTE) {
            // How often the mark was escaped, so that a backslash of a name's own can be told.
            (1..slashes.min(16)).step_by(2).for_each(|_| out.insert(at, BREAK));
        }
        if used == 0 {
            out.push_str(&rest[..slashes]);
        }
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

/// Writes the character behind a run of backslashes; yields how many bytes name it, 0 when they name none.
fn escape(after: &str, out: &mut String) -> usize {
    let named = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    let (plain, used) = match after.as_bytes().first() {
        Some(b'"') => (ESCAPED_QUOTE, 1),
        Some(b'n') => ('\n', 1),
        Some(b't' | b'r') => (SPACE, 1),
        Some(b'/') => ('/', 1),
        Some(b'x') if after.starts_with("x1b") || after.starts_with("x1B") => ('\u{1b}', 3),
        Some(b'u') => match after.get(1..5).and_then(named) {
            Some('"') => (ESCAPED_QUOTE, 5),
            Some(c) => (c, 5),
            None => return 0,
        },
        _ => return 0,
    };
    if plain == '/' || used == 5 && plain != ESCAPED_QUOTE && !plain.is_control() {
        out.push(BREAK);
    }
    out.push(if (BREAK..=SPACE).contains(&plain) && used == 5 { '\u{FFFD}' } else { plain });
    used
}

/// XML's five entities; the ampersand last, so that nothing is undone twice. A quotation mark and `<` stay apart
/// from those that end the element.
fn without_entities(text: &str) -> String {
    let quotes = text.replace("&quot;", "\\\"").replace("&#34;", "\\\"").replace("&apos;", "'").replace("&#39;", "'");
    quotes.replace("&lt;", &ESCAPED_LESS.to_string()).replace("&gt;", ">").replace("&amp;", "&")
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

fn undress(line: &str, source: usize) -> Line {
    let width = line.trim_end().chars().count();
    let boxes = |c: char| c.is_whitespace() || matches!(c, SPACE | '│' | '┃' | '╷' | '╵' | '╭' | '╰' | '|' | '>');
    let text = without_stamp(line.trim_matches(boxes));
    Line { text: text.to_owned(), width, indented: line.starts_with(' '), source }
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
            &["{\"a\":\"b \u{E000}c\u{E000} \u{E001}\u{E000}d\u{E001}\u{E000}", "e\u{E000}\"}"],
        );
        check("4ef3-84a2\n123456789012:key/a\nC:\\dir\\u", &["4ef3-84a2", "123456789012:key/a", "C:\\dir\\u"]);
        check("\u{E000}", &["\u{FFFD}"]);
    }
}
