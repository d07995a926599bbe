# In: the denied calls and the changes of policies of this account and Region, and what forwarders send.

locals {
  # The sources are those that AWS keeps to itself; else whoever may put events could feign a denial.
  #
  # Not our own refused calls: they would feed themselves. `anything-but` alone does not match a missing field, so callers
  # that have no role (users, root, services) need the second arm.
  denials = jsondecode(file("${path.module}/patterns/denials.json"))
  denials_of_others = merge(local.denials, {
    detail = merge(local.denials.detail, {
      userIdentity = { sessionContext = { sessionIssuer = { arn = [{ anything-but = [aws_iam_role.function.arn] }, { exists = false }] } } }
    })
  })
  # The list is that of src/change/table.rs.
  changes = jsondecode(file("${path.module}/patterns/changes.json"))

  # Read-only management events reach only rules in the second state, on every bus that they pass.
  denials_state = var.include_read_events ? "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" : "ENABLED"
}

resource "aws_cloudwatch_event_rule" "denials" {
  name          = "${var.name}-denials"
  description   = "Calls that AWS refused for want of permission"
  state         = local.denials_state
  event_pattern = jsonencode(local.denials_of_others)
  tags          = var.tags
}

# A finding names the change before it and the one that ended it. All of them are writes.
resource "aws_cloudwatch_event_rule" "changes" {
  name          = "${var.name}-changes"
  description   = "Changes of policies that went through"
  state         = "ENABLED"
  event_pattern = jsonencode(local.changes)
  tags          = var.tags
}

resource "aws_cloudwatch_event_bus" "this" {
  count = local.central ? 1 : 0

  name        = var.name
  description = "Denied calls and changes of policies of the organization's accounts"
  tags        = var.tags
}

resource "aws_cloudwatch_event_bus_policy" "this" {
  count = local.central ? 1 : 0

  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Accounts of the organization may send events to this bus, and nobody else.
      {
        Sid       = "EventsFromTheOrganization"
        Effect    = "Allow"
        Principal = "*"
        Action    = "events:PutEvents"
        Resource  = aws_cloudwatch_event_bus.this[0].arn
        Condition = { StringEquals = { "aws:PrincipalOrgID" = var.organization_id } }
      },
    ]
  })

  lifecycle {
    precondition {
      condition     = var.organization_id != null
      error_message = "mode = \"central\" needs organization_id."
    }
  }
}

resource "aws_cloudwatch_event_rule" "central_denials" {
  count = local.central ? 1 : 0

  name           = "${var.name}-central-denials"
  description    = "Calls that AWS refused for want of permission, of the organization"
  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  state          = local.denials_state
  event_pattern  = jsonencode(local.denials_of_others)
  tags           = var.tags

  depends_on = [aws_cloudwatch_event_bus_policy.this]
}

resource "aws_cloudwatch_event_rule" "central_changes" {
  count = local.central ? 1 : 0

  name           = "${var.name}-central-changes"
  description    = "Changes of policies that went through, of the organization"
  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  state          = "ENABLED"
  # The forwarders' rules have picked by name already.
  event_pattern = jsonencode({
    source      = local.changes.source
    detail-type = local.changes.detail-type
    detail      = { errorCode = local.changes.detail.errorCode }
  })
  tags = var.tags

  depends_on = [aws_cloudwatch_event_bus_policy.this]
}

locals {
  rules = concat(
    [aws_cloudwatch_event_rule.denials.arn, aws_cloudwatch_event_rule.changes.arn],
    aws_cloudwatch_event_rule.central_denials[*].arn,
    aws_cloudwatch_event_rule.central_changes[*].arn,
  )
}

resource "aws_cloudwatch_event_target" "denials" {
  rule      = aws_cloudwatch_event_rule.denials.name
  target_id = "queue"
  arn       = aws_sqs_queue.events.arn
  dead_letter_config { arn = aws_sqs_queue.dead_letters.arn }
}

resource "aws_cloudwatch_event_target" "changes" {
  rule      = aws_cloudwatch_event_rule.changes.name
  target_id = "queue"
  arn       = aws_sqs_queue.events.arn
  dead_letter_config { arn = aws_sqs_queue.dead_letters.arn }
}

resource "aws_cloudwatch_event_target" "central_denials" {
  count = local.central ? 1 : 0

  rule           = aws_cloudwatch_event_rule.central_denials[0].name
  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  target_id      = "queue"
  arn            = aws_sqs_queue.events.arn
  dead_letter_config { arn = aws_sqs_queue.dead_letters.arn }
}

resource "aws_cloudwatch_event_target" "central_changes" {
  count = local.central ? 1 : 0

  rule           = aws_cloudwatch_event_rule.central_changes[0].name
  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  target_id      = "queue"
  arn            = aws_sqs_queue.events.arn
  dead_letter_config { arn = aws_sqs_queue.dead_letters.arn }
}
