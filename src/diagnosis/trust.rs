//! The role's trust policy does not let this caller in.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html>.

use super::{Cause, Diagnosed, Target, TargetKind, asked, caller, on_resource, place};
use crate::arn::Arn;
use crate::denial::{Denial, PolicyType, Special};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let federated = denial.reason.special == Some(Special::TrustFederation);
    if denial.reason.policy_type != Some(PolicyType::Trust) && !federated {
        return None;
    }
    let place = place::of_resource(denial);
    let who = caller(denial);
    if !is_about_a_role(denial, &place) {
        let summary = format!("{who} was refused {}{}, which has no trust policy", asked(denial), on_resource(denial));
        return Some(Diagnosed::new(denial, Cause::ResourceUnknown, place, summary));
    }
    let target = Target { kind: TargetKind::TrustPolicy, ..place };
    let summary = format!("the role's trust policy does not let {who} call {}{}", asked(denial), on_resource(denial));
    let diagnosed = Diagnosed::new(denial, Cause::TrustAllowMissing, target, summary)
        .unchecked("the trust policy was not read; its conditions (sub, aud, ExternalId, MFA) may be what fails");
    Some(match (federated, is_saml(denial)) {
        (true, true) => saml(diagnosed),
        (true, false) => token(denial, diagnosed),
        (false, _) => diagnosed,
    })
}

fn is_saml(denial: &Denial) -> bool {
    denial.actions.iter().any(|action| action == "sts:AssumeRoleWithSAML")
}

/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html>; GitHub puts numeric ids
/// into `sub` for newer repositories, `repo:owner@ID/repo@ID:…`.
fn token(denial: &Denial, mut diagnosed: Diagnosed) -> Diagnosed {
    for (key, values) in &denial.facts.context {
        if key.ends_with(":aud") || key.ends_with(":sub") {
            diagnosed.diagnosis.evidence.push(format!("the token showed {key} = {}", values.join(", ")));
        }
    }
    let diagnosed = diagnosed.doubt(
        "compare the token's `sub` and `aud`, letter by letter, with the trust policy's conditions, and its issuer with \
         the Principal",
    );
    match &denial.facts.provider {
        Some(_) => diagnosed,
        None => diagnosed.unchecked("the token itself: nothing here shows its issuer, `sub` and `aud`"),
    }
}

/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_saml.html>.
fn saml(diagnosed: Diagnosed) -> Diagnosed {
    diagnosed
        .doubt(
            "compare the trust policy's Principal with the SAML provider's ARN in the request, and its `SAML:aud` with \
             the assertion's audience (`https://signin.aws.amazon.com/saml`, or the partition's own)",
        )
        .unchecked("the assertion itself: its issuer, `SAML:aud`, `SAML:sub` and Role attribute")
}

/// Only roles have a trust policy, and only STS asks it; a message that says otherwise is not AWS's, or not understood.
fn is_about_a_role(denial: &Denial, place: &Target) -> bool {
    let is_role = |arn: Arn| arn.service == "iam" && arn.resource_type_and_id().0 == "role";
    let named = denial.resources.first().and_then(|resource| resource.parse::<Arn>().ok());
    place.kind == TargetKind::TrustPolicy
        && named.is_none_or(is_role)
        && denial.actions.iter().all(|action| action.starts_with("sts:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::denial::{Given, from_excerpt, text};

    #[track_caller]
    fn check(action: &str, resource: &str, expect: Cause) {
        let message = format!(
            "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: {action} on resource: {resource} \
             because no role trust policy allows the {action} action"
        );
        let denial = from_excerpt(&text::find(&message)[0], &Given::default(), Catalog::embedded());
        assert_eq!(look(&denial).unwrap().diagnosis.cause, expect, "{message}");
    }

    #[test]
    fn only_a_role_has_a_trust_policy() {
        let role = "arn:aws:iam::111122223333:role/reader";
        check("sts:AssumeRole", role, Cause::TrustAllowMissing);
        check("kms:Decrypt", role, Cause::ResourceUnknown);
        // No such resource is taken for this action, so the role is unknown.
        check("sts:AssumeRole", "arn:aws:s3:::b", Cause::TrustAllowMissing);
    }
}
