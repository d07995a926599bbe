//! Terraform: a resource of the right kind, or the statements and where they belong.

mod data;
mod read;
mod write;

use super::job::{Job, Lodging};
use super::permission::{Permission, permissions};
use super::{Format, RenderError};
use crate::arn::Arn;
use crate::diagnosis::TargetKind;
use serde_json::Value;
use write::{Expr, Node, attr, block, comment, raw};

/// How a document stands in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As the argument of `jsonencode`.
    Encoded,
    /// As `data "aws_iam_policy_document"` beside its resource, wherever that can say the same.
    Data,
}

/// Writes the patch as Terraform and reads it back.
pub(super) fn render(job: &Job<'_>, style: Style) -> Result<String, RenderError> {
    let (nodes, documents) = styled(job, style)?;
    let mut all: Vec<Node> = job.notes.iter().map(|note| comment(note)).collect();
    all.extend(nodes);
    let text = write::body(&all);
    read_back(&text, &all, &documents, style)?;
    Ok(text)
}

/// The configuration, and the documents that stand in it, in order.
fn styled(job: &Job<'_>, style: Style) -> Result<(Vec<Node>, Vec<Value>), RenderError> {
    let nodes = nodes(job)?;
    let documents = encoded(&nodes);
    let nodes = if style == Style::Data { by_data(nodes)? } else { nodes };
    // What is only shown is a data source already.
    Ok((nodes, if documents.is_empty() && !is_function(job) { vec![job.addition.clone()] } else { documents }))
}

/// A function's permissions are no document.
fn is_function(job: &Job<'_>) -> bool {
    job.target.kind == TargetKind::FunctionPolicy && permissions(&job.addition).is_some()
}

/// The documents in `jsonencode`, in order.
fn encoded(nodes: &[Node]) -> Vec<Value> {
    let of = |node: &Node| match node {
        Node::Attr(_, Expr::Encode(document)) => vec![document.clone()],
        Node::Block(_, body) => encoded(body),
        Node::Attr(..) | Node::Comment(_) => Vec::new(),
    };
    nodes.iter().flat_map(of).collect()
}

/// Each resource that encodes a document, with a data source before it that holds it, where one can.
fn by_data(nodes: Vec<Node>) -> Result<Vec<Node>, RenderError> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Block(head, body) if head.first().is_some_and(|word| word == "resource") => {
                let (found, body) = taken_out(&head, body)?;
                // Comments belong to the resource, and stay before it.
                let at =
                    out.iter().rposition(|node| !matches!(node, Node::Comment(_))).map_or(out.len(), |last| last + 1);
                let at = if found.is_empty() { out.len() } else { at };
                out.splice(at..at, found);
                out.push(Node::Block(head, body));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// A resource's document as a data source of the same label, and the body that refers to it.
fn taken_out(head: &[String], body: Vec<Node>) -> Result<(Vec<Node>, Vec<Node>), RenderError> {
    let label = head.last().map_or("", String::as_str);
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for node in body {
        match node {
            Node::Attr(name, Expr::Encode(document)) => match data::document(&document)? {
                Some(fields) => {
                    found.push(block(&["data", "aws_iam_policy_document", label], fields));
                    rest.push(Node::Attr(name, raw(&format!("data.aws_iam_policy_document.{label}.json"))));
                }
                None => rest.push(Node::Attr(name, Expr::Encode(document))),
            },
            other => rest.push(other),
        }
    }
    Ok((found, rest))
}

fn nodes(job: &Job<'_>) -> Result<Vec<Node>, RenderError> {
    match (job.target.kind, &job.whole) {
        (TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy, _) => return identity(job),
        (TargetKind::FunctionPolicy, _) => {
            if let Some(all) = permissions(&job.addition) {
                return function(job, &all);
            }
        }
        (_, Some(whole)) => {
            if let Some(nodes) = replacing(job, whole)? {
                return Ok(nodes);
            }
        }
        (_, None) => {}
    }
    loose(job)
}

/// Lambda's permissions, one resource each.
fn function(job: &Job<'_>, all: &[Permission]) -> Result<Vec<Node>, RenderError> {
    const ARGUMENTS: [(&str, &str); 6] = [
        ("StatementId", "statement_id"),
        ("Action", "action"),
        ("Principal", "principal"),
        ("SourceArn", "source_arn"),
        ("SourceAccount", "source_account"),
        ("PrincipalOrgID", "principal_org_id"),
    ];
    let name = job.target_name()?;
    let one = |(at, permission): (usize, &Permission)| {
        let given = ARGUMENTS
            .iter()
            .filter_map(|(key, argument)| permission.get(*key).map(|value| attr(argument, Expr::Json(value.clone()))));
        let fields = std::iter::once(attr("function_name", text(&name))).chain(given).collect();
        let label = if at == 0 { label(job) } else { format!("{}_{at}", label(job)) };
        block(&["resource", "aws_lambda_permission", &label], fields)
    };
    Ok(all.iter().enumerate().map(one).collect())
}

/// A policy of its own on a role, user or group.
fn identity(job: &Job<'_>) -> Result<Vec<Node>, RenderError> {
    let name = job.target_name()?;
    let (inline, attachment, field) = match job.target.kind {
        TargetKind::UserPolicy => ("aws_iam_user_policy", "aws_iam_user_policy_attachment", "user"),
        TargetKind::GroupPolicy => ("aws_iam_group_policy", "aws_iam_group_policy_attachment", "group"),
        _ => ("aws_iam_role_policy", "aws_iam_role_policy_attachment", "role"),
    };
    let policy = attr("policy", Expr::Encode(job.addition.clone()));
    let parts = match job.lodging()? {
        Lodging::Inline => {
            let own_name = attr("name", text(&job.name));
            return Ok(vec![resource(job, inline, vec![own_name, attr(field, text(&name)), policy])]);
        }
        Lodging::Managed(parts) => parts,
    };
    let mut nodes = vec![comment("inline policies have no room for it here, so it is a managed policy")];
    for (part, document) in parts {
        let label = part.replace('-', "_");
        let fields = vec![attr("name", text(&part)), attr("policy", Expr::Encode(document))];
        nodes.push(block(&["resource", "aws_iam_policy", &label], fields));
        let arn = attr("policy_arn", raw(&format!("aws_iam_policy.{label}.arn")));
        nodes.push(block(&["resource", attachment, &label], vec![attr(field, text(&name)), arn]));
    }
    Ok(nodes)
}

/// The resource that replaces the whole policy with the merged document; `None` where Terraform has none.
fn replacing(job: &Job<'_>, whole: &Value) -> Result<Option<Vec<Node>>, RenderError> {
    let policy = |field: &'static str| attr(field, Expr::Encode(whole.clone()));
    let one = |sort, fields| Ok(Some(vec![warning(), resource(job, sort, fields)]));
    match job.target.kind {
        TargetKind::PermissionSet => permission_set(job, whole).map(Some),
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => managed(job, whole).map(Some),
        TargetKind::BucketPolicy => {
            one("aws_s3_bucket_policy", vec![attr("bucket", text(&job.target_name()?)), policy("policy")])
        }
        TargetKind::KeyPolicy => {
            one("aws_kms_key_policy", vec![attr("key_id", text(&job.target_name()?)), policy("policy")])
        }
        TargetKind::RepositoryPolicy => {
            one("aws_ecr_repository_policy", vec![attr("repository", text(&job.target_name()?)), policy("policy")])
        }
        TargetKind::VpcEndpointPolicy => {
            one("aws_vpc_endpoint_policy", vec![attr("vpc_endpoint_id", text(&job.target_name()?)), policy("policy")])
        }
        TargetKind::TopicPolicy => {
            let arn = job.need_arn("topic's ARN")?.to_string();
            one("aws_sns_topic_policy", vec![attr("arn", text(&arn)), policy("policy")])
        }
        TargetKind::SecretPolicy => {
            let arn = job.need_arn("secret's ARN")?.to_string();
            one("aws_secretsmanager_secret_policy", vec![attr("secret_arn", text(&arn)), policy("policy")])
        }
        TargetKind::QueuePolicy => {
            let label = label(job);
            let url = raw(&format!("data.aws_sqs_queue.{label}.url"));
            let queue = data(job, "aws_sqs_queue", vec![attr("name", text(&job.target_name()?))]);
            let policy = vec![attr("queue_url", url), policy("policy")];
            Ok(Some(vec![queue, warning(), resource(job, "aws_sqs_queue_policy", policy)]))
        }
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::TrustPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::SessionPolicy
        | TargetKind::Scp
        | TargetKind::Rcp => Ok(None),
    }
}

/// A permission set has one inline policy; the resource puts the whole and provisions it.
fn permission_set(job: &Job<'_>, whole: &Value) -> Result<Vec<Node>, RenderError> {
    let set = job.target_arn()?.and_then(|arn| instance_of(&arn).map(|instance| (instance, arn.to_string())));
    let (mut nodes, instance, arn) = match set {
        Some((instance, arn)) => (Vec::new(), text(&instance), text(&arn)),
        None => {
            let instances = format!("data.aws_ssoadmin_instances.{}", label(job));
            let instance = format!("tolist({instances}.arns)[0]");
            let find = vec![attr("instance_arn", raw(&instance)), attr("name", text(&job.target_name()?))];
            let arn = format!("data.aws_ssoadmin_permission_set.{}.arn", label(job));
            let nodes =
                vec![data(job, "aws_ssoadmin_instances", Vec::new()), data(job, "aws_ssoadmin_permission_set", find)];
            (nodes, raw(&instance), raw(&arn))
        }
    };
    let fields = vec![
        attr("instance_arn", instance),
        attr("permission_set_arn", arn),
        attr("inline_policy", Expr::Encode(whole.clone())),
    ];
    nodes.extend([warning(), resource(job, "aws_ssoadmin_permission_set_inline_policy", fields)]);
    Ok(nodes)
}

/// `arn:aws:sso:::permissionSet/ssoins-1/ps-2` belongs to `arn:aws:sso:::instance/ssoins-1`.
pub(super) fn instance_of(arn: &Arn) -> Option<String> {
    let (instance, _) = arn.resource.strip_prefix("permissionSet/")?.split_once('/')?;
    (arn.service == "sso").then(|| format!("arn:{}:sso:::instance/{instance}", arn.partition))
}

/// An existing managed policy: taken over by import, so that applying makes a new version of it.
fn managed(job: &Job<'_>, whole: &Value) -> Result<Vec<Node>, RenderError> {
    let arn = job.managed_policy()?;
    let (path, name) = arn.resource["policy".len()..].rsplit_once('/').unwrap_or(("", ""));
    let import = vec![attr("to", raw(&format!("aws_iam_policy.{}", label(job)))), attr("id", text(&arn.to_string()))];
    let keep = block(&["lifecycle"], vec![attr("ignore_changes", raw("[description, tags]"))]);
    let fields = vec![
        attr("name", text(name)),
        attr("path", text(&format!("{path}/"))),
        attr("policy", Expr::Encode(whole.clone())),
        comment("a changed description would replace the policy"),
        keep,
    ];
    Ok(vec![
        comment("only where no Terraform owns the policy yet; else change its own resource"),
        block(&["import"], import),
        warning(),
        resource(job, "aws_iam_policy", fields),
    ])
}

/// Only the statements: a data source to merge from, or the same as a local value.
fn loose(job: &Job<'_>) -> Result<Vec<Node>, RenderError> {
    let mut nodes = vec![comment(&whereto(job.target.kind))];
    match data::document(&job.addition)? {
        Some(fields) => {
            nodes
                .push(comment("merge: list the .json of this and of the document in force in source_policy_documents"));
            nodes.push(data(job, "aws_iam_policy_document", fields));
        }
        None => nodes.push(block(&["locals"], vec![attr(&label(job), Expr::Encode(job.addition.clone()))])),
    }
    Ok(nodes)
}

fn whereto(kind: TargetKind) -> String {
    match kind {
        TargetKind::TrustPolicy => "goes into assume_role_policy of the aws_iam_role".to_owned(),
        TargetKind::SessionPolicy => {
            "goes into the policy that the caller of AssumeRole passes, not into Terraform".into()
        }
        TargetKind::Scp | TargetKind::Rcp => "the organisation's administrators change this policy".to_owned(),
        _ => "writing this policy replaces the whole of it: add the statements to what is in force".to_owned(),
    }
}

fn warning() -> Node {
    comment("replaces the whole policy: this is the policy in force with the new statements in it")
}

fn label(job: &Job<'_>) -> String {
    format!("denywatch_{}", job.tag)
}

fn resource(job: &Job<'_>, sort: &str, fields: Vec<Node>) -> Node {
    block(&["resource", sort, &label(job)], fields)
}

fn data(job: &Job<'_>, sort: &str, fields: Vec<Node>) -> Node {
    block(&["data", sort, &label(job)], fields)
}

fn text(value: &str) -> Expr {
    Expr::Json(Value::from(value))
}

/// Parses the text, compares every block and argument with what was meant, and the policies in it with the documents.
fn read_back(text: &str, nodes: &[Node], documents: &[Value], style: Style) -> Result<(), RenderError> {
    let format = if style == Style::Data { Format::HclData } else { Format::Hcl };
    let fault = |why: &str| RenderError::Unfaithful { format, why: why.to_owned() };
    let got = read::body(text).map_err(|why| fault(&why))?;
    if got != read::expected(nodes) {
        return Err(fault("the configuration differs"));
    }
    let seen = read::documents(&got);
    let says = |(seen, document): (&read::Seen<'_>, &Value)| match seen {
        read::Seen::Encoded(value) => *value == document,
        read::Seen::Data(fields) => data::read(fields) == data::normal(document),
    };
    let same = seen.len() == documents.len() && seen.iter().zip(documents).all(says);
    if same { Ok(()) } else { Err(fault("the policies differ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::PatchContext;
    use crate::render::tests::{patch_of, sample};

    /// The text with one passage changed must not pass for the document; a changed comment or space may.
    #[track_caller]
    fn check(kind: TargetKind, from: &str, to: &str, expect: bool) {
        let (patch, context) = (patch_of(kind, "app", sample("k${*}")), PatchContext::default());
        let job = Job::new(&patch, &context).unwrap();
        for style in [Style::Encoded, Style::Data] {
            let (nodes, documents) = styled(&job, style).unwrap();
            let text = write::body(&nodes);
            if style == Style::Data && !text.contains(from) {
                continue;
            }
            assert!(text.contains(from), "{text}");
            assert_eq!(read_back(&text.replacen(from, to, 1), &nodes, &documents, style).is_ok(), expect);
        }
    }

    #[test]
    fn a_changed_text_is_refused() {
        use TargetKind::{BucketPolicy, RolePolicy};
        check(RolePolicy, "name = ", "name     =    ", true);
        check(RolePolicy, "$${*}", "${x}", false);
        check(RolePolicy, "$${*}", "*", false);
        check(RolePolicy, "\"app\"", "\"other\"", false);
        check(RolePolicy, "jsonencode(", "yamlencode(", false);
        check(RolePolicy, "\"Allow\"", "var.effect", false);
        check(RolePolicy, "\n}\n", "\n}\nresource \"x\" \"y\" {}\n", false);
        check(BucketPolicy, "effect ", "# effect ", false);
        check(BucketPolicy, "$${*}", "*", false);
        check(BucketPolicy, "StringEquals", "StringLike", false);
    }

    #[test]
    fn another_document_is_refused() {
        for kind in [TargetKind::RolePolicy, TargetKind::BucketPolicy] {
            let (patch, context) = (patch_of(kind, "app", sample("k")), PatchContext::default());
            let job = Job::new(&patch, &context).unwrap();
            for style in [Style::Encoded, Style::Data] {
                let (nodes, documents) = styled(&job, style).unwrap();
                let text = write::body(&nodes);
                assert_eq!(read_back(&text, &nodes, &documents, style), Ok(()));
                assert!(read_back(&text, &nodes, &[sample("l")], style).is_err());
                assert!(read_back(&text, &nodes, &[], style).is_err());
            }
        }
    }

    fn data_in(body: &Value) -> Value {
        match read::documents(body).as_slice() {
            [read::Seen::Data(fields)] => data::read(fields),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn written(document: Value, expect: bool) {
        let nodes = data::document(&document).unwrap();
        assert_eq!(nodes.is_some(), expect, "{document}");
        if let Some(nodes) = nodes {
            let text = write::body(&[block(&["data", "aws_iam_policy_document", "x"], nodes)]);
            let body = read::body(&text).unwrap();
            assert_eq!(data_in(&body), data::normal(&document), "{text}");
        }
    }

    #[test]
    fn the_data_source_says_the_same_or_is_not_used() {
        use serde_json::json;
        let of = |statement: Value| json!({"Version": "2012-10-17", "Id": "i", "Statement": statement});
        let base = json!({"Effect": "Deny", "NotAction": "a:b", "NotResource": ["x", "y"]});
        written(of(base.clone()), true);
        written(of(json!([base, base])), true);
        written(of(json!({"Effect": "Allow", "Principal": "*", "Action": "a:b"})), true);
        written(of(json!({"Effect": "Allow", "NotPrincipal": {"AWS": "*", "Service": ["s"]}, "Action": "a:b"})), true);
        written(
            of(
                json!({"Effect": "Allow", "Action": "a:b", "Condition": {"Bool": {"k": true}, "NumericEquals": {"n": [1]}}}),
            ),
            true,
        );
        written(of(json!({"Effect": "Allow", "Action": "a:b", "Resource": "&{x}"})), false);
        written(of(json!({"Effect": "Allow", "Action": "a:b", "Other": "x"})), false);
        written(of(json!({"Effect": "Allow", "Action": {"x": "y"}})), false);
        written(json!({"Statement": [], "Other": 1}), false);
    }
}
