//! A sheet of plain text: labels on the left, wrapped words beside them; colours only when asked for.

use super::escape::terminal;
use unicode_width::UnicodeWidthStr;

/// Colours for the parts of a text, as ANSI SGR codes (ECMA-48), or none at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Paint {
    pub(super) on: bool,
}

impl Paint {
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// `code`: an SGR parameter such as `31` for red.
    pub(super) fn with(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Text under construction.
pub(super) struct Sheet {
    out: String,
    width: usize,
    /// Columns of the label.
    margin: usize,
    paint: Paint,
}

impl Sheet {
    pub(super) fn new(width: usize, margin: usize, paint: Paint) -> Self {
        Self { out: String::new(), width, margin, paint }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// One line as it stands.
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// A label and words beside it; nothing when there are no words.
    pub(super) fn field(&mut self, label: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        for (n, line) in wrap(&terminal(text), self.width.saturating_sub(self.margin)).iter().enumerate() {
            let head = format!("{:<width$}", if n == 0 { label } else { "" }, width = self.margin);
            let line = format!("{}{line}", self.paint.bold(&head));
            self.line(&line);
        }
    }

    /// A label and items beside it, at most `max`; nothing when there are none.
    pub(super) fn list(&mut self, label: &str, texts: &[String], max: usize) {
        let mut items = Sheet::new(self.width, self.margin, self.paint);
        items.items(texts, max);
        for (n, line) in items.finish().lines().enumerate() {
            let head = self.paint.bold(&format!("{:<width$}", if n == 0 { label } else { "" }, width = self.margin));
            self.line(&format!("{head}{}", line.get(self.margin..).unwrap_or_default()));
        }
    }

    /// Lines below a field: each item with a dash, at most `max` of them.
    pub(super) fn items(&mut self, texts: &[String], max: usize) {
        let more = texts.len().checked_sub(max + 1).map(|n| format!("and {} more", n + 1));
        for text in texts.iter().take(max).chain(more.as_ref()) {
            let pad = " ".repeat(self.margin);
            for (n, line) in wrap(&terminal(text), self.width.saturating_sub(self.margin + 2)).iter().enumerate() {
                self.line(&format!("{pad}{} {line}", if n == 0 { "-" } else { " " }));
            }
        }
    }

    /// Code, as it stands, indented.
    pub(super) fn code(&mut self, text: &str, indent: usize) {
        for line in text.lines() {
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
    }
}

/// Words in lines of at most `width` columns; a longer word (an ARN, a URL) has a line of its own, unbroken, so that it
/// can be copied.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let Some(last) = lines.last_mut() else { continue };
        if last.is_empty() {
            last.push_str(word);
        } else if last.width() + 1 + word.width() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expect: &[&str]) {
        assert_eq!(wrap(text, width), expect);
    }

    #[test]
    fn words_wrap_and_long_ones_stay_whole() {
        check("a bb ccc", 4, &["a bb", "ccc"]);
        check("a arn:aws:s3:::bucket b", 6, &["a", "arn:aws:s3:::bucket", "b"]);
        check("你好 世界", 5, &["你好", "世界"]);
        check("", 5, &[""]);
        check("  a   b ", 9, &["a b"]);
    }

    #[test]
    fn a_field_hangs_and_shows_controls() {
        let mut sheet = Sheet::new(16, 6, Paint::default());
        sheet.field("WHO", "role app\nof x");
        sheet.field("NONE", "");
        sheet.items(&["one two three".to_owned(), "b".to_owned(), "c".to_owned()], 1);
        assert_eq!(
            sheet.finish(),
            "WHO   role\n      app\\nof x\n      - one two\n        three\n      - and 2\n        more\n"
        );
    }

    #[test]
    fn colour_only_when_asked() {
        assert_eq!(Paint { on: true }.bold("a"), "\x1b[1ma\x1b[0m");
        assert_eq!(Paint { on: false }.bold("a"), "a");
    }
}
