//! The role's trust policy does not let this caller in.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html>.

use super::{Cause, Diagnosed, Target, TargetKind, asked, caller, on_resource, place};
use crate::denial::{Denial, PolicyType, Special};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let federated = denial.reason.special == Some(Special::TrustFederation);
    if denial.reason.policy_type != Some(PolicyType::Trust) && !federated {
        return None;
    }
    let target = Target { kind: TargetKind::TrustPolicy, ..place::of_resource(denial) };
    let who = caller(denial);
    let summary = format!("the role's trust policy does not let {who} call {}{}", asked(denial), on_resource(denial));
    let diagnosed = Diagnosed::new(denial, Cause::TrustAllowMissing, target, summary)
        .doubt("the role's owner decides who may assume it")
        .unchecked("the trust policy was not read; its conditions (sub, aud, ExternalId, MFA) may be what fails");
    Some(match federated {
        true => diagnosed.doubt("compare the token's `sub` and `aud` with the trust policy's conditions"),
        false => diagnosed,
    })
}
