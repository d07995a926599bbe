# When something is lost, late or failing, say so.

locals {
  alarms = {
    dead_letters = {
      why        = "denywatch could not take some events; they wait in its dead letters for 14 days"
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = aws_sqs_queue.dead_letters.name }
      statistic  = "Maximum"
      periods    = 1
      over       = 0
    }
    schedule_dead_letters = {
      why        = "denywatch could not make a report, digest or sweep; the request waits in the schedule's dead letters"
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = aws_sqs_queue.schedule_dead_letters.name }
      statistic  = "Maximum"
      periods    = 1
      over       = 0
    }
    age = {
      why        = "denywatch is behind; the oldest event has waited for more than half an hour"
      namespace  = "AWS/SQS"
      metric     = "ApproximateAgeOfOldestMessage"
      dimensions = { QueueName = aws_sqs_queue.events.name }
      statistic  = "Maximum"
      periods    = 2
      over       = 1800
    }
    errors = {
      why        = "denywatch's function fails; its log says why"
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
      statistic  = "Sum"
      periods    = 3
      over       = 0
    }
    throttles = {
      why        = "denywatch's function is not let run; the account's or its own concurrency is used up"
      namespace  = "AWS/Lambda"
      metric     = "Throttles"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
      statistic  = "Sum"
      periods    = 3
      over       = 0
    }
    table_reads = {
      why        = "denywatch's ledger refuses reads; tuning.table_max_units is reached"
      namespace  = "AWS/DynamoDB"
      metric     = "ReadThrottleEvents"
      dimensions = { TableName = aws_dynamodb_table.this.name }
      statistic  = "Sum"
      periods    = 3
      over       = 0
    }
    table_throttles = {
      why        = "denywatch's ledger refuses writes; tuning.table_max_units is reached"
      namespace  = "AWS/DynamoDB"
      metric     = "WriteThrottleEvents"
      dimensions = { TableName = aws_dynamodb_table.this.name }
      statistic  = "Sum"
      periods    = 3
      over       = 0
    }
    quarantined = {
      why        = "denywatch put something aside that it could not read; the log says what"
      namespace  = "denywatch"
      metric     = "Quarantined"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
      statistic  = "Sum"
      periods    = 1
      over       = 0
    }
    failed = {
      why        = "denywatch could not send for a quarter of an hour, or a receiver refuses; the log says which"
      namespace  = "denywatch"
      metric     = "Failed"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
      statistic  = "Sum"
      periods    = 3
      over       = 0
    }
    # What is read from an archive of old is late by nature: none with a back-fill.
    lag = {
      why        = "denywatch hears of denials more than half an hour after they happened"
      namespace  = "denywatch"
      metric     = "Lag"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
      statistic  = "Maximum"
      periods    = 2
      over       = 1800
    }
    held = {
      why        = "denywatch holds messages back, because its sending is paused"
      namespace  = "denywatch"
      metric     = "Held"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
      statistic  = "Sum"
      periods    = 3
      over       = 0
    }
  }
  alarms_wanted = { for key, alarm in local.alarms : key => alarm if var.alarms && !(key == "lag" && local.backfill) }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms_wanted

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.why
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  threshold           = each.value.over
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
  tags                = var.tags
}
