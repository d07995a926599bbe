//! The calls that intruders make first, to see what a key is good for: send mail, text messages, run models, get in again.
//!
//! One of them is everybody's mistake; those of several services within minutes hardly a workload's.

use super::{Call, Look, own, windows};
use std::collections::BTreeSet;

/// Of that many services.
const SERVICES: usize = 3;

/// What they ask and try, and everything of Organizations besides.
pub(super) const FIRSTS: [&str; 14] = [
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock:ListFoundationModels",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateUser",
    "iam:PutUserPolicy",
    "ses:GetAccount",
    "ses:GetAccountSendingEnabled",
    "ses:GetSendQuota",
    "sns:GetSMSAttributes",
    "sns:GetSMSSandboxAccountStatus",
    "sts:GetFederationToken",
];

/// What consoles and tools ask of Organizations by themselves, whoever looks at what.
pub(super) const ASKED_EVERYWHERE: [&str; 4] = [
    "organizations:DescribeOrganization",
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:ListDelegatedAdministrators",
    "organizations:ListDelegatedServicesForAccount",
];

/// Looks at the ten minutes with the most services.
pub(super) fn look(calls: &[Call<'_>]) -> Option<Look> {
    let firsts = own(calls, is_first);
    let most = windows(&firsts)
        .map(|window| window.iter().map(Call::service).collect::<BTreeSet<_>>())
        .max_by_key(BTreeSet::len)
        .filter(|services| services.len() >= SERVICES)?;
    let services = Vec::from_iter(most).join(", ");
    Some(Look::Sweep(format!("calls that intruders make first ({services}) were refused within ten minutes")))
}

fn is_first(action: &str) -> bool {
    FIRSTS.contains(&action) || (action.starts_with("organizations:") && !ASKED_EVERYWHERE.contains(&action))
}
