//! What the attributes of resources are worth before they are deployed: names, and the ARNs that are made of them.

use super::eval::{Each, Resource, Scope, each_of, eval};
use super::load::Found;
use super::value::{Hole, Piece, Val, joined};
use super::world::World;

/// Type, the argument that names it, the service, whether its ARN has a Region and an account, what stands before the
/// name, and whether `id` is the name.
/// See <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
const NAMED: [(&str, &str, &str, Parts, &str, bool); 19] = [
    ("aws_s3_bucket", "bucket", "s3", Parts::Neither, "", true),
    ("aws_sqs_queue", "name", "sqs", Parts::Both, "", false),
    ("aws_sns_topic", "name", "sns", Parts::Both, "", false),
    ("aws_dynamodb_table", "name", "dynamodb", Parts::Both, "table/", true),
    ("aws_lambda_function", "function_name", "lambda", Parts::Both, "function:", true),
    ("aws_iam_role", "name", "iam", Parts::Account, "role", true),
    ("aws_iam_user", "name", "iam", Parts::Account, "user", true),
    ("aws_iam_group", "name", "iam", Parts::Account, "group", true),
    ("aws_iam_policy", "name", "iam", Parts::Account, "policy", false),
    ("aws_secretsmanager_secret", "name", "secretsmanager", Parts::Both, "secret:", false),
    ("aws_ssm_parameter", "name", "ssm", Parts::Both, "parameter", true),
    ("aws_ecr_repository", "name", "ecr", Parts::Both, "repository/", true),
    ("aws_cloudwatch_log_group", "name", "logs", Parts::Both, "log-group:", true),
    ("aws_kinesis_stream", "name", "kinesis", Parts::Both, "stream/", false),
    ("aws_ecs_cluster", "name", "ecs", Parts::Both, "cluster/", false),
    ("aws_codebuild_project", "name", "codebuild", Parts::Both, "project/", false),
    ("aws_codecommit_repository", "repository_name", "codecommit", Parts::Both, "", true),
    ("aws_codepipeline", "name", "codepipeline", Parts::Both, "", true),
    ("aws_sfn_state_machine", "name", "states", Parts::Both, "stateMachine:", false),
];

#[derive(Clone, Copy, PartialEq)]
enum Parts {
    Neither,
    Account,
    Both,
}

impl<'c> Resource<'c> {
    /// The block's type, such as `aws_iam_role`.
    pub(super) fn kind(&self) -> &'c str {
        self.found.block.labels.first().map_or("", |label| label.as_str())
    }

    /// Whether both are the same block in the same instance of a module.
    pub(super) fn is_same(&self, other: &Resource<'_>) -> bool {
        let block = |found: &Found<'_>| std::ptr::from_ref(found.block);
        let keys = self.key.is_none() || other.key.is_none() || self.key == other.key;
        self.at == other.at && std::ptr::eq(block(&self.found), block(&other.found)) && keys
    }
}

/// An attribute: what state or plan tell, else what the code says.
pub(super) fn attribute<'c>(world: &World<'c>, of: &Resource<'c>) -> Val {
    let kind = of.kind();
    if let Some(known) = known(world, of) {
        return known;
    }
    match (kind, of.attribute) {
        ("aws_caller_identity" | "aws_region", _) if elsewhere(world, of) => return Val::Unknown,
        ("aws_caller_identity", "account_id" | "id") => return Val::hole(Hole::Account),
        ("aws_region", "name" | "id" | "region") => return region(world),
        ("aws_partition", "partition" | "id") => return Val::hole(Hole::Partition),
        _ => {}
    }
    let row = NAMED.iter().find(|row| row.0 == kind);
    match (row, of.attribute) {
        (Some(row), "arn") => arn(world, of, row),
        (Some((_, argument, .., true)), "id") => name(world, of, argument),
        (Some((_, argument, ..)), attribute) if attribute == *argument => name(world, of, argument),
        (Some(row), "id") if matches!(kind, "aws_sns_topic" | "aws_iam_policy" | "aws_secretsmanager_secret") => {
            arn(world, of, row)
        }
        (_, attribute) => argument(world, of, attribute),
    }
}

/// The name that an argument gives, or the prefix of one.
pub(super) fn name<'c>(world: &World<'c>, of: &Resource<'c>, written: &str) -> Val {
    let given = argument(world, of, written);
    if of.found.argument(written).is_some() && given != Val::Null {
        return given;
    }
    let prefix = format!("{written}_prefix");
    let start = match of.found.argument(&prefix) {
        Some(_) => argument(world, of, &prefix),
        None => Val::text("terraform-"),
    };
    joined(start.into_pieces().into_iter().chain([Piece::Hole(Hole::Unique)]))
}

fn known<'c>(world: &World<'c>, of: &Resource<'c>) -> Option<Val> {
    let module = &world.instances.get(of.at)?.address;
    let labels: Vec<&str> = of.found.block.labels.iter().map(|label| label.as_str()).collect();
    let data = if of.is_data { "data." } else { "" };
    let index = Each::keyed(of.key.clone()).index();
    let address = format!("{module}{data}{}{index}", labels.join("."));
    let at = |address: &str| world.known.attribute(address, of.attribute);
    at(&address).or_else(|| of.found.argument("count").and_then(|_| at(&format!("{address}[0]"))))
}

fn argument<'c>(world: &World<'c>, of: &Resource<'c>, name: &str) -> Val {
    let Some(expr) = of.found.argument(name) else { return Val::Unknown };
    eval(world, expr, &scope_of(world, of))
}

/// The scope inside the block, for the instance that the index names.
pub(super) fn scope_of<'c>(world: &World<'c>, of: &Resource<'c>) -> Scope<'c> {
    let each = each_of(world, of.found, &Scope::new(of.at));
    let by_key = each.iter().find(|each| each.key.is_some() && each.key == of.key);
    let only = each.first().filter(|_| each.len() == 1);
    let each = by_key.or(only).cloned().unwrap_or_else(|| Each::keyed(None));
    Scope::with(of.at, each)
}

/// Whether another provider than the default one makes it: in another account or Region, perhaps.
fn elsewhere(world: &World<'_>, of: &Resource<'_>) -> bool {
    let own = ["provider", "region"].iter().any(|argument| of.found.argument(argument).is_some());
    own || world.is_elsewhere(of.at)
}

fn region(world: &World<'_>) -> Val {
    world.region().map_or_else(|| Val::hole(Hole::Region), |region| Val::text(&region))
}

fn arn<'c>(world: &World<'c>, of: &Resource<'c>, row: &(&str, &str, &str, Parts, &str, bool)) -> Val {
    let (_, written, service, parts, before, _) = row;
    let lit = |text: &str| Val::text(text);
    let elsewhere = elsewhere(world, of);
    let region = match parts {
        Parts::Both if elsewhere => Val::Unknown,
        Parts::Both => region(world),
        Parts::Account | Parts::Neither => lit(""),
    };
    let account = match parts {
        Parts::Neither => lit(""),
        Parts::Account | Parts::Both if elsewhere => Val::Unknown,
        Parts::Account | Parts::Both => Val::hole(Hole::Account),
    };
    let (colon, named) = (lit(":"), name(world, of, written));
    let start = [lit("arn:"), Val::hole(Hole::Partition), colon.clone(), lit(service), colon.clone(), region];
    let middle = [colon.clone(), account, colon, lit(before)];
    let end = match *service {
        "iam" => vec![path(world, of), named],
        // A parameter's own leading slash is the one in the ARN.
        "ssm" if named.shown().starts_with('/') => vec![named],
        "ssm" => vec![lit("/"), named],
        "secretsmanager" => vec![named, lit("-"), Val::hole(Hole::Suffix)],
        _ => vec![named],
    };
    joined(start.into_iter().chain(middle).chain(end).flat_map(Val::into_pieces))
}

fn path<'c>(world: &World<'c>, of: &Resource<'c>) -> Val {
    match of.found.argument("path") {
        Some(_) => argument(world, of, "path"),
        None => Val::text("/"),
    }
}
