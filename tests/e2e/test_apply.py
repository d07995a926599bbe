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
from services import SERVICES, arn, policy
from stand_ins import ACCOUNT, REGION, Ministack, wait_for

REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """One of its own: test_removal.py counts what is left in the other."""
    with Ministack(tmp_path_factory.mktemp("apply")) as ministack:
        yield ministack


@pytest.fixture(scope="module")
def cli(tmp_path_factory):
    """The folder with `aws` in it."""
    folder = tmp_path_factory.mktemp("cli")
    server = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("aws_server.py"), folder])
    try:
        wait_for("the AWS CLI", 60, (folder / "aws").exists)
        yield folder
    finally:
        server.terminate()
        server.wait()


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
    return add_user(aws.client("iam"), aws.url, name)


def add_user(iam, url, name):
    user = iam.create_user(UserName=name)["User"]["Arn"]
    made = iam.create_access_key(UserName=name)["AccessKey"]
    named = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    return Caller(user, url, named)


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


def refusal(call, *arguments, **named):
    """The text with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **named)
    assert refused.value.response["Error"]["Code"] in REFUSED, refused.value
    assert "is not authorized to perform" in str(refused.value), refused.value
    return str(refused.value)


class Script:
    """A printed script in a folder of its own, run by an administrator of the account."""

    def __init__(self, url, cli, folder, text):
        self.text, self.folder = text, folder
        folder.mkdir()
        (folder / "patch.sh").write_text(text)
        self.env = {
            "PATH": os.pathsep.join([str(cli), os.environ["PATH"]]),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, *arguments):
        command = ["bash", "patch.sh", *arguments]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def end(self, expect=0):
        """What it said, once it ended as expected."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == expect, f"{out}{err}\n{self.text}"
        return out + err

    def elsewhere(self):
        """The same script in another folder."""
        return Script(self.env["AWS_ENDPOINT_URL"], self.env["PATH"].split(os.pathsep)[0], self.folder / "copy", self.text)

    def do(self, *arguments, expect=0):
        return self.start(*arguments).end(expect)


@pytest.fixture
def script(aws, cli, tmp_path):
    """Writes down a script under a name of its own."""
    return lambda name, text: Script(aws.url, cli, tmp_path / name, text)


class Story:
    """One kind of caller and one service: a call, and two beside it that no patch of the call may allow."""

    def __init__(self, aws, service, kind, role="caller"):
        self.of, self.kind, self.name = SERVICES[service], kind, f"{service}-{kind}-{role}"
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


def param(name):
    deviation = SERVICES[name].deviation
    return pytest.param(name, marks=pytest.mark.xfail(reason=deviation, strict=True) if deviation else ())


@pytest.mark.parametrize("service", [param(name) for name in SERVICES])
def test_a_patch_is_applied_and_undone(aws, denywatch, script, service):
    stories = [Story(aws, service, kind) for kind in CALLERS]
    told = [story.is_refused() for story in stories]
    for story in stories:
        story.others_are_refused()
    texts = [story.patch(denywatch, text) for story, text in zip(stories, told)]
    for story, text in zip(stories, texts):
        assert f"\n{story.kind}={story.name}\n" in text, text
    scripts = [script(story.kind, text) for story, text in zip(stories, texts)]

    for started in [one.start() for one in scripts]:
        assert started.end() == "applied; undo: bash patch.sh undo\n"
    for story in stories:
        story.of.call(story.client, story.thing)
        story.others_are_refused()

    for started in [one.start("undo") for one in scripts]:
        assert started.end() == ""
    assert [story.is_refused() for story in stories] == told
    assert [story.policies() for story in stories] == [[], []]


def test_a_patch_too_long_for_a_user_becomes_a_managed_policy(aws, denywatch, script):
    """Three long names make more than the 2,048 characters of a user's inline policies."""
    iam, ssm, caller = aws.client("iam"), aws.client("ssm"), new_user(aws, "long").client("ssm")
    names = ["/app/" + letter * 900 for letter in "abc"]
    for name in [*names, "/app/neighbour"]:
        ssm.put_parameter(Name=name, Value="x", Type="String")
    told = [refusal(caller.get_parameter, Name=name) for name in names]
    made = script("long", denywatch("patch", "-", "--format", "cli", pasted="\n".join(told)))

    made.do()
    (attached,) = iam.list_attached_user_policies(UserName="long")["AttachedPolicies"]
    assert attached["PolicyArn"].startswith(f"arn:aws:iam::{ACCOUNT}:policy/denywatch-")
    for name in names:
        assert caller.get_parameter(Name=name)["Parameter"]["Name"] == name
    refusal(caller.get_parameter, Name="/app/neighbour")
    refusal(caller.delete_parameter, Name=names[0])

    made.do("undo")
    assert [refusal(caller.get_parameter, Name=name) for name in names] == told
    assert iam.list_attached_user_policies(UserName="long")["AttachedPolicies"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_what_is_there_inline_counts(aws, denywatch, script):
    """The script itself looks at what the user's other inline policies take; ministack holds nobody to the quota."""
    iam, ssm, caller = aws.client("iam"), aws.client("ssm"), new_user(aws, "full").client("ssm")
    other = policy({"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": ["arn:aws:sqs:*:*:" + "q" * 1_800]})
    iam.put_user_policy(UserName="full", PolicyName="other", PolicyDocument=other)
    ssm.put_parameter(Name="/app/full", Value="x", Type="String")
    told = refusal(caller.get_parameter, Name="/app/full")
    made = script("full", denywatch("patch", "-", "--format", "cli", pasted=told))

    assert "and 2048 fit: it becomes a managed policy" in made.do()
    caller.get_parameter(Name="/app/full")
    assert iam.list_user_policies(UserName="full")["PolicyNames"] == ["other"]
    made.do()  # once more is the same
    (attached,) = iam.list_attached_user_policies(UserName="full")["AttachedPolicies"]
    assert attached["PolicyName"].startswith("denywatch-")

    made.do("undo")
    assert refusal(caller.get_parameter, Name="/app/full") == told
    assert iam.list_attached_user_policies(UserName="full")["AttachedPolicies"] == []
    assert "nothing to undo" in made.do("undo")


@pytest.mark.parametrize("service", [param(name) for name in SERVICES])
def test_beside_full_inline_policies_the_patch_becomes_a_managed_policy(aws, denywatch, script, service):
    story = Story(aws, service, "user", "full")
    other = policy({"Effect": "Allow", "Action": "tag:GetResources", "Resource": ["q" * 1_960]})
    story.iam.put_user_policy(UserName=story.name, PolicyName="other", PolicyDocument=other)
    told = story.is_refused()
    story.others_are_refused()
    made = script(service, story.patch(denywatch, told))

    assert "and 2048 fit: it becomes a managed policy" in made.do()
    (attached,) = story.iam.list_attached_user_policies(UserName=story.name)["AttachedPolicies"]
    assert attached["PolicyName"].startswith("denywatch-") and story.policies() == ["other"]
    story.of.call(story.client, story.thing)
    story.others_are_refused()

    made.do("undo")
    assert story.is_refused() == told
    assert story.iam.list_attached_user_policies(UserName=story.name)["AttachedPolicies"] == []
    with pytest.raises(story.iam.exceptions.NoSuchEntityException):
        story.iam.get_policy(PolicyArn=attached["PolicyArn"])


def everything(iam, user):
    iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=policy({"Effect": "Allow", "Action": "*", "Resource": "*"}))


def in_words_of_aws(told, layer, resource):
    """The refusal as AWS words it: ministack leaves out the resource, and calls every layer identity-based."""
    head, _, tail = told.partition(" because no identity-based policy allows ")
    head = head.partition(" on resource: ")[0]
    action = head.rpartition(" ")[2]
    assert tail in ("", f"the {action} action"), told
    return f"{head} on resource: {resource} because no {layer} allows the {action} action"


def test_a_boundary_gets_a_new_version(aws, denywatch, script):
    """The customer managed policy that is a user's boundary. The undo ends where ministack does: it has no
    `SetDefaultPolicyVersion`, so that only the call is seen; the rest is tried in tests/render_outsiders.rs.
    """
    iam, name = aws.client("iam"), "fenced"
    caller = new_user(aws, name)
    allowed = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    fence = iam.create_policy(PolicyName="fence", PolicyDocument=allowed)["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=fence)
    everything(iam, name)
    urls = [SERVICES["sqs"].make(aws, f"{name}-{letter}") for letter in "ab"]
    sqs = caller.client("sqs")
    told = refusal(sqs.send_message, QueueUrl=urls[0], MessageBody="x")
    pasted = in_words_of_aws(told, "permissions boundary", arn("sqs", f"{name}-a"))
    made = script(name, denywatch("patch", "-", "--format", "cli", pasted=pasted))

    said = made.do()
    assert f"the boundary is {fence}; it changes for all who have it" in said and "applied; undo: " in said
    sqs.send_message(QueueUrl=urls[0], MessageBody="x")
    refusal(sqs.send_message, QueueUrl=urls[1], MessageBody="x")
    refusal(sqs.receive_message, QueueUrl=urls[0])
    caller.client("s3").list_buckets()
    assert "so this is applied; undo first" in made.do(expect=1)

    assert "Unknown IAM action: SetDefaultPolicyVersion" in made.do("undo", expect=255)


def queue_of_another(aws, far, name):
    url = SERVICES["sqs"].make(aws, name)
    return arn("sqs", name), "resource-based policy", lambda: far.client("sqs").send_message(QueueUrl=url, MessageBody="x")


def topic_of_another(aws, far, name):
    topic = SERVICES["sns"].make(aws, name)
    return topic, "resource-based policy", lambda: far.client("sns").publish(TopicArn=topic, Message="x")


def role_of_another(aws, far, name):
    trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    role = arn("iam", f"role/{name}", region="")
    return role, "role trust policy", lambda: far.client("sts").assume_role(RoleArn=role, RoleSessionName="deploy")


@pytest.mark.parametrize("make", [queue_of_another, topic_of_another, role_of_another])
def test_the_owner_lets_another_account_in(aws, denywatch, script, make):
    """ministack does not have buckets, keys, secrets and functions answer other accounts at all."""
    other, name = "444455556666", make.__name__.replace("_", "-")
    session = boto3.session.Session(aws_access_key_id=other, aws_secret_access_key="test", region_name=REGION)
    iam = session.client("iam", endpoint_url=aws.url)
    far = add_user(iam, aws.url, name)
    everything(iam, name)
    resource, layer, call = make(aws, far, f"{name}-a")
    _, _, neighbour = make(aws, far, f"{name}-b")
    told = refusal(call)
    refusal(neighbour)
    pasted = in_words_of_aws(told, layer, resource)
    made = script(name, denywatch("patch", "-", "--format", "cli", pasted=pasted))

    assert "applied; undo: " in made.do()
    call()
    refusal(neighbour)
    assert "so this is applied; undo first" in made.do(expect=1)
    # Another copy of the script, which knows nothing of the first, finds nothing to add.
    assert made.elsewhere().do() == "nothing to do: the policy in force says it already\n"

    made.do("undo")
    assert refusal(call) == told
    assert list(made.folder.glob("*.state")) == []


@pytest.mark.parametrize("service", ["s3", "kms", "secretsmanager", "lambda"])
def test_the_resource_s_own_policy_lets_a_user_in(aws, denywatch, script, service):
    """What ministack cannot show across accounts, within one: there the resource's policy is enough by itself."""
    story = Story(aws, service, "user", "guest")
    told = story.is_refused()
    story.others_are_refused()
    pasted = in_words_of_aws(told, "resource-based policy", story.of.resource(story.thing))
    made = script(service, denywatch("patch", "-", "--format", "cli", pasted=pasted))
    if service == "s3":  # whose bucket it is no ARN tells
        assert "the account is not known" in made.do(expect=1)
        made.env["ACCOUNT"] = ACCOUNT

    assert "applied; undo: " in made.do()
    story.of.call(story.client, story.thing)
    story.others_are_refused()

    made.do("undo")
    assert story.is_refused() == told
