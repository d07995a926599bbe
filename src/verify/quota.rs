//! Whether the patch fits where it goes, with what stands there already.

use crate::diagnosis::{Held, Origin, TargetKind};
use crate::policy::Document;
use crate::policy::size::{Holder, size};

/// A patch that does not fit: by itself, or with the inline policies in force that share its quota.
///
/// Inline policies are known from authorization details only; of loose files nobody knows what they are, and they are
/// not counted.
pub(super) fn over(kind: TargetKind, document: &Document, held: Option<&Held>) -> Option<String> {
    let quota = holder(kind)?.quota();
    let shares = matches!(kind, TargetKind::RolePolicy | TargetKind::UserPolicy);
    let inline = held.filter(|_| shares).into_iter().flat_map(|held| &held.identity);
    let inline = inline.filter(|named| named.origin == Origin::Inline);
    let there = inline.fold(0, |sum: usize, named| sum.saturating_add(size(&named.document, quota.unit)));
    let own = size(document, quota.unit);
    let fault = |length: usize, words: &str| {
        let more = if shares { "; a customer managed policy has a quota of its own" } else { "" };
        let words = format!("{words} {length} is more than the {} that fit ({}){more}", quota.limit, quota.source);
        (length > quota.limit).then_some(words)
    };
    let together = || fault(there.saturating_add(own), "with the inline policies in force its length of");
    fault(own, "its length of").or_else(together)
}

fn holder(kind: TargetKind) -> Option<Holder> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::NamedDocument;
    use crate::policy::Statement;

    fn sized(length: usize) -> Document {
        let of = |sid: usize| Document::new(vec![Statement::allow(["a:b"], ["*"]).with_sid("x".repeat(sid))]);
        of(length - size(&of(0), Holder::UserInline.quota().unit))
    }

    fn held(origin: Origin, length: usize) -> Held {
        let named = NamedDocument { name: "own".to_owned(), arn: None, origin, document: sized(length) };
        Held { identity: vec![named], ..Held::default() }
    }

    #[track_caller]
    fn check(kind: TargetKind, length: usize, held: Option<&Held>, fits: bool) {
        assert_eq!(over(kind, &sized(length), held).is_none(), fits, "{kind:?} {length}");
    }

    #[test]
    fn inline_policies_share_one_quota() {
        let user = TargetKind::UserPolicy;
        check(user, 2048, None, true);
        check(user, 2049, None, false);
        check(user, 1048, Some(&held(Origin::Inline, 1000)), true);
        check(user, 1049, Some(&held(Origin::Inline, 1000)), false);
        check(user, 1049, Some(&held(Origin::Managed, 1000)), true);
        check(user, 1049, Some(&held(Origin::File, 1000)), true);
        check(TargetKind::ManagedPolicy, 6144, Some(&held(Origin::Inline, 1000)), true);
        check(TargetKind::RolePolicy, 9241, Some(&held(Origin::Inline, 1000)), false);
        check(TargetKind::ResourcePolicy, 90_000, None, true);
    }
}
