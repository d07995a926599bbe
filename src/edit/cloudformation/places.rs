//! The policies of an owner in its templates, and where one that is missing would stand.

use super::node::{Kind, Node, Path};
use super::owner::{logical, names_it};
use super::surgery::below;
use super::template::Template;
use super::value::{Stage, call};
use crate::diagnosis::TargetKind;

/// A policy document in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Which template.
    pub at: usize,
    /// The resource that holds it.
    pub holder: String,
    /// The way to its `Statement`; `None` where it is not written out.
    pub path: Option<Path>,
    /// Why it is left alone: whom else it serves, say; `None` where it may be changed.
    pub left: Option<String>,
}

/// Whose policies are looked for.
pub(super) struct Bearer<'a> {
    pub kind: TargetKind,
    /// The template and logical id, where a template makes it.
    pub owner: Option<(usize, &'a str)>,
    pub name: &'a str,
    /// Its ARN, where known.
    pub arn: Option<&'a str>,
}

/// A resource of its own that holds a policy: its type, the properties that say for what, and the one with the document.
struct Apart {
    sort: &'static str,
    of: &'static [&'static str],
    document: &'static str,
}

const POLICY: &str = "PolicyDocument";

fn apart(kind: TargetKind) -> &'static [Apart] {
    match kind {
        TargetKind::RolePolicy => &[
            Apart { sort: "AWS::IAM::RolePolicy", of: &["RoleName"], document: POLICY },
            Apart { sort: "AWS::IAM::Policy", of: &["Roles"], document: POLICY },
            Apart { sort: "AWS::IAM::ManagedPolicy", of: &["Roles"], document: POLICY },
        ],
        TargetKind::UserPolicy => &[
            Apart { sort: "AWS::IAM::UserPolicy", of: &["UserName"], document: POLICY },
            Apart { sort: "AWS::IAM::Policy", of: &["Users"], document: POLICY },
            Apart { sort: "AWS::IAM::ManagedPolicy", of: &["Users"], document: POLICY },
        ],
        TargetKind::GroupPolicy => &[
            Apart { sort: "AWS::IAM::GroupPolicy", of: &["GroupName"], document: POLICY },
            Apart { sort: "AWS::IAM::Policy", of: &["Groups"], document: POLICY },
            Apart { sort: "AWS::IAM::ManagedPolicy", of: &["Groups"], document: POLICY },
        ],
        TargetKind::BucketPolicy => &[Apart { sort: "AWS::S3::BucketPolicy", of: &["Bucket"], document: POLICY }],
        TargetKind::QueuePolicy => &[Apart { sort: "AWS::SQS::QueuePolicy", of: &["Queues"], document: POLICY }],
        TargetKind::TopicPolicy => &[Apart { sort: "AWS::SNS::TopicPolicy", of: &["Topics"], document: POLICY }],
        TargetKind::SecretPolicy => {
            &[Apart { sort: "AWS::SecretsManager::ResourcePolicy", of: &["SecretId"], document: "ResourcePolicy" }]
        }
        TargetKind::PermissionSet
        | TargetKind::ManagedPolicy
        | TargetKind::TrustPolicy
        | TargetKind::PermissionsBoundary
        | TargetKind::SessionPolicy
        | TargetKind::KeyPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::VpcEndpointPolicy
        | TargetKind::Scp
        | TargetKind::Rcp => &[],
    }
}

/// The property of the owner itself that holds the document.
pub(super) fn own_property(kind: TargetKind) -> Option<&'static str> {
    match kind {
        TargetKind::TrustPolicy => Some("AssumeRolePolicyDocument"),
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => Some(POLICY),
        TargetKind::PermissionSet => Some("InlinePolicy"),
        TargetKind::KeyPolicy => Some("KeyPolicy"),
        TargetKind::RepositoryPolicy => Some("RepositoryPolicyText"),
        _ => None,
    }
}

/// All documents of the bearer: those in its own resource first.
pub(super) fn places(templates: &[Template<'_>], stages: &[Stage], bearer: &Bearer<'_>) -> Vec<Place> {
    let mut found = Vec::new();
    if let Some((at, id)) = bearer.owner {
        found.extend(within(&templates[at], at, id, bearer.kind));
    }
    for (at, template) in templates.iter().enumerate() {
        for apart in apart(bearer.kind) {
            for id in template.of_sort(&[apart.sort]) {
                found.extend(attached(template, at, id, apart, &stages[at], bearer));
            }
        }
    }
    found
}

/// The documents in the resource itself, and in the managed policies that it names.
fn within(template: &Template<'_>, at: usize, id: &str, kind: TargetKind) -> Vec<Place> {
    let place = |path: Path| Place { at, holder: id.to_owned(), path: Some(path), left: None };
    if let Some(property) = own_property(kind) {
        let document = template.way(id, &["Properties", property]);
        return document.map(|path| read(template, at, id, &path)).into_iter().collect();
    }
    let mut found = Vec::new();
    if let Some(path) = template.way(id, &["Properties", "Policies"]) {
        let policies = template.doc.at(&path).filter(|node| node.tag.is_none());
        let count = policies.map_or(0, |node| node.items().len());
        for step in 0..count {
            let item = [path.as_slice(), &[step]].concat();
            // SAM takes the document itself for an item, IAM wraps it.
            let document = below(template.doc, &item, POLICY).unwrap_or(item);
            found.extend(statement(template, &document).map(place));
        }
        if count == 0 && policies.is_some_and(|node| call(node).is_none()) {
            found.extend(statement(template, &path).map(place));
        }
    }
    let managed = template.property(id, "ManagedPolicyArns").map(Node::items).unwrap_or_default();
    for policy in managed {
        let Some(name) = call(policy).filter(|call| call.name == "Ref").and_then(|call| call.argument.text()) else {
            continue;
        };
        if !is_always(template, name, Some(id)) {
            continue;
        }
        if let Some(path) = template.way(name, &["Properties", POLICY]).and_then(|path| statement(template, &path)) {
            let left = shared(template, name, Some(id), &["Roles", "Users", "Groups"], 0);
            found.push(Place { left, holder: name.to_owned(), ..place(path) });
        }
    }
    found
}

/// A document in a resource of its own, if it is for the bearer.
fn attached(
    template: &Template<'_>,
    at: usize,
    id: &str,
    apart: &Apart,
    stage: &Stage,
    bearer: &Bearer<'_>,
) -> Option<Place> {
    let owner = bearer.owner.filter(|(own, _)| *own == at).map(|(_, id)| id);
    let texts: Vec<&str> = std::iter::once(bearer.name).chain(bearer.arn).collect();
    let nodes = apart.of.iter().filter_map(|property| template.property(id, property));
    let all: Vec<&Node> = nodes
        .flat_map(|node| match &node.kind {
            Kind::Seq(items) if call(node).is_none() => items.iter().collect(),
            _ => vec![node],
        })
        .collect();
    let bearing = owner.and_then(|owner| logical(template, owner));
    all.iter().find(|node| names_it(template, stage, node, bearing.as_deref(), &texts))?;
    if !is_always(template, id, owner) {
        return None;
    }
    let place = read(template, at, id, &template.way(id, &["Properties", apart.document])?);
    let is_identity = apart.document == POLICY && apart.sort.starts_with("AWS::IAM::");
    let others: Vec<&str> = ["Roles", "Users", "Groups"].into_iter().filter(|one| !apart.of.contains(one)).collect();
    let left = is_identity.then(|| shared(template, id, owner, &others, all.len())).flatten();
    Some(Place { left: place.left.or(left), ..place })
}

fn read(template: &Template<'_>, at: usize, id: &str, document: &[usize]) -> Place {
    let path = statement(template, document);
    let left = path.is_none().then(|| format!("the policy of `{id}` is not written out in the template"));
    Place { at, holder: id.to_owned(), path, left }
}

/// Whether a resource is there whenever the owner is.
fn is_always(template: &Template<'_>, id: &str, owner: Option<&str>) -> bool {
    let condition = |id: &str| template.resource(id)?.get("Condition")?.plain_text();
    condition(id).is_none() || owner.is_some_and(|owner| condition(owner) == condition(id))
}

/// Whom else a policy serves: further bearers that it names, or that name it.
fn shared(template: &Template<'_>, id: &str, owner: Option<&str>, others: &[&str], named: usize) -> Option<String> {
    if named > 1 {
        return Some(format!("`{id}` is attached to {named} of them"));
    }
    if let Some(other) = others.iter().find(|one| template.property(id, one).is_some_and(|node| !is_only(node, owner)))
    {
        return Some(format!("`{id}` has `{other}` too"));
    }
    let referrers = template.referrers(id);
    let other = referrers.iter().find(|from| **from != owner || from.is_none())?;
    Some(other.map_or_else(|| format!("`{id}` is used outside the template"), |other| format!("`{other}` uses `{id}`")))
}

/// Whether a list names the owner and nobody else.
fn is_only(list: &Node, owner: Option<&str>) -> bool {
    let refers = |node: &Node| call(node).is_some_and(|call| call.name == "Ref" && call.argument.text() == owner);
    owner.is_some() && list.tag.is_none() && list.items().iter().all(refers)
}

/// How many steps lead to a resource: `Resources` and its logical id.
const RESOURCE: usize = 2;

/// The way to a document's statements.
fn statement(template: &Template<'_>, document: &[usize]) -> Option<Path> {
    let is_argument = |end: usize| {
        // A resource may be named `Ref`; as the only one it would make all resources look like a call.
        let calls = |node: &Node| if end < RESOURCE { node.tag.is_some() } else { call(node).is_some() };
        template.doc.at(&document[..end]).is_none_or(calls)
    };
    if (0..=document.len()).any(is_argument) || template.doc.is_shared(document) {
        return None;
    }
    let path = below(template.doc, document, "Statement")?;
    let found = template.doc.at(&path)?;
    let is_read = call(found).is_none() && matches!(found.kind, Kind::Seq(_) | Kind::Map(_));
    (is_read && !template.doc.is_shared(&path)).then_some(path)
}
