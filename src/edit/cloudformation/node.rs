//! A template's text as a tree that remembers where each node stands.

use super::{json, yaml};

/// Deeper than any template; guards the recursion over trees.
pub(super) const MAX_DEPTH: usize = 100;
/// CloudFormation takes 1 MB from S3; comments and white space are granted as much again.
/// See <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Why a text is not taken as a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("it is larger than {MAX_BYTES} bytes")]
    Large,
    #[error("it is no valid YAML: {0}")]
    Yaml(String),
    #[error("it is no valid JSON: {0}")]
    Json(String),
    #[error("it holds {0} YAML documents, and CloudFormation takes one")]
    Documents(usize),
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    Deep,
    #[error("the key `{0}` stands twice in one object")]
    Twice(String),
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quote {
    Plain,
    Single,
    Double,
    /// `|` or `>`.
    Block,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar {
        text: String,
        quote: Quote,
    },
    Seq(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// Of the anchor with this number.
    Alias(usize),
}

/// One node and its place: bytes from `start` (its tag and anchor included) to `end`, white space aside.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub start: usize,
    pub end: usize,
    /// `Sub` of `!Sub`; tags of YAML's own keep their `!!`.
    pub tag: Option<String>,
    /// 0 without one.
    pub anchor: usize,
    /// In brackets or braces.
    pub flow: bool,
    pub kind: Kind,
}

/// The steps from the root to a node: the number of the pair or of the item.
pub(super) type Path = Vec<usize>;

impl Node {
    /// A node of no place, for what is to be written.
    pub(super) fn loose(kind: Kind) -> Self {
        Self { start: 0, end: 0, tag: None, anchor: 0, flow: false, kind }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::Seq(_) | Kind::Map(_) | Kind::Alias(_) => None,
        }
    }

    /// The text of a scalar that is no function's argument.
    pub(super) fn plain_text(&self) -> Option<&str> {
        self.text().filter(|_| self.tag.is_none())
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq(items) => items,
            Kind::Scalar { .. } | Kind::Map(_) | Kind::Alias(_) => &[],
        }
    }

    pub(super) fn pairs(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            Kind::Scalar { .. } | Kind::Seq(_) | Kind::Alias(_) => &[],
        }
    }

    /// The number of a key's pair.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        self.pairs().iter().position(|(name, _)| name.text() == Some(key))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.pairs().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The child that a step leads to.
    pub(super) fn child(&self, step: usize) -> Option<&Node> {
        match &self.kind {
            Kind::Seq(items) => items.get(step),
            Kind::Map(pairs) => pairs.get(step).map(|(_, value)| value),
            Kind::Scalar { .. } | Kind::Alias(_) => None,
        }
    }

    pub(super) fn child_mut(&mut self, step: usize) -> Option<&mut Node> {
        match &mut self.kind {
            Kind::Seq(items) => items.get_mut(step),
            Kind::Map(pairs) => pairs.get_mut(step).map(|(_, value)| value),
            Kind::Scalar { .. } | Kind::Alias(_) => None,
        }
    }

    /// Whether both say the same, wherever and in whatever style.
    pub(super) fn same(&self, other: &Node) -> bool {
        if (&self.tag, self.anchor) != (&other.tag, other.anchor) {
            return false;
        }
        match (&self.kind, &other.kind) {
            (Kind::Scalar { text: a, quote: p }, Kind::Scalar { text: b, quote: q }) => {
                a == b && (self.tag.is_some() || is_typed(a, *p) == is_typed(b, *q))
            }
            (Kind::Seq(a), Kind::Seq(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Kind::Map(a), Kind::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0.same(&b.0) && a.1.same(&b.1))
            }
            (Kind::Alias(a), Kind::Alias(b)) => a == b,
            _ => false,
        }
    }

    /// Whether this very text stands in it, as no function's.
    pub(super) fn says(&self, text: &str) -> bool {
        let mut found = false;
        self.walk(&mut |node| found |= node.plain_text() == Some(text));
        found
    }

    /// Calls `each` with this node and all below it.
    pub(super) fn walk<'a>(&'a self, each: &mut dyn FnMut(&'a Node)) {
        each(self);
        match &self.kind {
            Kind::Seq(items) => items.iter().for_each(|item| item.walk(each)),
            Kind::Map(pairs) => pairs.iter().for_each(|(_, value)| value.walk(each)),
            Kind::Scalar { .. } | Kind::Alias(_) => {}
        }
    }
}

fn is_typed(text: &str, quote: Quote) -> bool {
    quote == Quote::Plain && !is_word(text)
}

/// Whether a plain scalar is text to every YAML reader, old or new, and needs no look at what stands around it:
/// letters, digits and a few signs, with a letter first, and none of the words for true, false and nothing.
/// See <https://yaml.org/type/bool.html>.
pub(super) fn is_word(text: &str) -> bool {
    const TAKEN: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    let sign = |c: char| c.is_ascii_alphanumeric() || "_-./:*+=@".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(sign)
        && !text.ends_with(':')
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
}

/// A template's text and its tree.
#[derive(Debug, Clone)]
pub(super) struct Doc {
    pub text: String,
    pub root: Node,
    pub is_json: bool,
    anchors: Vec<Path>,
    /// The anchors that an alias names.
    used: Vec<usize>,
}

impl Doc {
    /// Reads a text as JSON where it begins with a brace, else as YAML.
    pub(super) fn parse(text: &str) -> Result<Self, Unread> {
        if text.len() > MAX_BYTES {
            return Err(Unread::Large);
        }
        // A brace may begin YAML too, in flow style.
        let braced = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        let read = if braced { json::read(text).map(|root| (root, true)) } else { Err(Unread::Json(String::new())) };
        let (root, is_json) = match read {
            Ok(read) => read,
            Err(Unread::Json(why)) => match yaml::read(text) {
                Ok(root) => (root, false),
                Err(_) if braced => return Err(Unread::Json(why)),
                Err(fault) => return Err(fault),
            },
            Err(fault) => return Err(fault),
        };
        twice(&root)?;
        let (mut anchors, mut used) = (Vec::new(), Vec::new());
        marks(&root, &mut Vec::new(), &mut anchors, &mut used);
        Ok(Self { text: text.to_owned(), root, is_json, anchors, used })
    }

    pub(super) fn at(&self, path: &[usize]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| node.child(*step))
    }

    /// The node itself, or what its alias stands for.
    pub(super) fn resolve<'a>(&'a self, node: &'a Node) -> &'a Node {
        let Kind::Alias(number) = node.kind else { return node };
        let found = self.anchors.iter().filter_map(|path| self.at(path)).find(|node| node.anchor == number);
        found.unwrap_or(node)
    }

    /// Whether a change there would change what an alias elsewhere stands for.
    pub(super) fn is_shared(&self, path: &[usize]) -> bool {
        (0..=path.len()).any(|end| {
            self.at(&path[..end]).is_none_or(|node| {
                matches!(node.kind, Kind::Alias(_)) || (node.anchor != 0 && self.used.contains(&node.anchor))
            })
        })
    }

    /// Counted from one.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Where the line of this byte begins.
    pub(super) fn line_start(&self, byte: usize) -> usize {
        self.slice(0, byte).rfind('\n').map_or(0, |at| at + 1)
    }
}

fn marks(node: &Node, path: &mut Path, anchors: &mut Vec<Path>, used: &mut Vec<usize>) {
    if node.anchor != 0 {
        anchors.push(path.clone());
    }
    let children: Vec<&Node> = match &node.kind {
        Kind::Alias(number) => return used.push(*number),
        Kind::Scalar { .. } => return,
        Kind::Seq(items) => items.iter().collect(),
        Kind::Map(pairs) => pairs.iter().map(|(_, value)| value).collect(),
    };
    for (step, child) in children.into_iter().enumerate() {
        path.push(step);
        marks(child, path, anchors, used);
        path.pop();
    }
}

/// CloudFormation takes no key twice, and we would not know which one holds.
fn twice(root: &Node) -> Result<(), Unread> {
    let mut found = Ok(());
    root.walk(&mut |node| {
        let mut keys: Vec<&str> = node.pairs().iter().filter_map(|(key, _)| key.text()).collect();
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1] && pair[0] != "<<") {
            found = Err(Unread::Twice(pair[0].to_owned()));
        }
    });
    found
}
