//! What every format starts from: checked names, the statements to add, the whole document where it is known.

use super::escape::terminal;
use super::{PatchContext, RenderError, check, words};
use crate::arn::Arn;
use crate::diagnosis::{Target, TargetKind};
use crate::patch::{Applicability, Companion, Patch, holder, parts};
use crate::policy::Document;
use crate::policy::size::{Holder, Unit, measure};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A patch made ready for writing.
pub(super) struct Job<'a> {
    /// The policy to change.
    pub target: &'a Target,
    /// See [`PatchContext`].
    pub context: &'a PatchContext,
    /// `denywatch-` and [`Job::tag`].
    pub name: String,
    /// Eight hexadecimal digits of a hash over target and content.
    pub tag: String,
    /// The statements to add, as a document.
    pub addition: Value,
    /// The policy in force with them in it, where that is known and writing replaces it.
    pub whole: Option<Value>,
    /// A policy of the identity with one of its statements split: put beside what is there, it would say all twice.
    pub split: Option<Value>,
    /// What the inline policies in force take; `None` when unknown.
    pub inline_in_use: Option<usize>,
    /// The account of the change; `None` when unknown.
    pub account: Option<String>,
    /// Why the account cannot be written, as a masked one; the document alone does not need it.
    pub no_account: Option<RenderError>,
    /// Comment lines for formats that have comments: harmless, one line each.
    pub notes: Vec<String>,
}

impl<'a> Job<'a> {
    /// Checks everything that any format writes.
    pub(super) fn new(patch: &'a Patch, context: &'a PatchContext) -> Result<Self, RenderError> {
        changeable(&patch.target)?;
        let value = |document| serde_json::to_value(document).map_err(|_| RenderError::NotAPolicy("it is no JSON"));
        let mut addition = value(patch.document.as_ref().ok_or(RenderError::NoDocument)?)?;
        let merged = patch.merged.as_ref().filter(|_| replaces(patch.target.kind));
        let mut whole = merged.map(value).transpose()?;
        let split = patch.merged.as_ref().filter(|_| !replaces(patch.target.kind) && patch.room.in_place);
        let mut split = split.map(value).transpose()?.filter(|whole| holds(whole, &addition));
        let extra = companions(patch, context);
        for document in std::iter::once(&mut addition).chain(whole.as_mut()).chain(split.as_mut()) {
            append(document, &extra)?;
            check::document(document)?;
            check::lists(&statements(document)?)?;
        }
        let account = patch.target.account.as_deref().or(context.account.as_deref()).map(check::account).transpose();
        let (account, no_account) = account.map_or_else(|fault| (None, Some(fault)), |account| (account, None));
        let tag = tag(&patch.target, account.as_deref(), &addition);
        let notes = notes(patch, context, account.as_deref());
        let name = format!("denywatch-{tag}");
        let inline_in_use = patch.room.inline_in_use;
        let target = &patch.target;
        Ok(Self { target, context, name, tag, addition, whole, split, inline_in_use, account, no_account, notes })
    }

    /// Refuses what only the document alone can say.
    pub(super) fn beside(&self) -> Result<(), RenderError> {
        match (&self.no_account, &self.split) {
            (Some(fault), _) => Err(fault.clone()),
            (None, Some(_)) => Err(RenderError::Split),
            (None, None) => Ok(()),
        }
    }

    /// Refuses a whole document that is longer than its place takes; a script measures what is there when it runs.
    pub(super) fn fits(&self) -> Result<(), RenderError> {
        let (Some(whole), Some(holder)) = (&self.whole, holder(self.target.kind)) else { return Ok(()) };
        let (text, quota) = (whole.to_string(), holder.quota());
        let size = measure(&text, quota.unit);
        if size <= quota.limit {
            return Ok(());
        }
        Err(RenderError::TooLong { kind: self.target.kind, size, limit: quota.limit })
    }

    /// The target's name, checked by the rules of its kind.
    pub(super) fn target_name(&self) -> Result<String, RenderError> {
        let (what, most, signs) = naming(self.target.kind);
        let arn = self.target.arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok());
        let from_arn = arn.as_ref().and_then(|arn| name_in(self.target.kind, arn));
        let text = self.target.name.as_deref().or(from_arn).ok_or(RenderError::Missing(what))?;
        let name = check::name(what, text, most, signs)?;
        match from_arn {
            Some(other) if other != name => Err(RenderError::TwoNames { name, arn: other.to_owned() }),
            Some(_) | None => Ok(name),
        }
    }

    /// The target's ARN, checked: of the service that owns the policy, no wildcard; `None` when unknown.
    pub(super) fn target_arn(&self) -> Result<Option<Arn>, RenderError> {
        self.target.arn.as_deref().map(check::arn).transpose()
    }

    /// The target's ARN where nothing works without it.
    pub(super) fn need_arn(&self, what: &'static str) -> Result<Arn, RenderError> {
        self.target_arn()?.ok_or(RenderError::Missing(what))
    }

    /// The customer managed policy to change.
    pub(super) fn managed_policy(&self) -> Result<Arn, RenderError> {
        let arn = self.need_arn("policy's ARN")?;
        if arn.service != "iam" || !arn.resource.starts_with("policy/") {
            return Err(RenderError::Name { what: "managed policy's ARN", name: arn.to_string() });
        }
        Ok(arn)
    }

    /// How the addition lies on a role, user or group: what the inline policies in force take is counted where it is
    /// known, and what does not fit beside them goes into managed policies.
    pub(super) fn lodging(&self) -> Result<Lodging, RenderError> {
        let limit = self.inline_limit();
        let used = self.inline_in_use.unwrap_or(0);
        if limit.is_none_or(|limit| used.saturating_add(size(&self.addition)) <= limit) {
            return Ok(Lodging::Inline);
        }
        let document: Document = serde_json::from_value(self.addition.clone())
            .map_err(|_| RenderError::NotAPolicy("it has no statements"))?;
        let parts = parts(&document, Holder::Managed).ok_or_else(|| RenderError::TooLong {
            kind: self.target.kind,
            size: size(&self.addition),
            limit: Holder::Managed.quota().limit,
        })?;
        let values = parts.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
        let values = values.map_err(|_| RenderError::NotAPolicy("it is no JSON"))?;
        let name = |at: usize| if values.len() == 1 { self.name.clone() } else { format!("{}-{}", self.name, at + 1) };
        Ok(Lodging::Managed(values.iter().enumerate().map(|(at, value)| (name(at), value.clone())).collect()))
    }

    /// What the inline policies of the target may take together; `None` where it has none.
    pub(super) fn inline_limit(&self) -> Option<usize> {
        match self.target.kind {
            TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy => {
                holder(self.target.kind).map(|holder| holder.quota().limit)
            }
            _ => None,
        }
    }
}

/// Where the addition goes on a role, user or group.
pub(super) enum Lodging {
    /// Into an inline policy of its own.
    Inline,
    /// Into managed policies of these names, of which each fits.
    Managed(Vec<(String, Value)>),
}

/// Refuses what belongs to AWS: its managed policies, service-linked roles, the roles of Identity Center.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html> and
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsets.html>.
fn changeable(target: &Target) -> Result<(), RenderError> {
    let arn = target.arn.as_deref().unwrap_or_default();
    let role = target.name.as_deref().unwrap_or(arn).to_owned();
    match target.kind {
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary if arn.contains(":iam::aws:policy/") => {
            Err(RenderError::AwsManaged(arn.to_owned()))
        }
        TargetKind::RolePolicy | TargetKind::TrustPolicy => {
            let instead = if arn.contains(":role/aws-service-role/") {
                "the service's setup or the resource's policy"
            } else if arn.contains(":role/aws-reserved/") || role.starts_with("AWSReservedSSO_") {
                "its permission set"
            } else {
                return Ok(());
            };
            Err(RenderError::Reserved { role, instead })
        }
        _ => Ok(()),
    }
}

/// The statements of a document: a list, or the one object that IAM also takes.
pub(super) fn statements(document: &Value) -> Result<Vec<&Value>, RenderError> {
    match document.get("Statement") {
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(items.iter().collect()),
        Some(one @ Value::Object(_)) => Ok(vec![one]),
        _ => Err(RenderError::NotAPolicy("it has no statements")),
    }
}

/// Whether AWS's call replaces the whole policy, so that only the merged document may be put; the other kinds get a
/// policy of their own beside what is there.
fn replaces(kind: TargetKind) -> bool {
    !matches!(kind, TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy)
}

/// Who changes a policy of this kind: words for comments.
pub(super) fn place(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::RolePolicy => "an inline policy on role",
        TargetKind::UserPolicy => "a policy on user",
        TargetKind::GroupPolicy => "a policy on group",
        TargetKind::PermissionSet => "statements in the inline policy of permission set",
        TargetKind::ManagedPolicy => "statements in managed policy",
        TargetKind::PermissionsBoundary => "statements in the permissions boundary",
        TargetKind::TrustPolicy => "statements in the trust policy of role",
        TargetKind::BucketPolicy => "statements in the policy of bucket",
        TargetKind::KeyPolicy => "statements in the policy of key",
        TargetKind::QueuePolicy => "statements in the policy of queue",
        TargetKind::TopicPolicy => "statements in the policy of topic",
        TargetKind::FunctionPolicy => "statements in the policy of function",
        TargetKind::SecretPolicy => "statements in the policy of secret",
        TargetKind::RepositoryPolicy => "statements in the policy of repository",
        TargetKind::ResourcePolicy => "statements in the policy of the resource",
        TargetKind::SessionPolicy => "statements in the session policy that the caller of AssumeRole passes",
        TargetKind::VpcEndpointPolicy => "statements in the policy of VPC endpoint",
        TargetKind::Scp => "statements in the service control policy",
        TargetKind::Rcp => "statements in the resource control policy",
    }
}

/// What to do where a policy of this kind is full: words for errors.
pub(super) fn way(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::PermissionSet => "`--format cli` makes it a customer managed policy that the set refers to",
        TargetKind::ManagedPolicy => "attach a second managed policy",
        TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy => {
            "no single statement may be so long"
        }
        _ => "shorten what is in force first, since no second policy can stand beside it",
    }
}

fn naming(kind: TargetKind) -> (&'static str, usize, &'static str) {
    match kind {
        TargetKind::RolePolicy | TargetKind::TrustPolicy => ("role name", 64, check::IAM_SIGNS),
        TargetKind::UserPolicy => ("user name", 64, check::IAM_SIGNS),
        TargetKind::GroupPolicy => ("group name", 128, check::IAM_SIGNS),
        TargetKind::PermissionSet => ("permission set name", 32, check::IAM_SIGNS),
        TargetKind::BucketPolicy => ("bucket name", 255, "._-"),
        TargetKind::KeyPolicy => ("key id", 256, "-"),
        TargetKind::QueuePolicy => ("queue name", 80, "_-."),
        TargetKind::TopicPolicy => ("topic name", 256, "_-."),
        TargetKind::FunctionPolicy => ("function name", 140, "_-:$"),
        TargetKind::SecretPolicy => ("secret name", 512, "/_+=.@-"),
        TargetKind::RepositoryPolicy => ("repository name", 256, "._/-"),
        TargetKind::VpcEndpointPolicy => ("VPC endpoint id", 64, "-"),
        TargetKind::ManagedPolicy
        | TargetKind::PermissionsBoundary
        | TargetKind::SessionPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::Scp
        | TargetKind::Rcp => ("policy name", 128, check::IAM_SIGNS),
    }
}

/// The name inside the ARN of a target; `None` where the ARN is of something else, such as a session's role.
fn name_in(kind: TargetKind, arn: &Arn) -> Option<&str> {
    let (sort, id) = arn.resource_type_and_id();
    let last = id.rsplit('/').next().filter(|last| !last.is_empty());
    match (kind, arn.service.as_str(), sort) {
        (TargetKind::RolePolicy | TargetKind::TrustPolicy, "iam", "role")
        | (TargetKind::UserPolicy, "iam", "user")
        | (TargetKind::GroupPolicy, "iam", "group")
        | (TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary, "iam", "policy") => last,
        (TargetKind::KeyPolicy, "kms", "key") | (TargetKind::RepositoryPolicy, "ecr", "repository") => Some(id),
        (TargetKind::BucketPolicy, "s3", _) => arn.resource.split('/').next(),
        (TargetKind::QueuePolicy, "sqs", _) | (TargetKind::TopicPolicy, "sns", _) => Some(&arn.resource),
        (TargetKind::FunctionPolicy, "lambda", "function") => id.split(':').next(),
        _ => None,
    }
}

/// The companions as statements, when asked for and when the target is a policy of the identity: in a resource's
/// policy they have no place.
fn companions(patch: &Patch, context: &PatchContext) -> Vec<Value> {
    if !context.companions || !takes_companions(patch.target.kind) {
        return Vec::new();
    }
    patch.companions.iter().filter(|companion| is_addable(patch, companion)).map(companion).collect()
}

/// Whether `--companions` writes this one: a statement needs resources, and a resource's policy takes none.
pub(super) fn is_addable(patch: &Patch, companion: &Companion) -> bool {
    takes_companions(patch.target.kind) && !companion.actions.is_empty() && !companion.resources.is_empty()
}

fn takes_companions(kind: TargetKind) -> bool {
    matches!(
        kind,
        TargetKind::RolePolicy
            | TargetKind::UserPolicy
            | TargetKind::GroupPolicy
            | TargetKind::PermissionSet
            | TargetKind::ManagedPolicy
            | TargetKind::PermissionsBoundary
            | TargetKind::SessionPolicy
    )
}

fn companion(of: &Companion) -> Value {
    let body = json!({"Action": of.actions, "Resource": of.resources, "Condition": of.conditions});
    let mut fields = Map::new();
    fields.insert("Sid".into(), format!("Companion{}", digest(&body)).into());
    fields.insert("Effect".into(), "Allow".into());
    fields.insert("Action".into(), json!(of.actions));
    fields.insert("Resource".into(), json!(of.resources));
    if !of.conditions.is_empty() {
        fields.insert("Condition".into(), json!(of.conditions));
    }
    Value::Object(fields)
}

/// Appends statements that are not there yet; also makes sure that the document is one.
fn append(document: &mut Value, extra: &[Value]) -> Result<(), RenderError> {
    let mut all: Vec<Value> = statements(document)?.into_iter().cloned().collect();
    if extra.is_empty() {
        return Ok(());
    }
    for statement in extra {
        if !all.contains(statement) {
            all.push(statement.clone());
        }
    }
    if let Value::Object(fields) = document {
        fields.insert("Statement".into(), Value::Array(all));
    }
    Ok(())
}

/// Whether the whole says all that is to be added: where statements of two policies are split, one whole does not.
fn holds(whole: &Value, addition: &Value) -> bool {
    match (statements(whole), statements(addition)) {
        (Ok(whole), Ok(added)) => added.iter().all(|statement| whole.contains(statement)),
        _ => false,
    }
}

fn tag(target: &Target, account: Option<&str>, addition: &Value) -> String {
    digest(&json!([target.kind, target.arn, target.name, account, addition]))
}

fn digest(value: &Value) -> String {
    Sha256::digest(value.to_string()).iter().take(4).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Characters without white space, as IAM counts them.
pub(super) fn size(document: &Value) -> usize {
    measure(&document.to_string(), Unit::VisibleCharacters)
}

fn notes(patch: &Patch, context: &PatchContext, account: Option<&str>) -> Vec<String> {
    let id = context.finding.as_deref().map(|id| format!(" {id}")).unwrap_or_default();
    let name = patch.target.name.as_deref().or(patch.target.arn.as_deref()).map(str::to_owned);
    let name = name.or_else(|| context.principal.as_ref().map(|principal| format!("of {}", words::who(principal))));
    let name = name.unwrap_or_else(|| "(name unknown)".to_owned());
    // A permission set lives in the organisation's management account, whatever account refused the call.
    let account = account.filter(|_| patch.target.kind != TargetKind::PermissionSet);
    let account = account.map(|account| format!(" in account {account}")).unwrap_or_default();
    let mut notes = vec![format!("denywatch{id}: adds {} {name}{account}", place(patch.target.kind))];
    match patch.applicability {
        Applicability::Apply => {}
        Applicability::Review => notes.push("REVIEW before use".to_owned()),
        Applicability::Explain => notes.push("NOT FOR USE: shown for explanation".to_owned()),
    }
    notes.extend(patch.doubts.iter().map(|doubt| format!("- {doubt}")));
    if context.companions && !patch.companions.is_empty() && !takes_companions(patch.target.kind) {
        notes.push("companions are left out: they belong in a policy of the identity".to_owned());
    }
    notes.iter().map(|note| terminal(note)).collect()
}
