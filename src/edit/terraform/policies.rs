//! The policies of a carrier: all that the code attaches to it, and who else has them.

use super::eval::{Origin, Resource, Scope, each_of, resolve, value_of};
use super::load::{Found, Written};
use super::owner::{Carrier, Owner};
use super::resources::scope_of;
use super::site::{self, Site};
use super::value::Fit;
use super::world::World;
use crate::diagnosis::TargetKind;
use hcl_edit::expr::Expression;

/// A policy that the carrier has.
pub(super) struct Policy<'c> {
    pub site: Site<'c>,
    /// The block that holds or names the document.
    pub holder: Found<'c>,
    /// Others that have the same policy, in the words of the code.
    pub others: Vec<String>,
}

/// What the code attaches to the carrier.
#[derive(Default)]
pub(super) struct Policies<'c> {
    pub readable: Vec<Policy<'c>>,
    /// Those that cannot be edited, and why.
    pub other: Vec<(Found<'c>, &'static str)>,
}

/// The carrier with its name in the deployment.
pub(super) struct Bearer<'o, 'c> {
    /// `None` where the code has no block for it.
    pub owner: Option<&'o Owner<'c>>,
    pub carrier: &'o Carrier,
    pub kind: TargetKind,
    /// See [`super::owner::real_name`].
    pub name: &'o str,
    pub account: Option<&'o str>,
}

impl Bearer<'_, '_> {
    fn is(&self, resource: &Resource<'_>) -> bool {
        self.owner.is_some_and(|owner| resource.is_same(&owner.resource))
    }
}

/// Collects them, in the order of the files.
pub(super) fn policies<'c>(world: &World<'c>, bearer: &Bearer<'_, 'c>) -> Policies<'c> {
    let mut found = Policies::default();
    own(world, bearer, &mut found);
    for at in 0..world.instances.len() {
        let Some(module) = world.module(at) else { continue };
        for (kind, link, argument) in bearer.carrier.beside {
            for block in module.resources.iter().filter(|((found, _), _)| found == kind).map(|(_, found)| *found) {
                beside(world, bearer, &mut found, (block, at), (link, argument));
            }
        }
    }
    if matches!(bearer.kind, TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy) {
        attached(world, bearer, &mut found);
    }
    found.readable.sort_by_key(|policy| {
        let list = policy.site.lists.first();
        (!policy.others.is_empty(), list.map(|list| (list.file, list.span.start)))
    });
    found
}

impl<'c> Policies<'c> {
    fn add(&mut self, read: Result<Site<'c>, &'static str>, holder: Found<'c>, others: Vec<String>) {
        match read {
            Ok(site) => {
                let place = |site: &Site<'_>| site.lists.first().map(|list| (list.file, list.span.start));
                if !self.readable.iter().any(|known| place(&known.site) == place(&site)) {
                    self.readable.push(Policy { site, holder, others });
                }
            }
            Err(why) => {
                if !self.other.iter().any(|(known, _)| std::ptr::eq(known.block, holder.block)) {
                    self.other.push((holder, why));
                }
            }
        }
    }
}

/// Policies inside the carrier's own block.
fn own<'c>(world: &World<'c>, bearer: &Bearer<'_, 'c>, found: &mut Policies<'c>) {
    let Some(resource) = bearer.owner.map(|owner| &owner.resource).filter(|resource| !resource.is_data) else { return };
    let (block, scope) = (resource.found, scope_of(world, resource));
    for expr in bearer.carrier.own.iter().filter_map(|argument| block.argument(argument)) {
        let read = site::read(world, Written { file: block.file, expr }, &scope);
        found.add(read, block, Vec::new());
    }
    let inline = block.block.body.get_blocks("inline_policy").filter(|_| bearer.kind == TargetKind::RolePolicy);
    for expr in inline.filter_map(|inner| inner.body.get_attribute("policy")) {
        let read = site::read(world, Written { file: block.file, expr: &expr.value }, &scope);
        found.add(read, block, Vec::new());
    }
}

/// A resource that holds one policy of one carrier.
fn beside<'c>(
    world: &World<'c>,
    bearer: &Bearer<'_, 'c>,
    found: &mut Policies<'c>,
    (block, at): (Found<'c>, usize),
    (link, argument): (&str, &str),
) {
    let (Some(linked), Some(expr)) = (block.argument(link), block.argument(argument)) else { return };
    for each in each_of(world, block, &Scope::new(at)) {
        let scope = Scope::with(at, each);
        if is_bearer(world, bearer, Written { file: block.file, expr: linked }, &scope) {
            let read = site::read(world, Written { file: block.file, expr }, &scope);
            found.add(read, block, Vec::new());
        }
    }
}

fn is_bearer<'c>(world: &World<'c>, bearer: &Bearer<'_, 'c>, written: Written<'c>, scope: &Scope<'c>) -> bool {
    match resolve(world, written, scope) {
        Origin::Resource(resource) if bearer.is(&resource) => true,
        // Another role of the code is another, whatever its name may come to be.
        Origin::Resource(resource) if resource.kind() == bearer.carrier.kind && !resource.is_data => false,
        origin => {
            let value = value_of(world, origin);
            let by_name = value.fit(bearer.name, bearer.account) == Fit::Certain;
            let ends = |text: String| text.starts_with("arn:") && ends_in(&text, bearer.name, bearer.carrier.kind);
            by_name || value.as_text().is_some_and(ends)
        }
    }
}

/// Whether an ARN ends in the name, behind a mark.
fn ends_in(arn: &str, name: &str, kind: &str) -> bool {
    let mark = if kind.starts_with("aws_iam") { '/' } else { ':' };
    arn.rsplit(mark).next() == Some(name)
}

/// One attachment: who gets which managed policy.
struct Attached<'c> {
    policy: Resource<'c>,
    is_ours: bool,
    words: String,
}

/// Managed policies that are attached to the carrier.
fn attached<'c>(world: &World<'c>, bearer: &Bearer<'_, 'c>, found: &mut Policies<'c>) {
    let all = attachments(world, bearer);
    for one in all.iter().filter(|one| one.is_ours) {
        let others = all.iter().filter(|other| !other.is_ours && other.policy.is_same(&one.policy));
        let mut others: Vec<String> = others.map(|other| other.words.clone()).collect();
        others.sort();
        others.dedup();
        let block = one.policy.found;
        let read = match block.argument("policy") {
            Some(expr) if !one.policy.is_data => {
                site::read(world, Written { file: block.file, expr }, &scope_of(world, &one.policy))
            }
            _ => Err("it is only looked up here"),
        };
        found.add(read, block, others);
    }
}

const LINKS: [(&str, &[&str], &str); 5] = [
    ("aws_iam_role_policy_attachment", &["role"], "policy_arn"),
    ("aws_iam_user_policy_attachment", &["user"], "policy_arn"),
    ("aws_iam_group_policy_attachment", &["group"], "policy_arn"),
    ("aws_iam_policy_attachment", &["roles", "users", "groups"], "policy_arn"),
    ("aws_iam_role", &[], "managed_policy_arns"),
];

fn attachments<'c>(world: &World<'c>, bearer: &Bearer<'_, 'c>) -> Vec<Attached<'c>> {
    let mut all = Vec::new();
    for at in 0..world.instances.len() {
        let Some(module) = world.module(at) else { continue };
        for ((kind, _), block) in &module.resources {
            let Some((_, whom, what)) = LINKS.iter().find(|(link, ..)| link == kind) else { continue };
            for each in each_of(world, *block, &Scope::new(at)) {
                let key = each.key.clone();
                let scope = Scope::with(at, each);
                let policies =
                    block.argument(what).map(|expr| members(world, Written { file: block.file, expr }, &scope));
                let is_role = whom.is_empty();
                let itself = Resource { at, is_data: false, found: *block, key, attribute: "name" };
                let bearers = whom.iter().filter_map(|argument| block.argument(argument));
                let bearers = bearers.flat_map(|expr| {
                    let each = members(world, Written { file: block.file, expr }, &scope);
                    each.into_iter()
                        .map(|(one, scope)| (is_bearer(world, bearer, one, &scope), words(world, one, &scope)))
                });
                let mut bearers: Vec<(bool, String)> = bearers.collect();
                if is_role {
                    bearers.push((bearer.is(&itself), block.words()));
                }
                for (policy, scope) in policies.into_iter().flatten() {
                    let Origin::Resource(policy) = resolve(world, policy, &scope) else { continue };
                    if policy.kind() == "aws_iam_policy" {
                        let made = |(is_ours, words): &(bool, String)| Attached {
                            policy: policy.clone(),
                            is_ours: *is_ours,
                            words: words.clone(),
                        };
                        all.extend(bearers.iter().map(made));
                    }
                }
            }
        }
    }
    all
}

/// Whom an expression names: the block, or the expression itself.
fn words<'c>(world: &World<'c>, written: Written<'c>, scope: &Scope<'c>) -> String {
    match resolve(world, written, scope) {
        Origin::Resource(resource) => resource.found.words(),
        Origin::Expr(..) | Origin::Val(_) => written.expr.to_string().trim().to_owned(),
    }
}

/// The members of a list that is written out, or the one expression.
fn members<'c>(world: &World<'c>, written: Written<'c>, scope: &Scope<'c>) -> Vec<(Written<'c>, Scope<'c>)> {
    match written.expr {
        Expression::Array(items) => items.iter().map(|expr| (Written { expr, ..written }, scope.clone())).collect(),
        Expression::FuncCall(call) if matches!(call.name.name.as_str(), "concat" | "toset" | "tolist" | "compact") => {
            call.args.iter().flat_map(|expr| members(world, Written { expr, ..written }, scope)).collect()
        }
        _ => match resolve(world, written, scope) {
            Origin::Expr(found, inner) if matches!(found.expr, Expression::Array(_)) => members(world, found, &inner),
            _ => vec![(written, scope.clone())],
        },
    }
}
