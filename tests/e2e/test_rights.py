"""Each statement of the function's role is needed: without it the run is refused, with all of them nothing is.

A stack with all options that ministack knows. Two judges: the function itself, run on a denial and for a report after a
statement was taken away, and the calls of a statement one by one in the role's name, for those that Lambda makes or that
are for reading policies. What Lambda and other services do by themselves: test_between.py. What none of them shows (keys,
calls that ministack lacks) the simulator of tests/infra judges.
"""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

import conftest
import events
from services import policy
from stand_ins import ACCOUNT, REGION

STACK = "denywatch-rights"
REFUSED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "UnauthorizedOperation", "403")


@pytest.fixture(scope="module")
def wide(aws, slack, bootstrap_zip):
    """The stack's outputs and hands; nothing else listens, so no event is put."""
    made = Wide(aws, slack, bootstrap_zip)
    yield made
    conftest.remove(aws, STACK)


class Wide:
    def __init__(self, aws, slack, bootstrap_zip):
        self.aws, self.slack = aws, slack
        for bucket in ("rights-code", "rights-reports", "rights-trail"):
            aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        aws.client("s3").put_object(Bucket="rights-code", Key="bootstrap.zip", Body=bootstrap_zip)
        aws.client("s3").put_object(Bucket="rights-trail", Key="AWSLogs/x", Body=b"x")
        secrets = aws.client("secretsmanager")
        self.secret = secrets.create_secret(Name="rights/slack", SecretString=slack.url)["ARN"]
        self.other = secrets.create_secret(Name="rights/other", SecretString="x")["ARN"]
        self.topic = aws.client("sns").create_topic(Name="rights-further")["TopicArn"]
        self.key = aws.client("kms").create_key(Description="rights")["KeyMetadata"]["KeyId"]
        ssm = aws.client("ssm")
        ssm.put_parameter(Name="/rights/secret", Value="x", Type="String")
        ssm.put_parameter(Name="/rights/config", Value="{}", Type="String")
        self.parameters = {
            "CodeBucket": "rights-code", "CodeKey": "bootstrap.zip", "SlackSecretArn": self.secret,
            "ConfigParameter": "/rights/config", "SecretArns": self.other,
            "ParameterArns": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/rights/secret", "TopicArns": self.topic,
            "ReportLocation": "rights-reports/weekly", "ArchiveBucket": "rights-trail", "ArchivePrefix": "AWSLogs/",
            "Backfill": "true", "ReadPolicies": "true", "EndpointUrl": aws.url, "IncludeReadEvents": "false",
        }  # fmt: skip
        self.outputs = conftest.deploy(aws, self.parameters, create=True, name=STACK)
        config = {
            "version": 1,
            "policies": {"live": True},
            "report": {"bucket": "s3://rights-reports/weekly", "tz": "UTC"},
            "slack": {"mode": "webhook", "secret": self.secret},
            "route": [{"to": [f"sns:{self.outputs['TopicArn']}", "slack"]}],
        }
        ssm.put_parameter(Name="/rights/config", Value=json.dumps(config), Type="String", Overwrite=True)
        self.role = self.outputs["FunctionRoleArn"].rpartition("/")[2]
        iam = aws.client("iam")
        self.document = iam.get_role_policy(RoleName=self.role, PolicyName="denywatch")["PolicyDocument"]
        trust = iam.get_role(RoleName=self.role)["Role"]["AssumeRolePolicyDocument"]
        trust["Statement"].append({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
        iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=json.dumps(trust))
        self.seen = 0

    def sids(self):
        return [one["Sid"] for one in self.document["Statement"]]

    def without(self, *sids):
        """The role with all statements but these."""
        kept = [one for one in self.document["Statement"] if one["Sid"] not in sids]
        self.aws.client("iam").put_role_policy(RoleName=self.role, PolicyName="denywatch", PolicyDocument=policy(*kept))

    def client(self, service):
        """In the role's name."""
        return self.aws.in_the_name_of(self.outputs["FunctionRoleArn"], service)

    def run(self):
        """A new process of the function takes a denial, reports and sweeps; what it was refused, as its log or answer tells."""
        functions, name = self.aws.client("lambda"), self.outputs["FunctionName"]
        told = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": told | {"RUN": uuid.uuid4().hex}})
        number = uuid.uuid4()
        user = events.user_identity(f"rights-{number.hex[:12]}")
        said = events.refused(user["arn"], "sns:Publish", self.topic)
        denial = events.record(str(number), "sns.amazonaws.com", "Publish", user, "AuthorizationError", said)
        body = json.dumps({"detail-type": "AWS API Call via CloudTrail", "source": "aws.sns", "detail": denial})
        message = {
            "messageId": str(number), "eventSource": "aws:sqs", "eventSourceARN": self.outputs["QueueArn"], "body": body,
            "receiptHandle": "x", "attributes": {}, "messageAttributes": {}, "md5OfBody": "", "awsRegion": REGION,
        }  # fmt: skip
        answers, posts = [], len(self.slack.posts)
        for event in ({"Records": [message]}, {"denywatch": "report"}, {"denywatch": "sweep"}):
            answer = functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
            text = answer["Payload"].read().decode()
            answers += [text] if "FunctionError" in answer or json.loads(text or "{}").get("batchItemFailures") else []
        lines = self.log()
        fresh, self.seen = lines[self.seen :], len(lines)
        # What is not there to be read is no fault: the alert says so.
        unread = [post["text"] for post in self.slack.posts[posts:] if " was refused for " in json.dumps(post)]
        return answers + unread + [line for line in fresh if "not authorized" in line or "AccessDenied" in line]

    def log(self):
        found = self.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.outputs["LogGroupName"])
        return [event["message"] for page in found for event in page["events"]]


def test_with_all_statements_nothing_is_refused(wide):
    assert wide.run() == []


@pytest.mark.parametrize("sid", ["OwnLedger", "OwnTopic", "SlackSecret", "ConfigParameter", "ReadPolicies", "OwnReports", "Sweep"])
def test_without_a_statement_the_run_is_refused(wide, sid):
    assert sid in wide.sids()
    wide.without(sid)
    try:
        refused = wide.run()
    finally:
        wide.without()
    assert refused != [], f"nobody missed {sid}"


# The calls that a statement is for, in the role's name: what Lambda does for the function, and what the program does with an
# archive or with secrets of further receivers.
CALLS = {
    "OwnQueue": [
        lambda c, w: c("sqs").receive_message(QueueUrl=w.outputs["QueueUrl"]),
        lambda c, w: c("sqs").delete_message(QueueUrl=w.outputs["QueueUrl"], ReceiptHandle="x"),
        lambda c, w: c("sqs").get_queue_attributes(QueueUrl=w.outputs["QueueUrl"], AttributeNames=["QueueArn"]),
    ],
    "OwnDeadLetters": [lambda c, w: c("sqs").send_message(QueueUrl=w.outputs["ScheduleDeadLettersUrl"], MessageBody="x")],
    "OwnLedger": [
        lambda c, w: c("dynamodb").get_item(TableName=w.outputs["TableName"], Key=ITEM),
        lambda c, w: c("dynamodb").batch_get_item(RequestItems={w.outputs["TableName"]: {"Keys": [ITEM]}}),
        lambda c, w: c("dynamodb").query(
            TableName=w.outputs["TableName"], KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "probe"}}
        ),
        lambda c, w: c("dynamodb").put_item(TableName=w.outputs["TableName"], Item=ITEM),
        lambda c, w: c("dynamodb").update_item(
            TableName=w.outputs["TableName"], Key=ITEM, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "1"}}
        ),
        lambda c, w: c("dynamodb").delete_item(TableName=w.outputs["TableName"], Key=ITEM),
    ],
    "OwnTopic": [lambda c, w: c("sns").publish(TopicArn=w.outputs["TopicArn"], Message="x")],
    "SlackSecret": [lambda c, w: c("secretsmanager").get_secret_value(SecretId=w.secret)],
    "ConfigParameter": [lambda c, w: c("ssm").get_parameter(Name="/rights/config")],
    "Secrets": [lambda c, w: c("secretsmanager").get_secret_value(SecretId=w.other)],
    "SecretParameters": [lambda c, w: c("ssm").get_parameter(Name="/rights/secret")],
    "Topics": [lambda c, w: c("sns").publish(TopicArn=w.topic, Message="x")],
    "Sweep": [lambda c, w: c("cloudtrail").lookup_events(MaxResults=1)],
    "OwnReports": [
        lambda c, w: c("s3").put_object(Bucket="rights-reports", Key="weekly/probe", Body=b"x"),
        lambda c, w: c("s3").get_object(Bucket="rights-reports", Key="weekly/probe"),
    ],
    "ReadArchive": [lambda c, w: c("s3").get_object(Bucket="rights-trail", Key="AWSLogs/x")],
    "ListArchive": [lambda c, w: c("s3").list_objects_v2(Bucket="rights-trail", Prefix="AWSLogs/")],
    "BackfillQueue": [
        lambda c, w: c("sqs").send_message(QueueUrl=w.outputs["BackfillQueueUrl"], MessageBody='{"denywatch":{"scan":[]}}'),
        lambda c, w: c("sqs").receive_message(QueueUrl=w.outputs["BackfillQueueUrl"]),
        lambda c, w: c("sqs").delete_message(QueueUrl=w.outputs["BackfillQueueUrl"], ReceiptHandle="x"),
        lambda c, w: c("sqs").get_queue_attributes(QueueUrl=w.outputs["BackfillQueueUrl"], AttributeNames=["QueueArn"]),
    ],
    "ReadPolicies": [
        lambda c, w: c("iam").get_role(RoleName=w.role),
        lambda c, w: c("iam").get_role_policy(RoleName=w.role, PolicyName="denywatch"),
        lambda c, w: c("iam").list_role_policies(RoleName=w.role),
        lambda c, w: c("iam").list_attached_role_policies(RoleName=w.role),
        lambda c, w: c("kms").get_key_policy(KeyId=w.key, PolicyName="default"),
        lambda c, w: c("lambda").get_policy(FunctionName=w.outputs["FunctionName"]),
        lambda c, w: c("s3").get_bucket_policy(Bucket="rights-code"),
        lambda c, w: c("secretsmanager").get_resource_policy(SecretId=w.secret),
        lambda c, w: c("sns").get_topic_attributes(TopicArn=w.topic),
    ],
}
ITEM = {"pk": {"S": "probe"}, "sk": {"S": "probe"}}


def refused(wide, sid):
    """Which of a statement's calls are refused; other faults (nothing is there, a made-up handle) are none of a policy."""
    keep = []
    for number, call in enumerate(CALLS[sid]):
        try:
            call(wide.client, wide)
        except ClientError as error:
            if error.response["Error"]["Code"] in REFUSED:
                keep.append(number)
    return keep


# ministack asks for the log group's ARN; AWS asks for the stream's, which the statement has: test_between.py asks for that.
ELSEWHERE = {"OwnLog"}


def test_every_statement_has_its_calls(wide):
    assert set(CALLS) | ELSEWHERE == set(wide.sids())


@pytest.mark.parametrize("sid", CALLS)
def test_without_a_statement_its_calls_are_refused(wide, sid):
    assert refused(wide, sid) == []
    # Where a queue's attributes may be read for its policy, they may be read.
    wide.without(sid, "ReadPolicies")
    try:
        assert refused(wide, sid) == list(range(len(CALLS[sid])))
    finally:
        wide.without()


def test_what_no_statement_speaks_of_is_refused(wide):
    """The role is no more than its statements."""
    beyond = [
        lambda c: c("iam").put_role_policy(RoleName=wide.role, PolicyName="more", PolicyDocument=policy()),
        lambda c: c("sns").publish(TopicArn=wide.aws.client("sns").create_topic(Name="rights-strange")["TopicArn"], Message="x"),
        lambda c: c("s3").get_object(Bucket="rights-code", Key="bootstrap.zip"),
        lambda c: c("s3").put_object(Bucket="rights-reports", Key="elsewhere", Body=b"x"),
        lambda c: c("dynamodb").scan(TableName=wide.outputs["TableName"]),
        lambda c: c("sqs").send_message(QueueUrl=wide.outputs["QueueUrl"], MessageBody="x"),
    ]
    for call in beyond:
        with pytest.raises(ClientError) as told:
            call(wide.client)
        assert told.value.response["Error"]["Code"] in REFUSED, told.value
