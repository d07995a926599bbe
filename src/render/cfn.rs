//! CloudFormation: a template with the resource, or the property to set in a resource of the user's own.

use super::escape::yaml_string;
use super::job::{Job, Lodging, place};
use super::permission::{Permission, permissions};
use super::{Format, RenderError, json as plain};
use crate::diagnosis::TargetKind;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value, json};

/// Writes the patch as YAML and reads it back.
pub(super) fn yaml(job: &Job<'_>) -> Result<String, RenderError> {
    let (notes, template) = template(job, Format::Cfn)?;
    let mut text = String::new();
    for note in notes {
        text.push_str(&format!("# {note}\n"));
    }
    put(&mut text, &template, 0);
    read_back(&text, &template)?;
    Ok(text)
}

/// Writes the patch as JSON and reads it back.
pub(super) fn json(job: &Job<'_>) -> Result<String, RenderError> {
    let (_, template) = template(job, Format::CfnJson)?;
    let text = format!("{template:#}\n");
    plain::read_back(&text, &template, Format::CfnJson)?;
    Ok(text)
}

fn template(job: &Job<'_>, format: Format) -> Result<(Vec<String>, Value), RenderError> {
    let mut notes = job.notes.clone();
    let resources = match (job.target.kind, permissions(&job.addition)) {
        (TargetKind::FunctionPolicy, Some(all)) => Some(function(job, all)?),
        (TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy, _) => Some(identity(job)?),
        _ => None,
    };
    if let Some(resources) = resources {
        guard(&resources, format)?;
        return Ok((notes, json!({"Resources": resources})));
    }
    let (document, found) = match &job.whole {
        Some(whole) => (whole, replacing(job, whole)?),
        None => (&job.addition, None),
    };
    guard(document, format)?;
    if let Some((sort, properties)) = found {
        return Ok((notes, json!({"Resources": {logical_id(job, 0): {"Type": sort, "Properties": properties}}})));
    }
    let property = property(job.target.kind);
    notes.push(if job.whole.is_some() {
        format!("{property}: the policy in force with {}; set it in its resource", place(job.target.kind))
    } else {
        format!("{}: add these to the {property} of its resource; do not replace what is there", place(job.target.kind))
    });
    Ok((notes, json!({property: document})))
}

/// A policy of its own on a role, user or group, by its logical id; more than one where a managed policy is too small.
fn identity(job: &Job<'_>) -> Result<Value, RenderError> {
    let name = job.target_name()?;
    let (sort, field, list) = match job.target.kind {
        TargetKind::UserPolicy => ("AWS::IAM::UserPolicy", "UserName", "Users"),
        TargetKind::GroupPolicy => ("AWS::IAM::GroupPolicy", "GroupName", "Groups"),
        _ => ("AWS::IAM::RolePolicy", "RoleName", "Roles"),
    };
    let parts = match job.lodging()? {
        Lodging::Inline => {
            let fields = json!({field: name, "PolicyName": job.name, "PolicyDocument": job.addition});
            return Ok(json!({logical_id(job, 0): {"Type": sort, "Properties": fields}}));
        }
        Lodging::Managed(parts) => parts,
    };
    let resources = parts.into_iter().enumerate().map(|(at, (part, document))| {
        let fields = json!({"ManagedPolicyName": part, list: [name.as_str()], "PolicyDocument": document});
        (logical_id(job, at), json!({"Type": "AWS::IAM::ManagedPolicy", "Properties": fields}))
    });
    Ok(Value::Object(resources.collect()))
}

/// The id of the first resource, and of those behind it.
fn logical_id(job: &Job<'_>, at: usize) -> String {
    if at == 0 { format!("Denywatch{}", job.tag) } else { format!("Denywatch{}x{at}", job.tag) }
}

/// Lambda's permissions, one resource each; CloudFormation names the statements itself.
fn function(job: &Job<'_>, all: Vec<Permission>) -> Result<Value, RenderError> {
    let name = job.target_name()?;
    let resources = all.into_iter().enumerate().map(|(at, mut fields)| {
        fields.shift_remove("StatementId");
        fields.insert("FunctionName".into(), name.as_str().into());
        (logical_id(job, at), json!({"Type": "AWS::Lambda::Permission", "Properties": fields}))
    });
    Ok(Value::Object(resources.collect()))
}

/// The resource that puts the whole policy; `None` where it is a property of a resource that must own the thing.
fn replacing(job: &Job<'_>, whole: &Value) -> Result<Option<(&'static str, Value)>, RenderError> {
    Ok(match job.target.kind {
        TargetKind::BucketPolicy => {
            Some(("AWS::S3::BucketPolicy", json!({"Bucket": job.target_name()?, "PolicyDocument": whole})))
        }
        TargetKind::TopicPolicy => {
            let arn = job.need_arn("topic's ARN")?.to_string();
            Some(("AWS::SNS::TopicPolicy", json!({"Topics": [arn], "PolicyDocument": whole})))
        }
        TargetKind::SecretPolicy => {
            let arn = job.need_arn("secret's ARN")?.to_string();
            Some(("AWS::SecretsManager::ResourcePolicy", json!({"SecretId": arn, "ResourcePolicy": whole})))
        }
        _ => None,
    })
}

/// The property that holds a policy of this kind in its own resource.
fn property(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::PermissionSet => "InlinePolicy",
        TargetKind::TrustPolicy => "AssumeRolePolicyDocument",
        TargetKind::KeyPolicy => "KeyPolicy",
        TargetKind::RepositoryPolicy => "RepositoryPolicyText",
        TargetKind::SecretPolicy | TargetKind::ResourcePolicy => "ResourcePolicy",
        TargetKind::Scp | TargetKind::Rcp => "Content",
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionsBoundary
        | TargetKind::SessionPolicy
        | TargetKind::BucketPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::VpcEndpointPolicy => "PolicyDocument",
    }
}

/// Refuses what CloudFormation would run and has no escape for: dynamic references, which it resolves in any string,
/// and keys that name an intrinsic function.
/// See <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>.
fn guard(value: &Value, format: Format) -> Result<(), RenderError> {
    let refuse = |text: &str, why| Err(RenderError::NotCarried { format, text: text.to_owned(), why });
    let reference = "it resolves `{{resolve:` wherever it stands";
    match value {
        Value::String(text) if text.contains("{{resolve:") => refuse(text, reference),
        Value::Array(items) => items.iter().try_for_each(|item| guard(item, format)),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            if key.starts_with("Fn::") || key == "Ref" {
                return refuse(key, "it takes this key for a function");
            }
            if key.contains("{{resolve:") {
                return refuse(key, reference);
            }
            guard(value, format)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Keys that no YAML reader takes for anything but a word; the operator `Null`, say, is none of them.
const WORDS: [&str; 30] = [
    "Action",
    "AssumeRolePolicyDocument",
    "Bucket",
    "Condition",
    "Content",
    "Effect",
    "GroupName",
    "Groups",
    "InlinePolicy",
    "KeyPolicy",
    "ManagedPolicyName",
    "NotAction",
    "NotPrincipal",
    "NotResource",
    "PolicyDocument",
    "PolicyName",
    "Principal",
    "Properties",
    "RepositoryPolicyText",
    "Resource",
    "ResourcePolicy",
    "Resources",
    "RoleName",
    "Roles",
    "SecretId",
    "Sid",
    "Statement",
    "Type",
    "UserName",
    "Version",
];

/// Writes a value in block style, each string in double quotes.
fn put(out: &mut String, value: &Value, level: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (key, value)) in fields.iter().enumerate() {
                // The first key of a list's item stands behind its dash.
                if at > 0 || !out.ends_with("- ") {
                    out.push_str(&"  ".repeat(level));
                }
                let key = if WORDS.contains(&key.as_str()) { key.clone() } else { yaml_string(key) };
                out.push_str(&format!("{key}:"));
                put_inner(out, value, level + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{}- ", "  ".repeat(level)));
                match item {
                    Value::Object(fields) if !fields.is_empty() => put(out, item, level + 1),
                    item => out.push_str(&format!("{}\n", scalar(item))),
                }
            }
        }
        other => out.push_str(&format!("{}\n", scalar(other))),
    }
}

fn put_inner(out: &mut String, value: &Value, level: usize) {
    let nested = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    out.push(if nested { '\n' } else { ' ' });
    put(out, value, level);
}

/// A value on one line; lists inside lists, which no policy has, in JSON's style.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => yaml_string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let pairs: Vec<_> = fields.iter().map(|(k, v)| format!("{}: {}", yaml_string(k), scalar(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn read_back(text: &str, expect: &Value) -> Result<(), RenderError> {
    let fault = |why: String| RenderError::Unfaithful { format: Format::Cfn, why };
    let documents = Yaml::load_from_str(text).map_err(|e| fault(e.to_string()))?;
    match documents.as_slice() {
        [one] if value(one).as_ref() == Some(expect) => Ok(()),
        [_] => Err(fault("the values differ".to_owned())),
        many => Err(fault(format!("{} documents", many.len()))),
    }
}

/// A YAML node as JSON; `None` for what JSON has not: tags, aliases, keys that are no text.
fn value(node: &Yaml<'_>) -> Option<Value> {
    match node {
        Yaml::Value(Scalar::Null) => Some(Value::Null),
        Yaml::Value(Scalar::Boolean(yes)) => Some(Value::Bool(*yes)),
        Yaml::Value(Scalar::Integer(number)) => Some(number_of(*number)),
        Yaml::Value(Scalar::FloatingPoint(number)) => Number::from_f64(number.into_inner()).map(Value::Number),
        Yaml::Value(Scalar::String(text)) => Some(Value::from(text.as_ref())),
        Yaml::Sequence(items) => items.iter().map(value).collect::<Option<Vec<_>>>().map(Value::Array),
        Yaml::Mapping(fields) => {
            let pairs = fields.iter().map(|(key, inner)| Some((key.as_str()?.to_owned(), value(inner)?)));
            pairs.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}

/// Whole numbers that are not negative compare as unsigned, as serde_json reads them.
fn number_of(number: i64) -> Value {
    u64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, text: &str) {
        let mut got = String::new();
        put(&mut got, &value, 0);
        assert_eq!(got, text);
        assert_eq!(read_back(&got, &value), Ok(()));
    }

    #[test]
    fn values_in_block_style() {
        check(json!({"Sid": "no", "Null": {"yes": "true"}}), "Sid: \"no\"\n\"Null\":\n  \"yes\": \"true\"\n");
        check(json!({"Action": [], "x": {}, "y": [{}]}), "Action: []\n\"x\": {}\n\"y\":\n  - {}\n");
        check(
            json!({"Statement": [{"Sid": "a", "Action": ["b", true, 3, -1, null]}, "c", [["d"]]]}),
            "Statement:\n  - Sid: \"a\"\n    Action:\n      - \"b\"\n      - true\n      - 3\n      - -1\n      - null\n  \
             - \"c\"\n  - [[\"d\"]]\n",
        );
        check(json!({"k": "ends with - "}), "\"k\": \"ends with - \"\n");
    }

    #[track_caller]
    fn refused(text: &str) {
        assert!(read_back(text, &json!({"Sid": "a"})).is_err(), "{text}");
    }

    #[test]
    fn a_changed_text_is_refused() {
        assert_eq!(read_back("# x\nSid: a\n", &json!({"Sid": "a"})), Ok(()));
        for text in ["Sid: b", "Sid: a\nx: y", "Sid: !Ref a", "Sid: a\n---\nSid: a", "Sid: [a]", "", "Sid: \"a", "1: a"]
        {
            refused(text);
        }
    }

    #[test]
    fn what_cloudformation_would_run_is_refused() {
        let check = |value: Value, fine: bool| assert_eq!(guard(&value, Format::Cfn).is_ok(), fine, "{value}");
        check(json!({"a": ["{{resolve:ssm:x}}"]}), false);
        check(json!({"a": {"{{resolve:ssm:x}}": 1}}), false);
        check(json!({"Ref": "x"}), false);
        check(json!({"Condition": {"Fn::Sub": "x"}}), false);
        check(json!({"a": ["{{resolved}} ${x} Ref Fn::Sub"]}), true);
    }
}
