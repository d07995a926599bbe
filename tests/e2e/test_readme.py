"""infra/README.md's lines, run as they stand there: deploy, upgrade, remove; and the organization's, read by the AWS CLI."""

import base64
import hashlib
import os
import pathlib
import re
import subprocess

import pytest

import conftest
from stand_ins import REGION

PAGE = (conftest.ROOT / "infra" / "README.md").read_text()
STACK = "denywatch"


def block(heading, begins):
    """The commands of the block below a heading that begins so."""
    (text,) = [one for one in re.findall(r"```sh\n(.*?)```", section(heading), re.DOTALL) if one.startswith(begins)]
    return text


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


@pytest.fixture(scope="module")
def shell(tmp_path_factory, aws, bootstrap_zip):
    """bash in a release's folder, beside the AWS CLI of this environment."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "bootstrap-x86_64.zip").write_bytes(bootstrap_zip)
    for template in (conftest.TEMPLATE, conftest.FORWARDER):
        (folder / template.name).write_text(template.read_text())
    aws.client("s3").create_bucket(Bucket="readme-code", CreateBucketConfiguration={"LocationConstraint": REGION})
    env = {
        "PATH": f"{pathlib.Path(os.sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder), "AWS_PAGER": "",
        "AWS_ENDPOINT_URL": aws.url, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": "readme-code", "VERSION": "1.0.0",
    }  # fmt: skip

    def run(script, **more):
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, env=env | more, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    run.folder = folder
    return run


def function(aws):
    stack = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    name = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "FunctionName")
    held = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    return aws.client("lambda").get_function_configuration(FunctionName=name), held


def sha256(code):
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def test_the_first_release(aws, shell, bootstrap_zip):
    shell(block("Deploy", "aws s3 cp"))
    made, held = function(aws)
    assert made["CodeSha256"] == sha256(bootstrap_zip) and held["AlertEmail"] == "you@example.com"
    (mail,) = [one for one in aws.client("sns").list_subscriptions()["Subscriptions"] if one["Endpoint"] == "you@example.com"]
    assert mail["Protocol"] == "email"


def test_the_next_release(aws, shell, bootstrap_zip):
    """Only the key is given; the rest stays."""
    newer = bootstrap_zip + b"\n"
    (shell.folder / "bootstrap-x86_64.zip").write_bytes(newer)
    shell(block("Upgrade, and back", "aws s3 cp"), VERSION="1.0.1")
    made, held = function(aws)
    assert made["CodeSha256"] == sha256(newer)
    assert (held["AlertEmail"], held["CodeKey"]) == ("you@example.com", "denywatch-1.0.1.zip")


def test_remove(aws, shell):
    shell(block("Remove", "aws cloudformation delete-stack"))
    conftest.remove(aws, STACK)


def commands(heading):
    """Each `aws …` of the section's blocks, also where a quotation goes over lines; `deploy` is run above."""
    found, open_ = [], ""
    for line in "\n".join(re.findall(r"```sh\n(.*?)```", section(heading), re.DOTALL)).replace("\\\n", " ").splitlines():
        open_ += line
        if open_.count("'") % 2 == 0:
            found, open_ = [*found, open_], ""
    return [line for line in found if line.startswith("aws ") and not re.match("aws (cloudformation deploy|s3 cp)", line)]


@pytest.mark.parametrize("line", [*commands("An organization"), *commands("Deploy")])
def test_the_cli_knows_each_word(shell, line):
    """What no stand-in does, such as StackSets: the CLI looks at the arguments and makes up an answer."""
    (shell.folder / "webhook-url.txt").write_text("https://hooks.slack.com/services/T0/B0/x")
    # What it makes up for this one does not please itself; ministack has the call.
    real = line.startswith("aws secretsmanager")
    shell(line.replace("denywatch/slack", "readme/slack") if real else f"{line} --generate-cli-skeleton output")
