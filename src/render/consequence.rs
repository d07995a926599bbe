//! What a denied permission keeps its holder from doing, in words: one line of data a permission.
//!
//! A phrase says only what the permission itself means in AWS's reference, never what the caller was about.
//! See <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

use super::words::middle;
use crate::arn::Arn;

/// Permission, what its lack prevents, and the noun before the resource's name (`{}`: the resource's type; empty: the
/// phrase is whole without a resource).
const PHRASES: &[(&str, &str, &str)] = &[
    ("codebuild:StartBuild", "start a build of", "CodeBuild project"),
    ("dynamodb:BatchGetItem", "read from", "DynamoDB table"),
    ("dynamodb:BatchWriteItem", "write to", "DynamoDB table"),
    ("dynamodb:DeleteItem", "delete from", "DynamoDB table"),
    ("dynamodb:GetItem", "read from", "DynamoDB table"),
    ("dynamodb:PutItem", "write to", "DynamoDB table"),
    ("dynamodb:Query", "query", "DynamoDB table"),
    ("dynamodb:Scan", "scan", "DynamoDB table"),
    ("dynamodb:UpdateItem", "write to", "DynamoDB table"),
    ("ec2:RunInstances", "launch EC2 instances", ""),
    ("ecr:BatchGetImage", "pull from", "ECR repository"),
    ("ecr:GetAuthorizationToken", "sign in to ECR", ""),
    ("ecr:GetDownloadUrlForLayer", "pull from", "ECR repository"),
    ("ecr:PutImage", "push to", "ECR repository"),
    ("ecs:ExecuteCommand", "run commands in", "ECS {}"),
    ("ecs:RegisterTaskDefinition", "register an ECS task definition", ""),
    ("ecs:RunTask", "run", "ECS {}"),
    ("ecs:UpdateService", "update", "ECS {}"),
    ("events:PutEvents", "put events on", "event bus"),
    ("firehose:PutRecord", "write to", "Firehose stream"),
    ("firehose:PutRecordBatch", "write to", "Firehose stream"),
    ("iam:PassRole", "pass", "role"),
    ("kinesis:GetRecords", "read from", "Kinesis stream"),
    ("kinesis:PutRecord", "write to", "Kinesis stream"),
    ("kinesis:PutRecords", "write to", "Kinesis stream"),
    ("kms:CreateGrant", "create a grant on", "KMS {}"),
    ("kms:Decrypt", "decrypt with", "KMS {}"),
    ("kms:Encrypt", "encrypt with", "KMS {}"),
    ("kms:GenerateDataKey", "get a data key from", "KMS {}"),
    ("kms:GenerateDataKeyWithoutPlaintext", "get a data key from", "KMS {}"),
    ("lambda:InvokeFunction", "invoke", "Lambda function"),
    ("logs:CreateLogGroup", "create", "log group"),
    ("logs:CreateLogStream", "create a log stream in", "log group"),
    ("logs:PutLogEvents", "write to", "log group"),
    ("s3:DeleteObject", "delete from", "S3 bucket"),
    ("s3:GetObject", "read from", "S3 bucket"),
    ("s3:ListBucket", "list", "S3 bucket"),
    ("s3:PutObject", "write to", "S3 bucket"),
    ("secretsmanager:GetSecretValue", "read", "secret"),
    ("sns:Publish", "publish to", "SNS topic"),
    ("sqs:DeleteMessage", "delete messages from", "SQS queue"),
    ("sqs:ReceiveMessage", "receive from", "SQS queue"),
    ("sqs:SendMessage", "send to", "SQS queue"),
    ("ssm:GetParameter", "read", "{}"),
    ("ssm:GetParameters", "read", "{}"),
    ("ssm:GetParametersByPath", "read", "{}"),
    ("ssm:StartSession", "start a session on", "{}"),
    ("ssmmessages:CreateControlChannel", "open a Session Manager control channel", ""),
    ("ssmmessages:CreateDataChannel", "open a Session Manager data channel", ""),
    ("ssmmessages:OpenControlChannel", "open a Session Manager control channel", ""),
    ("ssmmessages:OpenDataChannel", "open a Session Manager data channel", ""),
    ("states:StartExecution", "start", "state machine"),
    ("sts:AssumeRole", "assume", "role"),
];

/// What the lack of `action` on `resource` prevents, such as `write to S3 bucket x`; `None` where no phrase is listed,
/// or where the phrase needs a resource that is unknown.
pub(super) fn consequence(action: &str, resource: Option<&str>) -> Option<String> {
    let (_, verb, noun) = PHRASES.iter().find(|(listed, _, _)| *listed == action)?;
    if noun.is_empty() {
        return Some((*verb).to_owned());
    }
    let (kind, name) = thing(&resource?.parse().ok()?)?;
    // An access point or an alias is not what the noun says.
    let noun = if action.starts_with("s3:") && kind == "accesspoint" { "S3 access point" } else { noun };
    // Nobody knows a key by its whole id; names are known by more of their letters.
    let name = middle(&name, if action.starts_with("kms:") { 14 } else { 44 });
    Some(format!("{verb} {} {name}", noun.replace("{}", &kind)))
}

/// The type of a resource and its name, as people say it; `None` for patterns.
fn thing(arn: &Arn) -> Option<(String, String)> {
    let (kind, id) = arn.resource_type_and_id();
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let first = |text: &str, at: char| text.split(at).next().unwrap_or_default().to_owned();
    let name = match arn.service.as_str() {
        "s3" if kind == "accesspoint" => first(id, '/'),
        "s3" => first(&arn.resource, '/'),
        "dynamodb" => first(id, '/'),
        "lambda" | "secretsmanager" | "logs" => first(id, ':'),
        "ssm" if kind == "parameter" => format!("/{id}"),
        "ecr" => id.to_owned(),
        _ if id.is_empty() => arn.resource.clone(),
        _ => last(id),
    };
    let kind = kind.replace('-', " ");
    (!name.is_empty() && !name.contains(['*', '?'])).then_some((kind, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(action: &str, resource: &str, expect: Option<&str>) {
        let resource = (!resource.is_empty()).then_some(resource);
        assert_eq!(consequence(action, resource).as_deref(), expect);
    }

    #[test]
    fn the_permission_says_what_fails() {
        check("s3:PutObject", "arn:aws:s3:::shop/a/b", Some("write to S3 bucket shop"));
        check(
            "s3:GetObject",
            "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/a",
            Some("read from S3 access point ap"),
        );
        check("kms:Decrypt", "arn:aws:kms:us-east-2:111122223333:key/1234", Some("decrypt with KMS key 1234"));
        check(
            "ecs:ExecuteCommand",
            "arn:aws:ecs:us-east-1:111122223333:task/c/9f",
            Some("run commands in ECS task 9f"),
        );
        check("sts:AssumeRole", "arn:aws:iam::111122223333:role/team/deploy", Some("assume role deploy"));
        check("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:jobs", Some("send to SQS queue jobs"));
        check(
            "lambda:InvokeFunction",
            "arn:aws:lambda:us-east-1:111122223333:function:f:7",
            Some("invoke Lambda function f"),
        );
        check(
            "logs:PutLogEvents",
            "arn:aws:logs:us-east-1:111122223333:log-group:/a/b:log-stream:c",
            Some("write to log group /a/b"),
        );
        check("ssm:GetParameter", "arn:aws:ssm:us-east-1:111122223333:parameter/a/b", Some("read parameter /a/b"));
        check("ec2:RunInstances", "*", Some("launch EC2 instances"));
    }

    #[test]
    fn what_is_unknown_stays_unsaid() {
        check("s3:PutObject", "", None);
        check("s3:PutObject", "*", None);
        check("s3:PutObject", "arn:aws:s3:::*", None);
        check("glue:CreateTable", "arn:aws:glue:us-east-1:111122223333:catalog", None);
    }

    #[test]
    fn the_list_is_sorted_and_without_doubles() {
        assert!(PHRASES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
