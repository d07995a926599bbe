//! The session policy passed when the session began does not allow it: the code that begins the session changes it.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>.

use super::{Cause, Diagnosed, TargetKind, asked, caller, on_resource, place};
use crate::denial::{Denial, PolicyType};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.policy_type != Some(PolicyType::Session) {
        return None;
    }
    let who = caller(denial);
    let target = place::limit(&denial.principal, TargetKind::SessionPolicy);
    let summary =
        format!("the session policy of this session of {who} does not allow {}{}", asked(denial), on_resource(denial));
    Some(
        Diagnosed::new(denial, Cause::SessionAllowMissing, target, summary)
            .doubt("whoever begins the session passes the policy (a broker, CodePipeline, Lake Formation, a vault)")
            .doubt("the role's or user's own policy must allow it too; AWS reports one reason only")
            .unchecked("the session policy was not read"),
    )
}
