//! What the code already calls a thing: a variable, a local value, an attribute of a resource.

use super::eval::{Each, Given, Origin, Resource, Scope, each_of, eval, resolve, value_of};
use super::load::{Found, Written};
use super::resources;
use super::site::{Form, Site};
use super::tree::{Kind, Statement, Tree};
use super::value::{Fit, Val};
use super::world::World;
use crate::render::escape::hcl_string;
use hcl_edit::Span;
use std::collections::{BTreeMap, BTreeSet};

/// What a text may be called where a policy stands.
pub(super) struct Names {
    form: Form,
    account: Option<String>,
    /// Expressions, the best first, and what they are worth.
    known: Vec<(String, Val)>,
    /// Texts of neighbours as they are written there, with what they are worth.
    neighbours: Vec<(String, Val)>,
}

/// Collects the names that are known at the site; `holder` is the block that must not come to
/// depend on itself, `None` where it is new.
pub(super) fn names<'c>(
    world: &World<'c>,
    site: &Site<'c>,
    holder: Option<Found<'c>>,
    account: Option<&str>,
    statements: &[&Statement],
) -> Names {
    let mut known = Vec::new();
    match site.form {
        Form::Object | Form::Blocks | Form::Heredoc => known = in_module(world, site, holder),
        Form::Template => known.extend(site.names.iter().cloned()),
        Form::File => {}
    }
    let mut neighbours = Vec::new();
    for statement in statements {
        let text = world.code.text(statement.file);
        let fields = statement.fields.iter().filter(|field| matches!(field.key.as_str(), "Resource" | "Principal"));
        fields.for_each(|field| collect(text, &field.value, &mut neighbours));
    }
    Names { form: site.form, account: account.map(str::to_owned), known, neighbours }
}

/// The texts in a tree that are not written out.
fn collect(text: &str, tree: &Tree, into: &mut Vec<(String, Val)>) {
    match &tree.kind {
        Kind::List(items) => items.iter().for_each(|item| collect(text, item, into)),
        Kind::Object(fields) => fields.iter().for_each(|field| collect(text, &field.value, into)),
        Kind::Scalar(value) => {
            let source = text.get(tree.span.clone()).unwrap_or_default();
            if (source.contains("${") || !source.starts_with('"')) && !source.contains('\n') {
                into.push((source.to_owned(), value.clone()));
            }
        }
    }
}

impl Names {
    /// The source for a text; `None` where nothing names it for sure.
    pub(super) fn refer(&self, text: &str) -> Option<String> {
        let is = |value: &Val| self.is(value, text);
        if let Some((source, _)) = self.neighbours.iter().find(|(_, value)| is(value)) {
            return Some(source.clone());
        }
        if !text.starts_with("arn:") {
            return None;
        }
        if let Some((name, _)) = self.known.iter().find(|(_, value)| is(value)) {
            return Some(self.whole(name));
        }
        let ends = text.char_indices().filter(|(_, letter)| matches!(letter, '/' | ':')).map(|(at, _)| at);
        let ends: Vec<usize> = ends.filter(|at| text[..*at].matches(':').count() >= 5).collect();
        ends.into_iter().rev().find_map(|at| {
            let (name, _) = self.known.iter().find(|(_, value)| self.is(value, &text[..at]))?;
            self.with_rest(name, &text[at..])
        })
    }

    /// What a person should know of an ARN that stays one: what the code may mean by it.
    pub(super) fn hint(&self, text: &str) -> Option<String> {
        if self.refer(text).is_some() {
            return None;
        }
        let region = text.split(':').nth(3).filter(|region| !region.is_empty())?;
        let ends = text.char_indices().filter(|(_, letter)| matches!(letter, '/' | ':')).map(|(at, _)| at);
        let mut ends = ends.filter(|at| text[..*at].matches(':').count() >= 5).chain([text.len()]);
        let may_be = |end: usize| {
            self.known.iter().find(|(_, value)| value.is_in_some_region(&text[..end], self.account.as_deref()))
        };
        let (name, _) = ends.find_map(may_be)?;
        Some(format!(
            "`{text}` may be `{name}`, if that is deployed in {region}: a `region` in the provider's block, --state or \
             --plan would tell"
        ))
    }

    fn is(&self, value: &Val, text: &str) -> bool {
        value.fit(text, self.account.as_deref()) == Fit::Certain
    }

    fn whole(&self, name: &str) -> String {
        match self.form {
            Form::Object | Form::Blocks => name.to_owned(),
            Form::Heredoc | Form::Template | Form::File => format!("\"${{{name}}}\""),
        }
    }

    fn with_rest(&self, name: &str, rest: &str) -> Option<String> {
        let quoted = match self.form {
            Form::Object | Form::Blocks => hcl_string(rest),
            Form::Heredoc | Form::Template | Form::File => super::json::quoted(rest, true),
        };
        Some(format!("\"${{{name}}}{}", quoted.strip_prefix('"')?))
    }
}

fn in_module<'c>(world: &World<'c>, site: &Site<'c>, holder: Option<Found<'c>>) -> Vec<(String, Val)> {
    let at = site.scope.at;
    let Some(module) = world.module(at) else { return Vec::new() };
    let scope = Scope::new(at);
    let mut known = Vec::new();
    for (name, _) in module.variables.iter().filter(|_| may_ask_outside(world, at, holder)) {
        if let Some(value) = world.input(at, name).map(|given| given_value(world, given)) {
            known.push((format!("var.{name}"), value));
        }
    }
    let circles = circles(world, site, holder);
    let all = module.resources.iter().map(|(key, found)| (*key, *found, false));
    let all = all.chain(module.data.iter().map(|(key, found)| (*key, *found, true)));
    for ((kind, name), found, is_data) in all {
        let token = format!("{}{kind}.{name}", if is_data { "data." } else { "" });
        if !circles.contains(&token) {
            for each in each_of(world, found, &scope).into_iter().filter(|each| !each.many || each.key.is_some()) {
                let resource = Resource { at, is_data, found, key: each.key.clone(), attribute: "arn" };
                known.push((format!("{token}{}.arn", each.index()), resources::attribute(world, &resource)));
            }
        }
    }
    for (name, local) in &module.locals {
        let token = format!("local.{name}");
        if !circles.contains(&token) {
            known.push((token, eval(world, local.expr, &scope)));
        }
    }
    known.extend(outputs(world, at).into_iter().filter(|_| is_leaf(holder)));
    known
}

fn given_value<'c>(world: &World<'c>, given: Given<'c>) -> Val {
    match given {
        Given::Val(value) => value,
        Given::Expr(file, expr, scope) => value_of(world, resolve(world, Written { file, expr }, &scope)),
    }
}

fn outputs(world: &World<'_>, at: usize) -> Vec<(String, Val)> {
    let Some(module) = world.module(at) else { return Vec::new() };
    let mut known = Vec::new();
    for (name, call) in &module.calls {
        let children: Vec<(usize, &Each<'_>)> = world.children(at, call).collect();
        for (child, each) in children {
            let outputs = world.module(child).into_iter().flat_map(|module| &module.outputs);
            for (output, found) in outputs {
                let origin = found
                    .argument("value")
                    .map(|expr| resolve(world, Written { file: found.file, expr }, &Scope::new(child)));
                let value = value_of(world, origin.unwrap_or(Origin::Val(Val::Unknown)));
                known.push((format!("module.{name}{}.{output}", each.index()), value));
            }
        }
    }
    known
}

/// Kinds of block that nothing else is made of, so that they may depend on anything; so is one that is new.
fn is_leaf(holder: Option<Found<'_>>) -> bool {
    let Some(holder) = holder else { return true };
    let kind = holder.block.labels.first().map_or("", |label| label.as_str());
    kind.ends_with("_policy") || kind == "aws_ssoadmin_permission_set_inline_policy"
}

/// An input may be made of what the holder makes; in the root it cannot.
fn may_ask_outside(world: &World<'_>, at: usize, holder: Option<Found<'_>>) -> bool {
    is_leaf(holder) || world.instances.get(at).is_some_and(|instance| instance.call.is_none())
}

/// What depends on the policy already: to name it there would make a circle.
fn circles<'c>(world: &World<'c>, site: &Site<'c>, holder: Option<Found<'c>>) -> BTreeSet<String> {
    let Some(module) = world.module(site.scope.at) else { return BTreeSet::new() };
    let mut words: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let slice = |file: usize, span: std::ops::Range<usize>| world.code.text(file).get(span).unwrap_or_default();
    for ((kind, name), found) in &module.resources {
        words.insert(format!("{kind}.{name}"), tokens(slice(found.file, found.block.span().unwrap_or_default())));
    }
    for ((kind, name), found) in &module.data {
        words.insert(format!("data.{kind}.{name}"), tokens(slice(found.file, found.block.span().unwrap_or_default())));
    }
    for (name, local) in &module.locals {
        words.insert(format!("local.{name}"), tokens(slice(local.file, local.expr.span().unwrap_or_default())));
    }
    let mut reached: BTreeSet<String> = site.lists.iter().filter_map(|list| list.shared.clone()).collect();
    let labels =
        |found: Found<'_>| found.block.labels.iter().map(|label| label.as_str().to_owned()).collect::<Vec<_>>();
    reached.extend(holder.map(|found| labels(found).join(".")));
    loop {
        let more: Vec<String> = words
            .iter()
            .filter(|(name, used)| !reached.contains(*name) && used.iter().any(|word| reached.contains(word)))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return reached;
        }
        reached.extend(more);
    }
}

/// The references in a text: `a.b`, and `data.a.b`.
fn tokens(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')));
    let head = |word: &str| {
        let parts: Vec<&str> = word.split('.').collect();
        let count = if parts.first() == Some(&"data") { 3 } else { 2 };
        (parts.len() >= count).then(|| parts[..count].join("."))
    };
    words.filter_map(head).collect()
}
