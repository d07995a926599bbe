//! YAML text → tree, from the events of the YAML parser.

use super::node::{Kind, MAX_DEPTH, Node, Quote, Unread};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// A collection that is not closed yet.
struct Open {
    node: Node,
    is_map: bool,
    children: Vec<Node>,
}

/// Reads the one document of a text.
pub(super) fn read(text: &str) -> Result<Node, Unread> {
    let mut reader = Reader { text, bytes: Offsets::new(text), open: Vec::new(), roots: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|fault| Unread::Yaml(fault.to_string()))?;
        reader.take(event, span)?;
    }
    let count = reader.roots.len();
    let mut roots = reader.roots;
    roots.pop().filter(|_| count == 1).ok_or(Unread::Documents(count))
}

/// Characters → bytes; the parser counts characters.
struct Offsets(Vec<usize>);

impl Offsets {
    fn new(text: &str) -> Self {
        Self(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
    }

    fn at(&self, index: usize) -> usize {
        self.0.get(index).or(self.0.last()).copied().unwrap_or_default()
    }
}

struct Reader<'t> {
    text: &'t str,
    bytes: Offsets,
    open: Vec<Open>,
    roots: Vec<Node>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Unread> {
        match event {
            Event::Alias(number) => {
                let node = self.node(span, None, 0, Kind::Alias(number));
                self.put(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = Kind::Scalar { text: text.into_owned(), quote: quote(style) };
                let node = self.node(span, tag.as_deref(), anchor, kind);
                self.put(node);
            }
            Event::SequenceStart(anchor, tag) => self.begin(span, tag.as_deref(), anchor, false)?,
            Event::MappingStart(anchor, tag) => self.begin(span, tag.as_deref(), anchor, true)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn node(&self, span: Span, tag: Option<&Tag>, anchor: usize, kind: Kind) -> Node {
        let (start, end) = (self.bytes.at(span.start.index()), self.bytes.at(span.end.index()));
        let written = self.text.get(start..end).unwrap_or_default().trim_end();
        let flow = written.ends_with(['[', '{']);
        Node { start, end: start + written.len(), tag: tag.map(name), anchor, flow, kind }
    }

    fn begin(&mut self, span: Span, tag: Option<&Tag>, anchor: usize, is_map: bool) -> Result<(), Unread> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Unread::Deep);
        }
        let node = self.node(span, tag, anchor, Kind::Seq(Vec::new()));
        self.open.push(Open { node, is_map, children: Vec::new() });
        Ok(())
    }

    fn end(&mut self, span: Span) {
        let Some(Open { mut node, is_map, children }) = self.open.pop() else { return };
        if node.flow {
            node.end = self.bytes.at(span.end.index());
        } else if let (Some(first), Some(last)) = (children.first(), children.last()) {
            if node.tag.is_none() && node.anchor == 0 {
                node.start = first.start;
            }
            node.end = last.end.max(node.end);
        }
        node.kind = if is_map { Kind::Map(pairs(children)) } else { Kind::Seq(children) };
        self.put(node);
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.roots.push(node),
        }
    }
}

fn pairs(children: Vec<Node>) -> Vec<(Node, Node)> {
    let mut pairs = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        pairs.push((key, value));
    }
    pairs
}

fn name(tag: &Tag) -> String {
    if tag.handle == "!" { tag.suffix.clone() } else { format!("!!{}{}", tag.handle, tag.suffix) }
}

fn quote(style: ScalarStyle) -> Quote {
    match style {
        ScalarStyle::Plain => Quote::Plain,
        ScalarStyle::SingleQuoted => Quote::Single,
        ScalarStyle::DoubleQuoted => Quote::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Quote::Block,
    }
}
