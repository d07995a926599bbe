//! Blocks and arguments as text, in the layout of `terraform fmt`: two spaces a level, and the `=` of neighbouring
//! one-line arguments under each other.

use crate::render::escape::hcl_string;
use serde_json::{Map, Value};

/// A line or block of a configuration.
pub(super) enum Node {
    /// `# …`, one line, already harmless.
    Comment(String),
    /// `name = value`.
    Attr(String, Expr),
    /// Its words (type and labels) and body.
    Block(Vec<String>, Vec<Node>),
}

/// The right side of an argument.
pub(super) enum Expr {
    /// A literal.
    Json(Value),
    /// `jsonencode(…)` of a literal.
    Encode(Value),
    /// Our own fixed expression, such as a reference.
    Raw(String),
}

pub(super) fn comment(text: &str) -> Node {
    Node::Comment(text.to_owned())
}

pub(super) fn attr(name: &str, value: Expr) -> Node {
    Node::Attr(name.to_owned(), value)
}

pub(super) fn raw(text: &str) -> Expr {
    Expr::Raw(text.to_owned())
}

pub(super) fn block(head: &[&str], body: Vec<Node>) -> Node {
    Node::Block(head.iter().map(|&word| word.to_owned()).collect(), body)
}

/// A whole file.
pub(super) fn body(nodes: &[Node]) -> String {
    let mut out = String::new();
    put_nodes(&mut out, nodes, 0);
    out
}

fn put_nodes(out: &mut String, nodes: &[Node], level: usize) {
    let pairs: Vec<(String, String)> = nodes.iter().map(|node| pair(node, level)).collect();
    let widths = widths(&pairs);
    for (at, node) in nodes.iter().enumerate() {
        let previous = at.checked_sub(1).map(|before| &nodes[before]);
        if gap(previous, node) {
            out.push('\n');
        }
        indent(out, level);
        match node {
            Node::Comment(text) => out.push_str(&format!("# {text}\n")),
            Node::Attr(..) => put_pair(out, &pairs[at], widths[at]),
            Node::Block(head, body) => put_block(out, head, body, level),
        }
    }
}

/// Blocks stand apart, but a comment stays with what follows it.
fn gap(previous: Option<&Node>, node: &Node) -> bool {
    match (previous, node) {
        (None | Some(Node::Comment(_)), _) => false,
        (Some(Node::Block(..)), _) | (_, Node::Block(..)) => true,
        (Some(Node::Attr(..)), Node::Comment(_)) => true,
        (Some(Node::Attr(..)), Node::Attr(..)) => false,
    }
}

fn put_block(out: &mut String, head: &[String], body: &[Node], level: usize) {
    for (at, word) in head.iter().enumerate() {
        out.push_str(&if at == 0 { word.clone() } else { format!(" {}", hcl_string(word)) });
    }
    if body.is_empty() {
        out.push_str(" {}\n");
        return;
    }
    out.push_str(" {\n");
    put_nodes(out, body, level + 1);
    indent(out, level);
    out.push_str("}\n");
}

fn pair(node: &Node, level: usize) -> (String, String) {
    match node {
        Node::Attr(name, Expr::Json(value)) => (name.clone(), literal(value, level)),
        Node::Attr(name, Expr::Encode(value)) => (name.clone(), format!("jsonencode({})", literal(value, level))),
        Node::Attr(name, Expr::Raw(text)) => (name.clone(), text.clone()),
        // Anything of several lines ends a run of aligned arguments.
        Node::Comment(_) | Node::Block(..) => (String::new(), "\n".to_owned()),
    }
}

/// For each pair the width of its name's column: the longest name in its run of one-line neighbours.
fn widths(pairs: &[(String, String)]) -> Vec<usize> {
    let width = |name: &str| name.chars().count();
    let mut widths: Vec<usize> = pairs.iter().map(|(name, _)| width(name)).collect();
    let mut start = 0;
    for run in pairs.split_inclusive(|(_, value)| value.contains('\n')) {
        let one_line = run.iter().take_while(|(_, value)| !value.contains('\n')).count();
        let longest = run[..one_line].iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        widths[start..start + one_line].fill(longest);
        start += run.len();
    }
    widths
}

fn put_pair(out: &mut String, (name, value): &(String, String), width: usize) {
    let fill = " ".repeat(width - name.chars().count());
    out.push_str(&format!("{name}{fill} = {value}\n"));
}

fn literal(value: &Value, level: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => hcl_string(text),
        Value::Array(items) => list(items, level),
        Value::Object(fields) => object(fields, level),
    }
}

fn list(items: &[Value], level: usize) -> String {
    match items {
        [] => "[]".to_owned(),
        [one @ (Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null)] => {
            format!("[{}]", literal(one, level))
        }
        many => {
            let mut out = String::from("[\n");
            for item in many {
                indent(&mut out, level + 1);
                out.push_str(&literal(item, level + 1));
                out.push_str(",\n");
            }
            indent(&mut out, level);
            out.push(']');
            out
        }
    }
}

fn object(fields: &Map<String, Value>, level: usize) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let pairs: Vec<_> = fields.iter().map(|(name, value)| (key(name), literal(value, level + 1))).collect();
    let mut out = String::from("{\n");
    for (pair, width) in pairs.iter().zip(widths(&pairs)) {
        indent(&mut out, level + 1);
        put_pair(&mut out, pair, width);
    }
    indent(&mut out, level);
    out.push('}');
    out
}

/// Bare where it is a capitalised word, as the names of IAM's elements and operators are; Terraform's own words
/// (`for`, `null`, `true`) are not.
fn key(name: &str) -> String {
    let bare = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    if bare { name.to_owned() } else { hcl_string(name) }
}

fn indent(out: &mut String, level: usize) {
    out.push_str(&"  ".repeat(level));
}
