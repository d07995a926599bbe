"""The stage: stand-ins, the template deployed with our `bootstrap`, and a queue that hears what the topic says."""

import io
import json
import pathlib
import sys
import time
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "infra"))
import cfn
import events
from stand_ins import ACCOUNT, REGION, Ministack, SlackDouble, from_topic, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "cloudformation" / "template.yaml"
FORWARDER = ROOT / "infra" / "cloudformation" / "forwarder.yaml"
STACK = "denywatch-e2e"


def pytest_addoption(parser):
    parser.addoption("--bootstrap", help="the Lambda binary; default: target/debug/bootstrap, then target/release/bootstrap")
    parser.addoption("--denywatch", help="the program; default: target/debug/denywatch, then target/release/denywatch")
    parser.addoption("--before", help="a checkout of the release before, with its target/debug/bootstrap")


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    with Ministack(tmp_path_factory.mktemp("ministack")) as ministack:
        yield ministack


@pytest.fixture(scope="session")
def slack():
    with SlackDouble() as double:
        yield double


@pytest.fixture(scope="session")
def bootstrap_zip(pytestconfig):
    return zipped(built(pytestconfig, "bootstrap"))


def zipped(bootstrap):
    """The function's code as Lambda takes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        info = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        info.external_attr = 0o755 << 16
        archive.writestr(info, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def built(pytestconfig, name):
    """The binary that was given by its option, or the one that cargo left."""
    given = pytestconfig.getoption(f"--{name}")
    places = [pathlib.Path(given)] if given else [ROOT / "target" / p / name for p in ("debug", "release")]
    found = next((p for p in places if p.is_file()), None)
    if found is None:
        pytest.fail(f"no {name} at " + " or ".join(map(str, places)))
    return found


class Stack:
    """The deployed stack, and hands to reach into it."""

    def __init__(self, aws, slack, outputs, parameters, inbox_url):
        self.aws, self.slack, self.outputs, self.parameters, self.inbox_url = aws, slack, outputs, parameters, inbox_url
        self.sqs, self.bus, self.logs = aws.client("sqs"), aws.client("events"), aws.client("logs")
        self.table = outputs["TableName"]
        self.mail = []

    def put(self, *entries):
        for start in range(0, len(entries), 10):
            answer = self.bus.put_events(Entries=list(entries[start : start + 10]))
            assert answer["FailedEntryCount"] == 0, answer

    def read_mail(self):
        """All that the topic has sent so far, oldest first."""
        while True:
            got = self.sqs.receive_message(QueueUrl=self.inbox_url, MaxNumberOfMessages=10).get("Messages", [])
            if not got:
                return self.mail
            for message in got:
                self.mail.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.inbox_url, ReceiptHandle=message["ReceiptHandle"])

    def mail_about(self, text):
        return [m for m in self.read_mail() if text in m["Message"]]

    def await_mail_about(self, text, seconds=60):
        return wait_for(lambda: f"a message about `{text}`\n{self.log_tail()}", seconds, lambda: self.mail_about(text))

    def posts_about(self, text):
        return [p for p in list(self.slack.posts) if text in json.dumps(p)]

    def waiting(self, url):
        """Messages in a queue, seen or in somebody's hands."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(got[name]) for name in names)

    def log_lines(self):
        group = self.outputs["LogGroupName"]
        found, token = [], {}
        while True:
            page = self.logs.filter_log_events(logGroupName=group, **token)
            found += page["events"]
            if "nextToken" not in page:
                return [e["message"] for e in found]
            token = {"nextToken": page["nextToken"]}

    def log_objects(self):
        """The function's own lines; Lambda writes others between them."""
        return [json.loads(line) for line in self.log_lines() if line.startswith("{")]

    def settle(self, number):
        """Puts a denial of its own and waits for its alert: then all that went before has been looked at."""
        self.put(events.entry(events.sentinel(number)))
        self.await_mail_about(f"sentinel-{number}")
        wait_for("an empty queue", 30, lambda: self.waiting(self.outputs["QueueUrl"]) == 0)
        time.sleep(1)
        return self.read_mail()

    def ledger(self, start):
        """Items of the ledger whose partition begins so, read by a program that is not ours."""
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(start)]

    def log_tail(self):
        return "the function's log ends:\n" + "\n".join(self.log_lines()[-20:])


@pytest.fixture(scope="session")
def stack(aws, slack, bootstrap_zip):
    s3, sqs = aws.client("s3"), aws.client("sqs")
    s3.create_bucket(Bucket="denywatch-code", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="denywatch-code", Key="bootstrap-e2e.zip", Body=bootstrap_zip)
    secret = aws.client("secretsmanager").create_secret(Name="denywatch/slack", SecretString=slack.url)["ARN"]
    parameters = {
        "CodeBucket": "denywatch-code",
        "CodeKey": "bootstrap-e2e.zip",
        "AlertEmail": "alerts@example.com",
        "SlackSecretArn": secret,
        "BatchingWindowSeconds": "1",
        # ministack delivers for the state ENABLED alone; test_removal.py looks at the other one.
        "IncludeReadEvents": "false",
        "EndpointUrl": aws.url,
    }
    outputs = deploy(aws, parameters, create=True)
    inbox_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox"
    policy = {"Version": "2012-10-17", "Statement": [from_topic(inbox_arn, outputs["TopicArn"])]}
    inbox_url = sqs.create_queue(QueueName="inbox", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    aws.client("sns").subscribe(TopicArn=outputs["TopicArn"], Protocol="sqs", Endpoint=inbox_arn)
    return Stack(aws, slack, outputs, parameters, inbox_url)


def from_topic(queue_arn, topic_arn):
    """Lets a topic send to a queue."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }


def deploy(aws, parameters, create=False, name=STACK, path=TEMPLATE):
    """Creates or updates a stack; returns its outputs. A parameter that is `None` stays as it was."""
    cloudformation = aws.client("cloudformation")
    arguments = {
        "StackName": name,
        "TemplateBody": path.read_text(),
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": k} | given(v) for k, v in parameters.items()],
    }
    (cloudformation.create_stack if create else cloudformation.update_stack)(**arguments)
    done = "CREATE_COMPLETE" if create else "UPDATE_COMPLETE"
    end = time.monotonic() + 90
    while True:
        found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if found["StackStatus"] == done:
            return {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}
        if "IN_PROGRESS" not in found["StackStatus"] or time.monotonic() > end:
            story = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            failed = [e for e in story if "FAILED" in e["ResourceStatus"]]
            told = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in failed]
            pytest.fail(f"the stack is {found['StackStatus']}: {found.get('StackStatusReason')} {told}")
        time.sleep(0.3)


def given(value):
    return {"UsePreviousValue": True} if value is None else {"ParameterValue": value}


def remove(aws, name=STACK):
    """Deletes a stack and waits until it is gone."""
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=name)

    def gone():
        stacks = cloudformation.list_stacks()["StackSummaries"]
        return [s for s in stacks if s["StackName"] == name and s["StackStatus"] == "DELETE_COMPLETE"]

    wait_for(f"the stack {name} to be deleted", 60, gone)


def template():
    """The template with intrinsic functions as one-key objects."""
    return cfn.load(TEMPLATE)


def pytest_collection_modifyitems(items):
    """The run book's lines need the stack, so they come before test_removal.py takes it away."""
    items.sort(key=lambda item: item.path.name.replace("test_runbook", "test_query~"))
