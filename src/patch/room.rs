//! What the policies in force leave of a patch's place: the document that it goes into, and how much still fits.

use super::merge::{joins, merge};
use super::split::can_be_parted;
use crate::diagnosis::{Held, NamedDocument, Origin, Target, TargetKind};
use crate::policy::Document;
use crate::policy::size::{self, Holder, Unit};
use serde::{Deserialize, Serialize};

/// The room for a patch; the default where no policies were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Room {
    /// The policy in force that [`super::Patch::merged`] is a new text of; `None` without a merged document.
    pub into: Option<InForcePolicy>,
    /// Whether the merged document has to take that policy's place, because a statement of it is split.
    pub in_place: bool,
    /// Characters, white space left out, that the inline policies in force take of the quota that they share with the
    /// patch; `None` when unknown, or where the target shares none.
    pub inline_in_use: Option<usize>,
}

/// A policy in force by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForcePolicy {
    /// The policy's name, or that of the file it was read from.
    pub name: String,
    /// `None` for inline policies, resources' policies and plain files.
    pub arn: Option<String>,
}

impl From<&NamedDocument> for InForcePolicy {
    fn from(named: &NamedDocument) -> Self {
        Self { name: named.name.clone(), arn: named.arn.clone() }
    }
}

/// The patch in the policy in force that it belongs into, where that is known.
pub(super) struct Merged {
    pub document: Option<Document>,
    pub room: Room,
    /// Why the policy in force cannot take it.
    pub doubt: Option<String>,
}

/// Merges the patch into the policy in force; `asked` are an action and a resource that tell which resource's policy.
pub(super) fn merged(held: &Held, target: &Target, patch: &Document, asked: (&str, &str)) -> Merged {
    let inline_in_use = inline_in_use(held, target.kind);
    let nothing = Merged { document: None, room: Room { inline_in_use, ..Room::default() }, doubt: None };
    let Some(named) = base(held, target.kind, patch, asked) else { return nothing };
    match merge(&named.document, patch) {
        Ok(document) => {
            let room = Room { into: Some(named.into()), ..nothing.room };
            Merged { document: Some(document), room, ..nothing }
        }
        Err(fault) => Merged { doubt: Some(format!("`{}`: {fault}", named.name)), ..nothing },
    }
}

/// The policy that the patch belongs into. Of the policies of a role or user that is one of its own which a statement
/// can join, else its only one: what others share, and what AWS owns, is left alone.
fn base<'a>(held: &'a Held, kind: TargetKind, patch: &Document, asked: (&str, &str)) -> Option<&'a NamedDocument> {
    match kind {
        TargetKind::RolePolicy | TargetKind::UserPolicy => {
            let own = || held.identity.iter().filter(|named| matches!(named.origin, Origin::Inline | Origin::File));
            own().find(|named| joins(&named.document, patch)).or_else(|| only(own()))
        }
        // A permission set's one inline policy stands on its role.
        // https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetcustom.html
        TargetKind::PermissionSet => {
            only(held.identity.iter().filter(|named| named.origin == Origin::Inline)).or_else(|| only_file(held))
        }
        TargetKind::PermissionsBoundary => {
            only(held.boundary.iter()).filter(|named| named.origin != Origin::AwsManaged)
        }
        TargetKind::SessionPolicy => only(held.session.iter()),
        TargetKind::VpcEndpointPolicy => held.vpc_endpoint.as_ref(),
        TargetKind::TrustPolicy
        | TargetKind::BucketPolicy
        | TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy => held.resource_policy(asked.0, asked.1),
        TargetKind::ManagedPolicy | TargetKind::GroupPolicy | TargetKind::Scp | TargetKind::Rcp => None,
    }
}

fn only_file(held: &Held) -> Option<&NamedDocument> {
    only(held.identity.iter().filter(|named| named.origin == Origin::File))
}

fn only<'a>(mut found: impl Iterator<Item = &'a NamedDocument>) -> Option<&'a NamedDocument> {
    found.next().filter(|_| found.next().is_none())
}

/// What the inline policies of a role or user take together. Files tell neither that they are inline nor that they are
/// all, so that nothing is said of them.
fn inline_in_use(held: &Held, kind: TargetKind) -> Option<usize> {
    held.arn.as_ref().filter(|_| matches!(kind, TargetKind::RolePolicy | TargetKind::UserPolicy))?;
    let inline = held.identity.iter().filter(|named| named.origin == Origin::Inline);
    Some(inline.map(|named| size::size(&named.document, Unit::VisibleCharacters)).sum())
}

/// Why a patch does not fit where it belongs, in words for a person; `None` where it fits or can be parted.
pub fn over_quota(kind: TargetKind, patch: &Document, merged: Option<&Document>) -> Option<String> {
    let holder = holder(kind)?;
    let own = matches!(kind, TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy);
    if own {
        // Beside full inline policies it becomes a managed policy, or several.
        return (!size::fits(Holder::Managed, [patch]) && !can_be_parted(patch, Holder::Managed))
            .then(|| too_long(patch, Holder::Managed, "and a single statement cannot be parted"));
    }
    let whole = merged.unwrap_or(patch);
    let advice = match kind {
        TargetKind::PermissionSet => "attach a customer managed policy to the set instead",
        TargetKind::ManagedPolicy => "attach a second managed policy instead",
        _ => "shorten what is in force first: no second policy can stand beside it",
    };
    (size::size(whole, holder.quota().unit) > holder.quota().limit).then(|| too_long(whole, holder, advice))
}

fn too_long(document: &Document, holder: Holder, advice: &str) -> String {
    let (length, quota) = (size::size(document, holder.quota().unit), holder.quota());
    format!("its length of {length} is more than the {} that fit ({}): {advice}", quota.limit, quota.source)
}

/// What a policy of this kind is held by, as far as quotas differ; `None` where no quota is known.
pub fn holder(kind: TargetKind) -> Option<Holder> {
    Some(match kind {
        TargetKind::RolePolicy => Holder::RoleInline,
        TargetKind::UserPolicy => Holder::UserInline,
        TargetKind::GroupPolicy => Holder::GroupInline,
        TargetKind::PermissionSet => Holder::PermissionSetInline,
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => Holder::Managed,
        TargetKind::TrustPolicy => Holder::Trust,
        TargetKind::SessionPolicy => Holder::Session,
        TargetKind::BucketPolicy => Holder::Bucket,
        TargetKind::KeyPolicy => Holder::Key,
        TargetKind::QueuePolicy => Holder::Queue,
        TargetKind::TopicPolicy => Holder::Topic,
        TargetKind::FunctionPolicy => Holder::Function,
        TargetKind::SecretPolicy => Holder::Secret,
        TargetKind::RepositoryPolicy => Holder::Repository,
        TargetKind::VpcEndpointPolicy => Holder::VpcEndpoint,
        TargetKind::Scp => Holder::Scp,
        TargetKind::Rcp => Holder::Rcp,
        TargetKind::ResourcePolicy => return None,
    })
}
