//! The policy that hangs on a resource: one line a sort of resource, and how AWS gives it.

use super::{Answer, code, short, words};
use crate::arn::Arn;
use crate::diagnosis::{Fact, Owner};
use crate::io::aws::ask::{EC2, ELSEWHERE, KMS, SNS, encode};
use crate::io::aws::signed::{CallError, DYNAMODB, SECRETS_MANAGER, Service, Signed, Wire};
use serde_json::{Map, Value, json};

/// How the policy of one sort of resource is read.
struct Reading {
    /// As in the resource's ARN.
    service: &'static str,
    /// The ARN's resource type; empty where the resource part is a bare name.
    kind: &'static str,
    api: Service,
    operation: &'static str,
    /// The IAM action where it is not `service:operation`.
    action: &'static str,
    /// Members of the input; for REST the one part is the path.
    input: &'static [(&'static str, &'static str)],
    /// Where in the answer the policy stands.
    pick: Pick,
    /// AWS's words for "it has no policy".
    none: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Pick {
    /// A JSON pointer to the text.
    At(&'static str),
    /// The value of the map's entry, as XML writes maps.
    Entry(&'static str),
    /// The answer is the document.
    Whole,
}

use Pick::{At, Entry, Whole};

const fn line(
    (service, kind): (&'static str, &'static str),
    api: Service,
    action: &'static str,
    input: &'static [(&'static str, &'static str)],
    pick: Pick,
    none: &'static [&'static str],
) -> Reading {
    Reading { service, kind, api, operation: behind_colon(action), action, input, pick, none }
}

/// `GetPolicy` of `lambda:GetPolicy`.
const fn behind_colon(action: &'static str) -> &'static str {
    let mut at = 0;
    while action.as_bytes()[at] != b':' {
        at += 1;
    }
    action.split_at(at + 1).1
}

const ECR: Service = Service { host: "api.ecr", ..Service::json("ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921") };
const SQS: Service = Service { wire: Wire::Json("AmazonSQS", "1.0"), ..Service::json("sqs", "SQS", "") };
const S3: Service = Service::rest("s3", "S3");
const LAMBDA: Service = Service::rest("lambda", "Lambda");
const GONE: &[&str] = &["ResourceNotFoundException"];

/// `{arn}`, `{id}` (the part behind the type), `{account}`, `{url}` (of a queue) are filled in; `[X]` is a list of one.
/// Each line follows the service's API reference, operation by operation.
#[rustfmt::skip]
const READINGS: &[Reading] = &[
    line(("acm-pca", "certificate-authority"), Service::json("acm-pca", "ACM PCA", "ACMPrivateCA"), "acm-pca:GetPolicy", &[("ResourceArn", "{arn}")], At("/Policy"), GONE),
    line(("backup", "backup-vault"), Service::rest("backup", "Backup"), "backup:GetBackupVaultAccessPolicy", &[("", "backup-vaults/{id}/access-policy")], At("/Policy"), GONE),
    line(("cloudtrail", "eventdatastore"), Service::json("cloudtrail", "CloudTrail", "CloudTrail_20131101"), "cloudtrail:GetResourcePolicy", &[("ResourceArn", "{arn}")], At("/ResourcePolicy"), &["ResourcePolicyNotFoundException"]),
    line(("codeartifact", "domain"), Service::rest("codeartifact", "codeartifact"), "codeartifact:GetDomainPermissionsPolicy", &[("", "v1/domain/permissions/policy?domain={id}&domain-owner={account}")], At("/policy/document"), GONE),
    line(("dynamodb", "table"), DYNAMODB, "dynamodb:GetResourcePolicy", &[("ResourceArn", "{arn}")], At("/Policy"), &["PolicyNotFoundException"]),
    line(("ecr", "repository"), ECR, "ecr:GetRepositoryPolicy", &[("repositoryName", "{id}"), ("registryId", "{account}")], At("/policyText"), &["RepositoryPolicyNotFoundException"]),
    line(("elasticfilesystem", "file-system"), Service::rest("elasticfilesystem", "EFS"), "elasticfilesystem:DescribeFileSystemPolicy", &[("", "2015-02-01/file-systems/{id}/policy")], At("/Policy"), &["PolicyNotFound"]),
    line(("events", "event-bus"), Service::json("events", "EventBridge", "AWSEvents"), "events:DescribeEventBus", &[("Name", "{arn}")], At("/Policy"), &[]),
    line(("glue", "catalog"), Service::json("glue", "Glue", "AWSGlue"), "glue:GetResourcePolicy", &[], At("/PolicyInJson"), &["EntityNotFoundException"]),
    line(("kinesis", "stream"), Service::json("kinesis", "Kinesis", "Kinesis_20131202"), "kinesis:GetResourcePolicy", &[("ResourceARN", "{arn}")], At("/Policy"), &[]),
    line(("kms", "key"), KMS, "kms:GetKeyPolicy", &[("KeyId", "{arn}"), ("PolicyName", "default")], At("/Policy"), &[]),
    line(("lambda", "function"), LAMBDA, "lambda:GetPolicy", &[("", "2015-03-31/functions/{arn}/policy")], At("/Policy"), GONE),
    line(("s3", ""), S3, "s3:GetBucketPolicy", &[("", "{id}?policy")], Whole, &["NoSuchBucketPolicy"]),
    line(("secretsmanager", "secret"), SECRETS_MANAGER, "secretsmanager:GetResourcePolicy", &[("SecretId", "{arn}")], At("/ResourcePolicy"), &[]),
    line(("sns", ""), SNS, "sns:GetTopicAttributes", &[("TopicArn", "{arn}")], Entry("Policy"), &[]),
    line(("sqs", ""), SQS, "sqs:GetQueueAttributes", &[("QueueUrl", "{url}"), ("AttributeNames", "[Policy]")], At("/Attributes/Policy"), &[]),
];

/// The policy of what this ARN names.
pub(super) async fn read(signed: &Signed, arn: &str, region: &str) -> Answer {
    let owner = || Owner::Resource(arn.to_owned());
    let Ok(parsed) = arn.parse::<Arn>() else { return Answer::default() };
    let Some(reading) = find(&parsed) else {
        let told = format!("the policy of `{arn}`: policies of this sort are not read from AWS, look at it yourself");
        return Answer::of(vec![Fact::Unread(owner(), told)]);
    };
    match reading.ask(signed, &parsed, region).await {
        Ok(answer) => Answer::of(vec![Fact::Resource(arn.to_owned(), reading.pick.text(&answer))]),
        Err(error) if code(&error).is_some_and(|code| reading.none.contains(&code)) => {
            Answer::of(vec![Fact::Resource(arn.to_owned(), String::new())])
        }
        Err(error) => Answer::failed(owner(), reading.action, &format!("`{arn}`"), &error),
    }
}

fn find(arn: &Arn) -> Option<&'static Reading> {
    let kind = arn.resource_type_and_id().0;
    let of_service = || READINGS.iter().filter(|reading| reading.service == arn.service);
    // What has a Region in S3 is no bucket.
    let bare = |reading: &&Reading| reading.kind.is_empty() && (arn.service != "s3" || arn.region.is_empty());
    of_service().find(|reading| reading.kind == kind).or_else(|| of_service().find(bare))
}

impl Reading {
    async fn ask(&self, signed: &Signed, arn: &Arn, region: &str) -> Result<Value, CallError> {
        let region = [arn.region.as_str(), region].into_iter().find(|region| !region.is_empty());
        match self.ask_in(signed, arn, region).await {
            // Buckets tell where they are.
            Err(CallError::Service { code, .. }) if code.starts_with(ELSEWHERE) => {
                self.ask_in(signed, arn, code.strip_prefix(ELSEWHERE)).await
            }
            done => done,
        }
    }

    async fn ask_in(&self, signed: &Signed, arn: &Arn, region: Option<&str>) -> Result<Value, CallError> {
        match self.api.wire {
            Wire::Rest => signed.get(self.api, self.operation, region, &self.path(arn)).await,
            Wire::Json(..) => signed.call(self.api, self.operation, region, &self.object(arn)).await,
            Wire::Query(_) => {
                let filled: Vec<(&str, String)> =
                    self.input.iter().map(|(key, value)| (*key, fill(value, arn))).collect();
                let input: Vec<(&str, &str)> = filled.iter().map(|(key, value)| (*key, value.as_str())).collect();
                signed.query(self.api, self.operation, region, &input).await
            }
        }
    }

    fn path(&self, arn: &Arn) -> String {
        let (_, pattern) = self.input.first().copied().unwrap_or_default();
        let (_, id) = parts(arn);
        let whole = encode(&arn.to_string());
        pattern.replace("{arn}", &whole).replace("{id}", &encode(id)).replace("{account}", &encode(&arn.account))
    }

    fn object(&self, arn: &Arn) -> Value {
        let member = |(key, value): &(&str, &str)| {
            let list = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let value = list.map_or_else(|| json!(fill(value, arn)), |one| json!([one]));
            ((*key).to_owned(), value)
        };
        Value::Object(self.input.iter().map(member).collect::<Map<_, _>>())
    }
}

/// The resource's type and id; a bare name is all id.
fn parts(arn: &Arn) -> (&str, &str) {
    match arn.resource_type_and_id() {
        (whole, "") => ("", whole),
        parts => parts,
    }
}

fn fill(pattern: &str, arn: &Arn) -> String {
    match pattern {
        "{arn}" => arn.to_string(),
        "{id}" => parts(arn).1.to_owned(),
        "{account}" => arn.account.clone(),
        // AWS makes nothing of the host but the queue's name and account.
        "{url}" => {
            let china = if arn.region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://sqs.{}.amazonaws.com{china}/{}/{}", arn.region, arn.account, arn.resource)
        }
        fixed => fixed.to_owned(),
    }
}

impl Pick {
    fn text(self, answer: &Value) -> String {
        match self {
            At(pointer) => answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned(),
            Whole => answer.to_string(),
            Entry(name) => {
                let entries = answer.get("Attributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let value = entries.iter().find(|entry| entry["key"] == name).and_then(|entry| entry["value"].as_str());
                value.unwrap_or_default().to_owned()
            }
        }
    }
}

/// Grants through which the caller may use the key besides its policy.
/// See <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>.
pub(super) async fn grants(signed: &Signed, key: &str, grantee: &str) -> Answer {
    let region = key.split(':').nth(3);
    let input = json!({"KeyId": key, "GranteePrincipal": grantee, "Limit": 100});
    match signed.call(KMS, "ListGrants", region, &input).await {
        Ok(answer) => {
            let grants = answer.get("Grants").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Answer::of(grants.iter().map(|grant| Fact::Note(key.to_owned(), grant_words(grant, grantee))).collect())
        }
        Err(error) => Answer::failed(Owner::Resource(key.to_owned()), "kms:ListGrants", &format!("`{key}`"), &error),
    }
}

fn grant_words(grant: &Value, grantee: &str) -> String {
    let operations = grant["Operations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = operations.iter().filter_map(Value::as_str).collect();
    let under = if grant["Constraints"].is_object() { ", for one encryption context" } else { "" };
    format!("a grant lets {} use the key for {}{under}", short(grantee), names.join(", "))
}

/// The policy of the VPC endpoint that calls came through.
pub(super) async fn endpoint(signed: &Signed, region: &str, id: &str) -> Answer {
    let region = Some(region).filter(|region| !region.is_empty());
    let action = "ec2:DescribeVpcEndpoints";
    match signed.query(EC2, "DescribeVpcEndpoints", region, &[("VpcEndpointId.1", id)]).await {
        Ok(answer) => match answer.pointer("/vpcEndpointSet/0/policyDocument").and_then(Value::as_str) {
            Some(text) => Answer::of(vec![Fact::Endpoint(id.to_owned(), text.to_owned())]),
            None => Answer::of(vec![Fact::Unread(
                Owner::Resource(id.to_owned()),
                format!("the policy of endpoint {id}: `{action}` does not show it, so it is another account's or gone"),
            )]),
        },
        Err(error) => Answer {
            facts: vec![Fact::Unread(Owner::Resource(id.to_owned()), words(action, &format!("endpoint {id}"), &error))],
            lasting: !error.is_retryable(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::diagnosis::carried_policy;

    #[test]
    fn each_line_names_an_action_and_a_carrier() {
        for reading in READINGS {
            assert!(Catalog::embedded().action(reading.action).is_some(), "{}", reading.action);
            let resource = if reading.kind.is_empty() { "x".to_owned() } else { format!("{}/x", reading.kind) };
            let place = if reading.service == "s3" { ":" } else { "eu-west-1:111122223333" };
            let resource =
                if matches!(reading.kind, "function" | "secret") { resource.replace('/', ":") } else { resource };
            let arn = format!("arn:aws:{}:{place}:{resource}", reading.service);
            assert!(carried_policy(&arn, None).is_some(), "{arn}");
            assert!(find(&arn.parse().unwrap()).is_some_and(|found| found.operation == reading.operation), "{arn}");
        }
    }

    #[track_caller]
    fn check(arn: &str, expect: &str) {
        let arn: Arn = arn.parse().unwrap();
        let reading = find(&arn).unwrap();
        let asked = match reading.api.wire {
            Wire::Rest => reading.path(&arn),
            _ => reading.object(&arn).to_string(),
        };
        assert_eq!(asked, expect);
    }

    #[test]
    fn inputs_are_made_from_the_arn() {
        check("arn:aws:s3:::my.bucket", "my.bucket?policy");
        check(
            "arn:aws:lambda:eu-west-1:111122223333:function:f",
            "2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Af/policy",
        );
        check(
            "arn:aws:ecr:eu-west-1:111122223333:repository/team/app",
            r#"{"repositoryName":"team/app","registryId":"111122223333"}"#,
        );
        check(
            "arn:aws:sqs:eu-west-1:111122223333:q",
            r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/q","AttributeNames":["Policy"]}"#,
        );
        check(
            "arn:aws:kms:eu-west-1:111122223333:key/k",
            r#"{"KeyId":"arn:aws:kms:eu-west-1:111122223333:key/k","PolicyName":"default"}"#,
        );
    }

    #[test]
    fn a_topics_policy_is_an_entry() {
        let answer = json!({"Attributes": [{"key": "Owner", "value": "1"}, {"key": "Policy", "value": "{}"}]});
        assert_eq!((Entry("Policy").text(&answer).as_str(), Entry("X").text(&answer).as_str()), ("{}", ""));
    }
}
