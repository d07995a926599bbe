//! Where messages begin in a paragraph.

use super::clean::{BREAK, ESCAPED_QUOTE, Line, SPACE};
use super::{Excerpt, end, wrapping};
use crate::denial::message::parse_pasted;
use std::collections::BTreeMap;

/// The core of every full message, without spaces, as a wrapped text may have lost or gained them.
const CORE: &str = "isnotauthorizedtoperform";
const EC2: &str = "youarenotauthorizedtoperformthisoperation";

/// Beginnings of messages without an action, in lower case and without spaces.
const OTHERS: &[&str] = &[
    EC2,
    "theciphertextreferstoacustomermasterkeythatdoesnotexist",
    "therequestwasdeniedduetoavpcendpointpolicy",
    "notauthorizedtoperformsts:assumerolewith",
    "notauthorizedtoperform:sts:assumerolewith",
    "insufficientlakeformationpermission",
    "iamuseraccessnotactivated",
    "rolesmaynotbeassumedbyrootaccounts",
    "multifactorauthenticationfailed",
    "cannotcallgetsessiontokenwithsessioncredentials",
    "cannotcallgetfederationtokenwithsessioncredentials",
    "youraccountiscurrentlyblocked",
    "youdon'thaveaccesstothemodelwiththespecifiedmodelid",
];

/// How far before the core its principal may begin, and how far around a message its wrapping may stand.
const REACH: usize = 600;
/// Bytes that one message may take; more than EC2's longest encoded text. Keeps the work linear.
const WINDOW: usize = 12_000;
/// Lines above a message that may hold its wrapping.
const LINES_ABOVE: usize = 3;

/// What may stand right before a message.
const OPENERS: &[char] = &['(', '"', '\'', '`', ESCAPED_QUOTE, BREAK];

/// Lines without a blank one among them.
pub(super) struct Paragraph<'a> {
    lines: &'a [Line],
    flat: String,
    /// Where each line begins in `flat`.
    starts: Vec<usize>,
    /// The first line's number in the whole text.
    base: usize,
    last_marks: &'a BTreeMap<usize, usize>,
}

impl<'a> Paragraph<'a> {
    pub(super) fn new(lines: &'a [Line], base: usize, last_marks: &'a BTreeMap<usize, usize>) -> Self {
        let (mut flat, mut starts) = (String::new(), Vec::new());
        for line in lines {
            starts.push(flat.len());
            flat.push_str(&line.text);
            flat.push('\n');
        }
        Self { lines, flat, starts, base, last_marks }
    }

    /// Adds the paragraph's messages; `open` is the input's line in which a quoted name never ended.
    pub(super) fn excerpts(&self, found: &mut Vec<Excerpt>, open: &mut Option<usize>) {
        let anchors = self.anchors();
        let mut done = 0;
        let mut open_here = false;
        for (n, &(start, core)) in anchors.iter().enumerate() {
            if start < done {
                continue;
            }
            let next = anchors[n + 1..].iter().map(|(next, _)| *next).find(|next| *next > start + CORE.len());
            let limit = next.unwrap_or(self.flat.len());
            let Some((message, stop, reaches_on)) = self.message(start, limit, core) else { continue };
            let (from, to) = self.around(start, stop, done, limit);
            self.codes_alone(done, from, found);
            let mut excerpt = message;
            let source = self.lines[self.line_of(start)].source;
            let goes_on = reaches_on || self.may_go_on(&excerpt, source, stop);
            excerpt.parsed.suspect |= open_here || *open == Some(source) || goes_on;
            if goes_on || end::leaves_quote_open(&excerpt) {
                (open_here, *open) = (true, Some(source));
            }
            wrapping::name(&mut excerpt, &self.words(from, start), &self.words(stop, to));
            found.push(excerpt);
            done = to;
        }
        self.codes_alone(done, self.flat.len(), found);
    }

    /// Whether a quoted name may hold an escaped line break and reach on: the string that it stands in has more marks.
    fn may_go_on(&self, excerpt: &Excerpt, source: usize, stop: usize) -> bool {
        let last = self.last_marks.get(&source).copied().unwrap_or_default();
        excerpt.message.contains(" on resource: \"") && last > self.base + self.line_of(stop)
    }

    /// Begins of messages, in order, and whether each has the core.
    fn anchors(&self) -> Vec<(usize, bool)> {
        let (mut squeezed, mut places) = (String::new(), Vec::new());
        let shown = |c: char| !c.is_whitespace() && c != BREAK && c != SPACE;
        for (at, c) in self.flat.char_indices().filter(|(_, c)| shown(*c)) {
            let c = c.to_ascii_lowercase();
            squeezed.push(c);
            places.resize(squeezed.len(), at);
        }
        let place = |(at, _): (usize, &str)| places.get(at).copied().unwrap_or_default();
        let mut anchors: Vec<(usize, bool)> = Vec::new();
        anchors.extend(squeezed.match_indices(CORE).map(|hit| (self.core_start(place(hit)), true)));
        for other in OTHERS {
            anchors.extend(squeezed.match_indices(other).map(|hit| (place(hit), false)));
        }
        anchors.sort_by_key(|(start, core)| (*start, !core));
        anchors.dedup_by_key(|(start, _)| *start);
        anchors
    }

    /// Where the principal before the core begins, or EC2's sentence before that.
    fn core_start(&self, at: usize) -> usize {
        let low = floor(&self.flat, at.saturating_sub(REACH));
        let head = &self.flat[low..at];
        let told = head.rfind("User:").filter(|user| head[*user..].split_whitespace().count() <= 7);
        let word = || {
            let trimmed = head.trim_end();
            trimmed.len() - trimmed.rsplit(char::is_whitespace).next().unwrap_or_default().len()
        };
        let start = low + told.unwrap_or_else(word);
        let start =
            start + self.flat[start..at].find(|c: char| !c.is_whitespace() && !OPENERS.contains(&c)).unwrap_or(0);
        self.ec2_start(start).unwrap_or(start)
    }

    fn ec2_start(&self, start: usize) -> Option<usize> {
        let low = floor(&self.flat, start.saturating_sub(150));
        let head = &self.flat[low..start];
        let you = head.rfind("You")?;
        let squeezed: String =
            head[you..].chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        (squeezed.trim_end_matches('.') == EC2).then_some(low + you)
    }

    /// The message at `start`, where it stops, and whether its quoted name may reach beyond that in the line.
    fn message(&self, start: usize, limit: usize, core: bool) -> Option<(Excerpt, usize, bool)> {
        let first = self.line_of(start);
        let quote = self.open_quote(first, start);
        let window = floor(&self.flat, start + WINDOW);
        let limit = limit.min(window);
        let line_end = self.line_end(first).min(window);
        let piece = |line: usize, to: usize| {
            let from = self.starts[line].max(start);
            let end = (self.starts[line] + self.lines[line].text.len()).min(to);
            let Line { width, indented, source, .. } = self.lines[line];
            Line { text: self.flat[from..end.max(from)].trim_end().to_owned(), width, indented, source }
        };
        let last = |to: usize| self.line_of(to.saturating_sub(1).max(start)).min(first + end::MOST_LINES);
        let up_to = |to: usize| (first..=last(to)).map(|line| piece(line, to)).collect::<Vec<_>>();
        // A quoted name may hold a whole message of its own: it must not end the one that it stands in.
        let swallowed = (limit < line_end && core).then(|| end::quoted_whole(&up_to(line_end), quote)).flatten();
        let to = if swallowed.is_some() { line_end } else { limit };
        let taken = swallowed.or_else(|| end::message(&up_to(limit), quote, core))?;
        let line = (first + taken.lines - 1).min(self.lines.len() - 1);
        let stop = self.starts[line].max(start) + piece(line, to).text.len().saturating_sub(taken.over);
        // Marks right before the stop belong to the quotation mark behind it.
        let marks = self.flat[..stop].trim_end_matches(BREAK).len();
        let behind = &self.flat[marks..self.line_end(line).max(stop)];
        let xml = self.flat[..start].ends_with("<Message>");
        let reaches_on = taken.may_reach_into(behind, to < self.line_end(line), xml);
        let (message, parsed) = (taken.message, taken.parsed);
        Some((Excerpt { message, parsed, operation: None, service: None, error_code: None }, stop, reaches_on))
    }

    /// The quotation mark that a message stands in.
    fn open_quote(&self, line: usize, start: usize) -> Option<char> {
        let head = &self.flat[self.near(line, start)..start];
        if head.matches('"').count() % 2 == 1 {
            return Some('"');
        }
        head.chars().next_back().filter(|c| matches!(*c, '\'' | '`' | ESCAPED_QUOTE | '(' | '[' | '>'))
    }

    /// The stretch around a message that belongs to it alone.
    fn around(&self, start: usize, stop: usize, done: usize, limit: usize) -> (usize, usize) {
        let line = self.line_of(start);
        let named = |from: usize| wrapping::codes(&self.flat[from..start]).next().is_some();
        let mut from = self.near(line, start).max(done);
        for above in (line.saturating_sub(LINES_ABOVE)..line).rev() {
            let text = &self.lines[above].text;
            let apart = text.contains("Access Denied") || wrapping::begins_statement(text) && from < start;
            if named(from) || self.starts[above] < done || apart {
                break;
            }
            from = self.starts[above];
        }
        let here = self.line_of(stop);
        let own = |line: &usize| !wrapping::begins_statement(&self.lines[*line].text);
        let below = (here + 1..self.lines.len()).take(2 * LINES_ABOVE).take_while(own).last().unwrap_or(here);
        let far = self.line_end(below);
        let next_line = if limit < self.flat.len() { self.starts[self.line_of(limit)].max(stop) } else { limit };
        (floor(&self.flat, from), floor(&self.flat, far.min(next_line).min(stop + REACH)).max(stop))
    }

    /// Errors that name a code and no more than `Access Denied`.
    fn codes_alone(&self, from: usize, to: usize, found: &mut Vec<Excerpt>) {
        if from >= to {
            return;
        }
        for line in self.line_of(from)..=self.line_of(to - 1) {
            let begin = self.starts[line].max(from);
            let text = &self.flat[begin..self.line_end(line).min(to).max(begin)];
            found.extend(end::code_alone(text, &self.words(self.near(line, begin), begin)));
        }
    }

    fn words(&self, from: usize, to: usize) -> String {
        self.flat[from..to.max(from)].replace(['\n', SPACE], " ").replace(BREAK, "").replace(ESCAPED_QUOTE, "\"")
    }

    /// Where a line begins, or a place near enough before `at`.
    fn near(&self, line: usize, at: usize) -> usize {
        self.starts[line].max(floor(&self.flat, at.saturating_sub(REACH)))
    }

    fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn line_end(&self, line: usize) -> usize {
        self.starts[line] + self.lines[line].text.len()
    }
}

/// The nearest place at or before `at` that parts no character.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// [`parse_pasted`], for the sibling that has no message to speak of.
pub(super) fn excerpt(message: &str) -> Excerpt {
    let parsed = parse_pasted(message);
    Excerpt { message: message.to_owned(), parsed, operation: None, service: None, error_code: None }
}
