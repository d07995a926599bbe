//! Where text goes in and out: a list of actions, a list of statements.

use super::layout::{Behind, Edit, behind, eol, indent, line_end, line_start};
use super::site::{Form, List};
use super::tree::{Field, Kind, Statement};
use std::ops::Range;

/// A list that is written out, with the places of its members.
pub(super) struct Members<'t> {
    pub text: &'t str,
    pub file: usize,
    /// From bracket to bracket.
    pub span: Range<usize>,
    pub items: Vec<Range<usize>>,
    /// Whether the language has comments.
    pub has_comments: bool,
}

/// Whether actions can be added to a statement where they stand.
pub(super) fn takes_actions(text: &str, statement: &Statement) -> bool {
    let Some(field) = statement.field("Action") else { return false };
    let source = text.get(field.value.span.clone()).unwrap_or_default();
    match &field.value.kind {
        Kind::List(items) => items.iter().all(|item| !matches!(item.kind, Kind::Object(_) | Kind::List(_))),
        // A text that is written out; a name of a list is not.
        Kind::Scalar(value) => source.starts_with('"') && value.as_text().is_some(),
        Kind::Object(_) => false,
    }
}

/// Adds actions, each written as source, to a statement that [`takes_actions`].
pub(super) fn add_actions(text: &str, form: Form, statement: &Statement, new: &[String]) -> Vec<Edit> {
    let Some(field) = statement.field("Action") else { return Vec::new() };
    match &field.value.kind {
        Kind::Scalar(_) => {
            let span = &field.value.span;
            let all = std::iter::once(text[span.clone()].to_owned()).chain(new.iter().cloned());
            vec![Edit {
                file: statement.file,
                at: span.clone(),
                text: format!("[{}]", all.collect::<Vec<_>>().join(", ")),
            }]
        }
        Kind::List(_) => members(text, form, statement.file, field).add(new),
        Kind::Object(_) => Vec::new(),
    }
}

/// The members of an element's list.
pub(super) fn members<'t>(text: &'t str, form: Form, file: usize, field: &Field) -> Members<'t> {
    let items = match &field.value.kind {
        Kind::List(items) => items.iter().map(|item| item.span.clone()).collect(),
        Kind::Scalar(_) | Kind::Object(_) => Vec::new(),
    };
    Members { text, file, span: field.value.span.clone(), items, has_comments: has_comments(form) }
}

fn has_comments(form: Form) -> bool {
    matches!(form, Form::Object | Form::Blocks)
}

impl Members<'_> {
    fn inner_end(&self) -> usize {
        self.span.end.saturating_sub(1)
    }

    fn behind(&self, at: usize) -> Behind {
        behind(self.text, self.items[at].end, self.inner_end(), self.has_comments)
    }

    /// Whether each member has a line of its own.
    fn is_long(&self) -> bool {
        let first = self.items.first().is_some_and(|item| self.text[self.span.start..item.start].contains('\n'));
        let apart = |pair: &[Range<usize>]| self.text[pair[0].end..pair[1].start].contains('\n');
        first && self.items.windows(2).all(apart)
    }

    /// Whether the members stand in order, so that somebody keeps them so.
    fn is_sorted(&self) -> bool {
        let word = |item: &Range<usize>| self.text[item.clone()].to_owned();
        let plain = !self.has_comments || !self.text[self.span.clone()].contains(['#', '/']);
        self.items.len() > 2 && plain && self.items.windows(2).all(|pair| word(&pair[0]) <= word(&pair[1]))
    }

    /// Adds members where they belong: in order where there is one, else at the end.
    pub(super) fn add(&self, new: &[String]) -> Vec<Edit> {
        let Some(last) = self.items.last().map(|item| item.end) else {
            return vec![self.first(new)];
        };
        let mut edits = Vec::new();
        let mut rest: Vec<String> = Vec::new();
        for one in new {
            let before = self.items.iter().find(|item| self.text[(*item).clone()] > **one);
            match before.filter(|_| self.is_sorted()) {
                Some(item) => edits.push(self.in_front(item.start, one)),
                None => rest.push(one.clone()),
            }
        }
        if !rest.is_empty() {
            edits.extend(if self.is_long() {
                self.at_end(&rest)
            } else {
                vec![Edit::insert(self.file, last, rest.iter().map(|one| format!(", {one}")).collect::<String>())]
            });
        }
        edits
    }

    /// The first members of an empty list.
    fn first(&self, new: &[String]) -> Edit {
        let inside = self.span.start + 1..self.inner_end();
        let kept = behind_comments(self.text, &inside);
        let text = new.join(", ");
        if kept == inside.start {
            return Edit { file: self.file, at: inside, text };
        }
        let (end, blank) = (eol(self.text, inside.start), indent(self.text, self.span.start));
        Edit { file: self.file, at: kept..inside.end, text: format!("{end}{blank}  {text}{end}{blank}") }
    }

    fn in_front(&self, at: usize, one: &str) -> Edit {
        if !self.is_long() {
            return Edit::insert(self.file, at, format!("{one}, "));
        }
        let (start, blank) = (line_start(self.text, at), indent(self.text, at));
        Edit::insert(self.file, start, format!("{blank}{one},{}", eol(self.text, at)))
    }

    fn at_end(&self, new: &[String]) -> Vec<Edit> {
        let at = self.items.len() - 1;
        let (found, last) = (self.behind(at), &self.items[at]);
        let (end, blank) = (eol(self.text, last.end), indent(self.text, last.start));
        let lines = new.join(&format!(",{end}{blank}"));
        let comma = if found.comma.is_some() { "," } else { "" };
        let more = Edit::insert(self.file, found.end, format!("{end}{blank}{lines}{comma}"));
        match found.comma {
            Some(_) => vec![more],
            None if found.end == last.end => vec![Edit { text: format!(",{}", more.text), ..more }],
            None => vec![Edit::insert(self.file, last.end, ","), more],
        }
    }

    /// Takes members out; at least one has to stay.
    pub(super) fn remove(&self, gone: &[usize]) -> Vec<Edit> {
        let last = self.items.len().saturating_sub(1);
        let stays = |at: usize| !gone.contains(&at);
        let mut edits: Vec<Edit> = gone.iter().map(|&at| self.cut(at)).collect();
        // The comma before the last one goes with it where none stood behind it.
        if !stays(last) && self.behind(last).comma.is_none() {
            let before = (0..last).rev().find(|at| stays(*at));
            let comma = before.and_then(|at| self.behind(at).comma);
            edits.extend(comma.map(|at| Edit { file: self.file, at: at..at + 1, text: String::new() }));
        }
        edits
    }

    fn cut(&self, at: usize) -> Edit {
        let (item, found) = (&self.items[at], self.behind(at));
        let line = line_start(self.text, item.start)..line_end(self.text, found.end);
        let alone =
            self.text[line.start..item.start].trim().is_empty() && self.text[found.end..line.end].trim().is_empty();
        let range = if alone && self.is_long() {
            let end = self.text[line.end..].find('\n').map_or(line.end, |next| line.end + next + 1);
            line.start..end
        } else {
            let end = found.comma.map_or(item.end, |comma| comma + 1);
            let blanks =
                self.text[end..self.inner_end()].len() - self.text[end..self.inner_end()].trim_start_matches(' ').len();
            let is_last = at + 1 == self.items.len();
            // The blank before the last one goes, the blank behind any other.
            let start =
                if is_last && at > 0 { self.text[..item.start].trim_end_matches(' ').len() } else { item.start };
            start..if is_last { end } else { end + blanks }
        };
        Edit { file: self.file, at: range, text: String::new() }
    }
}

/// How a new statement is to be written at its place.
pub(super) struct Slot {
    /// The indentation of its first line.
    pub base: String,
    /// What stands before and behind it.
    before: String,
    behind: String,
    /// The place, and a comma that is missing.
    at: usize,
    comma: Option<usize>,
    /// The one object that becomes a list: its opening bracket.
    bracket: Option<usize>,
    /// What is replaced, as the space between empty brackets.
    until: usize,
}

impl Slot {
    /// The edits that put a statement in.
    pub(super) fn fill(&self, file: usize, statements: &[String]) -> Vec<Edit> {
        let mut edits = Vec::new();
        edits.extend(self.bracket.map(|at| Edit::insert(file, at, "[")));
        let missing = self.comma.filter(|at| *at != self.at);
        edits.extend(missing.map(|at| Edit::insert(file, at, ",")));
        let comma = if self.comma == Some(self.at) { "," } else { "" };
        let statements = statements.join(&format!(",{}", self.before));
        let text = format!("{comma}{}{statements}{}", self.before, self.behind);
        edits.push(Edit { file, at: self.at..self.until, text });
        edits
    }
}

/// The place behind a statement of a list of objects, or at its end.
pub(super) fn slot(text: &str, form: Form, list: &List, after: Option<&Range<usize>>, unit: &str) -> Slot {
    let items: Vec<&Range<usize>> = list.items.iter().collect();
    let last = items.last().copied();
    let Some(item) = after.or(last) else { return in_empty(text, list, unit) };
    let newline = eol(text, item.end);
    let base = indent(text, line_start(text, item.end)).to_owned();
    let mut slot = Slot {
        base,
        before: " ".into(),
        behind: String::new(),
        at: item.end,
        comma: Some(item.end),
        bracket: None,
        until: item.end,
    };
    if list.is_bare {
        return Slot { bracket: Some(item.start), behind: "]".into(), ..slot };
    }
    let inner_end = list.span.end.saturating_sub(1);
    let found = behind(text, item.end, inner_end, has_comments(form));
    let own_lines =
        text[line_start(text, item.start)..item.start].trim().is_empty() && text[found.end..inner_end].contains('\n');
    if own_lines {
        let blank = indent(text, item.start);
        let gap = gap(text, &items, item);
        slot.before = format!("{}{newline}{blank}", newline.repeat(usize::from(gap)));
        (slot.base, slot.at, slot.until) = (blank.to_owned(), found.end, found.end);
        slot.comma = (found.comma.is_none()).then_some(item.end);
        slot.behind = if found.comma.is_some() { ",".into() } else { String::new() };
    }
    slot
}

/// Whether an empty line stands between the statements.
fn gap(text: &str, items: &[&Range<usize>], item: &Range<usize>) -> bool {
    let at = items.iter().position(|other| *other == item).unwrap_or(0);
    let pair = at.checked_sub(1).and_then(|before| items.get(before)).zip(items.get(at));
    pair.is_some_and(|(before, item)| has_empty_line(&text[before.end..item.start]))
}

fn has_empty_line(between: &str) -> bool {
    let lines: Vec<&str> = between.split('\n').collect();
    lines.len() > 2 && lines[1..lines.len() - 1].iter().any(|line| line.trim().is_empty())
}

/// Where what is written between empty brackets ends: comments. It is where they open if there are none.
fn behind_comments(text: &str, inside: &Range<usize>) -> usize {
    inside.start + text.get(inside.clone()).unwrap_or_default().trim_end().len()
}

fn in_empty(text: &str, list: &List, unit: &str) -> Slot {
    let (start, end) = (list.span.start + 1, list.span.end.saturating_sub(1));
    let (newline, outer) = (eol(text, start), indent(text, list.span.start).to_owned());
    let base = format!("{outer}{unit}");
    Slot {
        before: format!("{newline}{base}"),
        behind: format!("{newline}{outer}"),
        base,
        at: behind_comments(text, &(start..end)),
        comma: None,
        bracket: None,
        until: end,
    }
}

/// The edits that put a `statement` block into a data source; `block` makes it for an indentation.
pub(super) fn put_blocks(
    text: &str,
    list: &List,
    after: Option<&Range<usize>>,
    unit: &str,
    block: &dyn Fn(&str) -> Vec<String>,
) -> Edit {
    let newline = eol(text, list.span.start);
    let items: Vec<&Range<usize>> = list.items.iter().collect();
    let Some(item) = after.or(items.last().copied()) else {
        let close = list.span.end.saturating_sub(1);
        let outer = indent(text, list.span.start).to_owned();
        let base = format!("{outer}{unit}");
        let head = text[..close].trim_end_matches([' ', '\t', '\r', '\n']).len();
        let is_empty = text[..head].ends_with('{');
        let gap = if is_empty { "" } else { newline };
        let blocks = block(&base).join(&format!("{newline}{newline}{base}"));
        let made = format!("{newline}{gap}{base}{blocks}{newline}{outer}");
        return Edit { file: list.file, at: head..close, text: made };
    };
    let base = indent(text, item.start).to_owned();
    let at = line_end(text, item.end);
    let gap = items.len() < 2 || gap(text, &items, items.last().copied().unwrap_or(item));
    let gap = if gap { newline } else { "" };
    let blocks = block(&base).join(&format!("{newline}{gap}{base}"));
    Edit::insert(list.file, at, format!("{newline}{gap}{base}{blocks}"))
}

/// The edits that take an element of an object out.
pub(super) fn cut_element(text: &str, form: Form, statement: &Statement, field: &Field) -> Vec<Edit> {
    let file = statement.file;
    let end = statement.span.end.saturating_sub(1);
    let found = behind(text, field.span.end, end, has_comments(form));
    let (start, stop) = (line_start(text, field.span.start), line_end(text, found.end));
    let alone = text[start..field.span.start].trim().is_empty() && text[found.end..stop].trim().is_empty();
    let until = if alone { text[stop..].find('\n').map_or(stop, |next| stop + next + 1) } else { found.end };
    let from = if alone { start } else { field.span.start };
    let mut edits = vec![Edit { file, at: from..until, text: String::new() }];
    let is_last = statement.fields.iter().all(|other| other.span.end <= field.span.end);
    // JSON takes no comma behind its last element.
    if is_last && found.comma.is_none() {
        let before =
            statement.fields.iter().filter(|other| other.span.end <= field.span.start && !other.span.is_empty());
        let before = before.max_by_key(|other| other.span.end);
        let comma = before.and_then(|other| behind(text, other.span.end, end, has_comments(form)).comma);
        edits.extend(comma.filter(|at| !(from..until).contains(at)).map(|at| Edit {
            file,
            at: at..at + 1,
            text: String::new(),
        }));
    }
    edits
}
