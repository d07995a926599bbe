//! Which resources carry a policy of their own, and which resource that is: an object's bucket, an index's table.
//!
//! A service that is not in the table gets no resource-side patch: either it has no such policies, or they are shared
//! through AWS RAM, which writes them itself.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>, column
//! "Resource-based policies", and the API operation named in each line.

use super::{Target, TargetKind};
use crate::arn::Arn;

/// One sort of resource that carries a policy.
struct Carrier {
    /// IAM prefix, as in the resource's ARN.
    service: &'static str,
    /// The ARN's resource type; empty where the resource part is a bare name.
    kind: &'static str,
    policy: TargetKind,
    /// From the denied resource to the one that carries the policy.
    bearer: Bearer,
    /// The IAM action that writes the policy: the line's proof.
    #[cfg_attr(not(test), allow(dead_code))]
    written_by: &'static str,
}

/// How the carrier's name is found in the resource part.
#[derive(Clone, Copy)]
enum Bearer {
    /// It is the denied resource itself.
    Itself,
    /// The first parts, cut at the separator: `table/t/index/i` keeps two parts.
    Parts(char, usize),
    /// Another type of the same account and Region, such as Glue's catalog.
    Whole(&'static str),
}

use Bearer::{Itself, Parts, Whole};
use TargetKind::{
    BucketPolicy, FunctionPolicy, KeyPolicy, QueuePolicy, RepositoryPolicy, ResourcePolicy, SecretPolicy, TopicPolicy,
    TrustPolicy,
};

const fn line(
    service: &'static str,
    kind: &'static str,
    policy: TargetKind,
    bearer: Bearer,
    written_by: &'static str,
) -> Carrier {
    Carrier { service, kind, policy, bearer, written_by }
}

const CARRIERS: &[Carrier] = &[
    line("acm-pca", "certificate-authority", ResourcePolicy, Parts('/', 2), "acm-pca:PutPolicy"),
    line("backup", "backup-vault", ResourcePolicy, Itself, "backup:PutBackupVaultAccessPolicy"),
    line("cloudtrail", "eventdatastore", ResourcePolicy, Itself, "cloudtrail:PutResourcePolicy"),
    line("codeartifact", "domain", ResourcePolicy, Itself, "codeartifact:PutDomainPermissionsPolicy"),
    line("codeartifact", "repository", ResourcePolicy, Parts('/', 3), "codeartifact:PutRepositoryPermissionsPolicy"),
    line("codeartifact", "package", ResourcePolicy, Whole(""), "codeartifact:PutRepositoryPermissionsPolicy"),
    line("dynamodb", "table", ResourcePolicy, Parts('/', 2), "dynamodb:PutResourcePolicy"),
    line("ecr", "repository", RepositoryPolicy, Itself, "ecr:SetRepositoryPolicy"),
    line("ecr-public", "repository", RepositoryPolicy, Itself, "ecr-public:SetRepositoryPolicy"),
    line("elasticfilesystem", "file-system", ResourcePolicy, Itself, "elasticfilesystem:PutFileSystemPolicy"),
    line("es", "domain", ResourcePolicy, Parts('/', 2), "es:UpdateDomainConfig"),
    line("events", "event-bus", ResourcePolicy, Itself, "events:PutPermission"),
    line("execute-api", "", ResourcePolicy, Parts('/', 1), "apigateway:UpdateRestApiPolicy"),
    line("glacier", "vaults", ResourcePolicy, Itself, "glacier:SetVaultAccessPolicy"),
    line("glue", "catalog", ResourcePolicy, Whole("catalog"), "glue:PutResourcePolicy"),
    line("glue", "connection", ResourcePolicy, Whole("catalog"), "glue:PutResourcePolicy"),
    line("glue", "database", ResourcePolicy, Whole("catalog"), "glue:PutResourcePolicy"),
    line("glue", "table", ResourcePolicy, Whole("catalog"), "glue:PutResourcePolicy"),
    line("glue", "userDefinedFunction", ResourcePolicy, Whole("catalog"), "glue:PutResourcePolicy"),
    line("iam", "role", TrustPolicy, Itself, "iam:UpdateAssumeRolePolicy"),
    line("kafka", "cluster", ResourcePolicy, Itself, "kafka:PutClusterPolicy"),
    line("kinesis", "stream", ResourcePolicy, Parts('/', 2), "kinesis:PutResourcePolicy"),
    line("kms", "key", KeyPolicy, Itself, "kms:PutKeyPolicy"),
    line("lambda", "function", FunctionPolicy, Parts(':', 2), "lambda:AddPermission"),
    line("lambda", "layer", ResourcePolicy, Itself, "lambda:AddLayerVersionPermission"),
    line("lex", "bot", ResourcePolicy, Itself, "lex:CreateResourcePolicy"),
    line("lex", "bot-alias", ResourcePolicy, Itself, "lex:CreateResourcePolicy"),
    line("mediastore", "container", ResourcePolicy, Parts('/', 2), "mediastore:PutContainerPolicy"),
    line("s3", "accesspoint", ResourcePolicy, Parts('/', 2), "s3:PutAccessPointPolicy"),
    line("s3", "", BucketPolicy, Parts('/', 1), "s3:PutBucketPolicy"),
    line("s3express", "bucket", ResourcePolicy, Itself, "s3express:PutBucketPolicy"),
    line("schemas", "registry", ResourcePolicy, Itself, "schemas:PutResourcePolicy"),
    line("secretsmanager", "secret", SecretPolicy, Itself, "secretsmanager:PutResourcePolicy"),
    line("serverlessrepo", "applications", ResourcePolicy, Itself, "serverlessrepo:PutApplicationPolicy"),
    line("ses", "identity", ResourcePolicy, Itself, "ses:PutIdentityPolicy"),
    line("signer", "signing-profiles", ResourcePolicy, Itself, "signer:AddProfilePermission"),
    line("sns", "", TopicPolicy, Parts(':', 1), "sns:AddPermission"),
    line("sqs", "", QueuePolicy, Itself, "sqs:AddPermission"),
];

/// The policy that hangs on this resource, or on what it is a part of; `None` where none is known to.
///
/// `account` owns the resource where its ARN does not tell, as for S3.
///
/// ```
/// use denywatch::diagnosis::{TargetKind, carried_policy};
/// let target = carried_policy("arn:aws:s3:::b/k", None).ok_or("no policy")?;
/// assert_eq!((target.kind, target.arn.as_deref()), (TargetKind::BucketPolicy, Some("arn:aws:s3:::b")));
/// assert_eq!(carried_policy("arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc", None), None);
/// # Ok::<(), &str>(())
/// ```
pub fn carried_policy(resource: &str, account: Option<&str>) -> Option<Target> {
    let arn: Arn = resource.parse().ok()?;
    let (kind, bearer) = carrier(&arn)?;
    let own = Some(bearer.account.clone()).filter(|account| !account.is_empty());
    Some(Target {
        kind,
        name: Some(name_of(kind, &bearer)),
        arn: Some(bearer.to_string()),
        account: own.or_else(|| account.map(str::to_owned)),
    })
}

/// What sort of policy this resource carries, and the resource that carries it.
fn carrier(arn: &Arn) -> Option<(TargetKind, Arn)> {
    let (kind, rest) = arn.resource_type_and_id();
    let fits = |line: &&Carrier| line.service == arn.service && line.kind == kind && !rest.is_empty();
    // A bare name may look like a type: a queue or bucket called `table`.
    let bare = |line: &&Carrier| line.service == arn.service && line.kind.is_empty() && !is_regional_s3(arn);
    let typed = CARRIERS.iter().find(fits);
    let line = typed.or_else(|| CARRIERS.iter().find(bare))?;
    let resource = match line.bearer {
        Itself => arn.resource.clone(),
        Parts(..) if has_own_part(arn) => arn.resource.clone(),
        Parts(at, count) => arn.resource.split(at).take(count).collect::<Vec<_>>().join(&at.to_string()),
        Whole("") => package_repository(rest),
        Whole(other) => other.to_owned(),
    };
    Some((line.policy, Arn { resource, ..arn.clone() }))
}

/// Buckets have neither Region nor account in their ARNs; what has is no bucket.
fn is_regional_s3(arn: &Arn) -> bool {
    arn.service == "s3" && !(arn.region.is_empty() && arn.account.is_empty())
}

/// A table's stream and a stream's consumer carry policies of their own.
fn has_own_part(arn: &Arn) -> bool {
    matches!(
        (arn.service.as_str(), arn.resource.split('/').nth(2)),
        ("dynamodb", Some("stream")) | ("kinesis", Some("consumer"))
    )
}

/// `package/DOMAIN/REPOSITORY/…` stands in `repository/DOMAIN/REPOSITORY`.
fn package_repository(rest: &str) -> String {
    format!("repository/{}", rest.split('/').take(2).collect::<Vec<_>>().join("/"))
}

/// The name people use: the last part behind the type, or all of it where there is no type. Names of repositories and
/// secrets hold slashes of their own.
fn name_of(kind: TargetKind, arn: &Arn) -> String {
    match arn.resource_type_and_id() {
        (whole, "") => whole.to_owned(),
        (_, id) if matches!(kind, RepositoryPolicy | SecretPolicy) => id.to_owned(),
        (_, id) => id.rsplit('/').next().unwrap_or(id).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    const HERE: &str = "eu-west-1:111122223333";

    #[track_caller]
    fn check(service_and_resource: &str, expect: Option<(TargetKind, &str, &str)>) {
        let (service, resource) = service_and_resource.split_once(' ').unwrap();
        let place =
            if matches!(service, "s3" | "iam") { if service == "iam" { ":111122223333" } else { ":" } } else { HERE };
        let arn = |resource: &str| format!("arn:aws:{service}:{place}:{resource}");
        let found = carried_policy(&arn(resource), None);
        let expect = expect.map(|(kind, bearer, name)| (kind, Some(arn(bearer)), Some(name.to_owned())));
        assert_eq!(found.map(|target| (target.kind, target.arn, target.name)), expect, "{service_and_resource}");
    }

    #[test]
    fn each_resource_carries_its_own_sort_of_policy() {
        check("s3 b/k/l", Some((BucketPolicy, "b", "b")));
        check("s3 accesspoint/ap/object/k", Some((ResourcePolicy, "accesspoint/ap", "ap")));
        check("kms key/k", Some((KeyPolicy, "key/k", "k")));
        check("kms alias/a", None);
        check("sqs q", Some((QueuePolicy, "q", "q")));
        check("sns t:11111111-2222-3333-4444-555555555555", Some((TopicPolicy, "t", "t")));
        check("lambda function:f:live", Some((FunctionPolicy, "function:f", "f")));
        check("lambda event-source-mapping:1", None);
        check("secretsmanager secret:a/db-a1B2c3", Some((SecretPolicy, "secret:a/db-a1B2c3", "a/db-a1B2c3")));
        check("ecr repository/team/app", Some((RepositoryPolicy, "repository/team/app", "team/app")));
        check("iam role/a/b", Some((TrustPolicy, "role/a/b", "b")));
        check("iam policy/p", None);
        check("dynamodb table/t/index/i", Some((ResourcePolicy, "table/t", "t")));
        check("dynamodb table/t/stream/2026", Some((ResourcePolicy, "table/t/stream/2026", "2026")));
        check("kinesis stream/s", Some((ResourcePolicy, "stream/s", "s")));
        check("kinesis stream/s/consumer/c:1", Some((ResourcePolicy, "stream/s/consumer/c:1", "c:1")));
        check("execute-api abc123/prod/GET/pets", Some((ResourcePolicy, "abc123", "abc123")));
        assert_eq!(carried_policy("arn:aws:s3:eu-west-1:111122223333:storage-lens/x", None), None);
        check("glue table/db/t", Some((ResourcePolicy, "catalog", "catalog")));
        check("codeartifact package/d/r/npm//p", Some((ResourcePolicy, "repository/d/r", "r")));
        check("lex bot-alias/B/A", Some((ResourcePolicy, "bot-alias/B/A", "A")));
        for none in ["ec2 instance/i-0abc", "ecs cluster/c", "ssm parameter/p", "states stateMachine:m", "glue job/j"] {
            check(none, None);
        }
    }

    #[test]
    fn the_owner_is_told_by_the_arn_before_anything_else() {
        let account = |arn: &str| carried_policy(arn, Some("444455556666")).and_then(|target| target.account);
        assert_eq!(account("arn:aws:s3:::b").as_deref(), Some("444455556666"));
        assert_eq!(account("arn:aws:sqs:eu-west-1:111122223333:q").as_deref(), Some("111122223333"));
    }

    #[test]
    fn every_line_is_written_by_an_action_that_exists() {
        for line in CARRIERS {
            assert!(Catalog::embedded().action(line.written_by).is_some(), "{}", line.written_by);
        }
    }
}
