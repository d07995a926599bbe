"""From the release before to this one and back: the ledger and the configuration survive, and nothing is told twice.

What the release before left is a fixture (`before.py`). Going back needs that release itself: `--before FOLDER` names a
checkout of it with `target/debug/bootstrap`; tests/long.sh makes one.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import time

import before
import conftest
import events
import pytest
from stand_ins import REGION, wait_for

LEFT = json.loads(before.FIXTURE.read_text(), object_hook=before.from_text)


@pytest.fixture(scope="module")
def around(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upgrade")
    with before.Ministack(folder) as aws, (folder / "function.log").open("wb") as log:
        here = before.Around(aws, LEFT["configuration"], log)
        here.put(before.with_allowed(LEFT["items"]))
        yield here


@pytest.fixture(scope="module")
def release(pytestconfig):
    return conftest.built(pytestconfig, "bootstrap")


def test_the_fixture_is_what_its_maker_would_tell_again():
    assert LEFT["events"] == before.story()
    assert sum(LEFT["counts"].values()) == len(before.story())


def test_this_release_reads_the_ledger_of_the_one_before(around, release):
    assert around.run(release, LEFT["events"]) == [], "what was told is told again"
    assert around.counts() == LEFT["counts"], "what was counted is counted again"


def test_it_goes_on_counting_and_telling(around, release):
    assert around.run(release, [before.denial(20, "nightly-scan", minute=30)]) == [], "the rule holds no longer"
    (told,) = around.run(release, [before.denial(21, "newcomer", minute=31)])
    assert "newcomer" in told["Message"]
    (again,) = around.run(release, [before.denial(22, "shop-worker", "sqs:ReceiveMessage", minute=32)])
    assert "shop-worker" in again["Message"] and "sqs:ReceiveMessage" in again["Message"]
    counts = around.counts()
    assert sum(counts.values()) == len(LEFT["events"]) + 3
    assert all(counts[finding] >= count for finding, count in LEFT["counts"].items())


def test_the_program_lists_all_of_it(around, pytestconfig):
    program = conftest.built(pytestconfig, "denywatch")
    command = [program, "findings", "--store", f"dynamodb:{before.TABLE}", "--output", "json"]
    done = subprocess.run(command, env=around.env, capture_output=True, text=True, timeout=60, check=False)
    if "this build has no DynamoDB" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    assert {finding["id"]: finding["count"] for finding in findings} == around.counts()
    # What a scan of that release saw allowed is still known, item by item.
    (billing,) = (finding for finding in findings if finding["principal"]["name"] == "billing")
    items = {item["action"]: item for item in billing["denied"]}
    since = items["sns:Publish"]["allowed_since"]
    assert (items["sns:Publish"]["status"], since["count"], since["first"], since["last"]) == ("resolved", 2, *before.ALLOWED)
    assert items["sqs:SendMessage"]["status"] == "open"


@pytest.fixture(scope="module")
def folder(pytestconfig):
    """A checkout of the release before, built."""
    given = pytestconfig.getoption("--before")
    if not given:
        pytest.skip("needs the release before (--before); tests/long.sh gives it")
    return pathlib.Path(given).resolve()


def test_back_to_the_release_before(around, release, folder):
    old = folder / "target" / "debug" / "bootstrap"
    counts = around.counts()
    seen = [*LEFT["events"], before.denial(20, "nightly-scan", minute=30), before.denial(21, "newcomer", minute=31)]
    assert around.run(old, seen) == [], "what this release told is told again by the one before"
    assert around.counts() == counts, "what this release counted is counted again by the one before"
    (told,) = around.run(old, [before.denial(30, "latecomer", minute=40)])
    assert "latecomer" in told["Message"]
    # And forward once more.
    assert around.run(release, [before.denial(30, "latecomer", minute=40)]) == []
    assert sum(around.counts().values()) == sum(counts.values()) + 1


# ---- the same with the stack: its template and its code, as a user takes them ----

STACK = "denywatch-upgrade"


def recent(number, role, minute):
    """Within the time that the ledger keeps counts."""
    return before.denial(number, role, minute=minute, day=events.last_week()[:10])


class Installed:
    """The stack of one release or the other, and what its topic says."""

    def __init__(self, aws, slack, zips):
        self.aws, self.slack, self.zips, self.given, self.outputs = aws, slack, zips, {}, {}
        aws.client("s3").create_bucket(Bucket="upgrade-code", CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, code in zips.items():
            aws.client("s3").put_object(Bucket="upgrade-code", Key=key, Body=code)

    def create(self, key, template):
        secret = self.aws.client("secretsmanager").create_secret(Name="upgrade/slack", SecretString=self.slack.url)["ARN"]
        self.given = {
            "CodeBucket": "upgrade-code", "CodeKey": key, "AlertEmail": "alerts@example.com", "SlackSecretArn": secret,
            "BatchingWindowSeconds": "1", "IncludeReadEvents": "false", "EndpointUrl": self.aws.url, "TimeZone": "Europe/Berlin",
        }  # fmt: skip
        self.outputs = conftest.deploy(self.aws, self.given, create=True, name=STACK, path=template)

    def update(self, key, template):
        """As `aws cloudformation deploy` does it: what is not given stays."""
        outputs = conftest.deploy(self.aws, dict.fromkeys(self.given) | {"CodeKey": key}, name=STACK, path=template)
        assert self.outputs.items() <= outputs.items(), "something was replaced"
        self.runs(key)

    def runs(self, key):
        """The function's code is that zip's."""
        told = self.aws.client("lambda").get_function_configuration(FunctionName=self.outputs["FunctionName"])
        assert told["CodeSha256"] == base64.b64encode(hashlib.sha256(self.zips[key]).digest()).decode()
        config = json.loads(told["Environment"]["Variables"]["DENYWATCH_CONFIG"])
        assert config["slack"]["secret"] == self.given["SlackSecretArn"]
        assert config["route"] == [{"to": [f"sns:{self.outputs['TopicArn']}", "slack"]}]
        (stack,) = self.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        held = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
        assert (self.given | {"CodeKey": key}).items() <= held.items(), "the configuration is not what it was"

    def put(self, *records):
        self.aws.client("events").put_events(Entries=[events.entry(record) for record in records])

    def counts(self):
        """Denials a role, by the ledger's parts."""
        sums = {}
        for item in self.aws.client("dynamodb").scan(TableName=self.outputs["TableName"], ConsistentRead=True)["Items"]:
            if item["pk"]["S"].startswith("F#"):
                name = item["finding"]["S"]
                sums[name] = sums.get(name, 0) + int(item["count"]["N"])
        return sums

    def posts(self, role):
        return sum(role in json.dumps(post) for post in list(self.slack.posts))

    def tells(self, role, number, minute):
        """A new denial is counted and told, once."""
        before_it = sum(self.counts().values())
        self.put(recent(number, role, minute))
        wait_for(f"the alert about {role}", 60, lambda: self.posts(role))
        assert sum(self.counts().values()) == before_it + 1

    def has_nothing_new(self, *records):
        """What was counted and told stays so: a denial of its own comes after it, and nothing else."""
        counts, posts = self.counts(), len(self.slack.posts)
        self.put(*records)
        number = 900 + len(self.slack.posts)
        self.tells(f"mark-{number}", number, minute=50)
        time.sleep(2)
        assert len(self.slack.posts) == posts + 1, "what was told is told again"
        assert {finding: count for finding, count in self.counts().items() if finding in counts} == counts


def test_a_stack_is_brought_to_this_release_and_back(aws, slack, bootstrap_zip, folder):
    old_template = folder / "infra" / "cloudformation" / "template.yaml"
    old_zip = conftest.zipped(folder / "target" / "debug" / "bootstrap")
    installed = Installed(aws, slack, {"before.zip": old_zip, "after.zip": bootstrap_zip})
    try:
        installed.create("before.zip", old_template)
        installed.runs("before.zip")
        installed.tells("up-first", 601, minute=1)
        installed.update("after.zip", conftest.TEMPLATE)
        installed.has_nothing_new(recent(601, "up-first", 1))
        installed.tells("up-second", 602, minute=2)
        installed.update("before.zip", old_template)
        installed.has_nothing_new(recent(601, "up-first", 1), recent(602, "up-second", 2))
        installed.tells("up-third", 603, minute=3)
        installed.update("after.zip", conftest.TEMPLATE)
        installed.has_nothing_new(recent(602, "up-second", 2), recent(603, "up-third", 3))
    finally:
        conftest.remove(aws, STACK)
