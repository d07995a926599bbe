"""What the template says, read as data: privileges, numbers that hang together, other partitions."""

import json
import re

import pytest

import conftest

TEMPLATE = conftest.template()
RESOURCES = TEMPLATE["Resources"]


def of_type(kind):
    return {name: r["Properties"] for name, r in RESOURCES.items() if r["Type"] == kind}


def statements(role):
    """A role's statements, those under a condition with its name."""
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            condition, statement, _ = statement.get("Fn::If", [None, statement, None])
            actions = statement["Action"]
            yield condition, statement | {"Action": [actions] if isinstance(actions, str) else actions}


def test_the_function_may_do_this_and_nothing_else():
    all_of_it = list(statements("FunctionRole"))
    allowed = {(c, s["Sid"], *s["Action"], json.dumps(s["Resource"])) for c, s in all_of_it if c != "ReadsPolicies"}
    assert allowed == {
        (None, "OwnLog", "logs:CreateLogStream", "logs:PutLogEvents", '{"Fn::GetAtt": "LogGroup.Arn"}'),
        (
            None,
            "OwnQueue",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            '{"Fn::GetAtt": "Queue.Arn"}',
        ),
        (None, "OwnDeadLetters", "sqs:SendMessage", '{"Fn::GetAtt": "ScheduleDeadLetters.Arn"}'),
        (
            None,
            "OwnLedger",
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            '{"Fn::GetAtt": "Table.Arn"}',
        ),
        (None, "OwnTopic", "sns:Publish", '{"Ref": "Topic"}'),
        ("HasSlack", "SlackSecret", "secretsmanager:GetSecretValue", '{"Ref": "SlackSecretArn"}'),
        ("HasTopicKey", "TopicKey", "kms:GenerateDataKey", "kms:Decrypt", '{"Ref": "TopicKmsKeyArn"}'),
        (
            "HasTableKey",
            "TableKey",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
            '{"Ref": "TableKmsKeyArn"}',
        ),
    }


# What the program's own list of calls names for reading policies: one IAM action an operation.
READS = re.compile(r'allowed\(\s*"([a-z0-9-]+)",\s*Shape::(Json|Query|Rest)\("([^"]+)"')
OF_PATH = {
    "/backup-vaults/{}/access-policy": "GetBackupVaultAccessPolicy",
    "/v1/domain/permissions/policy": "GetDomainPermissionsPolicy",
    "/2015-02-01/file-systems/{}/policy": "DescribeFileSystemPolicy",
    "/2015-03-31/functions/{}/policy": "GetPolicy",
    "/{}": "GetBucketPolicy",
    "/{}/{..}": "GetObject",
    "/authorization-details/{}": "GetRequestAuthorizationDetails",
}
# Those are not for policies in force (the ledger, the configuration), or need no permission; `verify --live` alone, at a desk, asks the simulator.
OTHERS = {
    "cloudtrail:LookupEvents", "secretsmanager:GetSecretValue", "ssm:GetParameter", "sns:Publish", "sts:AssumeRole",
    "sts:GetCallerIdentity", "iam:SimulatePrincipalPolicy", "s3:GetObject", "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:TransactWriteItems",
}


def test_reading_policies_takes_what_the_program_calls_and_nothing_else():
    """The statement is there only when asked for, and each of its actions is a call on the program's list."""
    ((statement,),) = [[s for c, s in statements("FunctionRole") if c == "ReadsPolicies"]]
    listed = (conftest.ROOT / "src" / "io" / "aws" / "allow.rs").read_text()
    name = lambda shape, text: OF_PATH[text] if shape == "Rest" else text.rsplit(".", 1)[-1]
    calls = {f"{service}:{name(shape, text)}" for service, shape, text in READS.findall(listed)}
    (details,) = RESOURCES["AuthorizationDetails"]["Properties"]["PolicyDocument"]["Statement"]
    assert RESOURCES["AuthorizationDetails"]["Condition"] == "ReadsPolicies"
    assert {*statement["Action"], details["Action"]} == calls - OTHERS
    assert statement["Action"] == sorted(statement["Action"])
    for action in statement["Action"]:
        assert re.search(":(Get|List|Describe|Decode)", action), action


def test_the_schedule_may_call_the_function_and_keep_what_failed():
    allowed = {(*s["Action"], json.dumps(s["Resource"])) for _, s in statements("ScheduleRole")}
    assert allowed == {
        ("lambda:InvokeFunction", '{"Fn::GetAtt": "Function.Arn"}'),
        ("sqs:SendMessage", '{"Fn::GetAtt": "ScheduleDeadLetters.Arn"}'),
    }


@pytest.mark.parametrize("role", sorted(of_type("AWS::IAM::Role")))
def test_no_wildcard_and_no_write_to_iam(role):
    properties = RESOURCES[role]["Properties"]
    assert "ManagedPolicyArns" not in properties, "a managed policy can grow without us"
    for _, statement in statements(role):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        for action in statement["Action"]:
            assert "*" not in action and not action.startswith("sso")
            reads = re.match("[a-z]+:(Get|List|Describe)", action)
            assert reads or not action.startswith(("iam:", "organizations:"))


def test_queues_take_messages_from_the_rule_only():
    policies = of_type("AWS::SQS::QueuePolicy")
    assert {name: p["Queues"] for name, p in policies.items()} == {
        "QueuePolicy": [{"Ref": "Queue"}],
        "DeadLettersPolicy": [{"Ref": "DeadLetters"}],
    }
    for policy in policies.values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "DenialRule.Arn"}}}


def test_a_message_stays_hidden_long_enough():
    """AWS's advice: six times the function's timeout, plus the batching window."""
    window = TEMPLATE["Parameters"]["BatchingWindowSeconds"]["MaxValue"]
    timeout = RESOURCES["Function"]["Properties"]["Timeout"]
    queue = RESOURCES["Queue"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + window
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 10
    assert all(q["SqsManagedSseEnabled"] is True for q in of_type("AWS::SQS::Queue").values())


def test_only_what_the_function_names_is_retried():
    mapping = RESOURCES["EventSource"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_weekly_schedule():
    schedule = RESOURCES["ReportSchedule"]["Properties"]
    assert schedule["ScheduleExpressionTimezone"] == {"Ref": "TimeZone"}
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert json.loads(schedule["Target"]["Input"]) == {"denywatch": "report"}


def test_the_daily_digest():
    schedule = RESOURCES["DigestSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == {"Ref": "DigestScheduleExpression"}
    assert json.loads(schedule["Target"]["Input"]) == {"denywatch": "digest"}
    assert schedule["Target"]["DeadLetterConfig"] == RESOURCES["ReportSchedule"]["Properties"]["Target"]["DeadLetterConfig"]


def test_what_is_due_is_sent_each_minute():
    schedule = RESOURCES["OutboxSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert json.loads(schedule["Target"]["Input"]) == {"denywatch": "outbox"}


def test_the_ledger_outlives_mistakes_and_forgets_in_time():
    table = RESOURCES["Table"]["Properties"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]


@pytest.mark.parametrize("slack", [False, True])
def test_the_configuration_is_json_without_secrets(slack):
    _, with_slack, without = RESOURCES["Function"]["Properties"]["Environment"]["Variables"]["DENYWATCH_CONFIG"]["Fn::If"]
    text = (with_slack if slack else without)["Fn::Sub"]
    for name, value in {"Table": "ledger", "ReadPolicies": "true", "SlackSecretArn": "arn:s", "Topic": "arn:t"}.items():
        text = text.replace("${" + name + "}", value)
    assert "${" not in text
    expected = {"version": 1, "store": {"uri": "dynamodb:ledger"}, "policies": {"live": True}, "route": [{"to": ["sns:arn:t"]}]}
    if slack:
        expected |= {"slack": {"mode": "webhook", "secret": "arn:s"}, "route": [{"to": ["sns:arn:t", "slack"]}]}
    assert json.loads(text) == expected


def test_no_partition_is_written_down():
    """Nothing but the patterns of parameters may hold `arn:aws:`; China and GovCloud have other partitions."""
    text = json.dumps({k: TEMPLATE[k] for k in ("Resources", "Outputs", "Conditions")})
    assert not re.search(r"arn:aws[^$]", text)
    assert not re.search(r"\b[a-z]{2}(-gov|-iso[a-z]*)?-(north|south|east|west|central)[a-z]*-\d\b", text)


def test_each_statement_is_explained():
    """A comment stands above each statement of the roles and queues."""
    lines = conftest.TEMPLATE.read_text().split("\n")
    for at, line in enumerate(lines):
        if re.match(r"\s+- Sid: ", line):
            above = lines[at - 1] if "!If" not in lines[at - 2] else lines[at - 3]
            assert above.strip().startswith("#"), f"line {at + 1}: {line.strip()}"
