//! No resource-based policy allows it: the resource's owner must, the caller's own policy cannot.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>.

use super::{Cause, Diagnosed, asked, caller, on_resource, place};
use crate::denial::{Denial, PolicyType, Special};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let opaque = denial.reason.special == Some(Special::CrossAccountOpaque);
    if denial.reason.policy_type != Some(PolicyType::Resource) && !opaque {
        return None;
    }
    let who = caller(denial);
    let target = place::of_resource(denial);
    if opaque {
        let summary = format!(
            "{} of {who}{} was refused: the resource is not in this Region, or its policy does not allow it, or denies it",
            asked(denial),
            on_resource(denial)
        );
        return Some(
            Diagnosed::new(denial, Cause::CrossAccountOpaque, target, summary)
                .doubt("AWS names several causes at once; check that the resource exists in this Region first")
                .doubt("both the resource's policy and the caller's own policy must allow it"),
        );
    }
    let summary = format!("no resource-based policy allows {} of {who}{}", asked(denial), on_resource(denial));
    let diagnosed = Diagnosed::new(denial, Cause::ResourceAllowMissing, target, summary)
        .doubt("the resource's owner decides; Put-type calls replace the whole policy, so merge")
        .unchecked("the resource's policy was not read");
    Some(match crosses_accounts(denial) {
        Some(false) => diagnosed,
        Some(true) => diagnosed.doubt("the accounts differ: the caller's own policy must allow it as well"),
        None => diagnosed.unchecked("whether the resource is in the caller's account"),
    })
}

/// Whether caller and resource live in different accounts; `None` when one of them is unknown.
pub(super) fn crosses_accounts(denial: &Denial) -> Option<bool> {
    let target = place::of_resource(denial);
    Some(denial.principal.account.as_deref()? != target.account.as_deref()?)
}
