"""Each statement between AWS's services is needed: without it the run stops there, with it the run goes through.

The queues' policies, the topic's, the bus's, the schedule's role, and what Lambda does in the function's name. A stack and,
for the bus, a forwarder in an account of its own; what ministack does not ask by itself, between_services.py asks.
"""

import contextlib
import datetime
import json
import time
import uuid
import zlib

import pytest

import conftest
import events
from services import policy
from stand_ins import ACCOUNT, REGION, from_topic, wait_for

STACK, FORWARDER, BUCKET = "denywatch-between", "denywatch-between-forwarder", "between-trail"
MEMBER, STRANGER = "444455556666", "777788889999"


@pytest.fixture(scope="module")
def line(aws, bootstrap_zip):
    made = Line(aws, bootstrap_zip)
    yield made
    conftest.remove(aws, STACK)
    aws.client("sqs").delete_queue(QueueUrl=made.inbox)


class Line:
    """The stack, and what comes out at its ends."""

    def __init__(self, aws, bootstrap_zip):
        self.aws = aws
        for bucket in ("between-code", BUCKET):
            aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        aws.client("s3").put_object(Bucket="between-code", Key="bootstrap.zip", Body=bootstrap_zip)
        self.organization = aws.account(MEMBER).client("organizations").describe_organization()["Organization"]["Id"]
        parameters = {
            "CodeBucket": "between-code", "CodeKey": "bootstrap.zip", "AlertEmail": "alerts@example.com", "Mode": "central",
            "OrganizationId": self.organization, "ArchiveBucket": BUCKET, "BatchingWindowSeconds": "1",
            "IncludeReadEvents": "false", "EndpointUrl": aws.url,
        }  # fmt: skip
        self.outputs = conftest.deploy(aws, parameters, create=True, name=STACK)
        inbox = f"arn:aws:sqs:{REGION}:{ACCOUNT}:between"
        letters = policy(from_topic(inbox, self.outputs["TopicArn"]))
        self.inbox = aws.client("sqs").create_queue(QueueName="between", Attributes={"Policy": letters})["QueueUrl"]
        aws.client("sns").subscribe(TopicArn=self.outputs["TopicArn"], Protocol="sqs", Endpoint=inbox)

    def physical(self, logical):
        found = self.aws.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def deny(self, at=None):
        """Puts a denial of a user of its own; the user's name."""
        name = f"between-{uuid.uuid4().hex[:12]}"
        user = events.user_identity(name)
        said = events.refused(user["arn"], "sns:ListTopics", "*")
        denial = events.record(str(uuid.uuid4()), "sns.amazonaws.com", "ListTopics", user, "AuthorizationError", said)
        (at or self.aws).client("events").put_events(Entries=[events.entry(denial)])
        return name

    def knows(self, name):
        items = self.aws.client("dynamodb").scan(TableName=self.outputs["TableName"], ConsistentRead=True)["Items"]
        parts = [json.loads(zlib.decompress(item["body"]["B"], -15)) for item in items if item["pk"]["S"].startswith("F#")]
        return any(part["principal"].get("name") == name for part in parts)

    def waiting(self, output):
        """Bodies of a queue's messages, taken away."""
        found, sqs = [], self.aws.client("sqs")
        while got := sqs.receive_message(QueueUrl=self.outputs[output], MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=self.outputs[output], ReceiptHandle=message["ReceiptHandle"])
        return found

    def count(self, output):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.aws.client("sqs").get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)
        return sum(map(int, got["Attributes"].values()))

    def told(self):
        """What the topic said since it was last asked."""
        found, sqs = [], self.aws.client("sqs")
        while got := sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
        return found

    @contextlib.contextmanager
    def without(self, holder, *sids):
        """A queue, the topic or a role while it lacks statements."""
        get, put = self.hands(holder)
        before = get()
        kept = [one for one in before["Statement"] if one["Sid"] not in sids]
        assert len(kept) == len(before["Statement"]) - len(sids), before
        put(json.dumps(before | {"Statement": kept}))
        try:
            yield
        finally:
            put(json.dumps(before))

    def hands(self, holder):
        if holder.endswith("Url"):
            sqs, url = self.aws.client("sqs"), self.outputs[holder]
            get = lambda: json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
            return get, lambda text: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
        if holder == "TopicArn":
            sns, arn = self.aws.client("sns"), self.outputs[holder]
            get = lambda: json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
            return get, lambda text: sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)
        iam, role = self.aws.client("iam"), self.physical(holder)
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        get = lambda: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

        def put(text):
            with contextlib.suppress(iam.exceptions.NoSuchEntityException):
                iam.delete_role_policy(RoleName=role, PolicyName=name)
            if json.loads(text)["Statement"]:
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)

        return get, put

    def by_the_clock(self):
        """Scheduler calls once, in a second: a further schedule with the report's target."""
        scheduler = self.aws.client("scheduler")
        report = scheduler.get_schedule(Name=self.outputs["ScheduleName"].rpartition("/")[2])
        name = f"between-{uuid.uuid4().hex[:12]}"
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
        once = {"ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})", "FlexibleTimeWindow": {"Mode": "OFF"}}
        scheduler.create_schedule(Name=name, Target=report["Target"], **once)
        time.sleep(4)
        scheduler.delete_schedule(Name=name)


def test_with_all_of_them_a_denial_goes_through(line):
    name = line.deny()
    wait_for("the denial in the ledger", 30, lambda: line.knows(name))
    wait_for("an empty queue", 30, lambda: line.count("QueueUrl") == 0)
    assert line.waiting("DeadLettersUrl") == []


def test_the_rule_needs_the_queues_leave(line):
    with line.without("QueueUrl", "EventsFromTheRules"):
        name = line.deny()
        (dead,) = wait_for("the event among the dead letters", 10, lambda: line.waiting("DeadLettersUrl"))
        assert name in dead and line.count("QueueUrl") == 0 and not line.knows(name)


def test_the_rule_needs_the_dead_letters_leave(line):
    with line.without("QueueUrl", "EventsFromTheRules"), line.without("DeadLettersUrl", "UndeliverableFromTheRules"):
        name = line.deny()
        time.sleep(2)
        assert line.waiting("DeadLettersUrl") == [] and not line.knows(name), "lost, as it would be in AWS"


def test_the_archives_bucket_needs_the_queues_leave(line):
    s3 = line.aws.client("s3")
    queue = {"QueueArn": line.outputs["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
    tell = lambda: s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [queue]})
    with line.without("QueueUrl", "NewFilesOfTheArchive"), pytest.raises(s3.exceptions.ClientError):
        tell()
    tell()


def test_alarms_need_the_topics_leave(line):
    name, cloudwatch = line.physical("ErrorsAlarm"), line.aws.client("cloudwatch")
    rings = lambda state: cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="tried")
    about = lambda: [one for one in line.told() if name in json.dumps(one)]
    with line.without("TopicArn", "Alarms"):
        rings("ALARM")
        time.sleep(1)
        assert about() == []
    rings("OK")
    wait_for("the alarm's mail", 10, about)


def test_a_schedule_needs_its_role(line):
    name = line.deny()
    wait_for("a denial to report", 30, lambda: line.knows(name))
    about = lambda: [one for one in line.told() if "Denied actions, week" in json.dumps(one)]
    with line.without("ScheduleRole", "CallTheFunction"):
        line.by_the_clock()
        assert about() == [] and line.waiting("ScheduleDeadLettersUrl") == ['{"denywatch":"report"}']
    with line.without("ScheduleRole", "CallTheFunction", "KeepWhatFailed"):
        line.by_the_clock()
        assert about() == [] and line.waiting("ScheduleDeadLettersUrl") == []
    line.by_the_clock()
    wait_for("the report", 30, about)


def test_the_queue_is_polled_in_the_functions_name(line):
    with line.without("FunctionRole", "OwnQueue"):
        name = line.deny()
        time.sleep(3)
        assert line.count("QueueUrl") == 1 and not line.knows(name)
    wait_for("the denial in the ledger", 30, lambda: line.knows(name))


def test_the_log_is_written_in_the_functions_name(line):
    def log():
        pages = line.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=line.outputs["LogGroupName"])
        return [event["message"] for page in pages for event in page["events"]]

    def runs():
        line.aws.client("lambda").invoke(FunctionName=line.outputs["FunctionName"], Payload=b'{"Records":[]}')
        return len(log())

    with line.without("FunctionRole", "OwnLog"):
        assert runs() == runs(), "something was written"
        before = len(log())
    assert runs() > before


def test_a_call_that_failed_is_kept_in_the_functions_name(line):
    """A sweep without the ledger fails three times."""

    def fails():
        call = {"FunctionName": line.outputs["FunctionName"], "InvocationType": "Event"}
        line.aws.client("lambda").invoke(**call, Payload=b'{"denywatch":"sweep"}')

    with line.without("FunctionRole", "OwnLedger", "OwnDeadLetters"):
        fails()
        time.sleep(15)
        assert line.waiting("ScheduleDeadLettersUrl") == []
    with line.without("FunctionRole", "OwnLedger"):
        fails()
        (dead,) = wait_for("the call among the dead letters", 30, lambda: line.waiting("ScheduleDeadLettersUrl"))
    assert json.loads(dead)["requestPayload"] == {"denywatch": "sweep"}


@pytest.fixture
def forwarder(request, aws, line):
    """A forwarder in another account, by the account's number."""
    there = aws.account(request.param)
    given = {"BusArn": line.outputs["BusArn"], "IncludeReadEvents": "false"}
    outputs = conftest.deploy(there, given, create=True, name=FORWARDER, path=conftest.FORWARDER)
    yield there, outputs
    conftest.remove(there, FORWARDER)


@pytest.mark.parametrize("forwarder", [STRANGER], indirect=True)
def test_an_account_of_another_organization_is_not_let_in(line, forwarder):
    there, _ = forwarder
    other = there.client("organizations").describe_organization()["Organization"]["Id"]
    assert other != line.organization
    name = line.deny(at=there)
    time.sleep(3)
    assert not line.knows(name)


@pytest.mark.parametrize("forwarder", [MEMBER], indirect=True)
def test_a_member_account_needs_its_role_and_the_organization(line, forwarder):
    there, outputs = forwarder
    name = line.deny(at=there)
    wait_for("the member's denial in the ledger", 30, lambda: line.knows(name))
    iam, role = there.client("iam"), outputs["RoleArn"].rpartition("/")[2]
    document = iam.get_role_policy(RoleName=role, PolicyName="denywatch-forwarder")["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="denywatch-forwarder")
    name = line.deny(at=there)
    time.sleep(3)
    assert not line.knows(name), "without SendToTheBus"
    iam.put_role_policy(RoleName=role, PolicyName="denywatch-forwarder", PolicyDocument=json.dumps(document))
    line.aws.client("events").remove_permission(EventBusName=STACK, StatementId="EventsFromTheOrganization")
    name = line.deny(at=there)
    time.sleep(3)
    assert not line.knows(name), "without EventsFromTheOrganization"
