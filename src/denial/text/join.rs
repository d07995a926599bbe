//! Lines of one message put together again.
//!
//! A break hides whether a space stood there. AWS's own words tell mostly; inside a long name nothing does, so such a
//! break is marked until it is known whether it matters.

use super::clean::{BREAK, Line, SPACE};

/// Words of the grammar; a line ends or begins with a whole one where the text was wrapped at a space.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "User:", "is", "not", "authorized", "to", "perform:", "on", "resource:", "this", "because", "no",
    "identity-based", "resource-based", "policy", "policy:", "allows", "the", "action", "with", "an", "a", "explicit",
    "deny", "in", "permissions", "boundary", "boundary:", "session", "service", "control", "VPC", "endpoint", "role",
    "trust", "user", "group", "transitively", "through", "You", "are", "operation.", "Encoded", "authorization",
    "failure", "message:", "Go", "for", "complete", "details,", "or", "call", "GetRequestAuthorizationDetails", "API",
    "following", "id:", "status", "code:", "action.", "policy.",
];

/// `lines` as one text, [`BREAK`] where a name was split.
pub(super) fn join(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        if !out.is_empty() {
            out.extend(between(&out, &line.text));
        }
        out.push_str(&line.text);
    }
    out
}

/// What stood between two lines; `None` when nothing did.
fn between(before: &str, after: &str) -> Option<char> {
    let last = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let next = after.split(char::is_whitespace).next().unwrap_or_default();
    let known = |word: &str| WORDS.contains(&word);
    if known(&format!("{last}{next}")) && !(known(last) && known(next)) {
        return None;
    }
    let begun = known(last) || known(next) || next.starts_with('(');
    let name =
        last.contains(':') && !last.ends_with("):") || last.contains('/') || last.len() >= 30 || last.contains(BREAK);
    Some(if begun {
        ' '
    } else if name {
        BREAK
    } else {
        SPACE
    })
}

/// Whether the grammar, or a name, can go on from one text into the next line.
pub(super) fn may_follow(before: &str, after: &str) -> bool {
    let last = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let next = after.split(char::is_whitespace).next().unwrap_or_default();
    WORDS.contains(&last) || WORDS.contains(&next) || next.starts_with('(') || between(before, after) == Some(BREAK)
}

/// Whether the lines broke where the screen ended, not at spaces: several of one width.
pub(super) fn broke_at_width(lines: &[Line]) -> bool {
    lines.len() > 2 && screen_width(lines).is_some()
}

/// `lines` as a screen of fixed width broke them, inside words too; `None` when their widths say otherwise.
pub(super) fn join_screen(lines: &[Line]) -> Option<String> {
    let width = screen_width(lines)?;
    let mut out = String::new();
    for (n, line) in lines.iter().enumerate() {
        if n > 0 && (line.indented || lines[n - 1].width < width) {
            out.push(' ');
        }
        out.push_str(&line.text);
    }
    Some(out)
}

/// The width at which all lines but the last one broke; one less where a space stood at the edge.
fn screen_width(lines: &[Line]) -> Option<usize> {
    let (last, broken) = lines.split_last()?;
    let width = broken.iter().map(|line| line.width).max()?;
    let even = broken.iter().all(|line| line.width + 1 >= width) && last.width <= width;
    (width >= 20 && even).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expect: &str) {
        let lines: Vec<Line> = lines
            .iter()
            .map(|text| Line { text: (*text).to_owned(), width: text.len(), indented: false, source: 0 })
            .collect();
        assert_eq!(join(&lines), expect);
    }

    #[test]
    fn spaces_come_back() {
        check(
            &["User: arn:aws:iam::1:user/a", "is not authorized to", "perform:", "kms:Decrypt"],
            "User: arn:aws:iam::1:user/a is not authorized to perform: kms:Decrypt",
        );
        check(&["is not autho", "rized", "to"], "is not authorized to");
        check(
            &["on resource: arn:aws:kms:r:1:key/ab-", "cd because"],
            "on resource: arn:aws:kms:r:1:key/ab-\u{E001}cd because",
        );
        check(&["key/ab", "because no"], "key/ab because no");
        check(&["policy:", "arn:x"], "policy: arn:x");
    }
}
