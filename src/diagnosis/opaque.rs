//! AWS hides the cause: a bare `Access Denied`, an encoded message, KMS's text of many meanings.

use super::{Cause, Diagnosed, asked, caller, on_resource, place};
use crate::denial::{Denial, Special};

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let target = place::own_policy(&denial.principal)?;
    let what = format!("{} of {}{}", asked(denial), caller(denial), on_resource(denial));
    let new =
        |cause, words: &str| Diagnosed::new(denial, cause, target.clone(), format!("{what} was refused: {words}"));
    match denial.reason.special? {
        Special::Ec2Opaque => Some(
            new(Cause::EncodedMessage, "AWS gives the reason only encoded")
                .doubt("no layer is named: an SCP, a boundary or an explicit deny may stand behind it"),
        ),
        Special::KmsOpaque => Some(
            new(Cause::KmsOpaque, "KMS does not say whether the key is missing, disabled, elsewhere, or not permitted")
                .doubt("check first that the key exists, is enabled, and is in this Region and account"),
        ),
        Special::Bare => Some(bare(denial, new(Cause::BareDenial, "AWS gives no reason"))),
        Special::ResourceSetting
        | Special::AccountSetting
        | Special::CallDesign
        | Special::Mfa
        | Special::LakeFormation
        | Special::CrossAccountOpaque
        | Special::TrustFederation
        | Special::IdentityCenter => None,
    }
}

/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>.
fn bare(denial: &Denial, diagnosed: Diagnosed) -> Diagnosed {
    let s3 = denial.facts.source.as_deref().is_some_and(|source| source.starts_with("s3"));
    let diagnosed = diagnosed
        .doubt("no layer is named: the identity policy is only the likeliest place")
        .unchecked("the policies in force (give `--policies`)");
    match s3 {
        true => diagnosed.doubt(
            "S3 also answers so for an absent object without s3:ListBucket, a bucket policy, KMS, Object Ownership",
        ),
        false => diagnosed,
    }
}
