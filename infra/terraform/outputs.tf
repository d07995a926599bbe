output "topic_arn" {
  description = "Alerts and reports; subscribe to it what you like."
  value       = aws_sns_topic.this.arn
}

output "bus_arn" {
  description = "Where forwarders send to."
  value       = local.central ? aws_cloudwatch_event_bus.this[0].arn : "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/default"
  # A target is refused as long as the bus does not let its account in.
  depends_on = [aws_cloudwatch_event_bus_policy.this]
}

output "rule_arn" {
  description = "The rule that picks denied calls."
  value       = aws_cloudwatch_event_rule.denials.arn
}

output "change_rule_arn" {
  description = "The rule that picks changes of policies."
  value       = aws_cloudwatch_event_rule.changes.arn
}

output "queue_arn" {
  description = "What an archive's bucket notifies."
  value       = aws_sqs_queue.events.arn
}

output "queue_url" {
  description = "Denied events on their way to the function."
  value       = aws_sqs_queue.events.url
}

output "dead_letters_url" {
  description = "Events that could not be taken."
  value       = aws_sqs_queue.dead_letters.url
}

output "schedule_dead_letters_url" {
  description = "Requests for reports, digests and sweeps that could not be met."
  value       = aws_sqs_queue.schedule_dead_letters.url
}

output "backfill_queue_url" {
  description = "Takes lists of prefixes of the archive to read."
  value       = one(aws_sqs_queue.backfill[*].url)
}

output "function_name" {
  description = "The Lambda function."
  value       = aws_lambda_function.this.function_name
}

output "function_role_arn" {
  description = "Its role."
  value       = aws_iam_role.function.arn
}

output "log_group_name" {
  description = "Its log."
  value       = aws_cloudwatch_log_group.function.name
}

output "table_name" {
  description = "The ledger; `denywatch --store dynamodb:TABLE` reads it."
  value       = aws_dynamodb_table.this.name
}
