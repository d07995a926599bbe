# The line at one glance.

locals {
  own    = [for metric in ["Received", "Denied", "Muted", "Alerted", "Failed", "Held", "Quarantined", "Lag"] : ["denywatch", metric, "FunctionName", aws_lambda_function.this.function_name]]
  queues = [aws_sqs_queue.events.name, aws_sqs_queue.dead_letters.name, aws_sqs_queue.schedule_dead_letters.name]

  widgets = [
    { title = "Denials", stat = "Sum", metrics = slice(local.own, 0, 3) },
    { title = "Messages", stat = "Sum", metrics = slice(local.own, 3, 7) },
    { title = "From the denial to denywatch, seconds", stat = "Maximum", metrics = slice(local.own, 7, 8) },
    { title = "Waiting", stat = "Maximum", metrics = [for queue in local.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]] },
    { title = "The function", stat = "Sum", metrics = [for metric in ["Invocations", "Errors", "Throttles"] : ["AWS/Lambda", metric, "FunctionName", aws_lambda_function.this.function_name]] },
    { title = "The ledger's units", stat = "Sum", metrics = [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"] : ["AWS/DynamoDB", metric, "TableName", aws_dynamodb_table.this.name]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for widget in local.widgets : {
      type  = "metric"
      width = 12
      properties = {
        title   = widget.title
        region  = local.region
        stat    = widget.stat
        metrics = widget.metrics
      }
    }]
  })
}
