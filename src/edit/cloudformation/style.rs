//! How the template's author writes: learnt from the statements beside, and used for ours.

use super::node::{Doc, Kind, Node, Quote, is_word};
use super::out::Out;
use super::surgery::dash;
use crate::render::escape::{is_unseen, yaml_string};
use std::collections::BTreeMap;

/// How a list or a single value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Bare,
    OneLine,
    Lines,
}

/// The order of a statement's keys where no statement beside shows another.
const ORDER: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];

/// The author's habits.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub eol: &'static str,
    /// One level of indentation.
    pub unit: String,
    /// What a dash stands further in than its key.
    pub dash: String,
    /// The blanks behind a dash.
    pub gap: String,
    /// Functions in their long form.
    pub long: bool,
    /// Whether statements are named.
    pub has_sids: bool,
    /// The whole value in brackets and braces.
    pub flow: bool,
    json: bool,
    one_line: bool,
    colon: String,
    pad: String,
    quoting: Quote,
    sub: Quote,
    single: BTreeMap<String, Shape>,
    many: BTreeMap<String, Shape>,
    quotes: BTreeMap<String, Quote>,
    /// Of texts that cannot go without.
    forced: BTreeMap<String, Quote>,
    /// Plain texts hold colons.
    plain_colons: bool,
    order: Vec<String>,
}

impl Style {
    /// Learns from statements, the nearest first, what to write beside or inside `near`; functions are long where the
    /// template has no short ones.
    pub(super) fn of(doc: &Doc, near: Option<&Node>, beside: &[&Node], long: bool) -> Self {
        let eol = if doc.text.contains("\r\n") { "\r\n" } else { "\n" };
        let flow = doc.is_json || near.is_some_and(|node| node.flow);
        let mut style = Self {
            eol,
            unit: unit(doc),
            dash: String::new(),
            gap: " ".to_owned(),
            long,
            has_sids: beside.is_empty() || beside.iter().any(|node| node.find("Sid").is_some()),
            flow,
            json: doc.is_json,
            one_line: flow && near.is_some_and(|node| !doc.slice(node.start, node.end).contains('\n')),
            colon: ": ".to_owned(),
            pad: String::new(),
            quoting: Quote::Double,
            sub: Quote::Double,
            single: BTreeMap::new(),
            many: BTreeMap::new(),
            quotes: BTreeMap::new(),
            forced: BTreeMap::new(),
            plain_colons: false,
            order: Vec::new(),
        };
        style.dashes(doc, beside);
        style.count_quotes(doc);
        let mut sub = None;
        for node in beside {
            style.learn(doc, node, "");
            node.walk(&mut |node| sub = sub.or(sub_quote(node)));
        }
        style.sub = sub.unwrap_or(style.sub);
        let longest = beside.iter().max_by_key(|node| node.pairs().len());
        style.order = longest
            .map(|node| node.pairs())
            .unwrap_or_default()
            .iter()
            .filter_map(|(key, _)| Some(key.text()?.to_owned()))
            .collect();
        style
    }

    /// How lists stand beside, else in most of the template.
    fn dashes(&mut self, doc: &Doc, beside: &[&Node]) {
        let mut all: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for node in beside {
            node.walk(&mut |node| lists(doc, node, &mut all));
        }
        if all.is_empty() {
            doc.root.walk(&mut |node| lists(doc, node, &mut all));
        }
        // Of equally many the one that stands further in.
        let most = all.into_iter().max_by_key(|(habit, count)| (*count, *habit));
        let (dash, gap) = most.map_or((2, 1), |(habit, _)| habit);
        self.dash = " ".repeat(dash);
        self.gap = " ".repeat(gap);
    }

    fn count_quotes(&mut self, doc: &Doc) {
        let (mut single, mut double) = (0_usize, 0_usize);
        let mut sub = None;
        doc.root.walk(&mut |node| {
            let Kind::Scalar { quote, .. } = node.kind else { return };
            single += usize::from(quote == Quote::Single);
            double += usize::from(quote == Quote::Double);
            sub = sub.or(sub_quote(node));
        });
        self.quoting = if single > double && !doc.is_json { Quote::Single } else { Quote::Double };
        self.sub = sub.unwrap_or(self.quoting);
    }

    fn learn(&mut self, doc: &Doc, node: &Node, key: &str) {
        match &node.kind {
            Kind::Scalar { quote, text } if *quote != Quote::Block && node.tag.is_none() => {
                // A text that must be quoted tells nothing of those that need not.
                if *quote == Quote::Plain || is_word(text) {
                    self.quotes.entry(key.to_owned()).or_insert(*quote);
                } else {
                    self.forced.entry(key.to_owned()).or_insert(*quote);
                }
                self.plain_colons |= *quote == Quote::Plain && text.contains(':');
            }
            Kind::Scalar { .. } | Kind::Alias(_) => {}
            Kind::Seq(items) => {
                self.pad_of(doc, node, items.first());
                items.iter().for_each(|item| self.learn(doc, item, key));
            }
            Kind::Map(pairs) => {
                self.pad_of(doc, node, pairs.first().map(|(key, _)| key));
                for (name, value) in pairs {
                    self.colon_of(doc, name, value);
                    let Some(name) = name.text() else { continue };
                    self.shape_of(doc, name, value);
                    self.learn(doc, value, name);
                }
            }
        }
    }

    fn shape_of(&mut self, doc: &Doc, key: &str, value: &Node) {
        let Kind::Seq(items) = value.kind_of_list() else {
            if value.pairs().is_empty() || value.tag.is_some() {
                self.single.entry(key.to_owned()).or_insert(Shape::Bare);
            }
            return;
        };
        let one_line = value.flow && !doc.slice(value.start, value.end).contains('\n');
        let shape = if one_line { Shape::OneLine } else { Shape::Lines };
        let map = if items.len() == 1 { &mut self.single } else { &mut self.many };
        map.entry(key.to_owned()).or_insert(shape);
    }

    fn pad_of(&mut self, doc: &Doc, node: &Node, first: Option<&Node>) {
        let Some(first) = first.filter(|_| node.flow && self.pad.is_empty()) else { return };
        let open = node.start + doc.slice(node.start, first.start).find(['[', '{']).map_or(1, |at| at + 1);
        let between = doc.slice(open, first.start);
        if between == " " {
            between.clone_into(&mut self.pad);
        }
    }

    fn colon_of(&mut self, doc: &Doc, key: &Node, value: &Node) {
        let between = doc.slice(key.end, value.start);
        if doc.is_json && between.contains(':') && between.chars().all(|c| c == ':' || c == ' ') {
            between.clone_into(&mut self.colon);
        }
    }

    /// A statement's pairs in the author's order; without its name where statements have none here.
    pub(super) fn ordered(&self, pairs: Vec<(String, Out)>) -> Vec<(String, Out)> {
        let place = |key: &str| {
            let default = ORDER.iter().position(|name| *name == key).unwrap_or(ORDER.len());
            let own = self.order.iter().position(|name| name == key);
            // A key that the author's longest statement lacks stands behind the one that it usually follows.
            let before =
                || ORDER[..default].iter().rev().find_map(|prior| self.order.iter().position(|name| name == prior));
            (own.or_else(before).map_or(0, |at| at + 1), usize::from(own.is_none()), default)
        };
        let mut pairs: Vec<_> = pairs.into_iter().filter(|(key, _)| self.has_sids || key != "Sid").collect();
        pairs.sort_by_cached_key(|(key, _)| place(key));
        pairs
    }

    /// One value in a list, or by itself, as the author has it under this key.
    pub(super) fn list(&self, key: &str, mut items: Vec<Out>) -> Out {
        let bare = self.single.get(key).is_none_or(|shape| *shape == Shape::Bare);
        match items.pop() {
            Some(one) if items.is_empty() && bare => one,
            Some(last) => {
                items.push(last);
                Out::List(items)
            }
            None => Out::List(items),
        }
    }

    fn is_one_line(&self, key: &str, items: &[Out]) -> bool {
        let is_flat = !items.iter().any(|item| matches!(item, Out::Map(pairs) if !is_call(pairs)));
        let (first, second) = if items.len() == 1 { (&self.single, &self.many) } else { (&self.many, &self.single) };
        let near = first.get(key).or_else(|| second.get(key)).filter(|shape| **shape != Shape::Bare);
        let any = || first.values().chain(second.values()).find(|shape| **shape != Shape::Bare);
        near.or_else(|| any().filter(|_| is_flat)) == Some(&Shape::OneLine)
    }

    /// Whether a list under this key stands on one line.
    pub(super) fn is_list_on_one_line(&self, key: &str) -> bool {
        !self.flow && self.is_one_line(key, &[])
    }

    /// What opens a list, stands between its items and closes it, for a value that stands at `indent`.
    pub(super) fn brackets(&self, key: &str, in_flow: bool, indent: &str) -> (String, String, String) {
        let (eol, unit, pad) = (self.eol, &self.unit, &self.pad);
        if in_flow && !self.one_line && !self.is_one_line(key, &[]) {
            return (format!("[{eol}{indent}{unit}"), format!(",{eol}{indent}{unit}"), format!("{eol}{indent}]"));
        }
        (format!("[{pad}"), ", ".to_owned(), format!("{pad}]"))
    }

    /// An item between brackets.
    pub(super) fn in_list(&self, key: &str, value: &Out, indent: &str) -> String {
        if self.flow { self.tree(key, value, indent) } else { self.line(key, value, true) }
    }

    /// A pair: its lines behind the first begin with the line end and `indent` or more.
    pub(super) fn pair(&self, key: &str, value: &Out, indent: &str) -> String {
        if self.flow {
            return format!("{}{}{}", self.key(key), self.colon, self.tree(key, value, indent));
        }
        let mut out = format!("{}:", self.key(key));
        match value {
            Out::List(items) if !items.is_empty() && !self.is_one_line(key, items) => {
                let inner = format!("{indent}{}", self.dash);
                for item in items {
                    out.push_str(&format!("{}{inner}-{}{}", self.eol, self.gap, self.item(key, item, &inner)));
                }
            }
            Out::Map(pairs) if !pairs.is_empty() => {
                let inner = format!("{indent}{}", self.unit);
                for (key, value) in pairs {
                    out.push_str(&format!("{}{inner}{}", self.eol, self.pair(key, value, &inner)));
                }
            }
            value => out.push_str(&format!(" {}", self.line(key, value, false))),
        }
        out
    }

    /// What stands behind an item's dash, which stands at `indent`; or the item itself inside brackets.
    pub(super) fn item(&self, key: &str, value: &Out, indent: &str) -> String {
        match value {
            _ if self.flow => self.tree(key, value, indent),
            Out::Map(pairs) if !pairs.is_empty() => {
                let inner = format!("{indent} {}", self.gap);
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| self.pair(key, value, &inner)).collect();
                pairs.join(&format!("{}{inner}", self.eol))
            }
            value => self.line(key, value, false),
        }
    }

    /// In brackets and braces, over several lines where the author does so; the closing one stands at `indent`.
    fn tree(&self, key: &str, value: &Out, indent: &str) -> String {
        let inner = format!("{indent}{}", self.unit);
        let (open, parts, close) = match value {
            Out::List(items) if !items.is_empty() && !self.one_line && !self.is_one_line(key, items) => {
                ('[', items.iter().map(|item| self.tree(key, item, &inner)).collect::<Vec<_>>(), ']')
            }
            Out::Map(pairs) if !pairs.is_empty() && !self.one_line && !is_call(pairs) => {
                ('{', pairs.iter().map(|(key, value)| self.pair(key, value, &inner)).collect(), '}')
            }
            value => return self.line(key, value, true),
        };
        let eol = self.eol;
        format!("{open}{eol}{inner}{}{eol}{indent}{close}", parts.join(&format!(",{eol}{inner}")))
    }

    /// On one line.
    pub(super) fn line(&self, key: &str, value: &Out, in_flow: bool) -> String {
        let pad = &self.pad;
        match value {
            Out::Text(text) => self.scalar(key, text, self.quotes.get(key).copied().unwrap_or(Quote::Plain), in_flow),
            Out::Bare(text) | Out::Same(text, _) => text.clone(),
            Out::Call("Sub", text) if self.sub == Quote::Plain && !in_flow && is_plain_sub(text) => {
                format!("!Sub {text}")
            }
            Out::Call("Sub", text) => format!("!Sub {}", self.quoted(text, self.sub)),
            Out::Call(name, text) => format!("!{name} {}", self.scalar("", text, Quote::Plain, in_flow)),
            Out::List(items) if items.is_empty() => "[]".to_owned(),
            Out::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.line(key, item, true)).collect();
                format!("[{pad}{}{pad}]", items.join(", "))
            }
            Out::Map(pairs) if pairs.is_empty() => "{}".to_owned(),
            Out::Map(pairs) => {
                let pair = |(key, value): &(String, Out)| {
                    format!("{}{}{}", self.key_in_flow(key), self.colon, self.line(key, value, true))
                };
                format!("{{{pad}{}{pad}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn key(&self, key: &str) -> String {
        if self.flow { self.key_in_flow(key) } else { self.scalar("", key, Quote::Plain, false) }
    }

    fn key_in_flow(&self, key: &str) -> String {
        // Some readers take a colon inside braces for the end of a plain key.
        let plain = if key.contains(':') { Quote::Double } else { Quote::Plain };
        self.scalar("", key, plain, true)
    }

    fn scalar(&self, key: &str, text: &str, wish: Quote, in_flow: bool) -> String {
        // Some readers take a plain text with a colon inside brackets for a pair, unless the author knows better.
        let plain = wish == Quote::Plain && !self.json && is_word(text);
        if plain && (self.plain_colons || !in_flow || !text.contains(':')) {
            return text.to_owned();
        }
        let forced = self.forced.get(key).or_else(|| self.forced.values().next()).copied();
        self.quoted(text, if wish == Quote::Plain { forced.unwrap_or(self.quoting) } else { wish })
    }

    fn quoted(&self, text: &str, wish: Quote) -> String {
        let quote = if wish == Quote::Single || wish == Quote::Double { wish } else { self.quoting };
        let is_seen = !text.chars().any(|c| is_unseen(c) || c.is_control());
        if self.json {
            return serde_json::Value::from(text).to_string();
        }
        if quote == Quote::Single && is_seen { format!("'{}'", text.replace('\'', "''")) } else { yaml_string(text) }
    }
}

/// How `!Sub`'s text is quoted.
fn sub_quote(node: &Node) -> Option<Quote> {
    match node.kind {
        Kind::Scalar { quote, .. } if node.tag.as_deref() == Some("Sub") && quote != Quote::Block => Some(quote),
        _ => None,
    }
}

/// A function in its long form stays on one line.
fn is_call(pairs: &[(String, Out)]) -> bool {
    matches!(pairs, [(key, _)] if key == "Ref" || key.starts_with("Fn::"))
}

/// Whether `!Sub`'s text needs no quotes in block style.
fn is_plain_sub(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| !"${}!".contains(*c)).collect();
    (text.starts_with("${") || text.starts_with(|c: char| c.is_ascii_alphabetic()))
        && is_word(&format!("a{bare}a"))
        && !text.ends_with(':')
}

/// One level of indentation: of the first resource in `Resources`.
fn unit(doc: &Doc) -> String {
    let inner = doc.root.get("Resources").and_then(|all| all.pairs().first());
    let indent = inner.map_or("  ", |(key, _)| doc.slice(doc.line_start(key.start), key.start));
    let outer = doc.root.pairs().first().map_or("", |(key, _)| doc.slice(doc.line_start(key.start), key.start));
    let unit = indent.strip_prefix(outer).unwrap_or(indent);
    if unit.is_empty() || !unit.chars().all(|c| c == ' ' || c == '\t') { "  ".to_owned() } else { unit.to_owned() }
}

/// Counts how far dashes stand in from their keys, and items from their dashes.
fn lists(doc: &Doc, node: &Node, all: &mut BTreeMap<(usize, usize), usize>) {
    for (key, value) in node.pairs() {
        let Some(first) = value.items().first().filter(|_| !value.flow && value.tag.is_none()) else { continue };
        let Ok(dash) = dash(doc, first) else { continue };
        let column = |byte: usize| byte - doc.line_start(byte);
        let gap = if doc.line_start(first.start) == doc.line_start(dash) { first.start - dash - 1 } else { 1 };
        if let Some(inner) = column(dash).checked_sub(column(key.start)) {
            *all.entry((inner, gap)).or_default() += 1;
        }
    }
}

impl Node {
    /// The kind, where a function's argument is no list of its own.
    fn kind_of_list(&self) -> &Kind {
        const NONE: &Kind = &Kind::Alias(0);
        if self.tag.is_some() { NONE } else { &self.kind }
    }
}
