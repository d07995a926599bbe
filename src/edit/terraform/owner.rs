//! Which block of the code is the role, user, permission set, bucket, key… that the patch is for.

use super::super::Wanted;
use super::eval::{Resource, Scope, each_of, eval};
use super::load::Found;
use super::resources;
use super::value::{Fit, Val};
use super::world::{World, local_source};
use crate::arn::Arn;
use crate::diagnosis::TargetKind;
use hcl_edit::Span;

/// What carries the policy, and how its policies are attached to it.
pub(super) struct Carrier {
    /// The resource's type.
    pub kind: &'static str,
    /// The argument that names it; empty where only the deployment does.
    pub name: &'static str,
    /// Arguments of its own that hold a policy.
    pub own: &'static [&'static str],
    /// Resources that hold a policy of it: type, the argument that names the carrier, the argument with the policy.
    pub beside: &'static [(&'static str, &'static str, &'static str)],
}

/// The carrier of a kind of policy; `None` for those that Terraform does not keep in such a way.
pub(super) fn carrier(kind: TargetKind) -> Option<Carrier> {
    let make = |kind, name, own, beside| Some(Carrier { kind, name, own, beside });
    match kind {
        TargetKind::RolePolicy => make("aws_iam_role", "name", &[], &[("aws_iam_role_policy", "role", "policy")]),
        TargetKind::UserPolicy => make("aws_iam_user", "name", &[], &[("aws_iam_user_policy", "user", "policy")]),
        TargetKind::GroupPolicy => make("aws_iam_group", "name", &[], &[("aws_iam_group_policy", "group", "policy")]),
        TargetKind::TrustPolicy => make("aws_iam_role", "name", &["assume_role_policy"], &[]),
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => make("aws_iam_policy", "name", &["policy"], &[]),
        TargetKind::PermissionSet => make(
            "aws_ssoadmin_permission_set",
            "name",
            &[],
            &[("aws_ssoadmin_permission_set_inline_policy", "permission_set_arn", "inline_policy")],
        ),
        TargetKind::BucketPolicy => {
            make("aws_s3_bucket", "bucket", &["policy"], &[("aws_s3_bucket_policy", "bucket", "policy")])
        }
        TargetKind::KeyPolicy => make("aws_kms_key", "", &["policy"], &[("aws_kms_key_policy", "key_id", "policy")]),
        TargetKind::QueuePolicy => {
            make("aws_sqs_queue", "name", &["policy"], &[("aws_sqs_queue_policy", "queue_url", "policy")])
        }
        TargetKind::TopicPolicy => {
            make("aws_sns_topic", "name", &["policy"], &[("aws_sns_topic_policy", "arn", "policy")])
        }
        TargetKind::SecretPolicy => make(
            "aws_secretsmanager_secret",
            "name",
            &["policy"],
            &[("aws_secretsmanager_secret_policy", "secret_arn", "policy")],
        ),
        TargetKind::RepositoryPolicy => {
            make("aws_ecr_repository", "name", &[], &[("aws_ecr_repository_policy", "repository", "policy")])
        }
        TargetKind::VpcEndpointPolicy => {
            make("aws_vpc_endpoint", "", &["policy"], &[("aws_vpc_endpoint_policy", "vpc_endpoint_id", "policy")])
        }
        TargetKind::FunctionPolicy
        | TargetKind::SessionPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::Scp
        | TargetKind::Rcp => None,
    }
}

/// A block that may be the one.
pub(super) struct Owner<'c> {
    /// Place in the worlds.
    pub world: usize,
    pub resource: Resource<'c>,
    pub fit: Fit,
    /// What its name is known to be.
    pub named: Val,
}

/// A name of which fewer telling letters are written could be anything.
pub(super) const LETTERS: usize = 3;

/// The name that the deployed thing bears; `None` where nobody tells it.
pub(super) fn real_name(wanted: &Wanted<'_>) -> Option<String> {
    let target = &wanted.patch.target;
    let arn: Option<Arn> = target.arn.as_deref().and_then(|arn| arn.parse().ok());
    let in_arn = || {
        let arn = arn.as_ref()?;
        let last = arn.resource.rsplit(['/', ':']).next().filter(|name| !name.is_empty())?;
        Some(last.to_owned())
    };
    match target.kind {
        TargetKind::BucketPolicy => target.name.clone().or_else(|| arn.as_ref().map(|arn| arn.resource.clone())),
        _ => target.name.clone().or_else(in_arn),
    }
}

/// Every block that may be the carrier, in every world.
pub(super) fn owners<'c>(worlds: &[World<'c>], carrier: &Carrier, wanted: &Wanted<'_>, name: &str) -> Vec<Owner<'c>> {
    let mut found = Vec::new();
    for (at, world) in worlds.iter().enumerate() {
        for instance in 0..world.instances.len() {
            let Some(module) = world.module(instance) else { continue };
            let of_kind = |all: &std::collections::BTreeMap<(&'c str, &'c str), Found<'c>>, is_data: bool| {
                let all = all.iter().filter(|((kind, _), _)| *kind == carrier.kind);
                all.map(|(_, found)| (*found, is_data)).collect::<Vec<_>>()
            };
            for (block, is_data) in of_kind(&module.resources, false).into_iter().chain(of_kind(&module.data, true)) {
                for each in each_of(world, block, &Scope::new(instance)) {
                    let resource =
                        Resource { at: instance, is_data, found: block, key: each.key, attribute: carrier.name };
                    let (named, fit) = fitting(world, &resource, carrier, wanted, name);
                    if fit != Fit::No {
                        found.push(Owner { world: at, resource, fit, named });
                    }
                }
            }
        }
    }
    found
}

fn fitting<'c>(
    world: &World<'c>,
    resource: &Resource<'c>,
    carrier: &Carrier,
    wanted: &Wanted<'_>,
    name: &str,
) -> (Val, Fit) {
    let target = &wanted.patch.target;
    let account = target.account.as_deref().or(wanted.principal.account.as_deref());
    if let Some(arn) = target.arn.as_deref() {
        // State and plans tell ARNs, also where no name is written.
        let known = resources::attribute(world, &Resource { attribute: "arn", ..resource.clone() });
        if known.as_text().as_deref() == Some(arn) {
            return (known, Fit::Certain);
        }
        if known.as_text().is_some() {
            return (known, Fit::No);
        }
    }
    if carrier.name.is_empty() {
        let id = resources::attribute(world, &Resource { attribute: "id", ..resource.clone() });
        let fit = id.fit(name, account);
        return (id, fit);
    }
    let named = match resource.is_data {
        true => resources::attribute(world, resource),
        false => match resources::attribute(world, resource) {
            Val::Unknown => resources::name(world, resource, carrier.name),
            known => known,
        },
    };
    let fit = named.fit(name, account);
    // A secret's ARN ends in six characters that are no part of its name.
    let short =
        name.len().checked_sub(7).filter(|at| name.as_bytes().get(*at) == Some(&b'-')).and_then(|at| name.get(..at));
    match (carrier.kind, short) {
        ("aws_secretsmanager_secret", Some(short)) => {
            let without = named.fit(short, account);
            (named, fit.max(without))
        }
        _ => (named, fit),
    }
}

/// The one that is meant: the sure ones outweigh those that may be, and a block of its own a mere look-up.
pub(super) fn meant(mut owners: Vec<Owner<'_>>) -> Vec<Owner<'_>> {
    if owners.iter().any(|owner| owner.fit == Fit::Certain) {
        owners.retain(|owner| owner.fit == Fit::Certain);
    }
    if owners.iter().any(|owner| !owner.resource.is_data) {
        owners.retain(|owner| !owner.resource.is_data);
    }
    owners
}

/// Whether all are the same block, in however many instances.
pub(super) fn is_one(owners: &[Owner<'_>]) -> bool {
    let place =
        |owner: &Owner<'_>| (owner.resource.found.file, owner.resource.found.block.span().map(|span| span.start));
    owners.windows(2).all(|pair| place(&pair[0]) == place(&pair[1]))
}

/// A call of a module that is not on this disk and is given the name: it makes the role, out of reach.
pub(super) struct Far<'c> {
    pub call: Found<'c>,
    /// As it is written.
    pub source: String,
    pub fit: Fit,
}

/// See [`Far`]; each call once.
pub(super) fn elsewhere<'c>(worlds: &[World<'c>], name: &str) -> Vec<Far<'c>> {
    let mut found: Vec<Far<'c>> = Vec::new();
    for world in worlds {
        for at in 0..world.instances.len() {
            let Some(module) = world.module(at) else { continue };
            let is_far = |call: &&Found<'c>| local_source(world.instances[at].dir, call).is_none();
            for call in module.calls.values().filter(is_far) {
                let named = call.block.body.attributes().filter(|input| input.key.as_str().contains("name"));
                let given = named.map(|input| eval(world, &input.value, &Scope::new(at)));
                let tells = |value: &Val, fit: &Fit| *fit == Fit::Certain || value.known_letters() >= LETTERS;
                let fits = given.map(|value| (value.fit(name, None), value)).filter(|(fit, value)| tells(value, fit));
                let fit = fits.map(|(fit, _)| fit).max().unwrap_or(Fit::No);
                match found.iter_mut().find(|other| std::ptr::eq(other.call.block, call.block)) {
                    Some(other) => other.fit = other.fit.max(fit),
                    None if fit != Fit::No => {
                        let source = call.argument("source").map(super::eval::literal);
                        let source = source.and_then(|source| source.as_text()).unwrap_or_default();
                        found.push(Far { call: *call, source, fit });
                    }
                    None => {}
                }
            }
        }
    }
    found
}
