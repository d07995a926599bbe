# Events on their way to the function, and what could not be taken.

# SSE-SQS: EventBridge cannot write to a queue under the AWS-managed KMS key.
resource "aws_sqs_queue" "events" {
  #checkov:skip=CKV_AWS_27:SSE-SQS is on; EventBridge cannot write to a queue under the AWS-managed KMS key
  name                    = var.name
  sqs_managed_sse_enabled = true
  # 6 x the function's timeout, and the longest batching window on top.
  visibility_timeout_seconds = 660
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    # Nearly two hours of a receiver that does not answer.
    maxReceiveCount = 10
  })
  tags = var.tags
}

# Events that the function could not take after ten tries, and those that EventBridge could not deliver.
resource "aws_sqs_queue" "dead_letters" {
  #checkov:skip=CKV_AWS_27:SSE-SQS is on; EventBridge cannot write to a queue under the AWS-managed KMS key
  name                      = "${var.name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = var.tags
}

# Lists of prefixes of the archive to read; the function splits what is wide into further messages.
resource "aws_sqs_queue" "backfill" {
  #checkov:skip=CKV_AWS_27:SSE-SQS is on; it holds nothing but names of prefixes
  count = local.backfill ? 1 : 0

  name                       = "${var.name}-backfill"
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 360
  message_retention_seconds  = 1209600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
  tags = var.tags
}

# Reports, digests and sweeps that Scheduler could not ask for, or that the function failed at.
resource "aws_sqs_queue" "schedule_dead_letters" {
  #checkov:skip=CKV_AWS_27:SSE-SQS is on; it holds nothing but requests for reports, digests and sweeps
  name                      = "${var.name}-schedule-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for s in [
      # EventBridge may put events here, for these rules only.
      { when = true, statement = {
        Sid       = "EventsFromTheRules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.rules } }
      } },
      # S3 may tell of new files of the archive, for that bucket only.
      { when = var.archive != null, statement = {
        Sid       = "NewFilesOfTheArchive"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = "arn:${local.partition}:s3:::${try(var.archive.bucket, "")}" }
          StringEquals = { "aws:SourceAccount" = try(coalesce(var.archive.account_id, local.account), local.account) }
        }
      } },
    ] : s.statement if s.when]
  })
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # EventBridge may leave here what it could not deliver, for these rules only.
      {
        Sid       = "UndeliverableFromTheRules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.rules } }
      },
    ]
  })
}
