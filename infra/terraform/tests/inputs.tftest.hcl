# What inputs switch on, and which are refused. `terraform test` in the module's folder.

variables {
  alert_email = "security@example.com"
  code        = { bucket = "code", key = "denywatch-1.zip" }
}

run "an_address_is_enough" {
  command = plan

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 1 && aws_sns_topic_subscription.email[0].endpoint == "security@example.com"
    error_message = "the address gets the topic's mail"
  }
  assert {
    condition     = aws_cloudwatch_event_rule.denials.state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    error_message = "read-only events are watched unless told otherwise"
  }
  assert {
    condition     = length(aws_cloudwatch_event_bus.this) == 0 && length(aws_sqs_queue.backfill) == 0
    error_message = "neither a bus nor a back-fill queue is asked for"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 11 && length(aws_cloudwatch_dashboard.this) == 1
    error_message = "alarms and dashboard are there"
  }
  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.on_demand_throughput[0].max_write_request_units == 1000
    error_message = "the ledger can be restored, and its cost has a ceiling"
  }
}

run "nowhere_to_alert" {
  command = plan

  variables {
    alert_email = null
  }

  expect_failures = [aws_lambda_function.this]
}

run "slack_alone" {
  command = plan

  variables {
    alert_email      = null
    slack_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf"
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "no address, no subscription"
  }
}

run "no_zip_beside_the_module" {
  command = plan

  variables {
    code         = null
    architecture = "arm64"
  }

  expect_failures = [aws_lambda_function.this]
}

run "no_address" {
  command = plan

  variables {
    alert_email = "security"
  }

  expect_failures = [var.alert_email]
}

run "a_secret_that_is_no_arn" {
  command = plan

  variables {
    slack_secret_arn = "https://hooks.slack.com/services/T0/B0/x"
  }

  expect_failures = [var.slack_secret_arn]
}

run "a_configuration_that_is_none" {
  command = plan

  variables {
    config = "denywatch.toml"
  }

  expect_failures = [var.config]
}

run "a_forwarder_is_another_module" {
  command = plan

  variables {
    mode = "forwarder"
  }

  expect_failures = [var.mode]
}

run "the_centre_needs_an_organization" {
  command = plan

  variables {
    mode = "central"
  }

  expect_failures = [aws_cloudwatch_event_bus_policy.this]
}

run "the_centre" {
  command = plan

  variables {
    mode            = "central"
    organization_id = "o-exampleorgid"
  }

  assert {
    condition     = length(aws_cloudwatch_event_bus.this) == 1 && aws_cloudwatch_event_rule.central_denials[0].state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    error_message = "the bus and its rules, all management events on both"
  }
}

run "an_archive_with_a_back_fill" {
  command = plan

  variables {
    archive = { bucket = "trail", backfill = true }
  }

  assert {
    condition     = length(aws_sqs_queue.backfill) == 1 && !contains(keys(aws_cloudwatch_metric_alarm.this), "lag")
    error_message = "a queue of its own, and no alarm on late events"
  }
}

run "the_ledger_is_protected" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "a changed name must not take the ledger away"
  }
}

run "the_ledger_may_go" {
  command = plan

  variables {
    protect_ledger = false
  }

  assert {
    condition     = !aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "what is to be destroyed is not protected"
  }
}

run "concurrency_for_the_queue_and_the_schedules" {
  command = plan

  variables {
    tuning = { reserved_concurrency = 6 }
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 6
    error_message = "as it is given"
  }
}

run "too_little_concurrency" {
  command = plan

  variables {
    tuning = { reserved_concurrency = 5 }
  }

  expect_failures = [aws_lambda_function.this]
}

run "too_little_concurrency_for_a_back_fill" {
  command = plan

  variables {
    archive = { bucket = "trail", backfill = true }
    tuning  = { reserved_concurrency = 10 }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_large_batch_without_a_window" {
  command = plan

  variables {
    tuning = { batch_size = 11, batching_window_seconds = 0 }
  }

  expect_failures = [var.tuning]
}

run "a_small_batch_without_a_window" {
  command = plan

  variables {
    tuning = { batch_size = 10, batching_window_seconds = 0 }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.events.batch_size == 10
    error_message = "as it is given"
  }
}

run "a_wildcard_in_an_archive" {
  command = plan

  variables {
    archive = { bucket = "trail", prefix = "*" }
  }

  expect_failures = [var.archive]
}
