# The function, what calls it from the queues, and where its alerts go.

locals {
  # A release has the zip beside the module.
  zip = "${path.module}/../bootstrap-${var.architecture}.zip"
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts at rest by itself; the log holds event ids and counts, no request parameters
  #checkov:skip=CKV_AWS_338:tuning.log_retention_days says how long; a year of run logs serves nobody
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.tuning.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_117:it talks to public AWS endpoints and Slack only; in a VPC it would need a NAT for nothing gained
  #checkov:skip=CKV_AWS_173:the variables hold no secret (the Slack address stays in Secrets Manager); Lambda encrypts them anyway
  #checkov:skip=CKV_AWS_115:tuning.reserved_concurrency sets it; many accounts have no concurrency to reserve from
  #checkov:skip=CKV_AWS_50:its log and metrics say what a trace would
  #checkov:skip=CKV_AWS_272:the release has SHA-256 sums; signing it would need a profile of yours
  function_name = var.name
  description   = "denywatch"
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  role          = aws_iam_role.function.arn
  memory_size   = var.tuning.memory_size
  # The queues' visibility timeouts are made from this number.
  timeout                        = 60
  reserved_concurrent_executions = var.tuning.reserved_concurrency == 0 ? -1 : var.tuning.reserved_concurrency

  s3_bucket        = try(var.code.bucket, null)
  s3_key           = try(var.code.key, null)
  filename         = var.code == null ? local.zip : null
  source_code_hash = var.code == null && fileexists(local.zip) ? filebase64sha256(local.zip) : null

  dead_letter_config {
    target_arn = aws_sqs_queue.schedule_dead_letters.arn
  }

  logging_config {
    log_group  = aws_cloudwatch_log_group.function.name
    log_format = "JSON"
  }

  environment {
    variables = {
      DENYWATCH_CONFIG = local.config
      DENYWATCH_STORE  = "dynamodb:${aws_dynamodb_table.this.name}"
    }
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = var.alert_email != null || var.slack_secret_arn != null || var.config != null
      error_message = "Alerts need a destination: give alert_email, slack_secret_arn or config."
    }
    precondition {
      condition     = var.tuning.reserved_concurrency == 0 || var.tuning.reserved_concurrency >= (local.backfill ? 11 : 6)
      error_message = "tuning.reserved_concurrency is 0, or at least 6 (11 with a back-fill): what calls the function would be throttled."
    }
    precondition {
      condition     = var.code != null || fileexists(local.zip)
      error_message = "The zip ${local.zip} is not there, as it is in a release: make one (infra/release.sh), or give code."
    }
  }

  # Lambda tries the role's rights on the dead letters when the function is made.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_event_source_mapping" "events" {
  event_source_arn                   = aws_sqs_queue.events.arn
  function_name                      = aws_lambda_function.this.arn
  batch_size                         = var.tuning.batch_size
  maximum_batching_window_in_seconds = var.tuning.batching_window_seconds
  # Only the messages that the function names come back; the rest of the batch is done.
  function_response_types = ["ReportBatchItemFailures"]

  # Copies share the ledger; more would only wait for the receivers.
  scaling_config {
    maximum_concurrency = 5
  }
}

resource "aws_lambda_event_source_mapping" "backfill" {
  count = local.backfill ? 1 : 0

  event_source_arn = aws_sqs_queue.backfill[0].arn
  function_name    = aws_lambda_function.this.arn
  # A list may take all the time that the function has.
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 5
  }
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:topic_kms_key_arn turns it on; the AWS-managed key is no default, because CloudWatch alarms can't use it
  name              = var.name
  display_name      = "denywatch"
  kms_master_key_id = var.topic_kms_key_arn
  tags              = var.tags
}

# In place of the policy that SNS makes, which lets everybody in the account publish.
resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Alarms of this account may tell the topic; the function may by its role.
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alert_email == null ? 0 : 1

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.alert_email
}
