"""The release before: what it left in its table, and how it is made.

`before.py BOOTSTRAP` runs that release's function over a few events and writes tests/fixtures/ledger/before.json: the
configuration, the events, and each item of the table as DynamoDB holds it. Done once a release, by the release itself.
"""

import base64
import datetime
import json
import pathlib
import sys
import tempfile
import zlib

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

import events  # noqa: E402
from lambda_host import Host  # noqa: E402
from stand_ins import ACCOUNT, REGION, Ministack, from_topic, make_table  # noqa: E402

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "ledger" / "before.json"
TABLE, TOPIC = "before", f"arn:aws:sns:{REGION}:{ACCOUNT}:before"
# Ten years, so that the test does not end with the fixture's days.
CONFIGURATION = f"""\
version = 1

[store]
retention = "3650d"
samples = "3650d"

[group]
wait = "0s"
update_every = "1m"
reopen_after = "24h"

[[expected.rule]]
id = "nightly-scan"
match = {{ principal = "*:role/nightly-scan" }}
reason = "asks for what it may not have, each night"
owner = "secops"
expires = 2036-01-01

[[route]]
to = ["sns:{TOPIC}"]
"""


def denial(number, role, action="sqs:SendMessage", minute=0, day="2026-11-24"):
    """A denied call with an id of its own."""
    service, name = action.split(":")
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    who = events.role_identity(arn)
    resource = f"arn:aws:{service}:{REGION}:{ACCOUNT}:orders-{role}"
    said = events.refused(who["arn"], action, resource)
    event = events.record(f"0b5a7c1e-7f52-4e0e-8d52-{number:012d}", f"{service}.amazonaws.com", name, who, "AccessDenied", said)
    return event | {"eventTime": f"{day}T09:{minute:02d}:00Z"}


def story():
    """What the release before was told."""
    many = [denial(n, "shop-worker", minute=n) for n in range(5)]
    return [*many, denial(10, "billing"), denial(11, "billing", "sns:Publish"), denial(12, "nightly-scan")]


# Calls of `billing` that a scan of that release saw allowed after their denial.
ALLOWED = ["2026-11-24T09:30:00Z", "2026-11-24T10:00:00Z"]


def with_allowed(items):
    """The items with those calls beside the denials of `sns:Publish`, as a scan of that release wrote them: bare times. Its
    function alone, which made the fixture, sees denials only."""
    return [scanned(item) if item["pk"]["S"].startswith("F#") else item for item in items]


def scanned(item):
    body = json.loads(zlib.decompress(item["body"]["B"], -15))
    if body["principal"]["name"] != "billing":
        return item
    seen = [one for key, one in body["items"] if key["action"] == "sns:Publish"]
    assert len(seen) == 1, body
    seen[0]["allowed"] = ALLOWED
    pack = zlib.compressobj(wbits=-15)
    return item | {"body": {"B": pack.compress(json.dumps(body).encode()) + pack.flush()}}


def batch(records):
    """As SQS hands them to the function."""
    bodies = [events.entry(record) for record in records]
    bodies = [json.dumps({"detail-type": body["DetailType"], "detail": json.loads(body["Detail"])}) for body in bodies]
    return {"Records": [{"messageId": str(n), "eventSource": "aws:sqs", "body": body} for n, body in enumerate(bodies)]}


def environment(aws):
    return {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": "denywatch",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "DENYWATCH_STORE": f"dynamodb:{TABLE}",
    }


def in_text(value):
    """Bytes as JSON can hold them."""
    return {"base64": base64.b64encode(value).decode()}


def from_text(value):
    """An object of the fixture, with its bytes."""
    return base64.b64decode(value["base64"]) if list(value) == ["base64"] else value


class Around:
    """The table, the topic and what it says, and a function of any release on them."""

    def __init__(self, aws, configuration, log):
        self.aws, self.env, self.log = aws, environment(aws) | {"DENYWATCH_CONFIG": configuration}, log
        make_table(aws, TABLE)
        aws.client("sns").create_topic(Name="before")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:heard"
        policy = {"Version": "2012-10-17", "Statement": [from_topic(arn, TOPIC)]}
        self.heard = aws.client("sqs").create_queue(QueueName="heard", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        aws.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)

    def run(self, bootstrap, records):
        """One batch through a new process of that release; what its topic said."""
        host = Host(bootstrap, self.env, self.log)
        try:
            answer = host.invoke(batch(records))
        finally:
            host.close()
        assert answer == {"batchItemFailures": []}, answer
        return self.messages()

    def messages(self):
        found = []
        while got := self.aws.client("sqs").receive_message(QueueUrl=self.heard, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(json.loads(message["Body"]))
                self.aws.client("sqs").delete_message(QueueUrl=self.heard, ReceiptHandle=message["ReceiptHandle"])
        return found

    def items(self):
        """Each item as it travels, by key."""
        found, start = [], {}
        while True:
            page = self.aws.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True, **start)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def put(self, items):
        for item in items:
            self.aws.client("dynamodb").put_item(TableName=TABLE, Item=item)

    def counts(self):
        """Denials a finding, as any program can add them up."""
        sums = {}
        for item in self.items():
            if item["pk"]["S"].startswith("F#"):
                name = item["finding"]["S"]
                sums[name] = sums.get(name, 0) + int(item["count"]["N"])
        return sums


def main(bootstrap):
    with tempfile.TemporaryDirectory() as folder, (pathlib.Path(folder) / "log").open("wb") as log:
        with Ministack(pathlib.Path(folder)) as aws:
            around = Around(aws, CONFIGURATION, log)
            told = around.run(bootstrap, story())
            made = {
                "made": str(datetime.date.today()),
                "configuration": CONFIGURATION,
                "events": story(),
                "told": len(told),
                "counts": around.counts(),
                "items": around.items(),
            }
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(json.dumps(made, indent=1, default=in_text) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
