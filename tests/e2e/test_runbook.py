"""The run book's commands, run as they stand there: what is between back-ticks or in a block, with the stack's names."""

import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import awscli.clidriver
import boto3
import pytest
from moto import mock_aws

import conftest
import events
from stand_ins import REGION, SlackDouble, wait_for

BOOK = (conftest.ROOT / "infra" / "RUNBOOK.md").read_text()


@pytest.fixture
def shell(pytestconfig, aws, stack, tmp_path):
    """Runs a line of the book in bash, beside the AWS CLI of this environment and our program."""
    program = conftest.built(pytestconfig, "denywatch")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "denywatch").symlink_to(program)
    arn = lambda url: aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    names = {
        "DEAD_ARN": arn(stack.outputs["DeadLettersUrl"]),
        "QUEUE_ARN": arn(stack.outputs["QueueUrl"]),
        "FUNCTION": stack.outputs["FunctionName"],
        "TABLE": stack.outputs["TableName"],
        "LOG": stack.outputs["LogGroupName"],
        "DEAD": stack.outputs["DeadLettersUrl"],
        "QUEUE": stack.outputs["QueueUrl"],
        "RULE": stack.outputs["RuleArn"].rsplit("/", 1)[-1],
        "UUID": next(
            one["UUID"]
            for one in aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
            if one["EventSourceArn"] == arn(stack.outputs["QueueUrl"])
        ),
        "ARN": stack.parameters["SlackSecretArn"],
    }
    env = {
        "PATH": f"{tools}:{pathlib.Path(os.sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_PAGER": "",
    }

    def run(line, *codes):
        # The CLI of this environment is of version 1: it takes payloads as they are, and is told where the queues are.
        line = line.replace(" --cli-binary-format raw-in-base64-out", "").replace("aws sqs ", "aws --endpoint-url $AWS_ENDPOINT_URL sqs ")
        for name, value in names.items():
            line = re.sub(rf"\b{name}\b(?!-)", value, line)
        ran = subprocess.run(["bash", "-c", line], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=90)
        assert ran.returncode in (codes or (0,)), f"{line}\n{ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    return run


def of_book(begins):
    """The one command of the book that begins so."""
    inline = re.findall(r"`((?:aws|denywatch|jq) [^`]+)`", BOOK)
    block = [line.strip() for text in re.findall(r"```sh\n(.*?)```", BOOK, re.S) for line in text.splitlines()]
    found = {line for line in inline + block if line.startswith(begins)}
    assert len(found) == 1, (begins, found)
    return found.pop()


def test_the_kill_switch_holds_and_lets_go(stack, shell):
    for begins in ("aws lambda get-function-configuration", "jq '.Variables", "aws lambda update-function-configuration"):
        shell(of_book(begins))
    before = len(stack.read_mail())
    stack.put(events.entry(events.sentinel(801)))
    held = lambda: [line for line in stack.log_objects() if line.get("Held", 0) > 0]
    wait_for(lambda: f"a held message\n{stack.log_tail()}", 60, held)
    assert len(stack.read_mail()) == before
    assert "slack" in shell(of_book("denywatch outbox --store"))
    shell("aws lambda update-function-configuration --function-name FUNCTION --environment file://environment.json")
    shell(of_book("aws lambda invoke --function-name FUNCTION --cli-binary-format raw-in-base64-out --payload '{\"denywatch\":\"outbox\"}'"))
    (alert,) = stack.await_mail_about("sentinel-801")
    assert shell("denywatch outbox --due --store dynamodb:TABLE").startswith("deliveries not done: 0")


def test_dead_letters_go_back(stack, shell):
    body = {"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms", "detail": events.sentinel(802)}
    stack.sqs.send_message(QueueUrl=stack.outputs["DeadLettersUrl"], MessageBody=json.dumps(body))
    assert "sentinel-802" in shell(of_book("denywatch watch DEAD"), 0)
    shell(of_book("aws logs filter-log-events"))
    assert "sentinel-802" in shell(of_book("aws sqs receive-message") + " --visibility-timeout 0")
    task = of_book("aws sqs start-message-move-task")
    told = shell(f"{task} --destination-arn QUEUE_ARN", 0, 254, 255)
    if "InvalidAction" in told or "not" in told.lower():
        # The stand-in moves no messages: what AWS's task does is done by hand, so that what follows is seen.
        dead, queue = stack.outputs["DeadLettersUrl"], stack.outputs["QueueUrl"]
        (message,) = wait_for("the dead letter", 30, lambda: stack.sqs.receive_message(QueueUrl=dead).get("Messages"))
        stack.sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
        stack.sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    stack.await_mail_about("sentinel-802")
    assert stack.waiting(stack.outputs["DeadLettersUrl"]) == 0


def test_what_is_in_quarantine_is_listed(stack, shell):
    stack.sqs.send_message(QueueUrl=stack.outputs["QueueUrl"], MessageBody="{ poison of the run book")
    wait_for("the poison in quarantine", 60, lambda: len(stack.ledger("Q#")) > 0)
    wait_for("its line", 30, lambda: "not JSON" in shell(of_book("denywatch quarantine --store")))
    assert "poison of the run book" in shell("denywatch quarantine --bodies --store dynamodb:TABLE")
    shell(of_book("aws sqs get-queue-attributes"))


def test_the_rest_of_the_commands_work(stack, shell):
    shell(of_book("denywatch doctor --function"), 1, 6)
    shell("denywatch findings --store dynamodb:TABLE")
    by_number = "denywatch findings --store dynamodb:TABLE --output json | " + of_book("jq -r") if "`jq -r" in BOOK else None
    if by_number:
        shell(by_number)
    shell("aws lambda invoke --function-name FUNCTION --cli-binary-format raw-in-base64-out --payload '{\"denywatch\":\"report\"}' out.json")


def test_the_intake_stops_and_goes_on(stack, shell):
    stop = of_book("aws lambda update-event-source-mapping")
    shell(stop)
    stack.put(events.entry(events.sentinel(803)))
    wait_for("a waiting event", 30, lambda: stack.waiting(stack.outputs["QueueUrl"]) == 1)
    assert not stack.mail_about("sentinel-803")
    shell(stop.replace("--no-enabled", "--enabled"))
    stack.await_mail_about("sentinel-803")


def test_the_rule_is_switched_off_and_on_with_all_management_events(stack, shell, tmp_path):
    rule = lambda: json.loads(shell("aws events describe-rule --name RULE --output json"))
    pattern = rule()["EventPattern"]
    try:
        shell(of_book("aws events disable-rule"))
        assert rule()["State"] == "DISABLED"
        (tmp_path / "pattern.json").write_text(pattern)
        shell(of_book("aws events put-rule"))
        assert rule()["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
        assert json.loads(rule()["EventPattern"]) == json.loads(pattern)
    finally:
        # The stand-in delivers for this state alone.
        shell(of_book("aws events enable-rule"))
    assert rule()["State"] == "ENABLED"


def test_a_secret_is_rotated(stack, shell, tmp_path):
    """The new address hears; of the old one nothing is read any more, and nothing is lost on the way."""
    with SlackDouble() as fresh:
        try:
            (tmp_path / "secret.txt").write_text(fresh.url)
            shell(of_book("aws secretsmanager put-secret-value"))
            for begins in ("aws lambda get-function-configuration", "jq '.Variables", "aws lambda update-function-configuration"):
                shell(of_book(begins).replace("DENYWATCH_PAUSED", "ROTATED"))
            stack.put(events.entry(events.sentinel(804)))
            heard = lambda: [post for post in fresh.posts if "sentinel-804" in json.dumps(post)]
            wait_for(lambda: f"the new address\n{stack.log_tail()}", 60, heard)
            assert not stack.posts_about("sentinel-804")
        finally:
            stack.aws.client("secretsmanager").put_secret_value(SecretId=stack.parameters["SlackSecretArn"], SecretString=stack.slack.url)
            shell("aws lambda update-function-configuration --function-name FUNCTION --environment file://environment.json")


@pytest.fixture
def by_moto(monkeypatch):
    """A second stand-in, for calls that the first does not know: the book's line through the AWS CLI in this process."""
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def run(line, **names):
        for name, value in names.items():
            line = re.sub(rf"\b{name}\b", value, line)
        out, sys.stdout = sys.stdout, io.StringIO()
        try:
            code = awscli.clidriver.create_clidriver().main(shlex.split(line)[1:])
            told = sys.stdout.getvalue()
        finally:
            sys.stdout = out
        assert code == 0, f"{line}\n{told}"
        return told

    with mock_aws():
        yield run


def test_a_table_comes_back_as_it_was(by_moto):
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    keys = [{"AttributeName": key, "KeyType": kind} for key, kind in (("pk", "HASH"), ("sk", "RANGE"))]
    attributes = [{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")]
    dynamodb.create_table(TableName="ledger", AttributeDefinitions=attributes, KeySchema=keys, BillingMode="PAY_PER_REQUEST")
    item = {"pk": {"S": "META"}, "sk": {"S": "schema"}, "value": {"S": "1"}}
    dynamodb.put_item(TableName="ledger", Item=item)
    by_moto("aws dynamodb update-continuous-backups --table-name ledger --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true")
    by_moto(of_book("aws dynamodb restore-table-to-point-in-time"), TABLE="ledger")
    assert dynamodb.scan(TableName="ledger-restored")["Items"] == [item]
    by_moto(of_book("aws dynamodb update-continuous-backups"), TABLE="ledger")
    by_moto(of_book("aws dynamodb update-time-to-live"), TABLE="ledger")
    backups = dynamodb.describe_continuous_backups(TableName="ledger-restored")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    lives = dynamodb.describe_time_to_live(TableName="ledger-restored")["TimeToLiveDescription"]
    assert (lives["TimeToLiveStatus"], lives["AttributeName"]) == ("ENABLED", "ttl")
