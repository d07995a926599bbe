//! A statement denies it: an Allow changes nothing, and removing a Deny is its author's decision.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.

use super::{Cause, Diagnosed, Target, TargetKind, asked, caller, caller_target, layer_words, on_resource, place};
use crate::denial::{Denial, PolicyType, ReasonKind};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.kind != ReasonKind::Explicit {
        return None;
    }
    let target = target(denial);
    let layer = denial.reason.policy_type.map_or("a policy that AWS does not name", layer_words);
    let by = match (&denial.reason.policy_arn, denial.facts.denied_by.first()) {
        (Some(arn), _) => format!("{layer} {arn}"),
        (None, Some(statement)) => format!("{layer}: {statement}"),
        (None, None) => layer.to_owned(),
    };
    let summary = format!(
        "{} of {}{} is denied on purpose by {by}; an Allow has no effect",
        asked(denial),
        caller(denial),
        on_resource(denial)
    );
    let mut diagnosed = Diagnosed::new(denial, Cause::ExplicitDeny, target, summary);
    for statement in &denial.facts.denied_by {
        diagnosed.diagnosis.evidence.push(format!("AWS tells on asking what denies it: {statement}"));
    }
    Some(diagnosed.unchecked("the denying statement itself and its conditions were not read"))
}

fn target(denial: &Denial) -> Target {
    let limit = |kind| place::limit(&denial.principal, kind);
    let guardrail = |kind| Target { kind, arn: denial.reason.policy_arn.clone(), name: None, account: None };
    match denial.reason.policy_type {
        Some(PolicyType::Scp) => guardrail(TargetKind::Scp),
        Some(PolicyType::Rcp) => guardrail(TargetKind::Rcp),
        Some(PolicyType::Boundary) => named(limit(TargetKind::PermissionsBoundary), denial),
        Some(PolicyType::Session) => limit(TargetKind::SessionPolicy),
        Some(PolicyType::Resource) => place::of_resource(denial),
        Some(PolicyType::Trust) => Target { kind: TargetKind::TrustPolicy, ..place::of_resource(denial) },
        Some(PolicyType::VpcEndpoint) => super::endpoint::target(denial),
        Some(PolicyType::Identity) | None => caller_target(denial),
    }
}

/// A boundary is a managed policy: AWS names it, and it is the policy that would change.
pub(super) fn named(target: Target, denial: &Denial) -> Target {
    let arn = denial.reason.policy_arn.clone();
    let name = arn.as_deref().and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    Target { arn: arn.or(target.arn), name: name.or(target.name), ..target }
}
