# Slack by its app, PagerDuty for probing, mail for the rest: a configuration of your own, patches proven on the policies in
# force, and a page a week in a bucket of yours.

provider "aws" {
  region = "eu-west-1"
}

variable "slack_token_secret_arn" {
  description = "Secret whose string is the bot's token."
  type        = string
  default     = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:denywatch/slack-AbCdEf"
}

variable "pagerduty_secret_arn" {
  description = "Secret whose string is the integration key."
  type        = string
  default     = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:denywatch/pagerduty-GhIjKl"
}

variable "topic_arn" {
  description = "A topic of yours that gets the alerts too."
  type        = string
  default     = "arn:aws:sns:eu-west-1:111122223333:iam-denials"
}

module "denywatch" {
  source = "../.."

  alert_email   = "security@example.com"
  read_policies = true
  secret_arns   = [var.slack_token_secret_arn, var.pagerduty_secret_arn]
  topic_arns    = [var.topic_arn]
  report        = { location = "example-denywatch-reports/weekly" }
  schedules     = { time_zone = "Europe/London" }

  code         = { bucket = "example-code", key = "denywatch-1.zip" }
  architecture = "arm64"

  config = <<-TOML
    version = 1

    [policies]
    live = true

    [report]
    tz = "Europe/London"
    bucket = "s3://example-denywatch-reports/weekly"

    [slack]
    mode = "app"
    secret = "${var.slack_token_secret_arn}"

    [pagerduty.security]
    secret = "${var.pagerduty_secret_arn}"

    [[route]]
    match = { verdict = ["probing"] }
    to = ["pagerduty:security"]

    [[route]]
    to = ["slack:C0IAM", "sns:${var.topic_arn}"]
  TOML
}
