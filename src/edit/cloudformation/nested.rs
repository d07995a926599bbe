//! Stacks inside stacks: which template is deployed by which, with which parameters.

use super::node::Node;
use super::owner::Owner;
use super::template::Template;
use super::value::{Part, Stage, read, sure};
use std::collections::BTreeMap;

/// One `AWS::CloudFormation::Stack` that deploys a template of these.
#[derive(Debug)]
struct Use {
    child: usize,
    id: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Nested {
    uses: Vec<Use>,
    given: BTreeMap<usize, Vec<BTreeMap<String, String>>>,
}

const STACKS: [&str; 2] = ["AWS::CloudFormation::Stack", "AWS::Serverless::Application"];

impl Nested {
    pub(super) fn new(templates: &[Template<'_>], stage: &Stage) -> Self {
        let mut nested = Self::default();
        for parent in templates {
            for id in parent.of_sort(&STACKS) {
                let url = parent.property(id, "TemplateURL").or_else(|| parent.property(id, "Location"));
                let Some(child) = url.and_then(|url| child(templates, parent, url)) else { continue };
                let parameters = parent.property(id, "Parameters").map(Node::pairs).unwrap_or_default();
                let text = |(name, value): &(Node, Node)| Some((name.text()?.to_owned(), sure(parent, stage, value)?));
                let given: BTreeMap<String, String> = parameters.iter().filter_map(text).collect();
                nested.given.entry(child).or_default().push(given);
                nested.uses.push(Use { child, id: id.to_owned() });
            }
        }
        nested
    }

    /// The parameters that the stacks around give to a template.
    pub(super) fn given(&self, at: usize) -> &[BTreeMap<String, String>] {
        self.given.get(&at).map(Vec::as_slice).unwrap_or_default()
    }

    /// The one owner whose template is deployed inside another under an id that the name bears.
    ///
    /// A nested stack's name is its parent's, its logical id and random characters.
    pub(super) fn only<'o>(&self, owners: &'o [Owner], name: &str) -> Option<&'o Owner> {
        let bears = |owner: &&Owner| {
            self.uses.iter().any(|one| one.child == owner.at && name.contains(&format!("-{}-", one.id)))
        };
        let mut found = owners.iter().filter(bears);
        let one = found.next()?;
        found.next().is_none().then_some(one)
    }
}

/// The template that a URL or path means: by its path from the parent's folder, else by the one of that file name.
fn child(templates: &[Template<'_>], parent: &Template<'_>, url: &Node) -> Option<usize> {
    let parts = read(parent, url).pop()?;
    let Some(Part::Text(text)) = parts.last() else { return None };
    let folder = parent.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = if parts.len() == 1 { joined(folder, text) } else { String::new() };
    if let Some(at) = templates.iter().position(|template| template.path == path) {
        return Some(at);
    }
    let file = text.rsplit('/').next().filter(|file| !file.is_empty())?;
    let is_it = |template: &Template<'_>| template.path.rsplit('/').next() == Some(file);
    let mut found = templates.iter().enumerate().filter(|(_, template)| is_it(template)).map(|(at, _)| at);
    let one = found.next()?;
    found.next().is_none().then_some(one)
}

fn joined(folder: &str, path: &str) -> String {
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}
