//! AWS says that no identity-based policy allows it: the plain case, mended on the principal.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.

use super::{Cause, Diagnosed, TargetKind, asked, caller, on_resource, place};
use crate::denial::{Denial, PolicyType, ReasonKind};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.kind != ReasonKind::Implicit || denial.reason.policy_type != Some(PolicyType::Identity) {
        return None;
    }
    let target = place::own_policy(&denial.principal)?;
    let set = target.kind == TargetKind::PermissionSet;
    let summary =
        format!("no identity-based policy of {} allows {}{}", caller(denial), asked(denial), on_resource(denial));
    let diagnosed = Diagnosed::new(denial, Cause::IdentityAllowMissing, target, summary)
        .unchecked("the policies in force (give `--policies`)")
        .unchecked("other layers (SCP, boundary, session): AWS reports one reason only, the next call tells");
    Some(match set {
        true => diagnosed.doubt("a permission set serves every account and user that it is assigned to"),
        false => diagnosed,
    })
}
