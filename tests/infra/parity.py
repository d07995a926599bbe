"""Which resource of the template is which of the module, and both in one form, so that they can be compared.

A form takes all that either side says; what it does not know fails, so that nothing goes by uncompared.
"""

import json

import cfn

# Logical id → address. One address may stand for what the module writes as two (a rule and its target).
FULL = {
    "DenialRule": "aws_cloudwatch_event_rule.denials",
    "ChangeRule": "aws_cloudwatch_event_rule.changes",
    "Bus": "aws_cloudwatch_event_bus.this[0]",
    "CentralDenialRule": "aws_cloudwatch_event_rule.central_denials[0]",
    "CentralChangeRule": "aws_cloudwatch_event_rule.central_changes[0]",
    "Queue": "aws_sqs_queue.events",
    "DeadLetters": "aws_sqs_queue.dead_letters",
    "BackfillQueue": "aws_sqs_queue.backfill[0]",
    "ScheduleDeadLetters": "aws_sqs_queue.schedule_dead_letters",
    "QueuePolicy": "aws_sqs_queue_policy.events",
    "DeadLettersPolicy": "aws_sqs_queue_policy.dead_letters",
    "Table": "aws_dynamodb_table.this",
    "FunctionRole": "aws_iam_role.function",
    "AuthorizationDetails": "aws_iam_role_policy.authorization_details[0]",
    "LogGroup": "aws_cloudwatch_log_group.function",
    "Function": "aws_lambda_function.this",
    "EventSource": "aws_lambda_event_source_mapping.events",
    "BackfillSource": "aws_lambda_event_source_mapping.backfill[0]",
    "Topic": "aws_sns_topic.this",
    "TopicPolicy": "aws_sns_topic_policy.this",
    "EmailSubscription": "aws_sns_topic_subscription.email[0]",
    "ReportSchedule": 'aws_scheduler_schedule.this["report"]',
    "DigestSchedule": 'aws_scheduler_schedule.this["digest"]',
    "SweepSchedule": 'aws_scheduler_schedule.this["sweep"]',
    "OutboxSchedule": 'aws_scheduler_schedule.this["outbox"]',
    "ScheduleRole": "aws_iam_role.schedule",
    "DeadLettersAlarm": 'aws_cloudwatch_metric_alarm.this["dead_letters"]',
    "ScheduleDeadLettersAlarm": 'aws_cloudwatch_metric_alarm.this["schedule_dead_letters"]',
    "AgeAlarm": 'aws_cloudwatch_metric_alarm.this["age"]',
    "ErrorsAlarm": 'aws_cloudwatch_metric_alarm.this["errors"]',
    "ThrottlesAlarm": 'aws_cloudwatch_metric_alarm.this["throttles"]',
    "TableReadsAlarm": 'aws_cloudwatch_metric_alarm.this["table_reads"]',
    "TableThrottlesAlarm": 'aws_cloudwatch_metric_alarm.this["table_throttles"]',
    "QuarantinedAlarm": 'aws_cloudwatch_metric_alarm.this["quarantined"]',
    "FailedAlarm": 'aws_cloudwatch_metric_alarm.this["failed"]',
    "LagAlarm": 'aws_cloudwatch_metric_alarm.this["lag"]',
    "HeldAlarm": 'aws_cloudwatch_metric_alarm.this["held"]',
    "LineDashboard": "aws_cloudwatch_dashboard.this[0]",
}
FORWARDER = {
    "DenialRule": "aws_cloudwatch_event_rule.denials",
    "ChangeRule": "aws_cloudwatch_event_rule.changes",
    "Role": "aws_iam_role.this",
}
# Written beside another resource, whose form takes it in.
PARTS = ("aws_cloudwatch_event_target", "aws_cloudwatch_event_bus_policy")

# What `Ref` and `Fn::GetAtt` give, from the module's values.
GIVEN = {
    "aws_sqs_queue": {"Ref": "url", "Arn": "arn", "QueueName": "name"},
    "aws_sns_topic": {"Ref": "arn"},
    "aws_cloudwatch_event_bus": {"Ref": "name", "Arn": "arn"},
    "aws_lambda_function": {"Ref": "function_name", "Arn": "arn"},
}


def attribute(plan, addresses):
    """`cfn.Stack`'s answer for attributes: the values that the module's resources have."""

    def one(logical, name):
        kind, values = plan.resources[addresses[logical]]
        if kind == "aws_cloudwatch_log_group" and name == "Arn":
            return values["arn"] + ":*"
        return values[GIVEN.get(kind, {"Ref": "name", "Arn": "arn"})[name]]

    return one


class Taken(dict):
    """Properties that are looked at; what nobody looked at is told at the end."""

    def __init__(self, properties):
        super().__init__(properties)
        self.left = set(properties)

    def __call__(self, name, default=None):
        self.left.discard(name)
        return self.get(name, default)


# ---- the template's side ----


def of_template(kind, properties):
    take = Taken(properties)
    made = TEMPLATE[kind](take)
    assert not take.left, f"{kind}: {take.left} are not compared"
    return made


def rule(p):
    targets = [Taken(one) for one in p("Targets")]
    made = {
        "description": p("Description"), "state": p("State"), "bus": p("EventBusName", "default"), "pattern": p("EventPattern"),
        "targets": [
            {"id": t("Id"), "arn": t("Arn"), "role": t("RoleArn"), "dead": t("DeadLetterConfig", {}).get("Arn")} for t in targets
        ],
    }  # fmt: skip
    assert not any(t.left for t in targets)
    return made


def queue(p):
    return {
        "sse": p("SqsManagedSseEnabled"), "hidden": p("VisibilityTimeout", 30), "kept": p("MessageRetentionPeriod"),
        "redrive": p("RedrivePolicy"),
    }  # fmt: skip


def table(p):
    keys = {one["KeyType"]: one["AttributeName"] for one in p("KeySchema")}
    throughput, sse = p("OnDemandThroughput"), p("SSESpecification")
    assert sse is None or (sse["SSEEnabled"] is True and sse["SSEType"] == "KMS")
    return {
        "billing": p("BillingMode"), "attributes": {one["AttributeName"]: one["AttributeType"] for one in p("AttributeDefinitions")},
        "keys": [keys["HASH"], keys["RANGE"]], "ttl": p("TimeToLiveSpecification"),
        "pitr": p("PointInTimeRecoverySpecification")["PointInTimeRecoveryEnabled"],
        "limit": throughput and [int(throughput["MaxReadRequestUnits"]), int(throughput["MaxWriteRequestUnits"])],
        "key": sse and sse["KMSMasterKeyId"],
    }  # fmt: skip


def role(p):
    policies = {one["PolicyName"]: cfn.document(one["PolicyDocument"]) for one in p("Policies")}
    return {"description": p("Description"), "trust": cfn.document(p("AssumeRolePolicyDocument")), "policies": policies}


def function(p):
    variables = dict(p("Environment")["Variables"])
    code = p("Code")
    return {
        "description": p("Description"), "runtime": p("Runtime"), "handler": p("Handler"), "architectures": p("Architectures"),
        "code": [code["S3Bucket"], code["S3Key"]], "role": p("Role"), "memory": int(p("MemorySize")), "timeout": p("Timeout"),
        "concurrency": int(p("ReservedConcurrentExecutions", -1)), "dead": p("DeadLetterConfig")["TargetArn"],
        "log": p("LoggingConfig"), "variables": read(variables),
    }  # fmt: skip


def read(variables):
    """JSON in variables as it means; the template writes it in another order."""
    config = variables["DENYWATCH_CONFIG"]
    return variables | {"DENYWATCH_CONFIG": json.loads(config) if config.startswith("{") else config}


def mapping(p):
    return {
        "source": p("EventSourceArn"), "function": p("FunctionName"), "batch": int(p("BatchSize")),
        "window": int(p("MaximumBatchingWindowInSeconds", 0)), "answers": p("FunctionResponseTypes"),
        "most": p("ScalingConfig")["MaximumConcurrency"],
    }  # fmt: skip


def schedule(p):
    target = Taken(p("Target"))
    retry = target("RetryPolicy")
    made = {
        "description": p("Description"), "expression": p("ScheduleExpression"), "zone": p("ScheduleExpressionTimezone"),
        "window": p("FlexibleTimeWindow")["Mode"], "arn": target("Arn"), "role": target("RoleArn"),
        "input": json.loads(target("Input")), "retry": [retry["MaximumEventAgeInSeconds"], retry["MaximumRetryAttempts"]],
        "dead": target("DeadLetterConfig", {}).get("Arn"),
    }  # fmt: skip
    assert not target.left, target.left
    return made


def alarm(p):
    return {
        "why": p("AlarmDescription"), "metric": [p("Namespace"), p("MetricName")],
        "dimensions": {one["Name"]: one["Value"] for one in p("Dimensions")}, "statistic": p("Statistic"), "period": p("Period"),
        "periods": p("EvaluationPeriods"), "threshold": p("Threshold"), "comparison": p("ComparisonOperator"),
        "missing": p("TreatMissingData"), "actions": [p("AlarmActions"), p("OKActions")],
    }  # fmt: skip


def dashboard(p):
    """With what a full stop stands for."""
    made = json.loads(p("DashboardBody"))
    for widget in made["widgets"]:
        before = []
        for metric in widget["properties"]["metrics"]:
            metric[:] = [before[at] if one == "." else one for at, one in enumerate(metric)]
            before = metric
    return made


def bus(p):
    return {"name": p("Name"), "description": p("Description"), "policy": cfn.document(p("Policy"))}


TEMPLATE = {
    "AWS::Events::Rule": rule,
    "AWS::Events::EventBus": bus,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": lambda p: {"queues": p("Queues"), "policy": cfn.document(p("PolicyDocument"))},
    "AWS::DynamoDB::Table": table,
    "AWS::IAM::Role": role,
    "AWS::IAM::RolePolicy": lambda p: {"role": p("RoleName"), "name": p("PolicyName"), "policy": cfn.document(p("PolicyDocument"))},
    "AWS::Logs::LogGroup": lambda p: {"days": int(p("RetentionInDays"))},
    "AWS::Lambda::Function": function,
    "AWS::Lambda::EventSourceMapping": mapping,
    "AWS::SNS::Topic": lambda p: {"display": p("DisplayName"), "key": p("KmsMasterKeyId")},
    "AWS::SNS::TopicPolicy": lambda p: {"topics": p("Topics"), "policy": cfn.document(p("PolicyDocument"))},
    "AWS::SNS::Subscription": lambda p: {"topic": p("TopicArn"), "protocol": p("Protocol"), "endpoint": p("Endpoint")},
    "AWS::Scheduler::Schedule": schedule,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
}


# ---- the module's side ----

# The module names things, the template leaves that to CloudFormation; only the module has tags.
NAMES = {"name", "name_prefix", "function_name", "alarm_name", "dashboard_name", "tags"}


def of_module(plan, address):
    kind, values = plan.resources[address]
    take = Taken(values)
    made = MODULE[kind](take, plan)
    written = plan.written[address.split("[")[0]] - NAMES
    assert not written & take.left, f"{address}: {written & take.left} are not compared"
    return made


def parts(plan, kind, **same):
    """Resources of a kind whose attributes are these, with all that they say looked at by the caller."""
    return [Taken(v) for v in plan.of(kind).values() if all(v[name] == value for name, value in same.items())]


def only(blocks):
    """The one block of a list, or none."""
    assert len(blocks or []) <= 1
    return (blocks or [None])[0]


def tf_rule(v, plan):
    on = v("event_bus_name") or "default"
    targets = [t for t in parts(plan, "aws_cloudwatch_event_target", rule=v["name"]) if (t["event_bus_name"] or "default") == on]
    return {
        "description": v("description"), "state": v("state"), "bus": on, "pattern": json.loads(v("event_pattern")),
        "targets": [
            {"id": t["target_id"], "arn": t["arn"], "role": t["role_arn"], "dead": (only(t["dead_letter_config"]) or {}).get("arn")}
            for t in targets
        ],
    }  # fmt: skip


def tf_bus(v, plan):
    (policy,) = parts(plan, "aws_cloudwatch_event_bus_policy", event_bus_name=v["name"])
    return {"name": v["name"], "description": v("description"), "policy": cfn.document(policy["policy"])}


def tf_queue(v, plan):
    redrive = v("redrive_policy")
    return {
        "sse": v("sqs_managed_sse_enabled"), "hidden": v("visibility_timeout_seconds") or 30, "kept": v("message_retention_seconds"),
        "redrive": json.loads(redrive) if redrive and redrive.startswith("{") else None,
    }  # fmt: skip


def tf_table(v, plan):
    ttl, limit, sse = only(v("ttl")), only(v("on_demand_throughput")), only(v("server_side_encryption"))
    assert sse is None or sse["enabled"] is True
    # In place of the template's UpdateReplacePolicy.
    assert v("deletion_protection_enabled") is True
    return {
        "billing": v("billing_mode"), "attributes": {one["name"]: one["type"] for one in v("attribute")},
        "keys": [v("hash_key"), v("range_key")],
        "ttl": {"AttributeName": ttl["attribute_name"], "Enabled": ttl["enabled"]},
        "pitr": only(v("point_in_time_recovery"))["enabled"],
        "limit": limit and [limit["max_read_request_units"], limit["max_write_request_units"]],
        "key": sse and sse["kms_key_arn"],
    }  # fmt: skip


def tf_role(v, plan):
    policies = parts(plan, "aws_iam_role_policy", role=v["name"])
    # A policy of its own in the template is one of its own here.
    own = {one["name"]: cfn.document(one["policy"]) for one in policies if one["name"] != "authorization-details"}
    return {"description": v("description"), "trust": cfn.document(v("assume_role_policy")), "policies": own}


def tf_function(v, plan):
    log = only(v("logging_config"))
    return {
        "description": v("description"), "runtime": v("runtime"), "handler": v("handler"), "architectures": v("architectures"),
        "code": [v("s3_bucket"), v("s3_key")], "role": v("role"), "memory": v("memory_size"), "timeout": v("timeout"),
        "concurrency": v("reserved_concurrent_executions"), "dead": only(v("dead_letter_config"))["target_arn"],
        "log": {"LogGroup": log["log_group"], "LogFormat": log["log_format"]},
        "variables": read(only(v("environment"))["variables"]), **only_with_code(v),
    }  # fmt: skip


def only_with_code(v):
    """With a bucket and key the local zip is out of the play."""
    assert (v("filename"), v("source_code_hash") or "").count(None) >= 1
    return {}


def tf_mapping(v, plan):
    return {
        "source": v("event_source_arn"), "function": v("function_name"), "batch": v("batch_size"),
        "window": v("maximum_batching_window_in_seconds") or 0, "answers": v("function_response_types"),
        "most": only(v("scaling_config"))["maximum_concurrency"],
    }  # fmt: skip


def tf_schedule(v, plan):
    target = only(v("target"))
    retry = only(target["retry_policy"])
    return {
        "description": v("description"), "expression": v("schedule_expression"), "zone": v("schedule_expression_timezone"),
        "window": only(v("flexible_time_window"))["mode"], "arn": target["arn"], "role": target["role_arn"],
        "input": json.loads(target["input"]), "retry": [retry["maximum_event_age_in_seconds"], retry["maximum_retry_attempts"]],
        "dead": (only(target["dead_letter_config"]) or {}).get("arn"),
    }  # fmt: skip


def tf_alarm(v, plan):
    return {
        "why": v("alarm_description").replace("tuning.table_max_units", "TableMaxUnits"),
        "metric": [v("namespace"), v("metric_name")], "dimensions": v("dimensions"), "statistic": v("statistic"),
        "period": v("period"), "periods": v("evaluation_periods"), "threshold": v("threshold"),
        "comparison": v("comparison_operator"), "missing": v("treat_missing_data"), "actions": [v("alarm_actions"), v("ok_actions")],
    }  # fmt: skip


MODULE = {
    "aws_cloudwatch_event_rule": tf_rule,
    "aws_cloudwatch_event_bus": tf_bus,
    "aws_sqs_queue": tf_queue,
    "aws_sqs_queue_policy": lambda v, plan: {"queues": [v("queue_url")], "policy": cfn.document(v("policy"))},
    "aws_dynamodb_table": tf_table,
    "aws_iam_role": tf_role,
    "aws_iam_role_policy": lambda v, plan: {"role": v("role"), "name": v["name"], "policy": cfn.document(v("policy"))},
    "aws_cloudwatch_log_group": lambda v, plan: {"days": v("retention_in_days")},
    "aws_lambda_function": tf_function,
    "aws_lambda_event_source_mapping": tf_mapping,
    "aws_sns_topic": lambda v, plan: {"display": v("display_name"), "key": v("kms_master_key_id")},
    "aws_sns_topic_policy": lambda v, plan: {"topics": [v("arn")], "policy": cfn.document(v("policy"))},
    "aws_sns_topic_subscription": lambda v, plan: {"topic": v("topic_arn"), "protocol": v("protocol"), "endpoint": v("endpoint")},
    "aws_scheduler_schedule": tf_schedule,
    "aws_cloudwatch_metric_alarm": tf_alarm,
    "aws_cloudwatch_dashboard": lambda v, plan: json.loads(v("dashboard_body")),
}
