//! AWS attached `AWSCompromisedKeyQuarantine…`: a key leaked, and the denial is AWS's first aid.
//! See <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html>.

use super::{Cause, Diagnosed, caller, caller_target};
use crate::denial::Denial;

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let arn = denial.reason.policy_arn.as_deref()?;
    let name = arn.rsplit('/').next()?;
    name.starts_with("AWSCompromisedKeyQuarantine").then(|| {
        let who = caller(denial);
        let summary =
            format!("AWS quarantined {who}: an access key has leaked. Treat it as an incident; rotate the key");
        Diagnosed::new(denial, Cause::KeyQuarantined, caller_target(denial), summary)
    })
}
