//! AWS says that no identity-based policy allows it: the plain case, mended on the principal.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.

use super::{Cause, Diagnosed, asked, caller, on_resource, place};
use crate::denial::{Denial, PolicyType, ReasonKind};
use crate::principal::PrincipalKind;

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.kind != ReasonKind::Implicit || denial.reason.policy_type != Some(PolicyType::Identity) {
        return None;
    }
    let target = place::own_policy(&denial.principal)?;
    let summary =
        format!("no identity-based policy of {} allows {}{}", caller(denial), asked(denial), on_resource(denial));
    let diagnosed = Diagnosed::new(denial, Cause::IdentityAllowMissing, target, summary)
        .unchecked("the policies in force (give `--policies`)")
        .unchecked("other layers (SCP, boundary, session): AWS reports one reason only, the next call tells");
    Some(match denial.principal.kind {
        PrincipalKind::PermissionSet => {
            diagnosed.doubt("a permission set serves every account and user that it is assigned to")
        }
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
        PrincipalKind::Federated => {
            diagnosed.doubt("a federated session may do only what the session policy passed with it allows as well")
        }
        PrincipalKind::Role
        | PrincipalKind::User
        | PrincipalKind::ServiceLinkedRole
        | PrincipalKind::Root
        | PrincipalKind::Service
        | PrincipalKind::Account
        | PrincipalKind::Anonymous
        | PrincipalKind::Unknown => diagnosed,
    })
}
