"""The commands of the desk that ask AWS: `watch` over a real queue, `doctor` over the deployed stack, `pause` in its configuration."""

import json
import os
import signal
import subprocess
import time

import pytest

import conftest
import events
from stand_ins import ACCOUNT, REGION, wait_for


@pytest.fixture
def desk(pytestconfig, aws, tmp_path):
    """Runs the program with an administrator's credentials, in a folder of its own."""
    program = conftest.built(pytestconfig, "denywatch")
    env = {
        "PATH": os.environ["PATH"],
        "XDG_DATA_HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def start(*arguments):
        command = [program, *arguments, "--region", REGION]
        return subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def ended(process, seconds=60):
    out, told = process.communicate(timeout=seconds)
    return process.returncode, out, told


def denial(number):
    entry = events.entry(events.sentinel(number))
    return json.dumps({"version": "0", "detail-type": entry["DetailType"], "source": entry["Source"], "detail": json.loads(entry["Detail"])})


def waiting(sqs, queue):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    got = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return tuple(int(got[name]) for name in names)


@pytest.fixture
def queue_named(aws):
    """Makes queues, and takes them away: test_removal.py looks for what is left."""
    sqs, made = aws.client("sqs"), []

    def make(name, **attributes):
        made.append(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        return made[-1]

    yield make
    for url in made:
        sqs.delete_queue(QueueUrl=url)


def test_looking_at_a_queue_takes_nothing_off_it_and_delete_does(aws, desk, queue_named):
    sqs = aws.client("sqs")
    queue = queue_named("watched", VisibilityTimeout="60")
    for body in [denial(901), denial(901), denial(902), "{"]:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    code, out, told = ended(desk("watch", queue, "--once"))
    assert code == 6, told
    assert "not read: message" in told
    for number in (901, 902):
        assert f"sentinel-{number}" in out
    assert out.count("=== ") == 2, "a copy is told once"
    assert waiting(sqs, queue) == (4, 0), "released"
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:watched"
    code, out, told = ended(desk("watch", arn, "--once", "--delete", "--output", "jsonl"))
    assert code == 6, told
    assert [json.loads(line)["stage"] for line in out.splitlines()] == ["new", "new"]
    assert waiting(sqs, queue) == (0, 0)


def test_an_interrupted_watch_ends_with_130_and_lets_go(aws, desk, queue_named):
    sqs = aws.client("sqs")
    queue = queue_named("interrupted", VisibilityTimeout="300")
    sqs.send_message(QueueUrl=queue, MessageBody=denial(903))
    process = desk("watch", queue)
    wait_for("the message in its hands", 30, lambda: waiting(sqs, queue) == (0, 1))
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    code, out, told = ended(process, 20)
    assert code == 130, told
    assert "sentinel-903" in out
    assert waiting(sqs, queue) == (1, 0)


def test_a_queue_that_is_not_there_and_one_that_counts_looks(aws, desk, queue_named):
    sqs = aws.client("sqs")
    code, _, told = ended(desk("watch", f"arn:aws:sqs:{REGION}:{ACCOUNT}:nowhere", "--once"))
    assert code == 1 and ("NonExistentQueue" in told or "QueueDoesNotExist" in told), told
    dead = queue_named("watched-dead")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    queue = queue_named("counted", RedrivePolicy=redrive)
    code, _, told = ended(desk("watch", queue, "--for", "1s"))
    assert code == 0 and "after 3 tries" in told, told


def test_the_doctor_finds_what_the_stand_in_has_and_what_it_lacks(stack, desk):
    """ministack has no trail until one is made, and no rule in the state that lets reads through."""
    function = next(r for r in stack.aws.client("lambda").list_functions()["Functions"] if r["Runtime"].startswith("provided"))
    ask = lambda *more: ended(desk("doctor", "--function", function["FunctionName"], *more))
    code, out, told = ask("--output", "json")
    assert code == 1, told
    points = json.loads(out)["points"]
    found = lambda area, state: [p for p in points if (p["area"], p["state"]) == (area, state)]
    assert any("read-only events do not pass" in p["says"] for p in found("rule", "fault")), points
    assert all(p["remedy"] for p in points if p["state"] == "fault")
    assert [p for p in points if p["area"] == "role" and p["state"] == "ok"], [p for p in points if p["area"] == "role"]
    oks = {p["area"] for p in points if p["state"] == "ok"}
    assert {"function", "queue", "configuration", "ledger", "receiver", "role"} <= oks, points
    assert not found("role", "fault") and not found("queue", "fault") and not found("ledger", "fault"), points
    assert stack.slack.url not in out, "no secret is told"
    code, out, _ = ask()
    assert code == 1 and "FAULT   rule: " in out and "        remedy: " in out
    # A dead letter, a receiver that nobody confirmed, a role that lost a statement.
    sqs, iam = stack.aws.client("sqs"), stack.aws.client("iam")
    dead = stack.outputs["DeadLettersUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    role = function["Role"].rsplit("/", 1)[-1]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"][:1]
    kept = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = kept | {"Statement": [s for s in kept["Statement"] if s.get("Sid") != "OwnTopic"]}
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    try:
        _, out, _ = ask()
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(kept))
        for message in sqs.receive_message(QueueUrl=dead).get("Messages", []):
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    assert "1 dead letters" in out and "it lacks sns:Publish" in out, out
