output "denial_rule_arn" {
  description = "The rule that picks denied calls."
  value       = aws_cloudwatch_event_rule.denials.arn
}

output "change_rule_arn" {
  description = "The rule that picks changes of policies."
  value       = aws_cloudwatch_event_rule.changes.arn
}

output "role_arn" {
  description = "What EventBridge sends as."
  value       = aws_iam_role.this.arn
}
