//! The VPC endpoint's policy does not allow it; the network's owner changes that.
//! See <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>.

use super::{Cause, Diagnosed, Target, TargetKind, asked, caller, on_resource};
use crate::arn::Arn;
use crate::denial::{Denial, PolicyType};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.policy_type != Some(PolicyType::VpcEndpoint) {
        return None;
    }
    let summary = format!(
        "the VPC endpoint's policy does not allow {} of {}{}",
        asked(denial),
        caller(denial),
        on_resource(denial)
    );
    let diagnosed = Diagnosed::new(denial, Cause::EndpointAllowMissing, target(denial), summary);
    Some(
        diagnosed
            .doubt("the endpoint's policy serves everyone behind it: its owner decides")
            .unchecked("the endpoint's policy was not read; it may hold an explicit deny"),
    )
}

/// The endpoint, where the event names it.
pub(super) fn target(denial: &Denial) -> Target {
    let id = denial.facts.vpc_endpoint_id.clone();
    let arn =
        id.as_deref().zip(denial.region.as_deref()).zip(denial.account.as_deref()).map(|((id, region), account)| {
            Arn::new(&partition(denial), "ec2", region, account, &format!("vpc-endpoint/{id}")).to_string()
        });
    Target { kind: TargetKind::VpcEndpointPolicy, arn, name: id, account: denial.account.clone() }
}

/// The caller's partition: an endpoint serves its own only.
fn partition(denial: &Denial) -> String {
    let caller = denial.principal.arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok());
    caller.map_or_else(|| "aws".to_owned(), |arn| arn.partition)
}
