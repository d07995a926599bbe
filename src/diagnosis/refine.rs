//! A message's diagnosis held against the policies given: the real cause, from evidence.
//!
//! What no Allow can mend comes first again; then what an Allow that exists tells; then that there is none.

use super::in_force::Held;
use super::replay::{Replay, found, identity_alone, policy_words, replay, statement_words};
use super::request::Needed;
use super::starved::{self, Split};
use super::view::{Allow, View};
use super::{Cause, Diagnosis, arn_form, form, layer, misspelt, ungiven, unmet, via_service};
use crate::catalog::Catalog;
use crate::denial::ReasonKind;
use crate::policy::{Deciding, PolicyType};

/// What the policies in force add to a diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// The sharper diagnosis.
    pub diagnosis: Diagnosis,
    /// The statement to split, where one starves the action.
    pub split: Option<Split>,
    /// False where another policy than the one that the message points at would have to change.
    pub mends: bool,
}

type Look = fn(&View<'_>, &[Allow<'_>], &Diagnosis) -> Option<Diagnosis>;

/// What an Allow that exists tells, in the order of asking.
pub(super) const NEAR: &[Look] = &[via_service::look, unmet::look, form::look, arn_form::look, misspelt::look];

/// Holds an item of a finding against the policies in force.
///
/// `None` when too little is known to replay the call.
pub fn refine(needed: &Needed<'_>, diagnosis: &Diagnosis, held: &Held, catalog: &Catalog) -> Option<Refined> {
    if needed.action.is_empty() || needed.resource.is_empty() {
        return None;
    }
    let view = View::new(needed, held, catalog);
    let mut refined = match diagnosis.cause {
        Cause::IdentityAllowMissing
        | Cause::LayerUnstated
        | Cause::BareDenial
        | Cause::EncodedMessage
        | Cause::KmsOpaque => own(&view, diagnosis),
        Cause::ExplicitDeny | Cause::KeyQuarantined => Refined::of(layer::denied(&view, diagnosis)),
        cause => layer::missing(&view, cause, diagnosis),
    };
    ungiven::list(&view, &mut refined.diagnosis);
    Some(refined)
}

impl Refined {
    pub(super) fn of(diagnosis: Diagnosis) -> Self {
        Self { diagnosis, split: None, mends: true }
    }
}

/// The caller's own policies are the candidate.
fn own(view: &View<'_>, diagnosis: &Diagnosis) -> Refined {
    let all = replay(view.held, view.needed, view.catalog);
    if !all.certain_denies().is_empty() {
        return Refined::of(denies(view, &all, diagnosis));
    }
    if !view.has_identity() {
        return Refined::of(diagnosis.clone());
    }
    if all.worst.allowed {
        return Refined::of(allowed(view, &all.worst.deciding, diagnosis));
    }
    if identity_alone(view.held, view.needed, view.catalog).worst.allowed {
        return Refined { diagnosis: beyond_identity(view, &all, diagnosis), split: None, mends: false };
    }
    let mut refined = near_or_none(view, diagnosis);
    refined.diagnosis.doubts.extend(others_lack(&all));
    refined
}

/// No identity-based policy allows it, for certain or as far as the event tells: the Allow that comes nearest, or none.
fn near_or_none(view: &View<'_>, diagnosis: &Diagnosis) -> Refined {
    let allows = view.allows(&view.held.identity);
    if let Some((diagnosis, split)) = starved::look(view, &allows, diagnosis) {
        return Refined { diagnosis, split, mends: true };
    }
    let near = NEAR.iter().find_map(|look| look(view, &allows, diagnosis));
    Refined::of(near.unwrap_or_else(|| none(view, diagnosis)))
}

/// AWS's words, confirmed by the policies themselves.
fn none(view: &View<'_>, diagnosis: &Diagnosis) -> Diagnosis {
    let mut confirmed = diagnosis.clone();
    let read: Vec<String> = view.held.identity.iter().map(policy_words).collect();
    confirmed.evidence.push(match read.as_slice() {
        [] if view.held.missing.is_empty() => "the principal has no identity-based policy at all".to_owned(),
        [] => "none of the principal's policies could be read".to_owned(),
        read => format!("no statement allows it in any policy that was given: {}", read.join(", ")),
    });
    if confirmed.cause != Cause::IdentityAllowMissing && view.held.missing.is_empty() {
        confirmed.cause = Cause::IdentityAllowMissing;
        confirmed.summary = format!(
            "no identity-based policy of {} allows `{}` on `{}`",
            view.needed.principal.words(),
            view.needed.action,
            view.needed.resource
        );
        confirmed.doubts.push("AWS does not name the layer: another one may refuse it as well".to_owned());
    }
    confirmed
}

/// A Deny among the policies given matches: whatever AWS's words leave open, no Allow helps now.
fn denies(view: &View<'_>, all: &Replay, diagnosis: &Diagnosis) -> Diagnosis {
    let mut found = Diagnosis { cause: Cause::ExplicitDeny, ..diagnosis.clone() };
    let statements = deciding_words(view, all.certain_denies());
    found.summary = format!(
        "`{}` of {} on `{}` is denied on purpose by {}; an Allow has no effect",
        view.needed.action,
        view.needed.principal.words(),
        view.needed.resource,
        statements.first().map_or("a policy that was given", String::as_str)
    );
    found.evidence.extend(statements.into_iter().map(|words| format!("{words} denies it explicitly")));
    if view.needed.stated == ReasonKind::Implicit {
        let newer = "AWS's message tells of no explicit deny: the policies given may be newer than the denial";
        found.unchecked.push(newer.to_owned());
    }
    found
}

/// The replay says "allowed".
fn allowed(view: &View<'_>, deciding: &[Deciding], diagnosis: &Diagnosis) -> Diagnosis {
    let mut found = Diagnosis { cause: Cause::AlreadyAllowed, ..diagnosis.clone() };
    found.summary = format!(
        "the policies given already allow `{}` on `{}`: they may be newer than the denial, or another layer refused it",
        view.needed.action, view.needed.resource
    );
    found.evidence.extend(deciding_words(view, deciding).into_iter().map(|words| format!("{words} allows it")));
    found
}

/// The identity-based policies allow it, another layer that was given does not, or may not.
fn beyond_identity(view: &View<'_>, all: &Replay, diagnosis: &Diagnosis) -> Diagnosis {
    let mut found = diagnosis.clone();
    found.evidence.push("the identity-based policies that were given allow it".to_owned());
    let missing = all.certainly_missing();
    match missing.iter().next() {
        Some((policy_type, _)) => {
            found.cause = layer::cause(*policy_type);
            layer::missing(view, found.cause, &summed(view, *policy_type, found.clone())).diagnosis
        }
        None => {
            found.cause = Cause::ConditionNotMet;
            found.summary = format!(
                "whether `{}` is allowed depends on conditions that the event does not tell",
                view.needed.action
            );
            found.evidence.extend(layer::open_denies(view, all));
            found.evidence.extend(open_layers(all));
            found.doubts.push("the deciding conditions are unknown: see the evidence".to_owned());
            found
        }
    }
}

fn summed(view: &View<'_>, policy_type: PolicyType, diagnosis: Diagnosis) -> Diagnosis {
    let summary = format!(
        "the caller's own policies allow `{}` on `{}`, the {} does not",
        view.needed.action,
        view.needed.resource,
        layer::words(policy_type)
    );
    Diagnosis { summary, ..diagnosis }
}

/// Layers that allow it or not by what the event does not tell.
fn open_layers(all: &Replay) -> Vec<String> {
    let missing =
        all.worst.deciding.iter().filter(|one| one.statement.is_none() && one.policy_type != PolicyType::Identity);
    let words = |one: &Deciding| {
        format!("the {} that was given allows it or not by what the event does not tell", layer::words(one.policy_type))
    };
    missing.map(words).collect()
}

/// Layers besides the identity-based policies that do not allow it either: the next refusal.
fn others_lack(all: &Replay) -> Vec<String> {
    let missing = all.certainly_missing();
    let others = missing.into_iter().filter(|(policy_type, _)| *policy_type != PolicyType::Identity);
    let words = |(policy_type, level): (PolicyType, Option<usize>)| {
        let level = level.map_or_else(String::new, |level| format!(" (level {})", level + 1));
        format!("the {} that was given{level} does not allow it either", layer::words(policy_type))
    };
    others.map(words).collect()
}

/// Where each deciding statement stands.
pub(super) fn deciding_words(view: &View<'_>, deciding: &[Deciding]) -> Vec<String> {
    let words = |one: &Deciding| {
        let (named, at) = (found(view.held, view.needed, one)?, one.statement?);
        Some(format!("{} ({})", statement_words(named, at), layer::words(one.policy_type)))
    };
    deciding.iter().filter_map(words).collect()
}

#[cfg(test)]
#[path = "refine_tests.rs"]
mod tests;
