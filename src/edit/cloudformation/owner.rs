//! Whose policy it is: the resource that makes the role, user, bucket or key of that name.

use super::kinds::kind_of;
use super::nested::Nested;
use super::node::Node;
use super::template::Template;
use super::told::Told;
use super::value::{Part, Parts, Stage, call, fits, read};
use crate::diagnosis::TargetKind;
use std::collections::BTreeMap;

/// How surely a resource bears the name; the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The stack's own list of resources says so.
    Told,
    /// The name stands there, or its parameters' defaults give it.
    Named,
    /// The name has the shape.
    Shaped,
    /// Only the deployed stack knows: its name is a parameter, say.
    Open,
}

/// A resource that may be the one.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// Which template.
    pub at: usize,
    pub id: String,
    pub rank: Rank,
    pub stage: Stage,
}

/// The types that carry a policy of this kind, or bear it themselves.
pub(super) fn sorts(kind: TargetKind) -> &'static [&'static str] {
    match kind {
        TargetKind::RolePolicy => &["AWS::IAM::Role", "AWS::Serverless::Function", "AWS::Serverless::StateMachine"],
        TargetKind::TrustPolicy => &["AWS::IAM::Role"],
        TargetKind::UserPolicy => &["AWS::IAM::User"],
        TargetKind::GroupPolicy => &["AWS::IAM::Group"],
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => &["AWS::IAM::ManagedPolicy"],
        TargetKind::PermissionSet => &["AWS::SSO::PermissionSet"],
        TargetKind::BucketPolicy => &["AWS::S3::Bucket"],
        TargetKind::KeyPolicy => &["AWS::KMS::Key"],
        TargetKind::QueuePolicy => &["AWS::SQS::Queue"],
        TargetKind::TopicPolicy => &["AWS::SNS::Topic"],
        TargetKind::SecretPolicy => &["AWS::SecretsManager::Secret"],
        TargetKind::RepositoryPolicy => &["AWS::ECR::Repository"],
        TargetKind::SessionPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::VpcEndpointPolicy
        | TargetKind::Scp
        | TargetKind::Rcp => &[],
    }
}

/// Resources that may bear the name, the surest first, in order.
pub(super) fn owners(
    templates: &[Template<'_>],
    kind: TargetKind,
    name: &str,
    stage: &Stage,
    told: &Told,
    nested: &Nested,
) -> Vec<Owner> {
    let mut found = Vec::new();
    for (at, template) in templates.iter().enumerate() {
        for id in template.of_sort(sorts(kind)) {
            let with = |(rank, stage)| Owner { at, id: id.to_owned(), rank, stage };
            let own = logical(template, id).filter(|_| !is_given_a_role(template, id));
            found.extend(own.and_then(|own| judge(template, id, &own, name, stage, told, nested.given(at))).map(with));
        }
    }
    found.sort_by(|a, b| (a.rank, a.at, &a.id).cmp(&(b.rank, b.at, &b.id)));
    let best = found.first().map(|owner| owner.rank);
    let ties = found.iter().take_while(|owner| Some(owner.rank) == best).count();
    let is_tied = ties > 1 && best != Some(Rank::Open);
    let one = nested.only(&found[..ties], name).filter(|_| is_tied).cloned();
    one.map_or(found, |one| vec![one])
}

/// A function of SAM's brings its own role, unless it is given one.
fn is_given_a_role(template: &Template<'_>, id: &str) -> bool {
    let is_sam = template.sort(id).is_some_and(|sort| sort.starts_with("AWS::Serverless::"));
    let globals = || template.doc.root.get("Globals")?.get("Function")?.get("Role");
    is_sam && (template.property(id, "Role").is_some() || globals().is_some())
}

/// The logical id of what bears the name.
/// See <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources-function.html>.
pub(super) fn logical(template: &Template<'_>, id: &str) -> Option<String> {
    let is_sam = template.sort(id)?.starts_with("AWS::Serverless::");
    Some(if is_sam { format!("{id}Role") } else { id.to_owned() })
}

fn judge(
    template: &Template<'_>,
    id: &str,
    logical: &str,
    name: &str,
    stage: &Stage,
    told: &Told,
    given: &[BTreeMap<String, String>],
) -> Option<(Rank, Stage)> {
    let sort = template.sort(id)?;
    let with = |mut stage: Stage| {
        if logical == id {
            stage.physical.insert(id.to_owned(), name.to_owned());
        }
        stage
    };
    if let Some(stage) = told.stage(logical, name, stage) {
        return Some((Rank::Told, with(stage)));
    }
    let kind = kind_of(sort)?;
    // A key's id, or a secret's, tells nothing of the stack.
    let made_as = if logical == id { kind.sort } else { "AWS::IAM::Role" };
    let generated = vec![Part::Generated(logical.to_owned(), made_as)];
    let property = template.property(id, kind.named_by).filter(|_| logical == id);
    let ways = match property {
        None if kind.named_by.is_empty() => return Some((Rank::Open, stage.clone())),
        None => vec![generated],
        Some(property) => {
            let mut ways = read(template, property);
            let none = [Part::Hole("AWS::NoValue".to_owned())];
            ways.iter_mut().filter(|parts| ***parts == none).for_each(|parts| parts.clone_from(&generated));
            ways
        }
    };
    let stages = std::iter::once(stage.clone()).chain(given.iter().map(|given| filled(stage, given)));
    if let Some(found) = stages.flat_map(|stage| ways.iter().find_map(|parts| named(parts, name, &stage))).next() {
        return Some((Rank::Named, with(found)));
    }
    let fitting =
        ways.iter().map(|parts| (tells(parts), fits(parts, name, stage))).filter(|(_, found)| !found.is_empty());
    let (tells, found) = fitting.max_by_key(|(tells, _)| *tells)?;
    let mut common = found.first()?.clone();
    if !tells {
        return Some((Rank::Open, stage.clone()));
    }
    common.known.retain(|key, value| found.iter().all(|other| other.known.get(key) == Some(value)));
    Some((Rank::Shaped, with(common)))
}

/// Words that names of all sorts bear.
const COMMON: [&str; 14] = [
    "app",
    "dev",
    "execution",
    "exec",
    "function",
    "iam",
    "lambda",
    "policy",
    "prod",
    "role",
    "service",
    "svc",
    "task",
    "user",
];

/// Whether the texts of a name tell it from others: `${Env}-role` fits half the roles of an account.
fn tells(parts: &Parts) -> bool {
    let word = |word: &&str| word.len() >= 3 && !COMMON.contains(&word.to_ascii_lowercase().as_str());
    parts.iter().any(|part| match part {
        Part::Text(text) => text.split(|c: char| !c.is_alphanumeric()).any(|text| word(&text)),
        Part::Generated(..) => true,
        Part::Hole(_) | Part::Default(..) | Part::Unknown => false,
    })
}

fn filled(stage: &Stage, given: &BTreeMap<String, String>) -> Stage {
    let mut stage = stage.clone();
    stage.known.extend(given.iter().map(|(name, text)| (name.clone(), text.clone())));
    stage
}

/// The stage where the name comes of texts, defaults and what is known alone.
fn named(parts: &[Part], name: &str, stage: &Stage) -> Option<Stage> {
    let mut stage = stage.clone();
    for part in parts {
        if let Part::Default(parameter, default) = part {
            stage.known.entry(parameter.clone()).or_insert_with(|| default.clone());
        }
    }
    let is_known = |part: &Part| match part {
        Part::Text(_) | Part::Default(..) => true,
        Part::Hole(name) => stage.known.contains_key(name),
        Part::Generated(..) | Part::Unknown => false,
    };
    parts.iter().all(is_known).then(|| fits(parts, name, &stage).into_iter().next()).flatten()
}

/// Whether a node gives this name, refers to the resource that bears it, or is sure to be one of its ARNs.
pub(super) fn names_it(
    template: &Template<'_>,
    stage: &Stage,
    node: &Node,
    owner: Option<&str>,
    texts: &[&str],
) -> bool {
    let node = template.doc.resolve(node);
    let referred = call(node).and_then(|call| match call.name {
        "Ref" => call.argument.text().map(str::to_owned),
        "GetAtt" => super::value::attribute(call.argument).map(|(id, _)| id),
        _ => None,
    });
    if let (Some(owner), Some(id)) = (owner, &referred) {
        return owner == id;
    }
    super::value::sure(template, stage, node).is_some_and(|text| texts.contains(&text.as_str()))
}
