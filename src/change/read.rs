//! CloudTrail record → [`Change`]. Names of request members are AWS's; their letter case differs between services.

use super::Change;
use super::table::{Kind, Layer, kind};
use crate::arn::Arn;
use crate::principal;
use crate::record::Record;
use serde_json::Value;
use std::collections::BTreeSet;

/// Characters of a document that are kept; a role's inline policies have 10,240 together.
pub const LARGEST_DOCUMENT: usize = 12_000;
/// Characters of a name that are kept; the longest ARN has fewer.
const LARGEST_NAME: usize = 2_048;

/// The change that a record tells of; `None` for any other event, and for one that failed or changed nothing in force.
///
/// ```
/// use denywatch::{change, record};
/// let event = br#"{"eventID": "1", "eventTime": "2026-11-10T09:00:00Z", "eventSource": "iam.amazonaws.com",
///     "eventName": "DetachRolePolicy", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
///     "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ana", "accountId": "111122223333"},
///     "requestParameters": {"roleName": "app", "policyArn": "arn:aws:iam::111122223333:policy/p"}}"#;
/// let (records, _) = record::read(event, "event");
/// let change = change::from_record(&records[0]).unwrap();
/// assert_eq!((change.what.as_str(), change.by.name.as_deref()), ("role app", Some("ana")));
/// ```
pub fn from_record(record: &Record) -> Option<Change> {
    let (source, name) = (record.event_source.as_deref()?, record.event_name.as_deref()?);
    let kind = kind(source, name)?;
    if record.error_code.is_some() || !is_in_force(&kind, record) {
        return None;
    }
    let place = Place::of(record);
    let touched = touched(&kind, &record.request_parameters, &place, record)?;
    Some(Change {
        at: record.event_time?,
        event_id: record.event_id.clone()?,
        source: source.to_owned(),
        name: name.to_owned(),
        account: record.recipient_account.clone(),
        by: principal::from_identity(&record.user_identity, record.recipient_account.as_deref()),
        via: member(&record.user_identity, &["invokedBy"]),
        what: touched.what,
        policy: touched.policy,
        targets: touched.targets,
        document: document(&record.request_parameters),
    })
}

/// A version that is not made the default changes nothing, and an attribute is a policy only by its name.
fn is_in_force(kind: &Kind, record: &Record) -> bool {
    let params = &record.request_parameters;
    match (kind.source, kind.name) {
        ("iam", "CreatePolicyVersion") => is_true(find(params, "setAsDefault")),
        ("sqs", "SetQueueAttributes") => find(params, "attributes").and_then(|all| find(all, "policy")).is_some(),
        ("sns", "SetTopicAttributes") => text(params, "attributeName").as_deref() == Some("Policy"),
        ("ec2", "ModifyVpcEndpoint") => {
            let request = find(params, "modifyVpcEndpointRequest").unwrap_or(params);
            find(request, "policyDocument").is_some() || is_true(find(request, "resetPolicy"))
        }
        _ => true,
    }
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_bool() == Some(true) || value.as_str().is_some_and(|text| text == "true"))
}

/// Partition, Region and account of a call.
struct Place {
    partition: &'static str,
    region: String,
    account: String,
}

impl Place {
    fn of(record: &Record) -> Self {
        let region = record.region.clone().unwrap_or_default();
        let partition = match region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
            Some("eusc") => "aws-eusc",
            _ => "aws",
        };
        Self { partition, region, account: record.recipient_account.clone().unwrap_or_default() }
    }

    /// An ARN of a resource here.
    fn arn(&self, service: &str, resource: &str) -> String {
        Arn::new(self.partition, service, &self.region, &self.account, resource).to_string()
    }
}

struct Touched {
    what: String,
    policy: Option<String>,
    targets: BTreeSet<String>,
}

fn touched(kind: &Kind, params: &Value, place: &Place, record: &Record) -> Option<Touched> {
    let what = match kind.layer {
        Layer::Identity | Layer::Trust | Layer::Boundary => return iam(params, place),
        Layer::Organization => return organization(params),
        Layer::PermissionSet => {
            let set = text(params, "permissionSetArn")?;
            let targets = BTreeSet::from([PERMISSION_SETS.to_owned()]);
            let policy = member(params, &["managedPolicyArn"]);
            return Some(Touched { what: format!("permission set {set}"), policy, targets });
        }
        Layer::Endpoint => {
            let request = find(params, "modifyVpcEndpointRequest").unwrap_or(params);
            let id = text(request, "vpcEndpointId")?;
            return Some(Touched { targets: BTreeSet::from([endpoint(&id)]), what: id, policy: None });
        }
        Layer::Resource => resource(kind.source, params, place),
    };
    let all: Vec<String> = what.into_iter().chain(record.resource_arns.iter().map(|arn| cut(arn))).collect();
    let arn = |text: &&String| text.starts_with("arn:");
    let what = all.iter().find(arn).or(all.first())?.clone();
    let policy = text(params, "label").or_else(|| text(params, "statementId"));
    Some(Touched { targets: all.iter().map(|arn| resource_target(arn)).collect(), what, policy })
}

/// Roles, users, groups and managed policies.
fn iam(params: &Value, place: &Place) -> Option<Touched> {
    let kinds = [("role", "roleName"), ("user", "userName"), ("group", "groupName")];
    let named = kinds.iter().filter_map(|(kind, key)| Some((*kind, text(params, key)?)));
    let named: Vec<(&str, String)> = named.collect();
    let policy_arn = text(params, "policyArn").or_else(|| text(params, "permissionsBoundary"));
    let mut targets: BTreeSet<String> =
        named.iter().map(|(kind, name)| iam_target(&place.account, kind, name)).collect();
    let what = match named.as_slice() {
        [] => {
            targets.extend(policy_arn.as_deref().map(policy_target));
            format!("policy {}", policy_arn.clone()?)
        }
        // `AddUserToGroup` names both.
        all => all.iter().map(|(kind, name)| format!("{kind} {name}")).collect::<Vec<_>>().join(" and "),
    };
    let policy = policy_arn.filter(|_| !named.is_empty()).or_else(|| text(params, "policyName"));
    Some(Touched { what, policy, targets })
}

fn organization(params: &Value) -> Option<Touched> {
    let policy = text(params, "policyId");
    let target = text(params, "targetId").or_else(|| text(params, "accountId"));
    let what = match (&target, &policy) {
        (Some(target), _) => format!("organization, at {target}"),
        (None, Some(policy)) => format!("organization, policy {policy}"),
        (None, None) => return None,
    };
    let mut targets = BTreeSet::from([ORGANIZATION.to_owned()]);
    targets.extend(target.iter().chain(&policy).map(|id| format!("{ORGANIZATION}:{id}")));
    Some(Touched { what, policy, targets })
}

/// The resource that the request names.
fn resource(service: &str, params: &Value, place: &Place) -> Option<String> {
    let given = |key: &str| text(params, key);
    let or_arn =
        |id: String, kind: &str| if id.starts_with("arn:") { id } else { place.arn(service, &format!("{kind}{id}")) };
    match service {
        "s3" => given("bucketName").map(|name| format!("arn:{}:s3:::{name}", place.partition)),
        "kms" => given("keyId").map(|id| or_arn(id, "key/")),
        "sqs" => given("queueUrl").and_then(|url| queue(&url, place)),
        "sns" => given("topicArn"),
        "lambda" => given("functionName").map(|name| or_arn(name, "function:")),
        "secretsmanager" => given("secretId").map(|id| or_arn(id, "secret:")),
        "ecr" => given("repositoryName").map(|name| or_arn(name, "repository/")),
        _ => given("resourceArn"),
    }
}

/// `https://sqs.eu-west-1.amazonaws.com/111122223333/orders` → its ARN.
fn queue(url: &str, place: &Place) -> Option<String> {
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    Some(Arn::new(place.partition, "sqs", &place.region, account, name).to_string())
}

/// What stands for all changes of the organization's policies.
pub(super) const ORGANIZATION: &str = "organization";
/// What stands for all permission sets: their events name them by an id that no denial bears.
pub(super) const PERMISSION_SETS: &str = "permission-sets";

/// A role, user or group, by name: messages hide the path.
pub(super) fn iam_target(account: &str, kind: &str, name: &str) -> String {
    format!("iam:{account}:{kind}/{}", name.rsplit('/').next().unwrap_or(name))
}

pub(super) fn policy_target(arn: &str) -> String {
    format!("policy:{arn}")
}

pub(super) fn endpoint(id: &str) -> String {
    format!("endpoint:{id}")
}

/// The thing that bears the policy: the bucket of an object, the table of an index, the function of a version; a secret
/// without the characters that AWS adds to its name.
pub(super) fn resource_target(arn: &str) -> String {
    let Ok(mut parts) = arn.parse::<Arn>() else { return format!("resource:{arn}") };
    let up_to =
        |text: &str, mark: char, count: usize| text.split(mark).take(count).collect::<Vec<_>>().join(&mark.to_string());
    parts.resource = match parts.service.as_str() {
        "s3" => up_to(&parts.resource, '/', 1),
        "dynamodb" => up_to(&parts.resource, '/', 2),
        "lambda" => up_to(&parts.resource, ':', 2),
        "secretsmanager" => without_suffix(&parts.resource).to_owned(),
        _ => parts.resource,
    };
    format!("resource:{parts}")
}

/// See <https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen>.
fn without_suffix(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((head, tail)) if tail.len() == 6 && tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) => head,
        _ => name,
    }
}

/// The new policy, as text; CloudTrail shows a bucket's as an object.
fn document(params: &Value) -> Option<String> {
    let keys = ["policyDocument", "policy", "bucketPolicy", "resourcePolicy", "policyText", "content", "inlinePolicy"];
    let places = [find(params, "attributes"), find(params, "modifyVpcEndpointRequest"), Some(params)];
    let found = places.into_iter().flatten().find_map(|place| keys.iter().find_map(|key| find(place, key)));
    let of_topic = || find(params, "attributeValue");
    let text = match found.or_else(of_topic)? {
        Value::String(text) => text.clone(),
        object @ Value::Object(_) => object.to_string(),
        _ => return None,
    };
    (text.len() <= LARGEST_DOCUMENT).then_some(text)
}

/// A member, whatever its letter case.
fn find<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let members = value.as_object()?;
    members.get(key).or_else(|| members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

fn text(value: &Value, key: &str) -> Option<String> {
    find(value, key)?.as_str().filter(|text| !text.is_empty()).map(cut)
}

fn member(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| text(value, key))
}

fn cut(text: &str) -> String {
    text.chars().take(LARGEST_NAME).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
