//! Texts that name no action: known causes outside IAM, and texts that hide their cause.

use super::super::{PolicyType, Special};

/// How a text is compared, both in lower case.
enum Fit {
    Is(&'static str),
    Starts(&'static str),
    Holds(&'static str),
}
use Fit::{Holds, Is, Starts};

/// Lower-case text → special cause. Sources: the S3, STS, KMS, Lake Formation and Cost Explorer user guides' pages on
/// troubleshooting access, and public error reports.
const KNOWN: &[(Fit, Special)] = &[
    (Is(""), Special::Bare),
    (Is("access denied"), Special::Bare),
    (Is("accessdenied"), Special::Bare),
    (Is("access is denied"), Special::Bare),
    (Is("forbidden"), Special::Bare),
    (Is("unauthorized"), Special::Bare),
    (Is("not authorized"), Special::Bare),
    (Starts("you are not authorized to perform this operation"), Special::Ec2Opaque),
    (Starts("the ciphertext refers to a customer master key that does not exist"), Special::KmsOpaque),
    (Starts("kms.disabledexception"), Special::KmsOpaque),
    (Starts("kms.kmsinvalidstateexception"), Special::KmsOpaque),
    (Starts("kms.notfoundexception"), Special::KmsOpaque),
    (Starts("not authorized to perform sts:assumerolewithwebidentity"), Special::TrustFederation),
    (Starts("not authorized to perform sts:assumerolewithsaml"), Special::TrustFederation),
    (Starts("not authorized to perform: sts:assumerolewithwebidentity"), Special::TrustFederation),
    (Starts("not authorized to perform: sts:assumerolewithsaml"), Special::TrustFederation),
    (Starts("insufficient lake formation permission"), Special::LakeFormation),
    (Starts("iam user access not activated"), Special::AccountSetting),
    (Starts("your account is currently blocked"), Special::AccountSetting),
    (Holds("account is suspended"), Special::AccountSetting),
    (Holds("needs a subscription for the service"), Special::AccountSetting),
    (Starts("you don't have access to the model with the specified model id"), Special::AccountSetting),
    (Starts("roles may not be assumed by root accounts"), Special::CallDesign),
    (Starts("cannot call getsessiontoken with session credentials"), Special::CallDesign),
    (Starts("cannot call getfederationtoken with session credentials"), Special::CallDesign),
    (Starts("request has expired"), Special::CallDesign),
    (Starts("multifactorauthentication failed"), Special::Mfa),
    (Is("no access"), Special::IdentityCenter),
];

const VPC_ENDPOINT: &str = "the request was denied due to a vpc endpoint policy";

/// What a text without an action says: a special cause, or the VPC endpoint layer that CloudTrail's network events name.
pub(super) fn read(text: &str) -> (Option<Special>, Option<PolicyType>) {
    let plain = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if plain.starts_with(VPC_ENDPOINT) {
        return (None, Some(PolicyType::VpcEndpoint));
    }
    let fits = |fit: &Fit| match fit {
        Is(all) => plain == *all,
        Starts(start) => plain.starts_with(start),
        Holds(part) => plain.contains(part),
    };
    (KNOWN.iter().find(|(fit, _)| fits(fit)).map(|(_, special)| *special), None)
}
