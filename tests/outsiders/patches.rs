//! Patches to render: one a payload, and one a kind of target.

use super::payloads::{is_writable, payloads};
use crate::readers::write;
use denywatch::diagnosis::{Target, TargetKind};
use denywatch::patch::{Applicability, Companion, Patch, Room};
use denywatch::render::{self, Format, PatchContext, RenderError};
use serde_json::{Value, json};
use std::path::Path;

pub const ACCOUNT: &str = "111122223333";

pub fn target(kind: TargetKind, arn: Option<&str>, name: &str) -> Target {
    Target { kind, arn: arn.map(Into::into), name: Some(name.into()), account: Some(ACCOUNT.into()) }
}

pub fn patch(target: Target, document: Value) -> Patch {
    Patch {
        target,
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(serde_json::from_value(document).unwrap()),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    }
}

/// A policy that carries the text wherever data may stand.
pub fn document(text: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "D1",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": [format!("arn:aws:s3:::bucket/{text}"), text],
        "Condition": {
            "StringEquals": {format!("aws:RequestTag/{text}"): [text, "b"], "aws:username": text},
            "Null": {text: "true"},
        },
    }]})
}

/// A policy that AWS would take.
pub fn sound(key: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "D1",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [format!("arn:aws:s3:::bucket/{key}")],
        "Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}, "Null": {"aws:SourceVpc": "true"}},
    }]})
}

/// What is rendered for the readers: every payload in the policy where it may be, and in a comment always.
pub struct Case {
    pub text: String,
    pub document: Value,
    pub patch: Patch,
}

pub fn cases() -> Vec<Case> {
    let role = || target(TargetKind::RolePolicy, None, "-app+=,.@_1");
    let case = |text: String| {
        let inside = if is_writable(&text) { document(&text) } else { document("plain") };
        let mut patch = patch(role(), inside.clone());
        patch.doubts = vec![text.clone(), format!("{text} # {text}")];
        Case { text, document: inside, patch }
    };
    payloads().into_iter().map(case).collect()
}

/// The text in a format; `None` where the format refuses this payload by name, as it may.
pub fn rendered(case: &Case, format: Format) -> Option<String> {
    match render::patch(&case.patch, &PatchContext::default(), format) {
        Ok(text) => Some(text),
        Err(RenderError::NotCarried { .. }) => {
            assert!(case.text.contains("{{resolve:") && matches!(format, Format::Cfn | Format::CfnJson));
            None
        }
        Err(other) => panic!("{format} of {:?}: {other}", case.text),
    }
}

/// One patch a kind of target, where the resource's policy names a principal.
pub fn kinds() -> Vec<Patch> {
    use TargetKind::*;
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:eu-west-1:{ACCOUNT}:{resource}");
    let iam = |resource: &str| format!("arn:aws:iam::{ACCOUNT}:{resource}");
    let identity = sound("key ${*} it's");
    let on_resource = |action: &str, on: &str| {
        json!({"Version": "2012-10-17", "Statement": [{"Sid": "DenywatchA", "Effect": "Allow",
            "Principal": {"AWS": iam("role/app")}, "Action": action, "Resource": on}]})
    };
    let of = |kind, arn: Option<String>, name: &str, document: &Value| {
        patch(target(kind, arn.as_deref(), name), document.clone())
    };
    vec![
        of(RolePolicy, Some(iam("role/p/app")), "app", &identity),
        of(UserPolicy, None, "bob", &identity),
        of(GroupPolicy, None, "devs", &identity),
        of(PermissionSet, None, "Admin", &identity),
        of(PermissionSet, Some("arn:aws:sso:::permissionSet/ssoins-1/ps-2".into()), "Admin", &identity),
        of(ManagedPolicy, Some(iam("policy/a/Own")), "Own", &identity),
        of(PermissionsBoundary, Some(iam("policy/Edge")), "Edge", &identity),
        of(TrustPolicy, None, "app", &on_resource("sts:AssumeRole", "*")),
        of(BucketPolicy, None, "a-bucket", &on_resource("s3:GetObject", "arn:aws:s3:::a-bucket/k")),
        of(KeyPolicy, Some(arn("kms", "key/1234-abcd")), "1234-abcd", &on_resource("kms:Decrypt", "*")),
        of(QueuePolicy, Some(arn("sqs", "queue")), "queue", &on_resource("sqs:SendMessage", "*")),
        of(TopicPolicy, Some(arn("sns", "topic")), "topic", &on_resource("sns:Publish", "*")),
        of(FunctionPolicy, Some(arn("lambda", "function:f")), "f", &on_resource("lambda:InvokeFunction", "*")),
        of(
            SecretPolicy,
            Some(arn("secretsmanager", "secret:n-abcdef")),
            "n",
            &on_resource("secretsmanager:GetSecretValue", "*"),
        ),
        of(RepositoryPolicy, None, "team/app", &on_resource("ecr:BatchGetImage", "*")),
        of(ResourcePolicy, None, "t", &on_resource("dynamodb:GetItem", "*")),
        of(ResourcePolicy, Some(arn("dynamodb", "table/t")), "t", &on_resource("dynamodb:GetItem", "*")),
        of(VpcEndpointPolicy, None, "vpce-1", &on_resource("s3:GetObject", "arn:aws:s3:::a-bucket/k")),
        of(SessionPolicy, None, "p", &identity),
        of(Scp, None, "p", &identity),
        of(Rcp, None, "p", &on_resource("s3:GetObject", "arn:aws:s3:::a-bucket/k")),
    ]
}

/// Every kind, with and without merged document, companions, account and room for an inline policy.
pub fn variants() -> Vec<(Patch, PatchContext)> {
    let mut all = Vec::new();
    for plain in kinds() {
        let mut rich = plain.clone();
        // Beside a policy of the identity nothing merged is written but as JSON.
        let is_own =
            matches!(rich.target.kind, TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy);
        rich.merged = rich.document.clone().filter(|_| !is_own);
        rich.target.account = None;
        rich.companions = vec![Companion {
            actions: vec!["kms:Decrypt".into()],
            resources: vec!["*".into()],
            conditions: [(
                "StringEquals".into(),
                [("kms:ViaService".into(), vec!["s3.eu-west-1.amazonaws.com".into()])].into(),
            )]
            .into(),
            why: "the object is encrypted".into(),
            source: "sse-kms".into(),
        }];
        let context = PatchContext {
            companions: true,
            profile: Some("prod admin".into()),
            finding: Some("D-A2".into()),
            ..Default::default()
        };
        all.extend([(plain.clone(), PatchContext::default()), (rich, context)]);
        if is_own {
            let long = patch(plain.target.clone(), sound(&"k".repeat(5_000)));
            all.push((Patch { room: full(), ..long }, PatchContext::default()));
            let mut many = sound("k");
            let long = |at: usize| format!("arn:aws:s3:::bucket/{at}{}", "x".repeat(900));
            many["Statement"][0]["Resource"] = (0..12).map(long).collect();
            all.push((patch(plain.target, many), PatchContext::default()));
        }
    }
    all
}

/// Inline policies that leave no room.
fn full() -> Room {
    Room { inline_in_use: Some(10_000), ..Room::default() }
}

pub fn put_all(folder: &Path, format: Format, extension: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, (patch, context)) in variants().iter().enumerate() {
        let text = render::patch(patch, context, format).unwrap_or_else(|e| panic!("{format} {:?}: {e}", patch.target));
        let name = format!("{at:02}-{:?}.{extension}", patch.target.kind);
        write(folder, &name, &text);
        names.push(name);
    }
    names
}
