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
        let diagnosed = Diagnosed::new(denial, Cause::CrossAccountOpaque, target, summary)
            .doubt("AWS names several causes at once; check that the resource exists in this Region first")
            .doubt("keys that AWS manages (`alias/aws/…`) can never be used from another account");
        return Some(match denial.resources.is_empty() {
            true => diagnosed.unchecked("which resource it was: give `--resource ARN`"),
            false => diagnosed,
        });
    }
    let summary = format!("no resource-based policy allows {} of {who}{}", asked(denial), on_resource(denial));
    let mut diagnosed = Diagnosed::new(denial, Cause::ResourceAllowMissing, target, summary)
        .unchecked("the resource's policy was not read");
    if let Some(words) = grant_instead(denial) {
        diagnosed = diagnosed.doubt(words);
    }
    Some(match crosses_accounts(denial) {
        Some(_) => diagnosed,
        None => diagnosed.unchecked("whether the resource is in the caller's account"),
    })
}

/// Whether caller and resource live in different accounts; `None` when one of them is unknown.
fn crosses_accounts(denial: &Denial) -> Option<bool> {
    let resource = denial.resources.first().map_or("", String::as_str);
    place::crosses_accounts(&denial.principal, resource, denial.facts.resource_account.as_deref())
}

/// What a grant can allow.
/// See <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grant-operations>.
const GRANTABLE: &[&str] = &[
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DeriveSharedSecret",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateMac",
    "kms:GetPublicKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:RetireGrant",
    "kms:Sign",
    "kms:Verify",
    "kms:VerifyMac",
];

/// A grant is taken back without touching the key's policy.
fn grant_instead(denial: &Denial) -> Option<String> {
    let action = denial.actions.first().filter(|action| GRANTABLE.contains(&action.as_str()))?;
    let operation = action.strip_prefix("kms:")?;
    Some(format!(
        "for a while, a grant does it without changing the key policy, and is easily taken back: \
         `aws kms create-grant --operations {operation}` with the caller as grantee principal"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::denial::{Given, from_excerpt, text};

    #[test]
    fn a_grant_is_told_where_it_helps() {
        for action in GRANTABLE {
            assert!(Catalog::embedded().action(action).is_some_and(|found| found.canonical() == *action), "{action}");
        }
        let told = |action: &str| {
            let message = format!(
                "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: {action} on resource: \
                 arn:aws:kms:eu-west-1:111122223333:key/k because no resource-based policy allows the {action} action"
            );
            let denial = from_excerpt(&text::find(&message)[0], &Given::default(), Catalog::embedded());
            look(&denial).is_some_and(|found| found.diagnosis.doubts.iter().any(|doubt| doubt.contains("create-grant")))
        };
        assert!(told("kms:Decrypt"));
        assert!(!told("kms:PutKeyPolicy"));
    }
}
