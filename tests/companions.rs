//! What is likely to be denied next, set by set: named workflows, KMS behind services, passed roles, dependent actions.
#![allow(clippy::unwrap_used)] // a helper of a test may fail like one

use denywatch::app::{World, explain};
use denywatch::catalog::{Call, Catalog};
use denywatch::denial::Given;
use denywatch::diagnosis::InForce;
use denywatch::patch::Companion;

/// (set, operation, action, what is offered beside it).
const SETS: &[(&str, &str, &str, &str)] = &[
    (
        "ECS deploy",
        "",
        "ecs:RegisterTaskDefinition",
        "ecs:DescribeTaskDefinition ecs:TagResource ecs:UpdateService ecs:DescribeServices",
    ),
    (
        "ECS deploy",
        "",
        "ecs:UpdateService",
        "ecs:DescribeServices ecs:DescribeTasks ecs:ListTasks ecs:DescribeTaskDefinition ecs:RegisterTaskDefinition",
    ),
    ("ECS deploy", "", "ecs:CreateService", "ecs:DescribeServices ecs:TagResource iam:CreateServiceLinkedRole"),
    ("ECS deploy", "", "ecs:RunTask", "iam:PassRole ecs:DescribeTasks ecs:TagResource"),
    ("ECS Exec, the caller", "", "ecs:ExecuteCommand", "ecs:DescribeTasks"),
    (
        "ECS Exec, the task",
        "",
        "ecs:ExecuteCommand",
        "ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel kms:Decrypt logs:CreateLogStream logs:DescribeLogGroups logs:DescribeLogStreams logs:PutLogEvents s3:PutObject s3:GetEncryptionConfiguration",
    ),
    (
        "ECS Exec, the task",
        "",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel",
    ),
    (
        "multipart upload",
        "CreateMultipartUpload",
        "s3:PutObject",
        "kms:GenerateDataKey kms:Decrypt s3:AbortMultipartUpload s3:ListMultipartUploadParts",
    ),
    ("multipart upload", "UploadPart", "s3:PutObject", "kms:GenerateDataKey kms:Decrypt s3:AbortMultipartUpload"),
    ("multipart upload", "CompleteMultipartUpload", "s3:PutObject", "kms:GenerateDataKey kms:Decrypt"),
    (
        "CodePipeline",
        "",
        "codebuild:StartBuild",
        "codebuild:BatchGetBuilds s3:GetObject s3:GetObjectVersion s3:PutObject s3:GetBucketLocation kms:Decrypt kms:GenerateDataKey",
    ),
    ("CodePipeline", "", "codebuild:StartBuildBatch", "codebuild:BatchGetBuildBatches s3:GetObject kms:Decrypt"),
    ("CodePipeline", "", "codestar-connections:UseConnection", "codeconnections:UseConnection s3:PutObject"),
    ("CodeBuild", "", "logs:CreateLogGroup", "logs:CreateLogStream logs:PutLogEvents"),
    (
        "CodeBuild in a VPC",
        "",
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DescribeSecurityGroups ec2:DescribeVpcs ec2:DescribeDhcpOptions ec2:DeleteNetworkInterface ec2:CreateNetworkInterfacePermission",
    ),
    (
        "image pull",
        "",
        "ecr:GetAuthorizationToken",
        "ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:BatchCheckLayerAvailability",
    ),
    (
        "image pull",
        "",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken ecr:GetDownloadUrlForLayer ecr:BatchCheckLayerAvailability",
    ),
    (
        "image push",
        "",
        "ecr:InitiateLayerUpload",
        "ecr:GetAuthorizationToken ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage ecr:BatchCheckLayerAvailability",
    ),
    ("image push", "", "ecr:PutImage", "ecr:GetAuthorizationToken ecr:InitiateLayerUpload"),
    ("image push", "", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload ecr:PutImage"),
    ("KMS behind S3", "", "s3:GetObject", "kms:Decrypt"),
    ("KMS behind S3", "", "s3:PutObject", "kms:GenerateDataKey"),
    ("KMS behind S3", "CopyObject", "s3:PutObject", "kms:Decrypt kms:GenerateDataKey"),
    ("KMS behind SQS", "", "sqs:SendMessage", "kms:GenerateDataKey kms:Decrypt"),
    ("KMS behind SQS", "", "sqs:ReceiveMessage", "kms:Decrypt sqs:DeleteMessage"),
    ("KMS behind SNS", "", "sns:Publish", "kms:GenerateDataKey kms:Decrypt"),
    ("KMS behind Secrets Manager", "", "secretsmanager:GetSecretValue", "kms:Decrypt"),
    ("KMS behind Secrets Manager", "", "secretsmanager:PutSecretValue", "kms:GenerateDataKey kms:Decrypt"),
    ("KMS behind SSM", "", "ssm:GetParameter", "kms:Decrypt"),
    ("KMS behind SSM", "", "ssm:GetParametersByPath", "kms:Decrypt"),
    ("KMS behind SSM", "", "ssm:PutParameter", "kms:Encrypt kms:GenerateDataKey"),
    ("KMS behind Logs", "", "logs:AssociateKmsKey", "kms:DescribeKey"),
    ("KMS behind ECR", "", "ecr:CreateRepository", "kms:CreateGrant kms:DescribeKey kms:RetireGrant"),
    ("KMS behind DynamoDB", "", "dynamodb:GetItem", "kms:Decrypt"),
    ("KMS behind DynamoDB", "", "dynamodb:PartiQLSelect", "kms:Decrypt"),
    ("KMS behind Kinesis", "", "kinesis:PutRecord", "kms:GenerateDataKey"),
    (
        "KMS behind EBS",
        "",
        "ec2:RunInstances",
        "kms:CreateGrant kms:GenerateDataKeyWithoutPlaintext kms:Decrypt ec2:CreateTags iam:PassRole",
    ),
    ("dependent actions", "", "lambda:CreateFunction", "iam:PassRole"),
];

#[test]
fn every_set_is_offered_whole_and_with_its_source() {
    for (set, operation, action, expect) in SETS {
        let found = Catalog::embedded().companions(operation, action, &Call { region: "eu-west-1", ..Call::default() });
        let offered: Vec<&str> = found.iter().flat_map(|one| &one.actions).map(String::as_str).collect();
        for name in expect.split(' ') {
            assert!(offered.contains(&name), "{set}: {action} does not offer {name}: {offered:?}");
        }
        assert!(found.iter().all(|one| !one.why.is_empty() && !one.source.is_empty()), "{set}: {action}");
        let kms =
            found.iter().filter(|one| one.resource_hint == "kms-key" && !one.why.starts_with("for the task role"));
        for one in kms {
            assert!(one.conditions.contains_key("kms:ViaService"), "{set}: {action}: {one:?}");
        }
    }
}

fn companions(action: &str, resource: &str, policies: &[&str]) -> Vec<Companion> {
    let said = format!(
        "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: {action} on resource: {resource} \
         because no identity-based policy allows the {action} action"
    );
    let mut in_force = InForce::default();
    for (at, policy) in policies.iter().enumerate() {
        in_force.add_document("identity", &format!("{at}.json"), policy).unwrap();
    }
    let outcome = explain(said.as_bytes(), "text", &Given::default(), &World::new(in_force));
    outcome.findings.into_iter().flat_map(|finding| finding.patches).flat_map(|patch| patch.companions).collect()
}

fn actions(companions: &[Companion]) -> Vec<&str> {
    companions.iter().flat_map(|one| &one.actions).map(String::as_str).collect()
}

#[test]
fn what_the_principal_has_is_left_out() {
    let object = "arn:aws:s3:::shop/k";
    assert_eq!(actions(&companions("s3:GetObject", object, &[])), ["kms:Decrypt"]);
    let decrypt = r#"{"Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}"#;
    assert_eq!(actions(&companions("s3:GetObject", object, &[decrypt])), [""; 0]);
    let other = r#"{"Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}}"#;
    assert_eq!(actions(&companions("s3:GetObject", object, &[other])), ["kms:Decrypt"]);
}

#[test]
fn what_the_task_needs_stays_whatever_the_caller_has() {
    let task = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef0123456789abcdef";
    let all = r#"{"Statement":{"Effect":"Allow","Action":["ssmmessages:*","kms:*","ecs:DescribeTasks","logs:*","s3:*"],"Resource":"*"}}"#;
    let left = companions("ecs:ExecuteCommand", task, &[all]);
    assert!(actions(&left).contains(&"ssmmessages:OpenDataChannel") && !actions(&left).contains(&"ecs:DescribeTasks"));
    assert!(left.iter().all(|one| one.resources.is_empty()), "never to be written into the caller's policy: {left:?}");
}

#[test]
fn a_role_that_the_event_does_not_show_is_still_told() {
    let found = companions("codepipeline:CreatePipeline", "arn:aws:codepipeline:eu-west-1:111122223333:p", &[]);
    assert!(actions(&found).contains(&"iam:PassRole"), "{found:?}");
}
