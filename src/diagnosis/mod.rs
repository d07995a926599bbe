//! (Denial) → [`Diagnosis`]: what we conclude, the evidence, what was not checked. One file a cause.
//!
//! A cause is a function that looks at a denial and answers or passes. They are asked in the order of `CAUSES`:
//! what no Allow can mend comes first, so that a patch is proposed only when all of that is ruled out. [`refine`]
//! then holds a finding's items against the policies in force, where those are given.

mod carrier;
mod cause;
mod in_force;
mod layer;
mod place;
mod refine;
mod replay;
mod request;
#[cfg(test)]
mod sample;
mod target;
mod ungiven;
mod view;

mod action_unknown;
mod arn_form;
mod boundary;
mod endpoint;
mod explicit;
mod form;
mod guardrail;
mod identity;
mod misspelt;
mod not_editable;
mod opaque;
mod quarantine;
mod recreated;
mod resource;
mod session;
mod setting;
mod starved;
mod trust;
mod unmet;
mod unstated;
mod via_service;

pub use carrier::carried_policy;
pub use cause::Cause;
pub use in_force::{Fact, Guardrail, Held, InForce, Known, NamedDocument, Origin, Owner};
pub use place::{crosses_accounts, own_policy};
pub use refine::{Refined, refine};
pub(crate) use replay::statement_words;
pub use request::Needed;
pub use starved::{Split, kept_conditions, unreachable_keys};
pub use target::{Target, TargetKind};

use crate::denial::{Denial, Encoded, PolicyType, ReasonKind};
use serde::{Deserialize, Serialize};

/// What we conclude from a denial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What went wrong, as one stable word.
    pub cause: Cause,
    /// One sentence for a person; untrusted text in it is escaped at the sink.
    pub summary: String,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// What was not looked at, and could change the answer.
    pub unchecked: Vec<String>,
    /// What a person must settle before a patch is applied; empty when nothing stands against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// A diagnosis and the policy that it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosed {
    /// What we conclude.
    pub diagnosis: Diagnosis,
    /// The policy that would have to change, or that upholds the denial.
    pub target: Target,
}

type Look = fn(&Denial) -> Option<Diagnosed>;

/// In the order of asking; the first that answers wins.
const CAUSES: &[Look] = &[
    quarantine::look,
    setting::look,
    explicit::look,
    guardrail::look,
    endpoint::look,
    boundary::look,
    session::look,
    trust::look,
    resource::look,
    not_editable::look,
    action_unknown::look,
    opaque::look,
    identity::look,
];

/// Concludes from what AWS said, and from nothing else.
///
/// Never fails: where AWS names no layer, the identity policy is the candidate and the doubt is stated.
pub fn diagnose(denial: &Denial) -> Diagnosed {
    CAUSES.iter().find_map(|look| look(denial)).unwrap_or_else(|| unstated::conclude(denial))
}

impl Diagnosed {
    /// A diagnosis with the evidence that every cause shares: what AWS's message says of the layer.
    fn new(denial: &Denial, cause: Cause, target: Target, summary: String) -> Self {
        let diagnosis = Diagnosis {
            cause,
            summary,
            evidence: evidence(denial),
            unchecked: encoded(denial).into_iter().chain(denial.facts.unlearnt.iter().cloned()).collect(),
            doubts: doubts(denial),
        };
        Self { diagnosis, target }
    }

    fn unchecked(mut self, what: &str) -> Self {
        self.diagnosis.unchecked.push(what.to_owned());
        self
    }

    fn doubt(mut self, what: impl Into<String>) -> Self {
        self.diagnosis.doubts.push(what.into());
        self
    }
}

/// Condition keys told of a decoded message, which lists dozens.
const KEYS_TOLD: usize = 12;

fn evidence(denial: &Denial) -> Vec<String> {
    let mut evidence = Vec::new();
    if let Some(layer) = denial.reason.policy_type {
        evidence.push(format!("AWS's message names the layer: {}", layer_words(layer)));
    }
    if let Some(arn) = &denial.reason.policy_arn {
        evidence.push(format!("AWS's message names the policy: {arn}"));
    }
    if denial.reason.kind == ReasonKind::Implicit && denial.reason.policy_type.is_none() {
        evidence.push("AWS says that no statement allows it, and names no layer".to_owned());
        let keys = denial.facts.context.iter().filter(|(_, values)| !values.is_empty()).take(KEYS_TOLD);
        evidence.extend(keys.map(|(key, values)| format!("the request carried {key} = {}", values.join(", "))));
    }
    evidence.extend(denial.facts.learnt.iter().cloned());
    if let Some(via) = &denial.facts.via {
        evidence.push(format!("{via} made the call with the caller's permissions (invokedBy)"));
    }
    evidence
}

/// What an encoded message holds is not known until somebody decodes it.
/// See <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>.
fn encoded(denial: &Denial) -> Vec<String> {
    let words = match denial.reason.encoded {
        Encoded::Present => {
            "the encoded message: `aws sts decode-authorization-message --encoded-message …`, then paste the result"
        }
        Encoded::Truncated => "the encoded message is cut and cannot be decoded",
        Encoded::Absent => return Vec::new(),
    };
    vec![words.to_owned()]
}

/// What stands against the message itself: it may have lost its cause, or bear text of the caller's choosing.
fn doubts(denial: &Denial) -> Vec<String> {
    let faults = [
        (denial.reason.cut, "the message was cut before its end, so a named cause may be missing"),
        (denial.facts.path_hidden, "AWS names the role, user, group or profile without its path: look its ARN up"),
        (denial.facts.other_caller, "the message names another caller than the record"),
        (denial.facts.suspect, "the resource's name holds phrases of AWS's own messages; no honest name does"),
    ];
    faults.into_iter().filter(|(fault, _)| *fault).map(|(_, words)| words.to_owned()).collect()
}

/// A layer in AWS's words.
pub fn layer_words(layer: PolicyType) -> &'static str {
    match layer {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Resource => "resource-based policy",
        PolicyType::Trust => "role trust policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Session => "session policy",
        PolicyType::Scp => "service control policy",
        PolicyType::Rcp => "resource control policy",
        PolicyType::VpcEndpoint => "VPC endpoint policy",
    }
}

/// `prefix:Action`, else the operation, else words; for summaries.
fn asked(denial: &Denial) -> String {
    let named = denial.actions.first().or(denial.operation.as_ref());
    named.map_or_else(|| "the call".to_owned(), |name| format!("`{name}`"))
}

/// The resource for summaries; empty when unknown.
fn on_resource(denial: &Denial) -> String {
    match denial.resources.first().map(String::as_str) {
        None => String::new(),
        Some("*") => " (the action takes no resource)".to_owned(),
        Some(resource) => format!(" on `{resource}`"),
    }
}

/// `role `app``, for summaries.
fn caller(denial: &Denial) -> String {
    denial.principal.words()
}

/// Where a person looks who cannot be told a policy: the caller's, as far as it is known.
fn caller_target(denial: &Denial) -> Target {
    place::own_policy(&denial.principal).unwrap_or_else(|| place::bearer(&denial.principal, TargetKind::ResourcePolicy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::denial::{Given, from_excerpt, text};

    const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/app/run-1";
    const USER: &str = "arn:aws:iam::111122223333:user/ana";

    #[track_caller]
    fn check(message: &str, cause: Cause, kind: TargetKind, name: Option<&str>) {
        let found = text::find(message);
        let denial = from_excerpt(&found[0], &Given::default(), Catalog::embedded());
        let diagnosed = diagnose(&denial);
        let found = (diagnosed.diagnosis.cause, diagnosed.target.kind, diagnosed.target.name.as_deref());
        assert_eq!(found, (cause, kind, name), "{message}");
    }

    fn said(caller: &str, action: &str, resource: &str, cause: &str) -> String {
        format!("User: {caller} is not authorized to perform: {action} on resource: {resource}{cause}")
    }

    #[test]
    fn each_layer_has_its_cause_and_its_place() {
        let queue = "arn:aws:sqs:eu-west-1:111122223333:q";
        let say = |cause: &str| said(ROLE, "sqs:SendMessage", queue, cause);
        let no = |layer: &str| say(&format!(" because no {layer} allows the sqs:SendMessage action"));
        let deny = |layer: &str| say(&format!(" with an explicit deny in {layer}"));
        use Cause::*;
        check(&no("identity-based policy"), IdentityAllowMissing, TargetKind::RolePolicy, Some("app"));
        check(&no("resource-based policy"), ResourceAllowMissing, TargetKind::QueuePolicy, Some("q"));
        check(&no("permissions boundary"), BoundaryAllowMissing, TargetKind::PermissionsBoundary, None);
        check(&no("session policy"), SessionAllowMissing, TargetKind::SessionPolicy, None);
        check(&no("service control policy"), ScpAllowMissing, TargetKind::Scp, None);
        check(&no("resource control policy"), RcpAllowMissing, TargetKind::Rcp, None);
        check(&no("VPC endpoint policy"), EndpointAllowMissing, TargetKind::VpcEndpointPolicy, None);
        check(&deny("an identity-based policy"), ExplicitDeny, TargetKind::RolePolicy, Some("app"));
        check(&deny("a resource-based policy"), ExplicitDeny, TargetKind::QueuePolicy, Some("q"));
        check(&deny("a service control policy"), ExplicitDeny, TargetKind::Scp, None);
        check(&say(" with an explicit deny"), ExplicitDeny, TargetKind::RolePolicy, Some("app"));
        check(&say(""), LayerUnstated, TargetKind::RolePolicy, Some("app"));
    }

    #[test]
    fn the_caller_decides_what_can_be_changed() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";
        let say = |caller: &str| {
            said(caller, "kms:Decrypt", key, " because no identity-based policy allows the kms:Decrypt action")
        };
        check(&say(USER), Cause::IdentityAllowMissing, TargetKind::UserPolicy, Some("ana"));
        let set = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ana@example.com";
        check(&say(set), Cause::IdentityAllowMissing, TargetKind::PermissionSet, Some("Dev"));
        let linked = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/x";
        let id = "11111111-2222-3333-4444-555555555555";
        check(&say(linked), Cause::PrincipalNotEditable, TargetKind::KeyPolicy, Some(id));
        check(&say("arn:aws:iam::111122223333:root"), Cause::PrincipalNotEditable, TargetKind::KeyPolicy, Some(id));
    }

    #[track_caller]
    fn doubted(record: serde_json::Value, doubt: Option<&str>) {
        let (records, _) = crate::record::read(record.to_string().as_bytes(), "test");
        let denial = crate::denial::from_record(&records[0], &Given::default(), Catalog::embedded()).unwrap();
        let found = diagnose(&denial).diagnosis.doubts.join("; ");
        assert_eq!(found.contains(doubt.unwrap_or("caller")), doubt.is_some(), "{found}");
    }

    fn get_role(caller: &str, named: &str) -> serde_json::Value {
        let cause = " because no identity-based policy allows the iam:GetRole action";
        serde_json::json!({"eventSource": "iam.amazonaws.com", "eventName": "GetRole", "errorCode": "AccessDenied",
            "recipientAccountId": "111122223333", "userIdentity": {"type": "IAMUser", "arn": caller},
            "errorMessage": said(USER, "iam:GetRole", named, cause)})
    }

    #[test]
    fn a_message_that_disagrees_with_its_record_is_doubted() {
        let whole = "arn:aws:iam::111122223333:role/x";
        doubted(get_role(USER, whole), None);
        doubted(get_role("arn:aws:iam::111122223333:user/eve", whole), Some("another caller"));
    }

    #[test]
    fn a_name_without_its_path_is_doubted() {
        doubted(get_role(USER, "role x"), Some("without its path"));
    }

    #[test]
    fn what_no_allow_mends_is_never_called_missing() {
        let quarantine =
            " with an explicit deny in an identity-based policy: arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3";
        check(
            &said(USER, "ec2:RunInstances", "*", quarantine),
            Cause::KeyQuarantined,
            TargetKind::UserPolicy,
            Some("ana"),
        );
        let public = " because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.";
        check(
            &said(USER, "s3:PutObject", "\"arn:aws:s3:::b/k\"", public),
            Cause::ResourceSetting,
            TargetKind::BucketPolicy,
            Some("b"),
        );
        check(&said(USER, "s3:MakeCoffee", "*", ""), Cause::ActionUnknown, TargetKind::UserPolicy, Some("ana"));
        check(&said(USER, "iam:*", "*", ""), Cause::ActionUnknown, TargetKind::UserPolicy, Some("ana"));
    }
}
