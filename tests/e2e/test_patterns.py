"""The rule's pattern, read back from the deployed rule, against hits and misses, by two independent matchers."""

import json

import boto3
import pytest
from moto import mock_aws

import events
from stand_ins import REGION


@pytest.fixture(scope="module")
def rule(stack):
    name = stack.outputs["RuleArn"].rsplit("/", 1)[-1]
    return stack.bus.describe_rule(Name=name)


@pytest.fixture(scope="module")
def cases(stack):
    return list(events.pattern_events(stack.outputs["FunctionRoleArn"]))


def test_the_pattern_is_small_enough(rule):
    assert len(rule["EventPattern"]) <= 2048, "AWS's default quota of a pattern's size"


def test_there_are_enough_cases(cases):
    hits = [name for name, hit, _ in cases if hit]
    assert len(cases) >= 40 and len(hits) >= 20 and len(cases) - len(hits) >= 20
    assert len({name for name, _, _ in cases}) == len(cases)


def test_first_matcher(stack, rule, cases):
    wrong = []
    for name, hit, event in cases:
        got = stack.bus.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))["Result"]
        if got != hit:
            wrong.append(f"{name}: {'missed' if hit else 'let through'}")
    assert wrong == []


@mock_aws
def test_second_matcher(rule, cases, monkeypatch):
    """moto's PutEvents takes any source, and its matcher shares no code with ministack's."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    keys = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    bus, sqs = boto3.client("events", **keys), boto3.client("sqs", **keys)
    url = sqs.create_queue(QueueName="hits")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="denials", EventPattern=rule["EventPattern"])
    bus.put_targets(Rule="denials", Targets=[{"Id": "hits", "Arn": arn}])
    wrong = []
    for name, hit, event in cases:
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        bus.put_events(Entries=[entry])
        got = sqs.receive_message(QueueUrl=url).get("Messages", [])
        for message in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if bool(got) != hit:
            wrong.append(f"{name}: {'missed' if hit else 'let through'}")
    assert wrong == []
