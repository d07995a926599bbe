# denywatch in one account, or at the centre of an organization: denied calls in, alerts with a policy patch out.
#
#   CloudTrail -> EventBridge rules (events.tf) -> SQS queue (queues.tf) -> Lambda (function.tf, what it may do: iam.tf)
#                 EventBridge Scheduler (schedules.tf) ------------------> Lambda -> SNS topic and Slack
#                                                                          Lambda <-> DynamoDB table (ledger.tf)
#
# infra/cloudformation/template.yaml builds the same. The rules of further accounts and Regions: modules/forwarder.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  central   = var.mode == "central"

  # Where the configuration is, if it is not made here.
  config_parameter = try(regex("^ssm:(/.*)$", var.config)[0], null)
  config_object    = try(regex("^s3://(.+/.+)$", var.config)[0], null)

  config = var.config != null ? var.config : jsonencode(merge(
    {
      version  = 1
      policies = { live = var.read_policies }
      report   = merge({ tz = var.schedules.time_zone }, var.report == null ? {} : { bucket = "s3://${var.report.location}" })
      alert    = { digest = { tz = var.schedules.time_zone } }
      route    = [{ to = concat(["sns:${aws_sns_topic.this.arn}"], var.slack_secret_arn == null ? [] : ["slack"]) }]
    },
    var.slack_secret_arn == null ? {} : { slack = { mode = "webhook", secret = var.slack_secret_arn } },
  ))

  backfill = try(var.archive.backfill, false)
}
