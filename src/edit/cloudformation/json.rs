//! JSON text → tree. `serde_json` says whether the text is valid; the walk then only notes where each value stands.

use super::node::{Kind, MAX_DEPTH, Node, Quote, Unread};
use serde::de::IgnoredAny;

/// Reads one JSON value.
pub(super) fn read(text: &str) -> Result<Node, Unread> {
    let bare = text.trim_start_matches('\u{feff}');
    serde_json::from_str::<IgnoredAny>(bare).map_err(|fault| Unread::Json(fault.to_string()))?;
    Walk { text, at: text.len() - bare.len() }.value(0)
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
}

impl Walk<'_> {
    fn space(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn peek(&mut self) -> Option<char> {
        self.space();
        self.text.get(self.at..)?.chars().next()
    }

    /// Steps over a comma or colon, if one is there.
    fn skip(&mut self, sign: char) {
        if self.peek() == Some(sign) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Unread> {
        if depth > MAX_DEPTH {
            return Err(Unread::Deep);
        }
        let first = self.peek();
        let start = self.at;
        let flow = matches!(first, Some('{' | '['));
        let kind = match first {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Kind::Scalar { text: self.string()?, quote: Quote::Double },
            Some(_) => Kind::Scalar { text: self.word(), quote: Quote::Plain },
            None => return Err(Unread::Json("it ends too soon".to_owned())),
        };
        Ok(Node { start, end: self.at, flow, ..Node::loose(kind) })
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Unread> {
        self.at += 1;
        let mut pairs = Vec::new();
        while !matches!(self.peek(), Some('}') | None) {
            let key = self.value(depth + 1)?;
            self.skip(':');
            pairs.push((key, self.value(depth + 1)?));
            self.skip(',');
        }
        self.at += 1;
        Ok(Kind::Map(pairs))
    }

    fn array(&mut self, depth: usize) -> Result<Kind, Unread> {
        self.at += 1;
        let mut items = Vec::new();
        while !matches!(self.peek(), Some(']') | None) {
            items.push(self.value(depth + 1)?);
            self.skip(',');
        }
        self.at += 1;
        Ok(Kind::Seq(items))
    }

    fn string(&mut self) -> Result<String, Unread> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let end = end.map_or(rest.len(), |end| end + 2);
        self.at += end;
        serde_json::from_str(&rest[..end]).map_err(|fault| Unread::Json(fault.to_string()))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(rest.len()).max(1);
        self.at += end;
        rest[..end].to_owned()
    }
}
