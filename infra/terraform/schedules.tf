# What comes by the clock.

locals {
  schedules = {
    report = { expression = var.schedules.report, zone = var.schedules.time_zone, age = 86400, tries = 10, kept = true }
    digest = { expression = var.schedules.digest, zone = var.schedules.time_zone, age = 3600, tries = 10, kept = true }
    # The next one goes on where this one would have.
    sweep = { expression = var.schedules.sweep, zone = var.schedules.time_zone, age = 3600, tries = 2, kept = true }
    # Sends what is due without waiting for the next denial: the rest of a burst, and what a receiver refused for a while.
    # The next minute's call does the same.
    outbox = { expression = "rate(1 minute)", zone = null, age = 60, tries = 0, kept = false }
  }
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:the input is one word, such as report
  for_each = local.schedules

  name                         = "${var.name}-${each.key}"
  description                  = "denywatch's ${each.key}"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = each.value.zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({ denywatch = each.key })

    retry_policy {
      maximum_event_age_in_seconds = each.value.age
      maximum_retry_attempts       = each.value.tries
    }

    dynamic "dead_letter_config" {
      for_each = each.value.kept ? [aws_sqs_queue.schedule_dead_letters.arn] : []
      content {
        arn = dead_letter_config.value
      }
    }
  }
}

resource "aws_iam_role" "schedule" {
  name_prefix = "${var.name}-"
  description = "Lets EventBridge Scheduler call denywatch"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Scheduler, on behalf of schedules of this account's default group.
      {
        Effect    = "Allow"
        Principal = { Service = "scheduler.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account
            "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/default"
          }
        }
      },
    ]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "schedule" {
  name = "denywatch-schedule"
  role = aws_iam_role.schedule.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Call the function.
      {
        Sid      = "CallTheFunction"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = aws_lambda_function.this.arn
      },
      # Keep a call that could not be made.
      {
        Sid      = "KeepWhatFailed"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.schedule_dead_letters.arn
      },
    ]
  })
}
