//! What the references to a resource give: its name or ARN, by type.
//!
//! From the "Return values" of each type's page in
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html>.

/// What `Ref` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Name,
    Arn,
    /// A URL or an id of its own.
    Other,
}

/// How a type names its resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResourceKind {
    /// Such as `AWS::S3::Bucket`.
    pub sort: &'static str,
    /// The property that names it; empty where none does.
    pub named_by: &'static str,
    pub service: &'static str,
    /// Whether the ARN bears the Region.
    pub regional: bool,
    /// Whether the ARN bears the account.
    pub owned: bool,
    /// What stands in the ARN before the name.
    pub before: &'static str,
    /// And behind it.
    pub after: &'static str,
    /// The attribute that gives the ARN; empty where only `Ref` does, or nothing.
    pub arn: &'static str,
    pub reference: Given,
}

const fn kind(
    sort: &'static str,
    named_by: &'static str,
    service: &'static str,
    before: &'static str,
    arn: &'static str,
    reference: Given,
) -> ResourceKind {
    ResourceKind { sort, named_by, service, regional: true, owned: true, before, after: "", arn, reference }
}

const fn global(mut kind: ResourceKind) -> ResourceKind {
    kind.regional = false;
    kind
}

const fn unowned(mut kind: ResourceKind) -> ResourceKind {
    kind.regional = false;
    kind.owned = false;
    kind
}

const fn ending(mut kind: ResourceKind, after: &'static str) -> ResourceKind {
    kind.after = after;
    kind
}

use Given::{Arn, Name, Other};

/// The types that policies speak of most.
const KINDS: &[ResourceKind] = &[
    unowned(kind("AWS::S3::Bucket", "BucketName", "s3", "", "Arn", Name)),
    kind("AWS::SQS::Queue", "QueueName", "sqs", "", "Arn", Other),
    kind("AWS::SNS::Topic", "TopicName", "sns", "", "TopicArn", Arn),
    kind("AWS::DynamoDB::Table", "TableName", "dynamodb", "table/", "Arn", Name),
    kind("AWS::Serverless::SimpleTable", "TableName", "dynamodb", "table/", "Arn", Name),
    kind("AWS::Lambda::Function", "FunctionName", "lambda", "function:", "Arn", Name),
    kind("AWS::Serverless::Function", "FunctionName", "lambda", "function:", "Arn", Name),
    ending(kind("AWS::Logs::LogGroup", "LogGroupName", "logs", "log-group:", "Arn", Name), ":*"),
    kind("AWS::Kinesis::Stream", "Name", "kinesis", "stream/", "Arn", Name),
    kind("AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName", "firehose", "deliverystream/", "Arn", Name),
    kind("AWS::StepFunctions::StateMachine", "StateMachineName", "states", "stateMachine:", "Arn", Arn),
    kind("AWS::Serverless::StateMachine", "Name", "states", "stateMachine:", "Arn", Arn),
    kind("AWS::ECR::Repository", "RepositoryName", "ecr", "repository/", "Arn", Name),
    kind("AWS::ECS::Cluster", "ClusterName", "ecs", "cluster/", "Arn", Name),
    kind("AWS::CodeBuild::Project", "Name", "codebuild", "project/", "Arn", Name),
    kind("AWS::CodePipeline::Pipeline", "Name", "codepipeline", "", "", Name),
    kind("AWS::CodeCommit::Repository", "RepositoryName", "codecommit", "", "Arn", Other),
    kind("AWS::Events::EventBus", "Name", "events", "event-bus/", "Arn", Name),
    kind("AWS::SecretsManager::Secret", "Name", "secretsmanager", "secret:", "", Arn),
    kind("AWS::KMS::Key", "", "kms", "key/", "Arn", Name),
    kind("AWS::SSM::Parameter", "Name", "ssm", "parameter/", "", Name),
    global(kind("AWS::IAM::Role", "RoleName", "iam", "role", "Arn", Name)),
    global(kind("AWS::IAM::User", "UserName", "iam", "user", "Arn", Name)),
    global(kind("AWS::IAM::Group", "GroupName", "iam", "group", "Arn", Name)),
    global(kind("AWS::IAM::ManagedPolicy", "ManagedPolicyName", "iam", "policy", "PolicyArn", Arn)),
    kind("AWS::SSO::PermissionSet", "Name", "sso", "", "", Other),
];

/// The kind of a type; `None` for one that is not in the table.
pub(super) fn kind_of(sort: &str) -> Option<&'static ResourceKind> {
    KINDS.iter().find(|kind| kind.sort == sort)
}

/// How surely a name is one that CloudFormation made for this resource: `STACK-LOGICALID-RANDOM`, parts cut where it
/// would be longer than the type allows, in small letters where the type has no others.
///
/// The beginning is returned: the stack's name, or its first part where it may be cut.
pub(super) fn generated<'n>(name: &'n str, logical: &str, longest: usize) -> Option<Stack<'n>> {
    let (rest, random) = name.rsplit_once('-')?;
    // Thirteen digits and capitals in older stacks, twelve digits and letters of both sorts in newer ones.
    let is_random = (8..=14).contains(&random.len()) && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (stack, own) = rest.rsplit_once('-')?;
    if !is_random || stack.is_empty() || own.is_empty() {
        return None;
    }
    let starts = |whole: &str, part: &str| whole.get(..part.len()).is_some_and(|head| head.eq_ignore_ascii_case(part));
    // Names are cut only where they would not fit.
    let cut = name.len() + 6 >= longest;
    if own.eq_ignore_ascii_case(logical) {
        return Some(Stack { name: stack, cut });
    }
    (cut && own.len() >= 12 && starts(logical, own)).then_some(Stack { name: stack, cut: true })
}

/// The stack's name inside a generated name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stack<'n> {
    pub name: &'n str,
    /// It may be a beginning only.
    pub cut: bool,
}

impl Stack<'_> {
    /// Whether this can be the stack of that name.
    pub(super) fn is(&self, name: &str) -> bool {
        let head = name.get(..self.name.len()).is_some_and(|head| head.eq_ignore_ascii_case(self.name));
        if self.cut { head } else { self.name.eq_ignore_ascii_case(name) }
    }
}

/// The longest name of a type.
pub(super) fn longest(sort: &str) -> usize {
    match sort {
        "AWS::S3::Bucket" => 63,
        "AWS::SQS::Queue" => 80,
        "AWS::IAM::ManagedPolicy" | "AWS::IAM::Group" => 128,
        "AWS::SNS::Topic" | "AWS::DynamoDB::Table" | "AWS::ECR::Repository" => 255,
        _ => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, logical: &str, expect: Option<(&str, bool)>) {
        let found = generated(name, logical, 64).map(|stack| (stack.name, stack.cut));
        assert_eq!(found, expect, "{name} of {logical}");
    }

    #[test]
    fn names_that_cloudformation_makes() {
        check("orders-prod-AppRole-1A2B3C4D5E6F7", "AppRole", Some(("orders-prod", false)));
        check("orders-prod-AppRole-aB3dE5fG7hI9", "AppRole", Some(("orders-prod", false)));
        check("orders-approle-1a2b3c4d5e6f7", "AppRole", Some(("orders", false)));
        check("orders-prod-AppRole-1A2B3C4D5E6F7", "Role", None);
        check("orders-prod-App-1A2B3C4D5E6F7", "AppRole", None);
        check("AppRole-1A2B3C4D5E6F7", "AppRole", None);
        check("orders-prod-AppRole-live", "AppRole", None);
        check(
            "a-stack-of-quite-a-long--TheFunctionThatHandlesOr-1A2B3C4D5E6F7",
            "TheFunctionThatHandlesOrdersRole",
            Some(("a-stack-of-quite-a-long-", true)),
        );
    }
}
