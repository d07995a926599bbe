//! JSON in the source, with templates in it: every part with its place.

use super::tree::{Field, Kind, Tree};
use super::value::{Hole, Piece, Val, joined};
use std::ops::Range;

/// Objects lie in each other no deeper than this.
const DEPTH: usize = 40;

/// What a template puts at a place: where it ends, and what it is worth.
pub(super) type Holes<'h> = dyn Fn(usize) -> Option<(usize, Val)> + 'h;

/// Reads the JSON value in a range of a text; `None` where it is none, or where a directive makes parts of it.
pub(super) fn read(text: &str, range: Range<usize>, is_template: bool, holes: &Holes<'_>) -> Option<Tree> {
    let mut reader = Reader { text: text.get(..range.end)?, at: range.start, is_template, holes };
    reader.space();
    let tree = reader.value(0)?;
    reader.space();
    (reader.at == range.end).then_some(tree)
}

struct Reader<'r> {
    text: &'r str,
    at: usize,
    is_template: bool,
    holes: &'r Holes<'r>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn take(&mut self, sign: char) -> Option<()> {
        self.space();
        self.rest().starts_with(sign).then(|| self.at += sign.len_utf8())
    }

    fn value(&mut self, depth: usize) -> Option<Tree> {
        self.space();
        if depth > DEPTH {
            return None;
        }
        let start = self.at;
        let kind = match self.rest().chars().next()? {
            '{' => self.object(depth)?,
            '[' => self.list(depth)?,
            '"' => Kind::Scalar(self.string()?),
            '$' if self.is_template => {
                let (end, value) = (self.holes)(self.at)?;
                self.at = end;
                // A template that is no text puts JSON here, of which nothing more is known.
                Kind::Scalar(if let Val::Bool(_) | Val::Number(_) = value { value } else { Val::Unknown })
            }
            _ => Kind::Scalar(self.word()?),
        };
        Some(Tree { span: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Option<Kind> {
        self.take('{')?;
        let mut fields: Vec<Field> = Vec::new();
        if self.take('}').is_some() {
            return Some(Kind::Object(fields));
        }
        loop {
            self.space();
            let start = self.at;
            let key = self.string()?.as_text()?;
            self.take(':')?;
            let value = self.value(depth + 1)?;
            if fields.iter().any(|field| field.key == key) {
                return None;
            }
            fields.push(Field { key, span: start..value.span.end, value });
            if self.take(',').is_none() {
                self.take('}')?;
                return Some(Kind::Object(fields));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Kind> {
        self.take('[')?;
        let mut items = Vec::new();
        if self.take(']').is_some() {
            return Some(Kind::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(',').is_none() {
                self.take(']')?;
                return Some(Kind::List(items));
            }
        }
    }

    fn word(&mut self) -> Option<Val> {
        let rest = self.rest();
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "+-.".contains(letter)))?;
        let word = &rest[..end];
        let value = match word {
            "true" => Val::Bool(true),
            "false" => Val::Bool(false),
            "null" => Val::Null,
            number => Val::Number(number.parse::<serde_json::Number>().ok()?.to_string()),
        };
        self.at += end;
        Some(value)
    }

    fn string(&mut self) -> Option<Val> {
        self.take('"')?;
        let mut pieces = Vec::new();
        let mut raw = String::new();
        loop {
            let rest = self.rest();
            let letter = rest.chars().next()?;
            let template = self.is_template;
            if letter == '"' {
                self.at += 1;
                pieces.push(Piece::Lit(unescaped(&raw)?));
                return Some(joined(pieces));
            } else if template && (rest.starts_with("$${") || rest.starts_with("%%{")) {
                raw.push(letter);
                raw.push('{');
                self.at += 3;
            } else if template && rest.starts_with("${") {
                pieces.push(Piece::Lit(unescaped(&raw)?));
                raw.clear();
                let (end, value) = (self.holes)(self.at)?;
                if end <= self.at {
                    return None;
                }
                // The text that comes in is JSON, too: what it escapes is not known.
                pieces.extend(plain(value));
                self.at = end;
            } else if template && rest.starts_with("%{") {
                return None;
            } else if letter == '\\' {
                let both: String = rest.chars().take(2).collect();
                self.at += both.len();
                raw.push_str(&both);
            } else {
                self.at += letter.len_utf8();
                raw.push(letter);
            }
        }
    }
}

fn plain(value: Val) -> Vec<Piece> {
    let escapes = |piece: &Piece| matches!(piece, Piece::Lit(text) if text.contains(['"', '\\']));
    let pieces = value.into_pieces();
    if pieces.iter().any(escapes) { vec![Piece::Hole(Hole::Any)] } else { pieces }
}

fn unescaped(raw: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{raw}\"")).ok()
}

/// A text as JSON, and as a template of it where it stands in one.
pub(super) fn quoted(text: &str, in_template: bool) -> String {
    let json = serde_json::Value::from(text).to_string();
    if !in_template {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            // As JSON's own escape, so that the reader never has to count a run of marks.
            '$' | '%' if rest.peek() == Some(&letter) => out.push_str(&format!("\\u{:04x}", letter as u32)),
            '$' | '%' if rest.peek() == Some(&'{') => out.extend([letter, letter]),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Option<Tree> {
        let hole = |at: usize| {
            let end = at + text[at..].find('}')? + 1;
            Some((end, Val::text("in")))
        };
        read(text, 0..text.len(), true, &hole)
    }

    #[track_caller]
    fn check(text: &str, expect: Option<Val>) {
        assert_eq!(read_all(text).map(|tree| tree.value()), expect, "{text}");
    }

    #[test]
    fn templates_are_holes() {
        let list = |texts: &[&str]| Some(Val::List(texts.iter().map(|text| Val::text(text)).collect()));
        check(" [\"a\", \"b${x}c\", \"$${aws:username}\"] ", list(&["a", "binc", "${aws:username}"]));
        check("[\"\\u0041\\\"\"]", list(&["A\""]));
        check("[\"%{if x}a%{endif}\"]", None);
        check("{\"a\": 1, \"a\": 2}", None);
        check("[${x}, true ]", Some(Val::List(vec![Val::Unknown, Val::Bool(true)])));
        for broken in ["[\"a\",]", "[1", "{\"a\"}", "\"a", "[\"a\"] x", "[\"\\\"", "tru", ""] {
            check(broken, None);
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["a", "${aws:username}", "$${x}", "$$$${x}", "%{if}", "%%{x}", "\"\\\n", "$%{", "%${x}", "é\u{7f}"]
        {
            let json = format!("[{}]", quoted(text, true));
            assert_eq!(read_all(&json).map(|tree| tree.texts()), Some(vec![Val::text(text)]), "{json}");
            assert!(!json.contains("$$$") && !json.contains("%%%"), "{json}");
        }
    }
}
