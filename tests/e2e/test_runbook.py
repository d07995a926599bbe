"""The run book's commands, run as they stand there: what is between back-ticks or in a block, with the stack's names."""

import json
import os
import pathlib
import re
import subprocess

import pytest

import conftest
import events
from stand_ins import REGION, wait_for

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
        pytest.skip(f"the stand-in moves no messages: {told.strip()[-120:]}")
    stack.await_mail_about("sentinel-802")


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
    shell("aws events disable-rule --name RULE && aws events enable-rule --name RULE")
