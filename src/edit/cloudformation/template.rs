//! A template: its resources, parameters, and what refers to what.

use super::node::{Doc, Node, Path};
use super::value::{Part, Piece, attribute, call, pieces};
use std::collections::{BTreeMap, BTreeSet};

/// One template among the files.
#[derive(Debug)]
pub(super) struct Template<'d> {
    pub path: &'d str,
    pub doc: &'d Doc,
}

/// SAM's function, which brings a role of its own.
const FUNCTION: &str = "AWS::Serverless::Function";

/// Whether a text is worth parsing as a template.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.contains("Resources") && (text.contains("AWS::") || text.contains("AWSTemplateFormatVersion"))
}

impl<'d> Template<'d> {
    /// `None` for a document that holds no resources of AWS.
    pub(super) fn new(path: &'d str, doc: &'d Doc) -> Option<Self> {
        let template = Self { path, doc };
        let mut sorts = template.resources().filter_map(|(id, _)| template.sort(id));
        let has_one = sorts.any(|sort| sort.starts_with("AWS::"));
        drop(sorts);
        has_one.then_some(template)
    }

    /// Logical ids and resources, in order; what a function such as `Fn::ForEach` stands for is none.
    pub(super) fn resources(&self) -> impl Iterator<Item = (&'d str, &'d Node)> + use<'d> {
        let doc = self.doc;
        let all = doc.root.get("Resources").map(|node| doc.resolve(node).pairs()).unwrap_or_default();
        let named = all.iter().filter_map(move |(id, node)| Some((id.text()?, doc.resolve(node))));
        named.filter(|(id, _)| !id.starts_with("Fn::"))
    }

    pub(super) fn resource(&self, id: &str) -> Option<&'d Node> {
        self.resources().find(|(name, _)| *name == id).map(|(_, node)| node)
    }

    /// A resource's type.
    pub(super) fn sort(&self, id: &str) -> Option<&'d str> {
        self.resource(id)?.get("Type")?.plain_text()
    }

    pub(super) fn of_sort<'a>(&'a self, sorts: &'a [&'a str]) -> impl Iterator<Item = &'d str> + 'a {
        self.resources().map(|(id, _)| id).filter(move |id| self.sort(id).is_some_and(|sort| sorts.contains(&sort)))
    }

    pub(super) fn properties(&self, id: &str) -> Option<&'d Node> {
        self.resource(id)?.get("Properties").map(|node| self.doc.resolve(node))
    }

    pub(super) fn property(&self, id: &str, name: &str) -> Option<&'d Node> {
        self.properties(id)?.get(name).map(|node| self.doc.resolve(node))
    }

    /// The way to a resource's properties, or further down by the keys; `None` where a key is not there.
    pub(super) fn way(&self, id: &str, keys: &[&str]) -> Option<Path> {
        let mut path = Path::new();
        let mut node = &self.doc.root;
        for key in ["Resources", id].iter().chain(keys) {
            let step = node.find(key)?;
            path.push(step);
            node = node.child(step)?;
        }
        Some(path)
    }

    /// Counted from one.
    pub(super) fn line_of(&self, id: &str) -> usize {
        let found = self.doc.root.get("Resources").map(|node| self.doc.resolve(node));
        let key = found.and_then(|all| all.pairs().iter().find(|(key, _)| key.text() == Some(id)));
        key.map_or(1, |(key, _)| self.doc.line(key.start))
    }

    /// What `Ref` gives for a parameter; `None` where there is no such parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<Part> {
        let all = self.doc.resolve(self.doc.root.get("Parameters")?);
        let parameter = self.doc.resolve(all.get(name)?);
        let sort = parameter.get("Type").and_then(Node::plain_text).unwrap_or("String");
        let default = parameter.get("Default").and_then(Node::plain_text);
        // A parameter of Systems Manager's, or a list, is not its default's text.
        let is_text = sort == "String" || sort == "Number" || (sort.starts_with("AWS::") && !sort.contains("SSM"));
        Some(match default.filter(|text| is_text && !text.is_empty() && !text.contains("{{resolve:")) {
            Some(default) => Part::Default(name.to_owned(), default.to_owned()),
            None => Part::Hole(name.to_owned()),
        })
    }

    /// Whether the whole template, or this resource, was written by the CDK.
    pub(super) fn cdk_path(&self, id: &str) -> Option<&'d str> {
        let path = self.resource(id)?.get("Metadata")?.get("aws:cdk:path").and_then(Node::plain_text);
        let in_output = self.path.split('/').any(|part| part == "cdk.out");
        path.or_else(|| (in_output || self.resource("CDKMetadata").is_some()).then_some("its code"))
    }

    /// Whether the template's functions stand in their long form only, as in JSON.
    pub(super) fn is_long(&self) -> bool {
        let (mut short, mut long) = (false, false);
        self.doc.root.walk(&mut |node| {
            short |= node.tag.is_some();
            long |= node.tag.is_none() && call(node).is_some();
        });
        self.doc.is_json || (long && !short)
    }

    /// Whether a reference from one resource to another would close a ring, which CloudFormation refuses.
    pub(super) fn would_ring(&self, from: &str, to: &str) -> bool {
        if from == to {
            return true;
        }
        let edges = self.edges();
        if edges.get(from).is_some_and(|all| all.contains(to)) {
            return false;
        }
        let (mut seen, mut next) = (BTreeSet::new(), vec![to]);
        while let Some(id) = next.pop() {
            if id == from {
                return true;
            }
            if seen.insert(id) {
                next.extend(edges.get(id).into_iter().flatten());
            }
        }
        false
    }

    /// Which resources each resource refers to.
    fn edges(&self) -> BTreeMap<&'d str, BTreeSet<&'d str>> {
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let ids: BTreeSet<&str> = self.resources().map(|(id, _)| id).collect();
        for (id, node) in self.resources() {
            let mut named = names(node);
            // What SAM makes of a function's events stands beside it.
            if let Some(events) = self.property(id, "Events").filter(|_| self.sort(id) == Some(FUNCTION)) {
                for name in names(events) {
                    named.iter().position(|other| *other == name).map(|at| named.swap_remove(at));
                }
            }
            let known = named.iter().filter_map(|name| ids.get(name.as_str()).copied());
            edges.entry(id).or_default().extend(known);
        }
        // SAM makes a bucket notify the functions that have it as their event.
        for id in self.of_sort(&[FUNCTION]) {
            let events = self.property(id, "Events").map(Node::pairs).unwrap_or_default();
            let of_buckets = events
                .iter()
                .map(|(_, event)| event)
                .filter(|event| event.get("Type").and_then(Node::plain_text) == Some("S3"));
            for bucket in
                of_buckets.flat_map(names).collect::<Vec<_>>().iter().filter_map(|name| ids.get(name.as_str()).copied())
            {
                edges.entry(bucket).or_default().insert(id);
            }
        }
        edges
    }

    /// How often a logical id is referred to, by the resource that does; `None` stands for outputs and the rest.
    pub(super) fn referrers(&self, id: &str) -> Vec<Option<&'d str>> {
        let count = |node: &Node| names(node).iter().filter(|name| *name == id).count();
        let mut found: Vec<Option<&str>> = Vec::new();
        for (other, node) in self.resources() {
            found.extend(std::iter::repeat_n(Some(other), count(node)));
        }
        let rest = self.doc.root.pairs().iter().filter(|(key, _)| key.text() != Some("Resources"));
        rest.for_each(|(_, node)| found.extend(std::iter::repeat_n(None, count(node))));
        found
    }
}

/// Every name that the functions below a node refer to, as often as they do.
pub(super) fn names(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    node.walk(&mut |node| {
        let depends = node.get("DependsOn");
        for on in depends.into_iter().flat_map(|on| std::iter::once(on).chain(on.items())) {
            found.extend(on.plain_text().map(str::to_owned));
        }
        let Some(call) = call(node) else { return };
        match call.name {
            "Ref" => found.extend(call.argument.text().map(str::to_owned)),
            "GetAtt" => found.extend(attribute(call.argument).map(|(id, _)| id)),
            "Sub" => {
                let text = call.argument.text().or_else(|| call.argument.items().first().and_then(Node::text));
                found.extend(text.map(pieces).into_iter().flatten().filter_map(|piece| match piece {
                    Piece::Name(name) => Some(name.split('.').next().unwrap_or(name).to_owned()),
                    Piece::Text(_) => None,
                }));
            }
            _ => {}
        }
    });
    found
}
