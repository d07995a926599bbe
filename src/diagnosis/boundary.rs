//! The principal's permissions boundary does not allow it.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>.

use super::{Cause, Diagnosed, TargetKind, asked, caller, on_resource, place};
use crate::denial::{Denial, PolicyType};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.policy_type != Some(PolicyType::Boundary) {
        return None;
    }
    let who = caller(denial);
    let target = place::bearer(&denial.principal, TargetKind::PermissionsBoundary);
    let summary = format!("the permissions boundary of {who} does not allow {}{}", asked(denial), on_resource(denial));
    Some(
        Diagnosed::new(denial, Cause::BoundaryAllowMissing, target, summary)
            .doubt("the boundary is a limit that somebody set for this principal: its keeper decides")
            .doubt("the identity policy must allow it too; AWS reports one reason only")
            .unchecked("which managed policy is the boundary, and what it holds"),
    )
}
