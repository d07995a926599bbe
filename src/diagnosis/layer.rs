//! AWS names a layer, and its policies were given: which statement denies, or where an Allow is missing and what is near.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.

use super::in_force::NamedDocument;
use super::refine::{NEAR, Refined, deciding_words};
use super::replay::{Replay, found, names_caller, policy_words, replay, resource_alone, statement_words, unknown_keys};
use super::view::View;
use super::{Cause, Diagnosis, recreated};
use crate::policy::{DecisionKind, PolicyType};

/// Which Deny statement it is, or that none of those given matches.
pub(super) fn denied(view: &View<'_>, diagnosis: &Diagnosis) -> Diagnosis {
    let mut told = diagnosis.clone();
    let all = replay(view.held, view.needed, view.catalog);
    let certain = deciding_words(view, all.certain_denies());
    if certain.is_empty() {
        let open = open_denies(view, &all);
        if open.is_empty() {
            told.unchecked.push(
                "none of the Deny statements that were given matches: the one that does was not given".to_owned(),
            );
        }
        told.evidence.extend(open);
        return told;
    }
    told.unchecked.retain(|what| !what.contains("the denying statement"));
    told.evidence.extend(certain.into_iter().map(|words| format!("{words} denies it explicitly")));
    told
}

/// Deny statements that match or not by what the event does not tell.
pub(super) fn open_denies(view: &View<'_>, all: &Replay) -> Vec<String> {
    if all.worst.kind != DecisionKind::Explicit {
        return Vec::new();
    }
    let words = |one: &crate::policy::Deciding| {
        let (named, at) = (found(view.held, view.needed, one)?, one.statement?);
        let statement = named.document.statements.get(at)?;
        let keys: Vec<String> = unknown_keys(statement, view.needed, view.catalog).into_iter().collect();
        Some(format!("{} denies it or not by `{}`, which is unknown", statement_words(named, at), keys.join("`, `")))
    };
    all.worst.deciding.iter().filter_map(words).collect()
}

/// Where the Allow of a layer is missing, and what in it comes near. The cause stays: the owner of the layer decides.
pub(super) fn missing(view: &View<'_>, cause: Cause, diagnosis: &Diagnosis) -> Refined {
    let Some(policy_type) = layer_of(cause) else { return Refined::of(diagnosis.clone()) };
    let given = given(view, policy_type);
    if given.is_empty() {
        return Refined::of(diagnosis.clone());
    }
    let mut told = diagnosis.clone();
    told.unchecked.retain(|what| !tells_of_reading(what));
    let all = match policy_type {
        PolicyType::Resource => resource_alone(view.held, view.needed, view.catalog),
        _ => replay(view.held, view.needed, view.catalog),
    };
    let lacking: Vec<Option<usize>> = all
        .certainly_missing()
        .into_iter()
        .filter(|(missing, _)| *missing == policy_type)
        .map(|(_, level)| level)
        .collect();
    let read = given.iter().map(|named| policy_words(named)).collect::<Vec<_>>().join(", ");
    let may_lack = all.worst.deciding.iter().any(|one| one.policy_type == policy_type && one.statement.is_none());
    if lacking.is_empty() && may_lack {
        return with_near(view, &given, policy_type, told);
    }
    if lacking.is_empty() && policy_type != PolicyType::Rcp {
        told.unchecked.push(format!(
            "{read} lets the call through as given: it may be newer than the denial, or not the policy in force"
        ));
        return Refined::of(told);
    }
    told.evidence.extend(lacking.into_iter().map(|level| {
        match level.and_then(|level| Some((level, view.held.scp.get(level)?))) {
            Some((level, policies)) => {
                let names = policies.iter().map(policy_words).collect::<Vec<_>>().join(", ");
                format!("level {} of the service control policies has no Allow that matches: {names}", level + 1)
            }
            None => format!("no Allow that matches stands in {read}"),
        }
    }));
    with_near(view, &given, policy_type, told)
}

/// Adds the Allow that comes nearest, and a principal's id that stands where its ARN stood.
///
/// An Allow under a condition that was not met gets no other beside it: an external id is there for a reason.
fn with_near(view: &View<'_>, given: &[&NamedDocument], policy_type: PolicyType, mut told: Diagnosis) -> Refined {
    let mut allows = view.allows(given.iter().copied());
    if policy_type == PolicyType::Resource {
        if let Some(found) = recreated::look(view, &allows, &told) {
            return Refined::of(found);
        }
        let others = allows.iter().any(|allow| allow.action && allow.resource);
        allows.retain(|allow| names_caller(allow.statement, view.needed));
        if others && allows.is_empty() {
            told.evidence.push("a statement allows the call to other principals".to_owned());
        }
    }
    let Some(near) = NEAR.iter().find_map(|look| look(view, &allows, &told)) else { return Refined::of(told) };
    told.evidence.push(near.summary);
    told.doubts = near.doubts;
    Refined { mends: near.cause != Cause::ConditionNotMet, ..Refined::of(told) }
}

fn given<'h>(view: &View<'h>, policy_type: PolicyType) -> Vec<&'h NamedDocument> {
    let held = view.held;
    match policy_type {
        PolicyType::Identity => held.identity.iter().collect(),
        PolicyType::Boundary => held.boundary.iter().collect(),
        PolicyType::Session => held.session.iter().collect(),
        PolicyType::Scp => held.scp.iter().flatten().collect(),
        PolicyType::Rcp => held.rcp.iter().flatten().collect(),
        PolicyType::Resource => held.resource_policy(view.needed.action, view.needed.resource).into_iter().collect(),
        PolicyType::VpcEndpoint => held.vpc_endpoint.iter().collect(),
    }
}

/// Sentences of a message's diagnosis that reading the layer answers.
fn tells_of_reading(what: &str) -> bool {
    ["not read", "what it holds"].iter().any(|part| what.contains(part))
}

/// The cause of a missing Allow in a layer.
pub(super) fn cause(policy_type: PolicyType) -> Cause {
    match policy_type {
        PolicyType::Identity => Cause::IdentityAllowMissing,
        PolicyType::Boundary => Cause::BoundaryAllowMissing,
        PolicyType::Session => Cause::SessionAllowMissing,
        PolicyType::Scp => Cause::ScpAllowMissing,
        PolicyType::Rcp => Cause::RcpAllowMissing,
        PolicyType::Resource => Cause::ResourceAllowMissing,
        PolicyType::VpcEndpoint => Cause::EndpointAllowMissing,
    }
}

/// The layer that a cause points at; `None` for causes that are no missing Allow outside the caller's own policies.
fn layer_of(cause: Cause) -> Option<PolicyType> {
    Some(match cause {
        Cause::BoundaryAllowMissing => PolicyType::Boundary,
        Cause::SessionAllowMissing => PolicyType::Session,
        Cause::ScpAllowMissing => PolicyType::Scp,
        Cause::RcpAllowMissing => PolicyType::Rcp,
        Cause::EndpointAllowMissing => PolicyType::VpcEndpoint,
        Cause::ResourceAllowMissing
        | Cause::TrustAllowMissing
        | Cause::CrossAccountOpaque
        | Cause::PrincipalNotEditable => PolicyType::Resource,
        _ => return None,
    })
}

/// A layer in AWS's words.
pub(super) fn words(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Session => "session policy",
        PolicyType::Scp => "service control policy",
        PolicyType::Rcp => "resource control policy",
        PolicyType::Resource => "resource-based policy",
        PolicyType::VpcEndpoint => "VPC endpoint policy",
    }
}
