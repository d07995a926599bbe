"""The archive of a trail: a new log file is read when the bucket tells the queue of it, an old one from the back-fill's list."""

import gzip
import json
import zlib

import pytest

import conftest
import events
from stand_ins import ACCOUNT, REGION, wait_for

STACK, BUCKET = "denywatch-archive", "archive-trail"
FOLDER = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/11/18"


@pytest.fixture(scope="module")
def archive(aws, slack, bootstrap_zip):
    s3 = aws.client("s3")
    for bucket in ("archive-code", BUCKET):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="archive-code", Key="bootstrap.zip", Body=bootstrap_zip)
    secret = aws.client("secretsmanager").create_secret(Name="archive/slack", SecretString=slack.url)["ARN"]
    # Before anybody listens.
    put(aws, "old", "from-the-past")
    parameters = {
        "CodeBucket": "archive-code", "CodeKey": "bootstrap.zip", "SlackSecretArn": secret, "ArchiveBucket": BUCKET,
        "ArchivePrefix": "AWSLogs/", "Backfill": "true", "BatchingWindowSeconds": "1", "EndpointUrl": aws.url,
    }  # fmt: skip
    outputs = conftest.deploy(aws, parameters, create=True, name=STACK)
    queue = {
        "QueueArn": outputs["QueueArn"], "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".json.gz"}]}},
    }  # fmt: skip
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [queue]})
    yield outputs
    conftest.remove(aws, STACK)


def put(aws, name, user):
    """A log file with one denial of a data event, and an allowed call."""
    identity = events.user_identity(user)
    said = events.refused(identity["arn"], "s3:GetObject", "arn:aws:s3:::reports/q3.csv")
    number = zlib.crc32(user.encode())
    data = {"readOnly": True, "managementEvent": False, "eventCategory": "Data"}
    data |= {"requestParameters": {"bucketName": "reports", "key": "q3.csv"}}
    records = [
        events.record(f"a2c41e00-0000-4000-8000-{number:012d}", "s3.amazonaws.com", "GetObject", identity, "AccessDenied", said, **data),
        events.record(f"a2c41e01-0000-4000-8000-{number:012d}", "s3.amazonaws.com", "GetObject", identity, None, None, **data),
    ]
    key = f"{FOLDER}/{ACCOUNT}_CloudTrail_{REGION}_20261118T1005Z_{name}.json.gz"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(json.dumps({"Records": records}).encode()))


def users(aws, archive):
    """Whose denials the ledger holds, and how many of each."""
    found = {}
    for item in aws.client("dynamodb").scan(TableName=archive["TableName"])["Items"]:
        if item["pk"]["S"].startswith("F#"):
            name = json.loads(zlib.decompress(item["body"]["B"], -15))["principal"]["name"]
            found[name] = found.get(name, 0) + int(item["count"]["N"])
    return found


def waiting(aws, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    got = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(got[name]) for name in names)


def test_a_new_file_is_read(aws, slack, archive):
    put(aws, "new", "from-today")
    wait_for("the denial in the ledger", 60, lambda: users(aws, archive) == {"from-today": 1})
    wait_for("Slack's post", 60, lambda: [post for post in list(slack.posts) if "from-today" in json.dumps(post)])


def test_a_back_fill_reads_what_was_there_before_and_nothing_twice(aws, archive):
    body = json.dumps({"denywatch": {"scan": [f"s3://{BUCKET}/AWSLogs/"]}})
    for _ in range(2):
        aws.client("sqs").send_message(QueueUrl=archive["BackfillQueueUrl"], MessageBody=body)
    wait_for("the past in the ledger", 60, lambda: "from-the-past" in users(aws, archive))
    wait_for("an empty queue", 60, lambda: waiting(aws, archive["BackfillQueueUrl"]) == 0)
    assert users(aws, archive) == {"from-today": 1, "from-the-past": 1}


def test_nothing_went_astray(aws, archive):
    for queue in ("QueueUrl", "DeadLettersUrl", "ScheduleDeadLettersUrl"):
        assert waiting(aws, archive[queue]) == 0, queue
