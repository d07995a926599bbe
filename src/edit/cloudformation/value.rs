//! A node, its functions evaluated as far as the template tells: a text with holes.

use super::kinds::{Given, ResourceKind, generated, kind_of, longest};
use super::node::{Kind, Node};
use super::template::Template;
use std::collections::BTreeMap;

/// Functions in functions, resources that name each other: no template goes deeper.
const MAX_DEPTH: usize = 12;
/// `!If` in `!If`: beyond that many, the value counts as unknown.
const MAX_WAYS: usize = 16;

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Text(String),
    /// What only the deployed stack knows, by its name in the template: `AWS::Region`, a parameter, a resource.
    Hole(String),
    /// A parameter with its default.
    Default(String, String),
    /// The name that CloudFormation makes for this logical id, of that type.
    Generated(String, &'static str),
    /// Anything at all.
    Unknown,
}

/// A value: its pieces in order.
pub(super) type Parts = Vec<Part>;

/// A function of the template, in its short or long form.
pub(super) struct Call<'a> {
    pub name: &'a str,
    /// Its argument; in the short form the node itself.
    pub argument: &'a Node,
}

/// The function that a node calls, if it does.
pub(super) fn call(node: &Node) -> Option<Call<'_>> {
    if let Some(tag) = node.tag.as_deref().filter(|tag| !tag.starts_with("!!")) {
        return Some(Call { name: tag, argument: node });
    }
    let [(key, argument)] = node.pairs() else { return None };
    let key = key.text()?;
    let name = key.strip_prefix("Fn::").or((key == "Ref").then_some("Ref"))?;
    Some(Call { name, argument })
}

/// What is known of the stack that the template is deployed as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// Pseudo parameters and parameters, by name.
    pub known: BTreeMap<String, String>,
    /// Names of resources, by logical id.
    pub physical: BTreeMap<String, String>,
}

/// The ways a value can turn out.
pub(super) fn read(template: &Template<'_>, node: &Node) -> Vec<Parts> {
    Reader { template }.node(node, 0)
}

/// The one text that a value has at this stage; `None` where that is not sure.
pub(super) fn sure(template: &Template<'_>, stage: &Stage, node: &Node) -> Option<String> {
    let mut ways: Vec<String> =
        read(template, node).into_iter().map(|parts| text(&parts, stage)).collect::<Option<_>>()?;
    ways.dedup();
    ways.pop().filter(|_| ways.is_empty())
}

fn text(parts: &[Part], stage: &Stage) -> Option<String> {
    let one = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Hole(name) => stage.known.get(name).cloned(),
        Part::Default(name, default) => Some(stage.known.get(name).unwrap_or(default).clone()),
        Part::Generated(logical, _) => stage.physical.get(logical).cloned(),
        Part::Unknown => None,
    };
    parts.iter().map(one).collect()
}

struct Reader<'t, 'd> {
    template: &'t Template<'d>,
}

fn unknown() -> Vec<Parts> {
    vec![vec![Part::Unknown]]
}

fn literal(text: &str) -> Parts {
    // CloudFormation replaces a dynamic reference wherever it stands.
    if text.contains("{{resolve:") { vec![Part::Unknown] } else { vec![Part::Text(text.to_owned())] }
}

/// Each of the first followed by each of the second.
fn joined(first: Vec<Parts>, second: &[Parts]) -> Vec<Parts> {
    if first.len() * second.len() > MAX_WAYS {
        return unknown();
    }
    first.iter().flat_map(|a| second.iter().map(|b| a.iter().chain(b).cloned().collect())).collect()
}

impl Reader<'_, '_> {
    fn node(&self, node: &Node, depth: usize) -> Vec<Parts> {
        let node = self.template.doc.resolve(node);
        if depth > MAX_DEPTH {
            return unknown();
        }
        let Some(Call { name, argument }) = call(node) else {
            return node.text().map_or_else(unknown, |text| vec![literal(text)]);
        };
        match name {
            "Ref" => argument.text().map_or_else(unknown, |name| self.reference(name, depth)),
            "GetAtt" => attribute(argument).map_or_else(unknown, |(id, name)| self.attribute(&id, &name, depth)),
            "Sub" => self.substitute(argument, depth),
            "Join" => self.join(argument, depth),
            "If" => {
                let ways: Vec<Parts> =
                    argument.items().iter().skip(1).flat_map(|way| self.node(way, depth + 1)).collect();
                if ways.is_empty() || ways.len() > MAX_WAYS { unknown() } else { ways }
            }
            _ => unknown(),
        }
    }

    fn reference(&self, name: &str, depth: usize) -> Vec<Parts> {
        if name.starts_with("AWS::") {
            return vec![vec![Part::Hole(name.to_owned())]];
        }
        if let Some(parameter) = self.template.parameter(name) {
            return vec![vec![parameter]];
        }
        let kind = self.template.sort(name).and_then(kind_of);
        match kind.map(|kind| (kind, kind.reference)) {
            Some((kind, Given::Name)) => self.name(name, kind, depth),
            Some((kind, Given::Arn)) => self.arn(name, kind, depth),
            Some((_, Given::Other)) | None => unknown(),
        }
    }

    fn attribute(&self, id: &str, attribute: &str, depth: usize) -> Vec<Parts> {
        let Some(kind) = self.template.sort(id).and_then(kind_of) else { return unknown() };
        if !kind.arn.is_empty() && kind.arn == attribute {
            return self.arn(id, kind, depth);
        }
        if attribute == kind.named_by { self.name(id, kind, depth) } else { unknown() }
    }

    fn name(&self, id: &str, kind: &'static ResourceKind, depth: usize) -> Vec<Parts> {
        let property = self.template.property(id, kind.named_by);
        // A secret's ARN ends with six characters that its name does not tell.
        match property {
            Some(node) => self.node(node, depth + 1),
            None => vec![vec![Part::Generated(id.to_owned(), kind.sort)]],
        }
    }

    fn arn(&self, id: &str, kind: &'static ResourceKind, depth: usize) -> Vec<Parts> {
        let hole = |name: &str| Part::Hole(name.to_owned());
        let text = |text: &str| Part::Text(text.to_owned());
        let mut head = vec![text("arn:"), hole("AWS::Partition"), text(":"), text(kind.service), text(":")];
        head.extend(kind.regional.then(|| hole("AWS::Region")));
        head.push(text(":"));
        head.extend(kind.owned.then(|| hole("AWS::AccountId")));
        head.push(text(":"));
        head.push(text(kind.before));
        let mut ways = vec![head];
        if kind.service == "iam" {
            let path = self.template.property(id, "Path");
            ways = joined(ways, &path.map_or_else(|| vec![literal("/")], |path| self.node(path, depth + 1)));
        }
        ways = joined(ways, &self.name(id, kind, depth));
        if kind.service == "secretsmanager" {
            return joined(ways, &unknown());
        }
        joined(ways, &[literal(kind.after)])
    }

    fn substitute(&self, argument: &Node, depth: usize) -> Vec<Parts> {
        let (text, own) = match &argument.kind {
            Kind::Scalar { text, .. } => (text.as_str(), None),
            Kind::Seq(items) => match items.as_slice() {
                [text, own] => (text.text().unwrap_or_default(), Some(own)),
                _ => return unknown(),
            },
            Kind::Map(_) | Kind::Alias(_) => return unknown(),
        };
        let mut ways: Vec<Parts> = vec![Vec::new()];
        for piece in pieces(text) {
            let more = match piece {
                Piece::Text(text) => vec![literal(&text)],
                Piece::Name(name) => match own.and_then(|own| own.get(name)) {
                    Some(value) => self.node(value, depth + 1),
                    None => match name.split_once('.') {
                        Some((id, attribute)) => self.attribute(id, attribute, depth),
                        None => self.reference(name, depth),
                    },
                },
            };
            ways = joined(ways, &more);
        }
        ways
    }

    fn join(&self, argument: &Node, depth: usize) -> Vec<Parts> {
        let [between, items] = argument.items() else { return unknown() };
        let (Some(between), Kind::Seq(items)) = (between.plain_text(), &items.kind) else { return unknown() };
        let mut ways: Vec<Parts> = vec![Vec::new()];
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                ways = joined(ways, &[literal(between)]);
            }
            ways = joined(ways, &self.node(item, depth + 1));
        }
        ways
    }
}

/// The logical id and attribute of `!GetAtt`'s argument.
pub(super) fn attribute(argument: &Node) -> Option<(String, String)> {
    if let Some(text) = argument.text() {
        return text.split_once('.').map(|(id, name)| (id.to_owned(), name.to_owned()));
    }
    match argument.items() {
        [id, name] => Some((id.text()?.to_owned(), name.plain_text()?.to_owned())),
        _ => None,
    }
}

/// A piece of `Fn::Sub`'s text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(String),
    Name(&'t str),
}

/// `${Name}` is replaced, `${!x}` stands for `${x}`.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(end) = rest[at..].find('}').map(|end| at + end) else { break };
        let inner = &rest[at + 2..end];
        match inner.strip_prefix('!') {
            Some(kept) => found.push(Piece::Text(format!("{}${{{kept}}}", &rest[..at]))),
            None => found.extend([Piece::Text(rest[..at].to_owned()), Piece::Name(inner.trim())]),
        }
        rest = &rest[end + 1..];
    }
    found.push(Piece::Text(rest.to_owned()));
    found.retain(|piece| *piece != Piece::Text(String::new()));
    found
}

/// What holes must be for a value to be this text: the first ways found, each a stage.
///
/// A hole takes what a name may hold; one that stands twice is the same twice.
pub(super) fn fits(parts: &[Part], text: &str, stage: &Stage) -> Vec<Stage> {
    let mut search = Search { found: Vec::new(), steps: 20_000 };
    search.go(parts, text, stage.clone());
    search.found
}

struct Search {
    found: Vec<Stage>,
    steps: usize,
}

impl Search {
    fn go(&mut self, parts: &[Part], text: &str, stage: Stage) {
        if self.found.len() >= MAX_WAYS || self.steps == 0 {
            return;
        }
        self.steps -= 1;
        let Some((part, rest)) = parts.split_first() else {
            if text.is_empty() {
                self.found.push(stage);
            }
            return;
        };
        match part {
            Part::Text(own) => {
                if let Some(behind) = text.strip_prefix(own.as_str()) {
                    self.go(rest, behind, stage);
                }
            }
            Part::Hole(name) | Part::Default(name, _) => self.hole(name, rest, text, &stage),
            Part::Generated(logical, sort) => {
                for (head, behind) in splits(text) {
                    if let Some(stage) = settled(&stage, head, logical, sort) {
                        self.go(rest, behind, stage);
                    }
                }
            }
            Part::Unknown => splits(text).for_each(|(_, behind)| self.go(rest, behind, stage.clone())),
        }
    }

    fn hole(&mut self, name: &str, rest: &[Part], text: &str, stage: &Stage) {
        if let Some(known) = stage.known.get(name) {
            if let Some(behind) = text.strip_prefix(known.as_str()) {
                self.go(rest, behind, stage.clone());
            }
            return;
        }
        for (head, behind) in splits(text).filter(|(head, _)| may_be(name, head)) {
            let mut stage = stage.clone();
            stage.known.insert(name.to_owned(), head.to_owned());
            self.go(rest, behind, stage);
        }
    }
}

/// Every way to take at least one character off.
fn splits(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.map(move |end| text.split_at(end))
}

fn may_be(name: &str, text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase();
    match name {
        "AWS::AccountId" => text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()),
        "AWS::Region" => {
            text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.ends_with(|c: char| c.is_ascii_digit())
                && text.bytes().all(|byte| lower(byte) || byte == b'-' || byte.is_ascii_digit())
                && text.split('-').count() >= 3
        }
        "AWS::Partition" => text.starts_with("aws") && text.bytes().all(|byte| lower(byte) || byte == b'-'),
        "AWS::StackName" => text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(['_', '/', ':', '.']),
        _ => true,
    }
}

/// The stage where this name was made for that logical id.
fn settled(stage: &Stage, name: &str, logical: &str, sort: &str) -> Option<Stage> {
    if let Some(known) = stage.physical.get(logical) {
        return (known == name).then(|| stage.clone());
    }
    let found = generated(name, logical, longest(sort))?;
    let mut stage = stage.clone();
    match stage.known.get("AWS::StackName") {
        Some(known) if !found.is(known) => return None,
        Some(_) => {}
        // A cut name, or one in small letters, does not tell the stack's.
        None if !found.cut && sort != "AWS::S3::Bucket" => {
            stage.known.insert("AWS::StackName".to_owned(), found.name.to_owned());
        }
        None => {}
    }
    stage.physical.insert(logical.to_owned(), name.to_owned());
    Some(stage)
}
