//! Refusals that come from a setting or from the call itself: no policy statement mends them.

use super::{Cause, Diagnosed, asked, caller_target, place};
use crate::denial::{Denial, Special};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let (cause, words) = words(denial.reason.special?)?;
    let target = match cause {
        Cause::ResourceSetting => place::of_resource(denial),
        _ => caller_target(denial),
    };
    Some(Diagnosed::new(denial, cause, target, format!("{} was refused: {words}", asked(denial))))
}

fn words(special: Special) -> Option<(Cause, &'static str)> {
    Some(match special {
        Special::ResourceSetting => (
            Cause::ResourceSetting,
            "a setting of the resource forbids it (S3 Block Public Access, blocked encryption types or alike); no policy \
             helps while the setting stands",
        ),
        Special::AccountSetting => (
            Cause::AccountSetting,
            "the account, Region or subscription is not ready for it (billing access not activated by root, opt-in, \
             suspended account); no policy helps",
        ),
        Special::CallDesign => (
            Cause::CallDesign,
            "it can never succeed as made (root assuming a role, session credentials asking for a session); change the call",
        ),
        Special::Mfa => (Cause::MfaMissing, "multi-factor authentication failed or is missing; sign in with MFA"),
        Special::LakeFormation => (
            Cause::LakeFormation,
            "Lake Formation has its own grants; the data lake's administrator grants them, not IAM",
        ),
        Special::IdentityCenter => (
            Cause::AssignmentMissing,
            "IAM Identity Center has no assignment for this user, account and permission set; assign it there",
        ),
        Special::KmsOpaque
        | Special::CrossAccountOpaque
        | Special::Bare
        | Special::Ec2Opaque
        | Special::TrustFederation => return None,
    })
}
