"""The rules' patterns against hits and misses, by two independent matchers.

Those of the account are read back from the deployed rules, those of a centre and of a forwarder from their templates. The
module's are the same: tests/infra/test_parity.py.
"""

import json

import boto3
import pytest
from moto import mock_aws

import cases as inputs
import events
from stand_ins import REGION


def denied(case, own):
    """The denial rules: all of ours leave our own role out, a forwarder does not know it."""
    return case["hit"]


def denied_or_ours(case, own):
    return case["hit"] or own


def changed(case, own):
    return case.get("change", False)


def went_through(case, own):
    """What a centre lets through of what forwarders have picked by name."""
    return "errorCode" not in case["detail"] and not {"detail-type", "source"} & case.keys()


RULES = {
    "DenialRule": denied,
    "ChangeRule": changed,
    "CentralDenialRule": denied,
    "CentralChangeRule": went_through,
    "forwarder's DenialRule": denied_or_ours,
    "forwarder's ChangeRule": changed,
}


@pytest.fixture(scope="module")
def patterns(stack):
    own = stack.outputs["FunctionRoleArn"]
    given = inputs.CODE | inputs.OF_MAIL | {"Mode": "central", "OrganizationId": "o-exampleorgid"}

    def attribute(name, which):
        return own if (name, which) == ("FunctionRole", "Arn") else f"{name}.{which}"

    found = {}
    for path, parameters, prefix in (
        (inputs.TEMPLATE, given, ""),
        (inputs.FORWARDER, {"BusArn": inputs.BUS.format("aws")}, "forwarder's "),
    ):
        built = inputs.stack(path, parameters, REGION, "aws", "denywatch", attribute).resources()
        found |= {prefix + name: p["EventPattern"] for name, (kind, p) in built.items() if kind == "AWS::Events::Rule"}
    for output, name in (("RuleArn", "DenialRule"), ("ChangeRuleArn", "ChangeRule")):
        deployed = stack.bus.describe_rule(Name=stack.outputs[output].rsplit("/", 1)[-1])["EventPattern"]
        assert json.loads(deployed) == found[name]
    assert set(found) == set(RULES)
    return {name: json.dumps(pattern, separators=(",", ":")) for name, pattern in found.items()}


@pytest.fixture(scope="module")
def cases(stack):
    return list(events.pattern_events(stack.outputs["FunctionRoleArn"]))


def test_the_patterns_are_small_enough(patterns):
    assert {name: len(pattern) for name, pattern in patterns.items() if len(pattern) > 2048} == {}, "AWS's default quota"


def test_there_are_enough_cases(cases):
    hits = [case["name"] for case, _ in cases if case["hit"]]
    changes = [case["name"] for case, _ in cases if case.get("change")]
    assert len(cases) >= 80 and len(hits) >= 20 and len(changes) >= 20 and len(cases) - len(hits) >= 20
    assert len({case["name"] for case, _ in cases}) == len(cases)


def wrong(rule, cases, matches):
    """Names of the cases that a matcher and we see differently."""
    told = []
    for case, event in cases:
        hit, got = RULES[rule](case, case["detail"]["userIdentity"] == "own role" and "errorCode" in case["detail"]), matches(event)
        if got != hit:
            told.append(f"{case['name']}: {'missed' if hit else 'let through'}")
    return told


@pytest.mark.parametrize("rule", RULES)
def test_first_matcher(stack, patterns, cases, rule):
    def matches(event):
        return stack.bus.test_event_pattern(EventPattern=patterns[rule], Event=json.dumps(event))["Result"]

    assert wrong(rule, cases, matches) == []


@pytest.mark.parametrize("rule", RULES)
@mock_aws
def test_second_matcher(patterns, cases, monkeypatch, rule):
    """moto's PutEvents takes any source, and its matcher shares no code with ministack's."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    keys = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    bus, sqs = boto3.client("events", **keys), boto3.client("sqs", **keys)
    url = sqs.create_queue(QueueName="hits")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="rule", EventPattern=patterns[rule])
    bus.put_targets(Rule="rule", Targets=[{"Id": "hits", "Arn": arn}])

    def matches(event):
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        bus.put_events(Entries=[entry])
        got = sqs.receive_message(QueueUrl=url).get("Messages", [])
        for message in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bool(got)

    assert wrong(rule, cases, matches) == []
