"""What test_apply.py calls, service by service: a thing to make, a call that needs it, and a call beside it."""

import dataclasses
import io
import json
import typing
import zipfile

from stand_ins import ACCOUNT, REGION


@dataclasses.dataclass(frozen=True)
class Service:
    """One service. `name` is the thing's own name, made anew for each caller."""

    client: str
    make: typing.Callable
    """(aws, name) -> what the calls get to know the thing by."""
    call: typing.Callable
    """(client, thing): refused at first, answered with the patch."""
    other: typing.Callable
    """(client, thing): another action on the same thing, refused before and after."""
    resource: typing.Callable = lambda thing: thing
    """thing -> the ARN that policies know it by."""
    deviation: str = ""
    """Where ministack judges otherwise than AWS, so that a right patch does not help here."""


def arn(service, resource, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def bucket(aws, name):
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_object(Bucket=name, Key="report", Body=b"x")
    return name


def table(aws, name):
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def parameter(aws, name):
    """Under `/app`: Systems Manager takes no name that begins with its own."""
    aws.client("ssm").put_parameter(Name=f"/app/{name}", Value="x", Type="String")
    return f"/app/{name}"


def key(aws, name):
    """A key has no name."""
    return aws.client("kms").create_key(Description=name)["KeyMetadata"]["Arn"]


def role(aws, name):
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
    return name


def function(aws, name):
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 1")
    made = role(aws, f"{name}-runs")
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=arn("iam", f"role/{made}", region=""),
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
    )
    return name


def made_by(client, operation, answer=None, **given):
    """Makes a thing by one call in which `NAME` is its name; returns that name, or what the answer holds."""

    def make(aws, name):
        filled = {word: name if value == "NAME" else value for word, value in given.items()}
        told = getattr(aws.client(client), operation)(**filled)
        return told[answer] if answer else name

    return make


SERVICES = {
    "s3": Service(
        "s3",
        bucket,
        lambda s3, thing: s3.get_object(Bucket=thing, Key="report"),
        lambda s3, thing: s3.delete_object(Bucket=thing, Key="report"),
        lambda name: f"arn:aws:s3:::{name}/report",
    ),
    "sqs": Service(
        "sqs",
        made_by("sqs", "create_queue", "QueueUrl", QueueName="NAME"),
        lambda sqs, thing: sqs.send_message(QueueUrl=thing, MessageBody="x"),
        lambda sqs, thing: sqs.receive_message(QueueUrl=thing),
        lambda url: arn("sqs", url.rpartition("/")[2]),
    ),
    "sns": Service(
        "sns",
        made_by("sns", "create_topic", "TopicArn", Name="NAME"),
        lambda sns, thing: sns.publish(TopicArn=thing, Message="x"),
        lambda sns, thing: sns.get_topic_attributes(TopicArn=thing),
    ),
    "dynamodb": Service(
        "dynamodb",
        table,
        lambda dynamodb, thing: dynamodb.put_item(TableName=thing, Item={"id": {"S": "1"}}),
        lambda dynamodb, thing: dynamodb.get_item(TableName=thing, Key={"id": {"S": "1"}}),
        lambda name: arn("dynamodb", f"table/{name}"),
    ),
    "kms": Service(
        "kms",
        key,
        lambda kms, thing: kms.encrypt(KeyId=thing, Plaintext=b"x"),
        lambda kms, thing: kms.describe_key(KeyId=thing),
    ),
    "secretsmanager": Service(
        "secretsmanager",
        made_by("secretsmanager", "create_secret", "ARN", Name="NAME", SecretString="x"),
        lambda secrets, thing: secrets.get_secret_value(SecretId=thing),
        lambda secrets, thing: secrets.describe_secret(SecretId=thing),
    ),
    "ssm": Service(
        "ssm",
        parameter,
        lambda ssm, thing: ssm.get_parameter(Name=thing),
        lambda ssm, thing: ssm.delete_parameter(Name=thing),
        lambda path: arn("ssm", f"parameter{path}"),
    ),
    "lambda": Service(
        "lambda",
        function,
        lambda functions, thing: functions.get_function(FunctionName=thing),
        lambda functions, thing: functions.delete_function(FunctionName=thing),
        lambda name: arn("lambda", f"function:{name}"),
    ),
    "iam": Service(
        "iam",
        role,
        lambda iam, thing: iam.get_role(RoleName=thing),
        lambda iam, thing: iam.delete_role(RoleName=thing),
        lambda name: arn("iam", f"role/{name}", region=""),
    ),
    "logs": Service(
        "logs",
        made_by("logs", "create_log_group", logGroupName="NAME"),
        lambda logs, thing: logs.create_log_stream(logGroupName=thing, logStreamName="one"),
        lambda logs, thing: logs.delete_log_group(logGroupName=thing),
        lambda name: arn("logs", f"log-group:{name}"),
        "ministack asks for the log group's ARN; AWS asks for the stream's, which the patch has",
    ),
    "events": Service(
        "events",
        made_by("events", "create_event_bus", Name="NAME"),
        lambda bus, thing: bus.put_events(
            Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": thing}]
        ),
        lambda bus, thing: bus.describe_event_bus(Name=thing),
        lambda name: arn("events", f"event-bus/{name}"),
    ),
    "kinesis": Service(
        "kinesis",
        made_by("kinesis", "create_stream", StreamName="NAME", ShardCount=1),
        lambda kinesis, thing: kinesis.put_record(StreamName=thing, Data=b"x", PartitionKey="1"),
        lambda kinesis, thing: kinesis.describe_stream(StreamName=thing),
        lambda name: arn("kinesis", f"stream/{name}"),
    ),
}
