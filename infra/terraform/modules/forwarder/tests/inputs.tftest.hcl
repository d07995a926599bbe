# What inputs switch on, and which are refused. `terraform test` in the module's folder.

variables {
  bus_arn = "arn:aws:events:eu-west-1:111122223333:event-bus/denywatch"
}

run "a_bus_is_enough" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_rule.denials.state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    error_message = "read-only events are sent unless told otherwise"
  }
  assert {
    condition     = alltrue([for target in [aws_cloudwatch_event_target.denials, aws_cloudwatch_event_target.changes] : target.arn == var.bus_arn && length(target.dead_letter_config) == 0])
    error_message = "both rules send to the bus"
  }
}

run "writes_only" {
  command = plan

  variables {
    include_read_events = false
  }

  assert {
    condition     = aws_cloudwatch_event_rule.denials.state == "ENABLED"
    error_message = "the state is the usual one"
  }
}

run "what_could_not_be_sent_is_kept" {
  command = plan

  variables {
    dead_letters_arn = "arn:aws:sqs:eu-west-1:111122223333:forwarder-dead-letters"
  }

  assert {
    condition     = alltrue([for target in [aws_cloudwatch_event_target.denials, aws_cloudwatch_event_target.changes] : target.dead_letter_config[0].arn == var.dead_letters_arn])
    error_message = "both rules leave it there"
  }
}

run "no_bus" {
  command = plan

  variables {
    bus_arn = "denywatch"
  }

  expect_failures = [var.bus_arn]
}

run "a_name_that_is_too_long" {
  command = plan

  variables {
    name = "denywatch-forwarder-of-the-whole-company"
  }

  expect_failures = [var.name]
}
