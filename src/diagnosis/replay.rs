//! The recorded call against the policies given, with what the event does not tell taken once for and once against it.
//!
//! A test on an unknown key may hold or not. Both are tried on the real evaluator: where the two answers agree the
//! decision is certain, else it depends on those keys.

use super::in_force::{Held, NamedDocument, Origin};
use super::request::{Needed, Standing};
use crate::catalog::Catalog;
use crate::denial::ReasonKind;
use crate::policy::pattern::matches_action;
use crate::policy::{
    Actions, Conditions, Deciding, Decision, DecisionKind, Document, Effect, OneOrMany, Policies, PolicyType,
    PrincipalSet, Request, Resources, Statement, evaluate,
};
use std::collections::BTreeSet;

/// A replay's two answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replay {
    /// With every unknown taken for the call: refused here is certainly refused.
    pub(super) best: Decision,
    /// With every unknown taken against it: allowed here is certainly allowed.
    pub(super) worst: Decision,
}

impl Replay {
    /// The layers in which an Allow is certainly missing.
    pub(super) fn certainly_missing(&self) -> BTreeSet<(PolicyType, Option<usize>)> {
        let missing = self.best.deciding.iter().filter(|_| self.best.kind == DecisionKind::Implicit);
        missing.map(|deciding| (deciding.policy_type, deciding.level)).collect()
    }

    /// The Deny statements that certainly match.
    pub(super) fn certain_denies(&self) -> &[Deciding] {
        if self.best.kind == DecisionKind::Explicit { &self.best.deciding } else { &[] }
    }
}

/// Replays the call on all that was given; a resource policy that was not given is taken to leave it to IAM.
pub(super) fn replay(held: &Held, needed: &Needed<'_>, catalog: &Catalog) -> Replay {
    let mut policies = held.policies(needed.action, needed.resource);
    policies.resource.get_or_insert_with(|| delegating(needed));
    replay_on(&policies, needed, catalog)
}

/// [`replay`] on policies of one's own choice.
pub(super) fn replay_on(policies: &Policies, needed: &Needed<'_>, catalog: &Catalog) -> Replay {
    replay_as(&needed.request(), policies, needed, catalog)
}

fn replay_as(request: &Request, policies: &Policies, needed: &Needed<'_>, catalog: &Catalog) -> Replay {
    let ask = |for_it| evaluate(&leaning(policies, needed, catalog, for_it), request);
    Replay { best: ask(true), worst: ask(false) }
}

/// The resource's policy alone: asked as if across accounts, where it must allow whatever the caller's own policies say.
pub(super) fn resource_alone(held: &Held, needed: &Needed<'_>, catalog: &Catalog) -> Replay {
    let everything = Document::new(vec![Statement::allow(["*"], ["*"])]);
    let resource = held.resource_policy(needed.action, needed.resource).map(|named| named.document.clone());
    let policies = Policies { identity: vec![everything], resource, ..Policies::default() };
    replay_as(&elsewhere(needed), &policies, needed, catalog)
}

/// Whether a statement of a resource's policy names the caller, its account or everyone; the rest of it is left aside.
pub(super) fn names_caller(statement: &Statement, needed: &Needed<'_>) -> bool {
    let everything = || Statement::allow(["*"], ["*"]);
    let named = Statement { principals: statement.principals.clone(), ..everything() };
    let policies = Policies {
        identity: vec![Document::new(vec![everything()])],
        resource: Some(Document::new(vec![named])),
        ..Policies::default()
    };
    evaluate(&policies, &elsewhere(needed)).allowed
}

/// The request as if the resource lay in another account.
fn elsewhere(needed: &Needed<'_>) -> Request {
    Request { resource_account: Some("000000000000".to_owned()), ..needed.request() }
}

/// The identity-based policies alone, all other layers taken to let the call through.
pub(super) fn identity_alone(held: &Held, needed: &Needed<'_>, catalog: &Catalog) -> Replay {
    let identity = held.identity.iter().map(|named| named.document.clone()).collect();
    let policies = Policies { identity, resource: Some(delegating(needed)), ..Policies::default() };
    replay_on(&policies, needed, catalog)
}

/// A resource policy that leaves the decision to IAM in the caller's account.
fn delegating(needed: &Needed<'_>) -> Document {
    let account = needed.principal.account.as_deref().unwrap_or("000000000000");
    let arn = needed.principal.arn.as_deref().unwrap_or_default();
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let root = PrincipalSet::aws([format!("arn:{partition}:iam::{account}:root")]);
    Document::new(vec![Statement::allow(["*"], ["*"]).with_principal(root)])
}

fn leaning(policies: &Policies, needed: &Needed<'_>, catalog: &Catalog, for_it: bool) -> Policies {
    let lean = |document: &Document| lean_document(document, needed, catalog, for_it);
    let all = |documents: &[Document]| documents.iter().map(lean).collect::<Vec<_>>();
    let levels = |levels: &[Vec<Document>]| levels.iter().map(|level| all(level)).collect();
    Policies {
        identity: all(&policies.identity),
        boundary: all(&policies.boundary),
        session: all(&policies.session),
        scp: levels(&policies.scp),
        rcp: levels(&policies.rcp),
        resource: policies.resource.as_ref().map(lean),
        vpc_endpoint: policies.vpc_endpoint.as_ref().map(lean),
    }
}

fn lean_document(document: &Document, needed: &Needed<'_>, catalog: &Catalog, for_it: bool) -> Document {
    let mut leaning = document.clone();
    for statement in leaning.statements.iter_mut().filter(|statement| acts(statement, needed.action)) {
        let unknown = unknown_tests(statement, needed, catalog);
        // AWS names an explicit deny before a missing Allow: where it says "no policy allows", no Deny matched.
        let none_denied = needed.stated == ReasonKind::Implicit;
        let holds = match statement.effect {
            Effect::Allow => for_it,
            Effect::Deny => !for_it && !none_denied,
        };
        match holds {
            true => {
                drop_tests(&mut statement.conditions, &unknown);
                open_variables(&mut statement.resources, needed, catalog);
            }
            false if !unknown.is_empty() => statement.actions = Actions::Action(OneOrMany::Many(Vec::new())),
            false => {}
        }
    }
    leaning
}

/// Whether the statement speaks of the action at all; most do not, and need no leaning.
fn acts(statement: &Statement, action: &str) -> bool {
    match &statement.actions {
        Actions::Action(patterns) => patterns.iter().any(|pattern| matches_action(pattern, action)),
        Actions::NotAction(patterns) => !patterns.iter().any(|pattern| matches_action(pattern, action)),
    }
}

/// Operator and key of each test whose outcome the event does not tell.
fn unknown_tests(statement: &Statement, needed: &Needed<'_>, catalog: &Catalog) -> BTreeSet<(String, String)> {
    let tests = statement.conditions.iter().flat_map(|(operator, keys)| keys.iter().map(move |test| (operator, test)));
    let open = tests.filter(|(_, (key, values))| {
        is_unknown(key, needed, catalog)
            || values.iter().any(|value| variables(&value.text()).any(|name| is_unknown(name, needed, catalog)))
    });
    open.map(|(operator, (key, _))| (operator.clone(), key.clone())).collect()
}

/// The condition keys, and the variables, of a statement that the event does not tell; sorted.
pub(super) fn unknown_keys(statement: &Statement, needed: &Needed<'_>, catalog: &Catalog) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> =
        unknown_tests(statement, needed, catalog).into_iter().map(|(_, key)| key).collect();
    if let Resources::Resource(patterns) | Resources::NotResource(patterns) = &statement.resources {
        let names = patterns.iter().flat_map(|pattern| variables(pattern));
        keys.extend(names.filter(|name| is_unknown(name, needed, catalog)).map(str::to_owned));
    }
    keys
}

fn is_unknown(key: &str, needed: &Needed<'_>, catalog: &Catalog) -> bool {
    needed.standing(key, catalog) == Standing::Unknown
}

fn drop_tests(conditions: &mut Conditions, gone: &BTreeSet<(String, String)>) {
    for (operator, keys) in conditions.iter_mut() {
        keys.retain(|key, _| !gone.contains(&(operator.clone(), key.clone())));
    }
}

/// The statement with `*` for every variable of its resources that the event does not tell.
pub(super) fn opened_statement(statement: &Statement, needed: &Needed<'_>, catalog: &Catalog) -> Statement {
    let mut opened = statement.clone();
    open_variables(&mut opened.resources, needed, catalog);
    opened
}

/// `*` for every variable that the event does not tell.
fn open_variables(resources: &mut Resources, needed: &Needed<'_>, catalog: &Catalog) {
    let Resources::Resource(patterns) = resources else { return };
    let opened = patterns.iter().map(|pattern| {
        let unknown = variables(pattern).filter(|name| is_unknown(name, needed, catalog)).collect::<Vec<_>>();
        unknown.iter().fold(pattern.clone(), |text, name| opened(&text, name))
    });
    *patterns = opened.collect();
}

/// The text with `${name}` and `${name, 'default'}` as `*`.
fn opened(text: &str, name: &str) -> String {
    let Some((before, rest)) = text.split_once(&format!("${{{name}")) else { return text.to_owned() };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    format!("{before}*{after}")
}

/// The names inside `${…}`, escapes such as `${*}` aside.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let inside = text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(inside, _)| inside);
    let names = inside.map(|inside| inside.split(',').next().unwrap_or_default().trim_end());
    names.filter(|name| !matches!(*name, "*" | "?" | "$"))
}

/// `statement 2 (`Sid`) of policy `name``; counts from 1.
pub(crate) fn statement_words(named: &NamedDocument, at: usize) -> String {
    let sid = named.document.statements.get(at).and_then(|statement| statement.sid.as_deref());
    let sid = sid.filter(|sid| !sid.is_empty()).map_or_else(String::new, |sid| format!(" (`{sid}`)"));
    format!("statement {}{sid} of {}", at + 1, policy_words(named))
}

/// `inline policy `name``, with the ARN of a managed one.
pub(super) fn policy_words(named: &NamedDocument) -> String {
    let kind = match named.origin {
        Origin::Inline => "inline policy",
        Origin::Managed => "managed policy",
        Origin::AwsManaged => "AWS managed policy",
        Origin::Group => "the group's policy",
        // Its name says whose.
        Origin::File | Origin::Resource => "policy",
    };
    format!("{kind} `{}`", named.arn.as_deref().unwrap_or(&named.name))
}

/// Where a deciding statement stands among the policies given.
pub(super) fn found<'h>(held: &'h Held, needed: &Needed<'_>, deciding: &Deciding) -> Option<&'h NamedDocument> {
    let policy = deciding.policy?;
    let at_level = |levels: &'h [Vec<NamedDocument>]| levels.get(deciding.level?)?.get(policy);
    match deciding.policy_type {
        PolicyType::Identity => held.identity.get(policy),
        PolicyType::Boundary => held.boundary.get(policy),
        PolicyType::Session => held.session.get(policy),
        PolicyType::Scp => at_level(&held.scp),
        PolicyType::Rcp => at_level(&held.rcp),
        PolicyType::Resource => held.resource_policy(needed.action, needed.resource),
        PolicyType::VpcEndpoint => held.vpc_endpoint.as_ref(),
    }
}
