"""The printed patch at work: a refused call, the script of `denywatch patch --format cli`, the call answered, the undo.

Everything is real but AWS: boto3's own error text, our program, bash, the AWS CLI. ministack enforces the policies. Where
it falls short of AWS:

- Its messages mostly leave out `on resource: …`, so the ARN is given by `--resource`, as a person would.
- HEAD requests are refused without words, so there is nothing to paste.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import conftest
import services
from services import SERVICES, arn
from stand_ins import REGION, Ministack

REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """One of its own: test_removal.py counts what is left in the other."""
    with Ministack(tmp_path_factory.mktemp("apply")) as ministack:
        yield ministack


@pytest.fixture(scope="session")
def denywatch(pytestconfig):
    """The program: arguments and input in, its output out."""
    program = conftest.built(pytestconfig, "denywatch")

    def run(*arguments, pasted):
        ran = subprocess.run([program, *arguments], input=pasted, capture_output=True, text=True, timeout=30)
        assert ran.returncode == 0, f"{arguments} on `{pasted}`:\n{ran.stderr}"
        return ran.stdout

    return run


@dataclasses.dataclass(frozen=True)
class Caller:
    """Somebody without any policy."""

    arn: str
    url: str
    credentials: dict

    def client(self, service):
        once = Config(retries={"total_max_attempts": 1})
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=once, **self.credentials)


def new_user(aws, name):
    iam = aws.client("iam")
    user = iam.create_user(UserName=name)["User"]["Arn"]
    made = iam.create_access_key(UserName=name)["AccessKey"]
    named = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    return Caller(user, aws.url, named)


def new_role(aws, name):
    services.role(aws, name)
    given = aws.client("sts").assume_role(RoleArn=arn("iam", f"role/{name}", region=""), RoleSessionName="deploy")["Credentials"]
    named = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    return Caller(arn("sts", f"assumed-role/{name}/deploy", region=""), aws.url, named)


CALLERS = {"user": new_user, "role": new_role}


def refusal(call, *arguments):
    """The text with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call(*arguments)
    assert refused.value.response["Error"]["Code"] in REFUSED, refused.value
    assert "is not authorized to perform" in str(refused.value), refused.value
    return str(refused.value)


class Script:
    """A printed script in a folder of its own, run by an administrator of the account."""

    def __init__(self, aws, folder, text):
        self.text, self.folder, self.path = text, folder, folder / "patch.sh"
        folder.mkdir()
        self.path.write_text(text)
        self.env = {
            "PATH": os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, *arguments):
        command = ["bash", self.path.name, *arguments]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def end(self, expect=0):
        """What it said, once it ended as expected."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == expect, f"{out}{err}\n{self.text}"
        return out + err

    def do(self, *arguments, expect=0):
        return self.start(*arguments).end(expect)


class Story:
    """One kind of caller and one service: a call, and two beside it that no patch of the call may allow."""

    def __init__(self, aws, service, kind):
        self.of, self.kind, self.name = SERVICES[service], kind, f"{service}-{kind}"
        self.iam = aws.client("iam")
        self.client = CALLERS[kind](aws, self.name).client(self.of.client)
        self.thing, self.neighbour = self.of.make(aws, f"{self.name}-a"), self.of.make(aws, f"{self.name}-b")

    def is_refused(self):
        return refusal(self.of.call, self.client, self.thing)

    def others_are_refused(self):
        refusal(self.of.other, self.client, self.thing)
        refusal(self.of.call, self.client, self.neighbour)

    def patch(self, denywatch, told):
        resource = self.of.resource(self.thing)
        given = [] if f" on resource: {resource}" in told else ["--resource", resource]
        return denywatch("patch", "-", "--format", "cli", *given, pasted=told)

    def policies(self):
        owner = {f"{self.kind.title()}Name": self.name}
        return getattr(self.iam, f"list_{self.kind}_policies")(**owner)["PolicyNames"]


def by_service():
    for name, of in SERVICES.items():
        marks = pytest.mark.xfail(reason=of.deviation, strict=True) if of.deviation else ()
        yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("service", by_service())
def test_a_patch_is_applied_and_undone(aws, denywatch, tmp_path, service):
    stories = [Story(aws, service, kind) for kind in CALLERS]
    told = [story.is_refused() for story in stories]
    for story in stories:
        story.others_are_refused()
    texts = [story.patch(denywatch, text) for story, text in zip(stories, told)]
    scripts = [Script(aws, tmp_path / story.kind, text) for story, text in zip(stories, texts)]
    for story, script in zip(stories, scripts):
        assert f"\n{story.kind}={story.name}\n" in script.text, script.text

    for script in [script.start() for script in scripts]:
        assert script.end() == "applied; undo: bash patch.sh undo\n"
    for story in stories:
        story.of.call(story.client, story.thing)
        story.others_are_refused()

    for script in [script.start("undo") for script in scripts]:
        assert script.end() == ""
    assert [story.is_refused() for story in stories] == told
    assert [story.policies() for story in stories] == [[], []]
