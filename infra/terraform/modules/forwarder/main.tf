# Sends the denied calls and the changes of policies of one account and Region to the bus where denywatch runs. One for
# each further account and Region, and one in us-east-1, where the global services speak. Not where denywatch itself runs.
#
# infra/cloudformation/forwarder.yaml builds the same.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  patterns = "${path.module}/../../patterns"
  rules    = "arn:${data.aws_partition.current.partition}:events:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:rule/*"
}

resource "aws_cloudwatch_event_rule" "denials" {
  name        = "${var.name}-denials"
  description = "Calls that AWS refused for want of permission, for denywatch"
  # Read-only management events pass only if the rules on both buses are in the second state.
  state         = var.include_read_events ? "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" : "ENABLED"
  event_pattern = jsonencode(jsondecode(file("${local.patterns}/denials.json")))
  tags          = var.tags
}

# All of them are writes. The list is that of src/change/table.rs.
resource "aws_cloudwatch_event_rule" "changes" {
  name          = "${var.name}-changes"
  description   = "Changes of policies that went through, for denywatch"
  state         = "ENABLED"
  event_pattern = jsonencode(jsondecode(file("${local.patterns}/changes.json")))
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "denials" {
  rule      = aws_cloudwatch_event_rule.denials.name
  target_id = "bus"
  arn       = var.bus_arn
  role_arn  = aws_iam_role.this.arn

  dynamic "dead_letter_config" {
    for_each = var.dead_letters_arn[*]
    content {
      arn = dead_letter_config.value
    }
  }
}

resource "aws_cloudwatch_event_target" "changes" {
  rule      = aws_cloudwatch_event_rule.changes.name
  target_id = "bus"
  arn       = var.bus_arn
  role_arn  = aws_iam_role.this.arn

  dynamic "dead_letter_config" {
    for_each = var.dead_letters_arn[*]
    content {
      arn = dead_letter_config.value
    }
  }
}

resource "aws_iam_role" "this" {
  name_prefix = "${var.name}-"
  description = "Lets EventBridge send denied calls to denywatch"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # EventBridge, for rules of this account and Region, as in forwarder.yaml.
      {
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
          ArnLike      = { "aws:SourceArn" = local.rules }
        }
      },
    ]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  name = "denywatch-forwarder"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Put events on that bus.
      {
        Sid      = "SendToTheBus"
        Effect   = "Allow"
        Action   = "events:PutEvents"
        Resource = var.bus_arn
      },
    ]
  })
}
