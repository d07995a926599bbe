"""A centre with its bus, and a forwarder: what is denied on the forwarder's side comes out at the centre.

ministack has one account here, so both stand in it; the centre's own rule on the default bus is switched off, and the only way
is over the bus.
"""

import datetime
import json
import zlib

import pytest

import conftest
import events
from services import policy
from stand_ins import ACCOUNT, REGION, wait_for

CENTRE, FORWARDER = "denywatch-centre", "denywatch-forwarder"


@pytest.fixture(scope="module")
def centre(aws, slack, bootstrap_zip):
    aws.client("s3").create_bucket(Bucket="centre-code", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_object(Bucket="centre-code", Key="bootstrap.zip", Body=bootstrap_zip)
    secret = aws.client("secretsmanager").create_secret(Name="centre/slack", SecretString=slack.url)["ARN"]
    parameters = {
        "CodeBucket": "centre-code", "CodeKey": "bootstrap.zip", "SlackSecretArn": secret, "Mode": "central",
        "OrganizationId": "o-exampleorgid", "BatchingWindowSeconds": "1", "EndpointUrl": aws.url, "IncludeReadEvents": "false",
    }  # fmt: skip
    outputs = conftest.deploy(aws, parameters, create=True, name=CENTRE) | {"given": parameters}
    given = {"BusArn": outputs["BusArn"], "IncludeReadEvents": "false"}
    outputs |= conftest.deploy(aws, given, create=True, name=FORWARDER, path=conftest.FORWARDER)
    for rule in aws.client("events").list_rules(NamePrefix=CENTRE)["Rules"]:
        aws.client("events").disable_rule(Name=rule["Name"])
    yield outputs
    conftest.remove(aws, FORWARDER)
    conftest.remove(aws, CENTRE)


def test_a_denial_comes_over_the_bus(aws, centre):
    user = events.user_identity("over-the-bus")
    said = events.refused(user["arn"], "sns:ListTopics", "*")
    denial = events.record("0a1b2c3d-0000-4000-8000-000000000001", "sns.amazonaws.com", "ListTopics", user, "AuthorizationError", said)
    aws.client("events").put_events(Entries=[events.entry(denial), events.entry(events.change())])
    (found,) = wait_for("a finding in the centre's ledger", 60, lambda: kept(aws, centre, "F#"))
    assert found["principal"]["name"] == "over-the-bus"
    changes = wait_for("a change of a policy in the centre's ledger", 60, lambda: kept(aws, centre, "C#"))
    assert "changer" in json.dumps(changes)
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=centre["DeadLettersUrl"], AttributeNames=["ApproximateNumberOfMessages"])
    assert queue["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_scheduler_itself_asks_for_the_report(aws, slack, centre):
    """Once, in ten seconds, instead of weekly; Scheduler calls the function in its role's name."""
    def reports():
        return [post for post in list(slack.posts) if "Denied actions, week" in json.dumps(post)]

    before = len(reports())
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=10)
    conftest.deploy(aws, centre["given"] | {"ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})"}, name=CENTRE)
    wait_for("the report", 60, lambda: reports()[before:])


def kept(aws, centre, start):
    """What the centre's ledger keeps in partitions that begin so."""
    items = aws.client("dynamodb").scan(TableName=centre["TableName"])["Items"]
    return [json.loads(zlib.decompress(one["body"]["B"], -15)) for one in items if one["pk"]["S"].startswith(start)]


def test_the_bus_has_its_rules(aws, centre):
    bus = centre["BusArn"].rpartition("/")[2]
    rules = aws.client("events").list_rules(EventBusName=bus)["Rules"]
    assert len(rules) == 2 and {rule["State"] for rule in rules} == {"ENABLED"}


@pytest.mark.parametrize("taken", ["SendToTheBus"])
def test_the_forwarder_needs_its_right(aws, centre, taken):
    """In the role's name, since ministack does not look at the role when it forwards."""
    iam, role = aws.client("iam"), centre["RoleArn"].rpartition("/")[2]
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy(trust))
    document = iam.get_role_policy(RoleName=role, PolicyName="denywatch-forwarder")["PolicyDocument"]
    assert [one["Sid"] for one in document["Statement"]] == [taken]
    entry = {"Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": centre["BusArn"]}
    events_in_its_name = aws.in_the_name_of(centre["RoleArn"], "events")
    assert events_in_its_name.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(Exception, match="AccessDenied"):
        events_in_its_name.put_events(Entries=[entry | {"EventBusName": "default"}])
    iam.delete_role_policy(RoleName=role, PolicyName="denywatch-forwarder")
    with pytest.raises(Exception, match="AccessDenied"):
        aws.in_the_name_of(centre["RoleArn"], "events").put_events(Entries=[entry])
