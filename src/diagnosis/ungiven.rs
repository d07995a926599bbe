//! What was not among the policies given and could change the answer.

use super::Diagnosis;
use super::in_force::has_allow;
use super::view::View;
use crate::principal::PrincipalKind;

/// Replaces what a message's diagnosis says in general by what is not there in particular.
pub(super) fn list(view: &View<'_>, diagnosis: &mut Diagnosis) {
    let general = |what: &String| what.contains("--policies") || what.starts_with("other layers (");
    diagnosis.unchecked.retain(|what| !general(what));
    let mut missing = not_given(view);
    missing.extend(view.held.missing.iter().map(|policy| format!("`{policy}`, whose text was not given")));
    missing.extend(view.held.unread.iter().cloned());
    let endpoint = view.needed.facts.vpc_endpoint_id.as_deref();
    let of_endpoint = endpoint.and_then(|id| view.held.known.get(id));
    for known in view.held.known_of(view.needed.resource).into_iter().chain(of_endpoint) {
        missing.extend(known.unread.iter().cloned());
        diagnosis.evidence.extend(known.notes.iter().cloned());
    }
    for what in missing {
        if !diagnosis.unchecked.contains(&what) {
            diagnosis.unchecked.push(what);
        }
    }
}

fn not_given(view: &View<'_>) -> Vec<String> {
    let (held, needed) = (view.held, view.needed);
    let kind = needed.principal.kind;
    let is_role = matches!(kind, PrincipalKind::Role | PrincipalKind::PermissionSet);
    let has_own = is_role || kind == PrincipalKind::User;
    let service = needed.action.split(':').next().unwrap_or_default();
    let under_rcp = view.catalog.supports_rcp(service) != Some(false);
    let carried = needed.resource != "*" && held.resource_policy(needed.action, needed.resource).is_none();
    let only_deny = held.scp.iter().any(|level| !level.iter().any(|named| has_allow(&named.document)));
    let endpoint = needed.facts.vpc_endpoint_id.is_some() && held.vpc_endpoint.is_none();
    [
        (has_own && !view.has_identity(), "identity-based policies (none given)"),
        (has_own && held.arn.is_none() && held.boundary.is_empty(), "the permissions boundary, if there is one"),
        (is_role && held.session.is_empty(), "a session policy, if there is one"),
        (has_own && held.scp.is_empty() && !held.unbound, "service control policies (none given)"),
        (only_deny, "the service control policies that allow: a level was given with Deny statements only"),
        (under_rcp && held.rcp.is_empty() && !held.unbound, "resource control policies (none given)"),
        (carried, "the resource's own policy, if it has one"),
        (endpoint, "the policy of the VPC endpoint that the call came through"),
    ]
    .into_iter()
    .filter(|(open, _)| *open)
    .map(|(_, words)| words.to_owned())
    .collect()
}
