//! Two policies that must both allow a call: across accounts the resource's and the caller's own have to.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>.

use crate::diagnosis::{Cause, Target, carried_policy, crosses_accounts, own_policy};
use crate::finding::{Finding, Item, ItemKey};
use crate::triage::{Remedy, remedy};

/// The second policy that must allow the item; `None` where one is enough, or where the other side has none.
pub(super) fn other(finding: &Finding, key: &ItemKey, item: &Item) -> Option<Target> {
    let owner = item.facts.resource_account.as_deref();
    match item.diagnosis.cause {
        // AWS's text is for calls across accounts, though it names neither.
        Cause::CrossAccountOpaque => own_policy(&finding.principal),
        _ if !are_apart(finding, key, item) => None,
        Cause::ResourceAllowMissing | Cause::TrustAllowMissing => own_policy(&finding.principal),
        cause if is_own_side(cause) => carried_policy(&key.resource, owner),
        _ => None,
    }
}

/// What a call across accounts asks a person to settle.
pub(super) fn doubt(finding: &Finding, key: &ItemKey, item: &Item) -> Option<String> {
    let words = match other(finding, key, item) {
        Some(_) => {
            "the resource's policy and the caller's own policy must both allow it: neither patch helps without the other"
        }
        None if is_own_side(item.diagnosis.cause) && are_apart(finding, key, item) => {
            "the resource belongs to another account and is not known to carry a policy: an Allow helps only if it is \
             shared with the caller's account, else a role of that account must be assumed"
        }
        None => return None,
    };
    Some(words.to_owned())
}

fn are_apart(finding: &Finding, key: &ItemKey, item: &Item) -> bool {
    crosses_accounts(&finding.principal, &key.resource, item.facts.resource_account.as_deref()) == Some(true)
}

fn is_own_side(cause: Cause) -> bool {
    matches!(remedy(cause), Remedy::OwnAllow | Remedy::LikelyAllow)
}
