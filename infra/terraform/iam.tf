# What the function may do. No action is a wildcard, and nothing here writes a policy.

locals {
  # One statement each, and when it is there.
  function_statements = [
    # Write its own log.
    { when = true, statement = {
      Sid      = "OwnLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.function.arn}:*"
    } },
    # Take events from its queue; the event source mapping works with these.
    { when = true, statement = {
      Sid      = "OwnQueue"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = aws_sqs_queue.events.arn
    } },
    # Lambda leaves a report request here when the function failed three times.
    { when = true, statement = {
      Sid      = "OwnDeadLetters"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = aws_sqs_queue.schedule_dead_letters.arn
    } },
    # Keep findings, counts and what was told: items of its own table.
    { when = true, statement = {
      Sid    = "OwnLedger"
      Effect = "Allow"
      Action = [
        "dynamodb:BatchGetItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
      ]
      Resource = aws_dynamodb_table.this.arn
    } },
    # Send alerts and reports.
    { when = true, statement = {
      Sid      = "OwnTopic"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = aws_sns_topic.this.arn
    } },
    # Read the Slack webhook's address: that one secret, and only if there is one.
    { when = var.slack_secret_arn != null, statement = {
      Sid      = "SlackSecret"
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = var.slack_secret_arn
    } },
    # Read the configuration from its parameter.
    { when = local.config_parameter != null, statement = {
      Sid      = "ConfigParameter"
      Effect   = "Allow"
      Action   = "ssm:GetParameter"
      Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${coalesce(local.config_parameter, "/")}"
    } },
    # Read the configuration from its object.
    { when = local.config_object != null, statement = {
      Sid      = "ConfigObject"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:${local.partition}:s3:::${coalesce(local.config_object, "/")}"
    } },
    # Read the secrets that a configuration of your own names.
    { when = length(local.secrets) > 0, statement = {
      Sid      = "Secrets"
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = local.secrets
    } },
    # Read the parameters that it takes secrets from.
    { when = length(local.secret_parameters) > 0, statement = {
      Sid      = "SecretParameters"
      Effect   = "Allow"
      Action   = "ssm:GetParameter"
      Resource = local.secret_parameters
    } },
    # Send to the topics that it names.
    { when = length(var.topic_arns) > 0, statement = {
      Sid      = "Topics"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = var.topic_arns
    } },
    # Decrypt what your keys encrypt of these, and nothing else of theirs.
    { when = length(var.decrypt_key_arns) > 0, statement = {
      Sid       = "DecryptKeys"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = var.decrypt_key_arns
      Condition = { StringLike = { "kms:ViaService" = [for service in ["s3", "secretsmanager", "ssm"] : "${service}.${local.region}.amazonaws.*"] } }
    } },
    # Ask Event history whether what was denied is allowed by now; the call knows no resource.
    { when = true, statement = {
      Sid      = "Sweep"
      Effect   = "Allow"
      Action   = "cloudtrail:LookupEvents"
      Resource = "*"
    } },
    # Put the report there; links to it work with the rights of who signed them.
    { when = var.report != null, statement = {
      Sid      = "OwnReports"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "arn:${local.partition}:s3:::${try(var.report.location, "")}/*"
    } },
    # S3 encrypts in the writer's name when that bucket has a customer key.
    { when = try(var.report.kms_key_arn, null) != null, statement = {
      Sid       = "ReportKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = try(var.report.kms_key_arn, null)
      Condition = { StringLike = { "kms:ViaService" = "s3.${local.region}.amazonaws.*" } }
    } },
    # Read the log files that a trail put into the archive.
    { when = var.archive != null, statement = {
      Sid      = "ReadArchive"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:${local.partition}:s3:::${try(var.archive.bucket, "")}/${try(var.archive.prefix, "")}*"
    } },
    # List them, for a back-fill.
    { when = local.backfill, statement = {
      Sid       = "ListArchive"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = "arn:${local.partition}:s3:::${try(var.archive.bucket, "")}"
      Condition = { StringLike = { "s3:prefix" = "${try(var.archive.prefix, "")}*" } }
    } },
    # Take lists of prefixes, and put back what was split or did not fit.
    { when = local.backfill, statement = {
      Sid      = "BackfillQueue"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"]
      Resource = one(aws_sqs_queue.backfill[*].arn)
    } },
    # SNS encrypts in the publisher's name when the topic has a customer key.
    { when = var.topic_kms_key_arn != null, statement = {
      Sid      = "TopicKey"
      Effect   = "Allow"
      Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource = var.topic_kms_key_arn
      # The ending differs between partitions.
      Condition = { StringLike = { "kms:ViaService" = "sns.${local.region}.amazonaws.*" } }
    } },
    # DynamoDB asks in the caller's name when the table has a customer key.
    { when = var.table_kms_key_arn != null, statement = {
      Sid    = "TableKey"
      Effect = "Allow"
      Action = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
      ]
      Resource  = var.table_kms_key_arn
      Condition = { StringLike = { "kms:ViaService" = "dynamodb.${local.region}.amazonaws.*" } }
    } },
    # Read policies in force and what AWS keeps of refusals; nothing of it reads data or writes anything.
    { when = var.read_policies, statement = {
      Sid    = "ReadPolicies"
      Effect = "Allow"
      Action = [
        "acm-pca:GetPolicy",
        "backup:GetBackupVaultAccessPolicy",
        "cloudtrail:GetResourcePolicy",
        "codeartifact:GetDomainPermissionsPolicy",
        "dynamodb:GetResourcePolicy",
        "ec2:DescribeVpcEndpoints",
        "ecr:GetRepositoryPolicy",
        "elasticfilesystem:DescribeFileSystemPolicy",
        "events:DescribeEventBus",
        "glue:GetResourcePolicy",
        "iam:GetGroupPolicy",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:GetUser",
        "iam:GetUserPolicy",
        "iam:ListAttachedGroupPolicies",
        "iam:ListAttachedRolePolicies",
        "iam:ListAttachedUserPolicies",
        "iam:ListGroupPolicies",
        "iam:ListGroupsForUser",
        "iam:ListRolePolicies",
        "iam:ListUserPolicies",
        "kinesis:GetResourcePolicy",
        "kms:GetKeyPolicy",
        "kms:ListGrants",
        "lambda:GetPolicy",
        "organizations:DescribeOrganization",
        "organizations:DescribePolicy",
        "organizations:ListParents",
        "organizations:ListPoliciesForTarget",
        "s3:GetBucketPolicy",
        "secretsmanager:GetResourcePolicy",
        "sns:GetTopicAttributes",
        "sqs:GetQueueAttributes",
        "sts:DecodeAuthorizationMessage",
      ]
      # Whichever principal and resource the next denial names.
      Resource = "*"
    } },
  ]

  secrets           = [for arn in var.secret_arns : arn if !can(regex(":ssm:", arn))]
  secret_parameters = [for arn in var.secret_arns : arn if can(regex(":ssm:", arn))]
}

resource "aws_iam_role" "function" {
  name_prefix = "${var.name}-"
  description = "What denywatch may do; it writes no policy anywhere"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" },
    ]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "function" {
  name = "denywatch"
  role = aws_iam_role.function.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for s in local.function_statements : s.statement if s.when]
  })
}

resource "aws_iam_role_policy" "authorization_details" {
  count = var.read_policies ? 1 : 0

  name = "authorization-details"
  role = aws_iam_role.function.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Ask how AWS judged a refused request, by the id in its message. In preview.
      {
        Sid      = "AuthorizationDetails"
        Effect   = "Allow"
        Action   = "iam:GetRequestAuthorizationDetails"
        Resource = "*"
      },
    ]
  })
}
