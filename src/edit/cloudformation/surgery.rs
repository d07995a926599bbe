//! One change to a template's text, and nothing but it: the text is read again and must say what was meant.

use super::node::{Doc, Kind, Node, Path, Unread};
use super::out::Out;
use super::style::Style;

/// A change to the node at a path.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Into a list, behind the item of this number; `None`: at its end.
    Push(Option<usize>, Out),
    /// A single value becomes a list, with these behind it.
    Widen(Vec<Out>),
    /// A pair at the end of an object.
    Put(String, Out),
    /// Takes an item or a pair out.
    Drop(usize),
}

impl Change {
    /// All that it brings, as one node.
    pub(super) fn node(&self) -> Node {
        match self {
            Self::Push(_, value) | Self::Put(_, value) => value.node(),
            Self::Widen(values) => Out::List(values.clone()).node(),
            Self::Drop(_) => Node::loose(Kind::Seq(Vec::new())),
        }
    }
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the way it is written there cannot be changed safely ({0})")]
    Place(&'static str),
    #[error("the changed text is no template any more: {0}")]
    Broken(Unread),
    #[error("the changed text would say something else than was meant")]
    Unfaithful,
}

/// A change of text: bytes from, to, and what stands there instead.
type Piece = (usize, usize, String);

/// Makes the change and reads the result back: all but the change must be equal.
///
/// `key` is the key under which the value stands, for its style.
pub(super) fn apply(doc: &Doc, path: &[usize], key: &str, change: &Change, style: &Style) -> Result<Doc, Refused> {
    let node = doc.at(path).ok_or(Refused::Place("it is not there"))?;
    if doc.is_shared(path) {
        return Err(Refused::Place("an anchor is used elsewhere too"));
    }
    let change = spelled(change, style.long);
    let pieces = match &change {
        Change::Push(at, item) => vec![push(doc, node, *at, |indent| style.item(key, item, indent), style)?],
        Change::Put(name, value) => vec![put(doc, node, name, value, style)?],
        Change::Widen(more) => widen(doc, path, key, more, style)?,
        Change::Drop(at) => vec![drop_at(doc, node, *at)?],
    };
    let mut text = doc.text.clone();
    for (from, to, new) in pieces.into_iter().rev() {
        text.replace_range(from..to, &new);
    }
    let changed = Doc::parse(&text).map_err(Refused::Broken)?;
    let mut expect = doc.root.clone();
    meant(&mut expect, path, &change).ok_or(Refused::Unfaithful)?;
    if changed.is_json != doc.is_json || !changed.root.same(&expect) {
        return Err(Refused::Unfaithful);
    }
    Ok(changed)
}

fn spelled(change: &Change, long: bool) -> Change {
    match change {
        Change::Push(at, item) => Change::Push(*at, item.spelled(long)),
        Change::Widen(more) => Change::Widen(more.iter().map(|item| item.spelled(long)).collect()),
        Change::Put(key, value) => Change::Put(key.clone(), value.spelled(long)),
        Change::Drop(at) => Change::Drop(*at),
    }
}

/// The same change to the tree.
fn meant(root: &mut Node, path: &[usize], change: &Change) -> Option<()> {
    let node = path.iter().try_fold(root, |node, step| node.child_mut(*step))?;
    match (change, &mut node.kind) {
        (Change::Push(at, item), Kind::Seq(items)) => {
            items.insert(at.map_or(items.len(), |at| at + 1), item.node());
        }
        (Change::Put(key, value), Kind::Map(pairs)) => {
            pairs.push((Out::text(key).node(), value.node()));
        }
        (Change::Drop(at), Kind::Seq(items)) => drop(items.remove(*at)),
        (Change::Drop(at), Kind::Map(pairs)) => drop(pairs.remove(*at)),
        (Change::Widen(more), _) => {
            let old = std::mem::replace(node, Node::loose(Kind::Alias(0)));
            node.kind = Kind::Seq(std::iter::once(old).chain(more.iter().map(Out::node)).collect());
        }
        _ => return None,
    }
    Some(())
}

/// Where the line of this byte ends, its line end aside.
fn line_end(doc: &Doc, byte: usize) -> usize {
    let rest = doc.slice(byte, doc.text.len());
    let line = rest.find('\n').map_or(rest, |at| &rest[..at]);
    byte + line.strip_suffix('\r').unwrap_or(line).len()
}

/// The blanks before a byte on its line; `None` where something else stands there.
fn indent(doc: &Doc, byte: usize) -> Option<&str> {
    let before = doc.slice(doc.line_start(byte), byte);
    before.chars().all(|c| c == ' ' || c == '\t').then_some(before)
}

/// The dash of a list's item, which may stand on a line of its own.
pub(super) fn dash(doc: &Doc, item: &Node) -> Result<usize, Refused> {
    let mut end = item.start;
    loop {
        let head = doc.slice(0, end).trim_end_matches([' ', '\t', '\r', '\n']);
        if head.ends_with('-') {
            return Ok(head.len() - 1);
        }
        // Only a comment may stand between.
        let start = doc.line_start(head.len());
        let comment = doc.slice(start, head.len()).find('#').map(|at| start + at);
        end = comment.filter(|at| *at < end && *at > 0).ok_or(Refused::Place("an item's dash is not found"))?;
    }
}

fn push(
    doc: &Doc,
    node: &Node,
    at: Option<usize>,
    item: impl Fn(&str) -> String,
    style: &Style,
) -> Result<Piece, Refused> {
    let items = node.items();
    if node.flow {
        let beside: Vec<&Node> = items.iter().collect();
        return flow(doc, node, &beside, at, item, style);
    }
    let last = at.map_or(items.last(), |at| items.get(at)).ok_or(Refused::Place("the list is empty"))?;
    let dash = dash(doc, last)?;
    let indent = indent(doc, dash).ok_or(Refused::Place("a list begins on another list's line"))?;
    let end = line_end(doc, last.end);
    let space = if blank_between(doc, items) { style.eol } else { "" };
    Ok((end, end, format!("{space}{}{indent}-{}{}", style.eol, style.gap, item(indent))))
}

/// Whether the author leaves a line free between items.
fn blank_between(doc: &Doc, items: &[Node]) -> bool {
    items.windows(2).any(|pair| {
        // The last line is the next item's own.
        let lines: Vec<&str> = doc.slice(pair[0].end, pair[1].start).split('\n').skip(1).collect();
        lines.split_last().is_some_and(|(_, between)| between.iter().any(|line| line.trim().is_empty()))
    })
}

fn put(doc: &Doc, node: &Node, key: &str, value: &Out, style: &Style) -> Result<Piece, Refused> {
    let pairs = node.pairs();
    if node.flow {
        let beside: Vec<Node> =
            pairs.iter().map(|(key, value)| Node { start: key.start, end: value.end, ..value.clone() }).collect();
        return flow(
            doc,
            node,
            &beside.iter().collect::<Vec<_>>(),
            None,
            |indent| style.pair(key, value, indent),
            style,
        );
    }
    let (first, last) = pairs.first().zip(pairs.last()).ok_or(Refused::Place("the object is empty"))?;
    let column = doc.slice(doc.line_start(first.0.start), first.0.start).chars().count();
    let indent = " ".repeat(column);
    let end = line_end(doc, last.1.end.max(last.0.end));
    let spans: Vec<Node> =
        pairs.iter().map(|(key, value)| Node { start: key.start, end: value.end, ..value.clone() }).collect();
    let space = if blank_between(doc, &spans) { style.eol } else { "" };
    Ok((end, end, format!("{space}{}{indent}{}", style.eol, style.pair(key, value, &indent))))
}

/// Into brackets or braces, behind what stands there.
fn flow(
    doc: &Doc,
    node: &Node,
    beside: &[&Node],
    at: Option<usize>,
    item: impl Fn(&str) -> String,
    style: &Style,
) -> Result<Piece, Refused> {
    let Some(last) = at.map_or(beside.last(), |at| beside.get(at)) else {
        let close = node.end.saturating_sub(1);
        let open = node.start + doc.slice(node.start, close).find(['[', '{']).unwrap_or(0) + 1;
        let blank = doc.slice(open, close).trim().is_empty();
        let outer = indent_of_line(doc, node.start);
        return if blank { Ok((open, close, item(outer))) } else { Err(Refused::Place("comments stand in brackets")) };
    };
    let behind = doc.slice(last.end, node.end);
    let is_last = beside.last().is_some_and(|end| std::ptr::eq(*end, *last));
    let comma = comma(behind);
    match indent(doc, last.start) {
        // The author closes the list with a comma too.
        Some(indent) if is_last && comma.is_some() => {
            let to = last.end + comma.unwrap_or(0) + 1;
            Ok((to, to, format!("{}{indent}{},", style.eol, item(indent))))
        }
        Some(indent) if is_last || comma.is_some() => {
            // Behind the comma that is there; else the item brings its own.
            let new = format!(",{}{indent}{}", style.eol, item(indent));
            Ok((last.end, last.end, new))
        }
        None => Ok((last.end, last.end, format!(", {}", item(indent_of_line(doc, last.start))))),
        Some(_) => Err(Refused::Place("a comma is not found")),
    }
}

fn indent_of_line(doc: &Doc, byte: usize) -> &str {
    let line = doc.slice(doc.line_start(byte), byte);
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Where a comma stands, blanks and comments before it.
fn comma(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let skipped = rest.len() - rest.trim_start().len();
        match rest.trim_start().chars().next()? {
            ',' => return Some(at + skipped),
            '#' => at += rest.find('\n')?.max(1),
            _ => return None,
        }
    }
}

/// `Key: value` → `Key: [value, more]`, or a line for each.
fn widen(doc: &Doc, path: &[usize], key: &str, more: &[Out], style: &Style) -> Result<Vec<Piece>, Refused> {
    let node = doc.at(path).ok_or(Refused::Place("it is not there"))?;
    let parent = path.split_last().and_then(|(step, parent)| Some((doc.at(parent)?, *step)));
    let (parent, step) = parent.ok_or(Refused::Place("it stands alone"))?;
    let name = parent.pairs().get(step).map(|(name, _)| name).ok_or(Refused::Place("it stands in a list"))?;
    let written = doc.slice(node.start, node.end);
    if parent.flow || style.is_list_on_one_line(key) {
        if written.contains('\n') && !node.flow {
            return Err(Refused::Place("the value takes several lines"));
        }
        let indent = indent_of_line(doc, name.start);
        let (open, between, close) = style.brackets(key, parent.flow, indent);
        let inner = format!("{indent}{}", style.unit);
        let more: String = more.iter().map(|item| format!("{between}{}", style.in_list(key, item, &inner))).collect();
        return Ok(vec![(node.start, node.start, open), (node.end, node.end, format!("{more}{close}"))]);
    }
    let column = doc.slice(doc.line_start(name.start), name.start).chars().count();
    let inner = format!("{}{}", " ".repeat(column), style.dash);
    let items = more.iter().map(|item| format!("{}{inner}-{}{}", style.eol, style.gap, style.item(key, item, &inner)));
    let end = line_end(doc, node.end);
    let last = (end, end, items.collect::<String>());
    let colon = doc.slice(name.end, node.start).find(':').map(|at| name.end + at + 1);
    let colon = colon.ok_or(Refused::Place("a colon is not found"))?;
    if !written.contains('\n') {
        return Ok(vec![(colon, node.start, format!("{}{inner}-{}", style.eol, style.gap)), last]);
    }
    // An object on lines of its own moves in behind the dash.
    let starts = indent(doc, node.start).ok_or(Refused::Place("the value takes several lines"))?;
    let mut pieces = vec![(node.start - starts.len(), node.start, format!("{inner}-{}", style.gap))];
    let shift = (inner.len() + 1 + style.gap.len()).checked_sub(starts.len()).map(|by| " ".repeat(by));
    let shift = shift.ok_or(Refused::Place("the value stands further in than a list would"))?;
    let lines = written.match_indices('\n').map(|(at, _)| node.start + at + 1);
    let filled = lines.filter(|at| !doc.slice(*at, line_end(doc, *at)).trim().is_empty());
    pieces.extend(filled.map(|at| (at, at, shift.clone())));
    pieces.push(last);
    Ok(pieces)
}

/// Takes whole lines out, or what stands between two commas.
fn drop_at(doc: &Doc, node: &Node, at: usize) -> Result<Piece, Refused> {
    let spans: Vec<(usize, usize)> = match &node.kind {
        Kind::Seq(items) => items.iter().map(|item| (item.start, item.end)).collect(),
        Kind::Map(pairs) => pairs.iter().map(|(key, value)| (key.start, value.end.max(key.end))).collect(),
        Kind::Scalar { .. } | Kind::Alias(_) => Vec::new(),
    };
    let (start, end) = *spans.get(at).ok_or(Refused::Place("it is not there"))?;
    if spans.len() < 2 {
        return Err(Refused::Place("nothing would be left"));
    }
    if node.flow {
        let piece = match (spans.get(at + 1), at.checked_sub(1).and_then(|prior| spans.get(prior))) {
            (Some(next), _) => (start, next.0, String::new()),
            (None, Some(prior)) => (prior.1, end, String::new()),
            (None, None) => (start, end, String::new()),
        };
        let lost = doc.slice(piece.0, piece.1).replace(doc.slice(start, end), "");
        return if lost.contains('#') { Err(Refused::Place("a comment would be lost")) } else { Ok(piece) };
    }
    let begin = match node.items().get(at) {
        Some(item) => dash(doc, item)?,
        None => start,
    };
    // The first pair of an item stands behind its dash: the next one takes its place there.
    if indent(doc, begin).is_none() {
        let next = spans.get(at + 1).ok_or(Refused::Place("nothing would be left"))?;
        if doc.slice(end, next.0).contains('#') {
            return Err(Refused::Place("a comment would be lost"));
        }
        return Ok((begin, next.0, String::new()));
    }
    let stop = line_end(doc, end);
    let eol = doc.slice(stop, doc.text.len()).find('\n').map_or(doc.text.len(), |newline| stop + newline + 1);
    Ok((doc.line_start(begin), eol, String::new()))
}

/// The way to a key below a path.
pub(super) fn below(doc: &Doc, path: &[usize], key: &str) -> Option<Path> {
    let step = doc.at(path)?.find(key)?;
    Some([path, &[step]].concat())
}
