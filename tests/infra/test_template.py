"""What the template says, read as data: privileges, numbers that hang together, other partitions."""

import json
import re

import pytest

import cases
import cfn

TEMPLATE = cfn.load(cases.TEMPLATE)
RESOURCES = TEMPLATE["Resources"]


def of_type(kind):
    return {name: r["Properties"] for name, r in RESOURCES.items() if r["Type"] == kind}


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
    given = cases.CODE | cases.OF_MAIL | ({"SlackSecretArn": cases.secret("slack")} if slack else {})
    stack = cases.stack(cases.TEMPLATE, given, "eu-west-1", "aws", "denywatch", lambda name, _: name.lower())
    _, function = stack.resources()["Function"]
    variables = function["Environment"]["Variables"]
    expected = {
        "version": 1, "policies": {"live": False}, "report": {"tz": "UTC"}, "alert": {"digest": {"tz": "UTC"}},
        "route": [{"to": ["sns:topic"]}],
    }  # fmt: skip
    if slack:
        secret = {"mode": "webhook", "secret": cases.secret("slack")}
        expected |= {"slack": secret, "route": [{"to": ["sns:topic", "slack"]}]}
    assert json.loads(variables["DENYWATCH_CONFIG"]) == expected
    assert variables["DENYWATCH_STORE"] == "dynamodb:table"


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({}, "Alerts need a destination"),
        ({"Config": "version = 1", "ConfigObject": "bucket/key"}, "Give one of"),
        (cases.OF_MAIL | {"Mode": "central"}, "needs OrganizationId"),
        (cases.OF_MAIL | {"Backfill": "true"}, "needs ArchiveBucket"),
        (cases.OF_MAIL, None),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_built(given, broken):
    stack = cases.stack(cases.TEMPLATE, cases.CODE | given, "eu-west-1", "aws", "denywatch", lambda name, _: name)
    told = stack.broken_rules()
    assert told == [] if broken is None else len(told) == 1 and broken in told[0]


def test_the_template_can_be_given_as_it_is():
    assert len(cases.TEMPLATE.read_bytes()) <= 51_200, "AWS's limit of TemplateBody"


def test_the_centre_asks_for_what_the_account_does():
    """The rule on the bus is the rule on the default bus; the forwarder's is it without the exclusion of a role it cannot know."""
    of = {name: r["Properties"]["EventPattern"] for name, r in RESOURCES.items() if r["Type"] == "AWS::Events::Rule"}
    assert of["CentralDenialRule"] == of["DenialRule"]
    assert of["CentralChangeRule"]["detail"] == {"errorCode": of["ChangeRule"]["detail"]["errorCode"]}
    assert {json.dumps(pattern["source"]) for pattern in of.values()} == {'[{"prefix": "aws."}]'}, "sources that AWS keeps to itself"
    forwarder = {
        name: r["Properties"]["EventPattern"]
        for name, r in cfn.load(cases.FORWARDER)["Resources"].items()
        if r["Type"] == "AWS::Events::Rule"
    }
    whole = json.loads(json.dumps(of["DenialRule"]))
    del whole["detail"]["userIdentity"]
    assert forwarder == {"DenialRule": whole, "ChangeRule": of["ChangeRule"]}


def test_no_partition_is_written_down():
    """Nothing but the patterns of parameters may hold `arn:aws:`; China and GovCloud have other partitions."""
    text = json.dumps({k: TEMPLATE[k] for k in ("Resources", "Outputs", "Conditions")})
    assert not re.search(r"arn:aws[^$]", text)
    assert not re.search(r"\b[a-z]{2}(-gov|-iso[a-z]*)?-(north|south|east|west|central)[a-z]*-\d\b", text)


def test_each_statement_is_explained():
    """A comment stands above each statement of the roles and queues."""
    lines = cases.TEMPLATE.read_text().split("\n")
    for at, line in enumerate(lines):
        if re.match(r"\s+- Sid: ", line):
            above = lines[at - 1] if "!If" not in lines[at - 2] else lines[at - 3]
            assert above.strip().startswith("#"), f"line {at + 1}: {line.strip()}"
