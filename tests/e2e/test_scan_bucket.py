"""An archive of thousands of log files in S3: the program scans it as it scans the same folder, and the function scans it
from a queue and hears of new files, with the rights that infra/README.md names and no others."""

import concurrent.futures
import datetime
import gzip
import json
import pathlib
import subprocess

import pytest

import events
from conftest import built
from stand_ins import ACCOUNT, REGION, make_table, wait_for

BUCKET = "trail-archive"
ACCOUNTS = [ACCOUNT, "444455556666"]
REGIONS = [REGION, "eu-west-1"]
DAYS = 10
FILES = 60
"""Of one account's Region on one day: 2,400 files in all."""


def day_ago(days):
    return datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days)


def log(account, region, date, number):
    """Four records; in every fourth file one of them is denied."""
    records = []
    for at in range(4):
        denied = number % 4 == 0 and at == 0
        key = f"arn:aws:kms:{region}:{account}:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779"
        role = f"arn:aws:iam::{account}:role/app-{number % 3}"
        identity = events.role_identity(role)
        said = (
            f"User: {identity['arn']} is not authorized to perform: kms:GenerateDataKey on resource: {key} because no "
            "identity-based policy allows the kms:GenerateDataKey action"
        )
        name = f"{account}-{region}-{date}-{number}-{at}"
        code, message = ("AccessDenied", said) if denied else (None, None)
        made = events.record(name, "kms.amazonaws.com", "GenerateDataKey", identity, code, message)
        made |= {"awsRegion": region, "recipientAccountId": account, "eventTime": f"{date}T09:0{at}:00Z"}
        records.append(made)
    return gzip.compress(json.dumps({"Records": records}).encode(), 1, mtime=0)


def key(account, region, date, number):
    folder = f"audit/AWSLogs/o-a1b2c3d4e5/{account}/CloudTrail/{region}/{date:%Y/%m/%d}"
    return f"{folder}/{account}_CloudTrail_{region}_{date:%Y%m%d}T0915Z_{number:04}.json.gz"


@pytest.fixture(scope="module")
def archive(aws, tmp_path_factory):
    """The bucket, and a folder with the same files."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    folder = tmp_path_factory.mktemp("scanner")
    places = [(a, r, day_ago(d), n) for a in ACCOUNTS for r in REGIONS for d in range(1, DAYS + 1) for n in range(FILES)]

    def put(place):
        body, name = log(*place), key(*place)
        s3.put_object(Bucket=BUCKET, Key=name, Body=body)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, places))
    digest = key(ACCOUNT, REGION, day_ago(1), 0).replace("CloudTrail", "CloudTrail-Digest")
    s3.put_object(Bucket=BUCKET, Key=digest, Body=b"not a log")
    return folder


@pytest.fixture(scope="module")
def denywatch(aws, pytestconfig, tmp_path_factory):
    program, home = built(pytestconfig, "denywatch"), tmp_path_factory.mktemp("home")
    env = {
        "HOME": str(home),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }

    def run(*arguments, ledger):
        done = subprocess.run(
            [program, *arguments, "--store", f"sqlite:{home / ledger}", "--output", "json"],
            env=env, capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    return run


ALL = f"s3://{BUCKET}/audit/AWSLogs/"
WHOLE = len(ACCOUNTS) * len(REGIONS) * DAYS * FILES


def told(findings):
    return sorted((f["id"], f["count"], f["first_seen"], f["last_seen"], f["verdict"]) for f in findings["findings"])


def test_a_bucket_is_scanned_as_the_folder_is(archive, denywatch):
    estimate = denywatch("scan", ALL, "--estimate", ledger="bucket.db")
    assert (estimate["objects"], len(estimate["parts"])) == (WHOLE, len(ACCOUNTS) * len(REGIONS))
    assert estimate["bytes"] == sum(path.stat().st_size for path in archive.rglob("*.gz"))
    bucket = denywatch("scan", ALL, ledger="bucket.db")
    folder = denywatch("scan", str(archive), ledger="folder.db")
    print(f"{WHOLE} objects in {bucket['stats']['seconds']:.1f} s, as files in {folder['stats']['seconds']:.1f} s")
    same = ("files", "records", "denied", "bytes", "bytes_read")
    assert {k: bucket["stats"][k] for k in same} == {k: folder["stats"][k] for k in same}
    assert bucket["stats"]["denied"] == WHOLE // 4
    assert told(bucket) == told(folder)


def test_only_what_is_new_is_read(aws, archive, denywatch):
    first = denywatch("scan", ALL, ledger="again.db")
    assert first["stats"]["files"] == WHOLE
    again = denywatch("scan", ALL, ledger="again.db")
    assert (again["stats"]["files"], told(again)) == (0, told(first))
    late = key(ACCOUNT, REGION, day_ago(2), 9_999)
    body = log(ACCOUNT, REGION, day_ago(2), 10_000)
    aws.client("s3").put_object(Bucket=BUCKET, Key=late, Body=body)
    try:
        third = denywatch("scan", ALL, ledger="again.db")
    finally:
        aws.client("s3").delete_object(Bucket=BUCKET, Key=late)
    assert (third["stats"]["files"], third["stats"]["denied"]) == (1, 1), third["stats"]


def test_days_accounts_and_regions_are_pruned(archive, denywatch):
    since, until = day_ago(5), day_ago(4)
    narrow = ("--since", f"{since}", "--until", f"{until}", "--only-account", ACCOUNT, "--only-region", "eu-west-1")
    bucket = denywatch("scan", ALL, *narrow, ledger="narrow-bucket.db")
    folder = denywatch("scan", str(archive), *narrow, ledger="narrow-folder.db")
    assert bucket["stats"]["denied"] == FILES // 4
    # The day itself, and the one in which its last events may have been delivered.
    assert bucket["stats"]["files"] == folder["stats"]["files"] == 2 * FILES
    assert told(bucket) == told(folder)


def test_a_second_look_that_is_owed_is_made_up_for(aws, denywatch):
    """Of six objects that a scan of one look has read, the next fetches once more those that can tell, and tells what one
    scan of two looks tells."""
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779"
    for account, region in ((ACCOUNT, REGION), ("444455556666", "eu-west-1")):
        for days, denied in ((8, False), (6, account == ACCOUNT), (4, False)):
            identity = events.role_identity(f"arn:aws:iam::{account}:role/app")
            said = f"User: {identity['arn']} is not authorized to perform: kms:GenerateDataKey on resource: {arn}"
            error = ("AccessDenied", said) if denied else (None, None)
            made = events.record(f"{account} {days}", "kms.amazonaws.com", "GenerateDataKey", identity, *error)
            made |= {"awsRegion": region, "recipientAccountId": account, "requestParameters": {"keyId": arn}}
            made["eventTime"] = f"{day_ago(days)}T09:00:00Z"
            name = key(account, region, day_ago(days), 1).replace("audit/", "owed/", 1)
            aws.client("s3").put_object(Bucket=BUCKET, Key=name, Body=gzip.compress(json.dumps({"Records": [made]}).encode()))
    place = f"s3://{BUCKET}/owed/AWSLogs/"
    whole = denywatch("scan", place, ledger="whole.db")
    assert denywatch("scan", place, "--one-look", ledger="owed.db")["stats"]["files"] == 6
    estimate = denywatch("scan", place, "--estimate", ledger="owed.db")
    assert "an earlier scan was ended before its second look" in estimate["assumptions"][-1], estimate
    later = denywatch("scan", place, ledger="owed.db")
    denied = [one["findings"][0]["denied"][0] for one in (whole, later)]
    assert later["stats"]["files"] == 0 and denied[0] == denied[1], denied
    assert (denied[1]["allowed_before"], denied[1]["allowed_since"]["count"]) == (f"{day_ago(8)}T09:00:00Z", 1)
    estimate = denywatch("scan", place, "--estimate", ledger="owed.db")
    assert "an earlier scan" not in estimate["assumptions"][-1], "it is paid"


BACKFILL = f"arn:aws:sqs:{REGION}:{ACCOUNT}:scan-parts"
TABLE = "archive-ledger"


def statements():
    """What the function may do, statement by statement."""
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
    queue = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"]
    items = ["BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem", "ConditionCheckItem"]
    return [
        {"Sid": "ReadArchive", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/audit/*"},
        {
            "Sid": "ListArchive",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{BUCKET}",
            "Condition": {"StringLike": {"s3:prefix": "audit/*"}},
        },
        {"Sid": "BackfillQueue", "Effect": "Allow", "Action": queue, "Resource": BACKFILL},
        {"Sid": "OwnLedger", "Effect": "Allow", "Action": [f"dynamodb:{name}" for name in items], "Resource": table},
        {"Sid": "Logs", "Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ]


@pytest.fixture(scope="module")
def function(aws, archive, bootstrap_zip):
    make_table(aws, TABLE)
    queue = aws.client("sqs").create_queue(QueueName="scan-parts", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]}
    iam = aws.client("iam")
    role = iam.create_role(RoleName="scanner", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements()})
    iam.put_role_policy(RoleName="scanner", PolicyName="p", PolicyDocument=policy)
    config = "version = 1\n[[route]]\nto = 'stdout'"
    variables = {"DENYWATCH_CONFIG": config, "DENYWATCH_STORE": f"dynamodb:{TABLE}", "AWS_ENDPOINT_URL": aws.url}
    aws.client("lambda").create_function(
        FunctionName="scanner", Runtime="provided.al2023", Handler="bootstrap", Role=role, Timeout=60, MemorySize=512,
        Code={"ZipFile": bootstrap_zip}, Environment={"Variables": variables},
    )
    aws.client("lambda").create_event_source_mapping(
        FunctionName="scanner", EventSourceArn=BACKFILL, BatchSize=1, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    return queue


def counted(aws):
    """Denials in the ledger, read by a program that is not ours: each part of a finding tells its count."""
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    return sum(int(item["count"]["N"]) for item in items if item["pk"]["S"].startswith("F#"))


def test_a_scan_fans_out_over_its_queue_and_counts_once(aws, function):
    sqs = aws.client("sqs")
    ask = json.dumps({"denywatch": {"scan": [ALL], "since": f"{day_ago(4)}T00:00:00Z"}})
    expected = len(ACCOUNTS) * len(REGIONS) * 4 * FILES // 4
    sqs.send_message(QueueUrl=function, MessageBody=ask)
    wait_for(lambda: f"{expected} denials, not {counted(aws)}", 180, lambda: counted(aws) == expected, pause=2)
    # The same once more, and again a part of it: nothing counts twice.
    for body in (ask, json.dumps({"denywatch": {"scan": [f"{ALL}o-a1b2c3d4e5/{ACCOUNT}/CloudTrail/eu-west-1/"]}})):
        sqs.send_message(QueueUrl=function, MessageBody=body)
    more = expected + 6 * FILES // 4
    wait_for(lambda: f"{more} denials, not {counted(aws)}", 180, lambda: counted(aws) == more, pause=2)

    def is_empty():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = sqs.get_queue_attributes(QueueUrl=function, AttributeNames=names)["Attributes"]
        return sum(int(got[name]) for name in names) == 0

    wait_for("an empty queue", 90, is_empty, pause=1)
    assert counted(aws) == more


def test_a_new_file_is_read_when_s3_tells_of_it(aws, function):
    before = counted(aws)
    name = key("444455556666", "eu-west-1", day_ago(0), 8_000)
    aws.client("s3").put_object(Bucket=BUCKET, Key=name, Body=log("444455556666", "eu-west-1", day_ago(0), 8_000))
    stored = {"bucket": {"name": BUCKET}, "object": {"key": name.replace("=", "%3D")}}
    notice = {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": stored}]}
    for _ in range(2):
        aws.client("sqs").send_message(QueueUrl=function, MessageBody=json.dumps(notice))
    wait_for("one denial more", 60, lambda: counted(aws) == before + 1, pause=1)
    aws.client("s3").delete_object(Bucket=BUCKET, Key=name)
