//! No SCP or RCP allows it: the organisation's decision; text only, never a policy.
//! See <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>.

use super::{Cause, Diagnosed, Target, TargetKind, asked, caller, on_resource};
use crate::denial::{Denial, PolicyType};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let (cause, kind, words) = match denial.reason.policy_type? {
        PolicyType::Scp => (Cause::ScpAllowMissing, TargetKind::Scp, "service control policy"),
        PolicyType::Rcp => (Cause::RcpAllowMissing, TargetKind::Rcp, "resource control policy"),
        PolicyType::Identity
        | PolicyType::Resource
        | PolicyType::Trust
        | PolicyType::Boundary
        | PolicyType::Session
        | PolicyType::VpcEndpoint => return None,
    };
    let target = Target { kind, arn: denial.reason.policy_arn.clone(), name: None, account: None };
    let summary = format!(
        "no {words} of the organisation allows {} of {}{}; ask those who keep it",
        asked(denial),
        caller(denial),
        on_resource(denial)
    );
    Some(Diagnosed::new(denial, cause, target, summary).unchecked("the organisation's policies were not read"))
}
