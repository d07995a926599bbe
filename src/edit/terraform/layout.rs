//! Lines, indentation and line ends of a text, and what stands between two of its parts.

use std::collections::BTreeSet;
use std::ops::Range;

/// One replacement in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    /// Place of the file in [`super::load::Code::files`].
    pub file: usize,
    /// The bytes that go.
    pub at: Range<usize>,
    /// What comes in their place.
    pub text: String,
}

impl Edit {
    pub(super) fn insert(file: usize, at: usize, text: impl Into<String>) -> Self {
        Self { file, at: at..at, text: text.into() }
    }
}

/// The text with the replacements in it; `None` where two overlap.
pub(super) fn applied(text: &str, edits: &[&Edit]) -> Option<String> {
    let mut edits: Vec<&Edit> = edits.to_vec();
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut out = String::with_capacity(text.len() + 512);
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.at.start)?);
        out.push_str(&edit.text);
        at = edit.at.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// The line end that the file uses at a place.
pub(super) fn eol(text: &str, at: usize) -> &'static str {
    let behind = text.get(at..).and_then(|rest| rest.find('\n')).map(|found| at + found);
    let end = behind.or_else(|| text.get(..at).and_then(|before| before.rfind('\n')));
    match end {
        Some(end) if text.as_bytes().get(end.wrapping_sub(1)) == Some(&b'\r') => "\r\n",
        _ => "\n",
    }
}

/// Where the line of a place starts.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1)
}

/// Where the line of a place ends, before its line end.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |found| at + found);
    if end > at && text.as_bytes().get(end - 1) == Some(&b'\r') { end - 1 } else { end }
}

/// The blanks that the line of a place starts with.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The line's number, from one.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

/// What follows a part, up to `end`: its comma, and a comment on the same line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Behind {
    /// Where the comma stands.
    pub comma: Option<usize>,
    /// Where what belongs to the part ends: behind its comma, and behind a comment on its line.
    pub end: usize,
    /// Whether the list or object goes on in another line.
    pub is_last_in_line: bool,
}

/// Looks behind a part of a list or an object; comments are told by `has_comments`.
pub(super) fn behind(text: &str, from: usize, end: usize, has_comments: bool) -> Behind {
    let mut found = Behind { comma: None, end: from, is_last_in_line: false };
    let mut at = from;
    while at < end {
        let rest = &text[at..end];
        if has_comments && (rest.starts_with('#') || rest.starts_with("//")) {
            let stop = line_end(text, at).min(end);
            if found.is_last_in_line {
                return found;
            }
            found.end = stop;
            at = stop;
        } else if has_comments && rest.starts_with("/*") {
            let stop = rest.find("*/").map_or(end, |close| at + close + 2);
            if !found.is_last_in_line && !text[at..stop].contains('\n') {
                found.end = stop;
            }
            at = stop;
        } else if rest.starts_with(',') && found.comma.is_none() {
            found.comma = Some(at);
            at += 1;
            // A comma on a line of its own leaves the comment before it where it is.
            found.end = found.end.max(at);
            found.is_last_in_line = false;
        } else if rest.starts_with('\n') {
            found.is_last_in_line = true;
            at += 1;
        } else if rest.starts_with([' ', '\t', '\r']) {
            at += 1;
        } else {
            break;
        }
    }
    found.is_last_in_line |= at >= end && text[found.end..end].contains('\n');
    found
}

/// Moves the comments behind neighbouring lines under each other again where a line has become longer or shorter, as
/// `terraform fmt` wants it; a run that was not so before is left as it was.
pub(super) fn realigned(before: &str, after: &str) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    let mut all: BTreeSet<&str> = BTreeSet::new();
    for run in runs(&old) {
        all.extend(&old[run.clone()]);
        if aligned(&old[run.clone()]) == old[run.clone()].concat() {
            kept.extend(&old[run]);
        }
    }
    let lines: Vec<&str> = after.split_inclusive('\n').collect();
    let mut out = String::with_capacity(after.len());
    let mut at = 0;
    for run in runs(&lines) {
        out.extend(lines[at..run.start].iter().copied());
        at = run.end;
        let lines = &lines[run];
        let is_touched = lines.iter().any(|line| !all.contains(line));
        let was_aligned = lines.iter().any(|line| kept.contains(line));
        if is_touched && was_aligned { out.push_str(&aligned(lines)) } else { out.extend(lines.iter().copied()) }
    }
    out.extend(lines[at..].iter().copied());
    out
}

/// Neighbouring lines with comments behind their code.
fn runs(lines: &[&str]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in (0..lines.len()).filter(|at| comment(lines[*at]).is_some()) {
        match found.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

fn aligned(run: &[&str]) -> String {
    let parts: Vec<(&str, &str)> = run.iter().filter_map(|line| comment(line)).collect();
    let most = parts.iter().map(|(code, _)| width(code)).max().unwrap_or(0);
    parts.iter().map(|(code, rest)| format!("{code}{}{rest}", " ".repeat(most - width(code) + 1))).collect()
}

fn width(code: &str) -> usize {
    code.chars().count()
}

/// A line's code, without the blanks behind it, and the comment that follows on it.
fn comment(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut skip = false;
    for (at, letter) in line.char_indices() {
        match letter {
            _ if skip => skip = false,
            '\\' if quoted => skip = true,
            '"' => quoted = !quoted,
            '#' if !quoted => return split(line, at),
            '/' if !quoted && line[at..].starts_with("//") => return split(line, at),
            _ => {}
        }
    }
    None
}

fn split(line: &str, at: usize) -> Option<(&str, &str)> {
    let code = line[..at].trim_end_matches([' ', '\t']);
    // A line that is nothing but a comment belongs to no run.
    (!code.trim().is_empty()).then_some((code, &line[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, comma: Option<usize>, end: usize) {
        let from = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let found = behind(&text, from, text.len(), true);
        assert_eq!((found.comma, found.end), (comma, end), "{text:?}");
    }

    #[test]
    fn a_part_ends_behind_its_comma_and_its_comment() {
        check("a|\n", None, 1);
        check("a|,\n", Some(1), 2);
        check("a|, # x\n", Some(1), 6);
        check("a| # x\n", None, 5);
        check("a| # x\n # y\n", None, 5);
        check("a| /* x */,\n", Some(9), 10);
        check("a|, b", Some(1), 2);
    }

    #[test]
    fn comments_stay_under_each_other() {
        let before = "x = [\n  \"aa\", # one\n  \"bbb\" # two\n]\n";
        let after = "x = [\n  \"aa\", # one\n  \"bbb\", # two\n  \"c\"\n]\n";
        let want = "x = [\n  \"aa\",  # one\n  \"bbb\", # two\n  \"c\"\n]\n";
        assert_eq!(realigned(before, after), want);
        assert_eq!(realigned(before, before), before);
        let loose = "x = [\n  \"a\", # one\n  \"bbb\" # two\n]\n";
        let longer = loose.replace("\"bbb\"", "\"bbb\",");
        assert_eq!(realigned(loose, &longer), longer);
    }
}
