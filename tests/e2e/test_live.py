"""`explain --live`: a refused call, and the real cause read from the policies that ministack enforces.

ministack calls most refusals "identity-based", whatever layer refused, so that only the policies tell. Its one account
is the management account of an organization, which no SCP binds.
"""

import json
import os
import subprocess

import pytest

import conftest
from services import arn, policy
from stand_ins import REGION, Ministack
from test_apply import new_role, new_user, refusal

QUEUE = arn("sqs", "orders")


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with Ministack(tmp_path_factory.mktemp("live")) as ministack:
        ministack.client("sqs").create_queue(QueueName="orders")
        yield ministack


@pytest.fixture
def explain(pytestconfig, aws):
    """The finding for a pasted refusal, read with an administrator's credentials."""
    program = conftest.built(pytestconfig, "denywatch")

    def run(told, *arguments, **env):
        env = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        } | env
        command = [program, "explain", "-", "--live", "--output", "json", *arguments]
        ran = subprocess.run(command, input=told, env=env, capture_output=True, text=True, timeout=60)
        assert ran.returncode in (0, 4, 5), f"{ran.stdout}{ran.stderr}"
        (finding,) = json.loads(ran.stdout)["findings"]
        return finding

    return run


def send(caller):
    """The text with which a message to the queue is refused."""
    sqs = caller.client("sqs")
    return refusal(sqs.send_message, QueueUrl=f"{caller.url}/111122223333/orders", MessageBody="x")


def test_no_statement_of_the_user_its_group_and_its_managed_policy_allows_it(aws, explain):
    iam, caller = aws.client("iam"), new_user(aws, "ana")
    allow = lambda action: policy({"Effect": "Allow", "Action": action, "Resource": QUEUE})
    iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=allow("sqs:ReceiveMessage"))
    iam.create_group(GroupName="devs")
    iam.put_group_policy(GroupName="devs", PolicyName="shared", PolicyDocument=allow("sqs:DeleteMessage"))
    iam.add_user_to_group(GroupName="devs", UserName="ana")
    made = iam.create_policy(PolicyName="team", PolicyDocument=allow("sqs:PurgeQueue"))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=made, PolicyDocument=allow("sqs:GetQueueUrl"), SetAsDefault=True)
    iam.attach_user_policy(UserName="ana", PolicyArn=made)

    finding = explain(send(caller), "--resource", QUEUE)
    evidence = " ".join(finding["diagnosis"]["evidence"])
    for name in ("`own`", "`shared`", "policy/team`"):
        assert name in evidence, evidence
    (patch,) = finding["patches"]
    assert (patch["applicability"], patch["proof"]["basis"]) == ("apply", "policies"), patch
    assert patch["document"]["Statement"][0]["Action"] in ("sqs:SendMessage", ["sqs:SendMessage"])
    assert finding["diagnosis"]["unchecked"] == [], "all layers of a user were read"


def test_a_boundary_is_named_where_the_message_blames_the_identity(aws, explain):
    iam, caller = aws.client("iam"), new_role(aws, "bounded")
    allow = policy({"Effect": "Allow", "Action": "sqs:*", "Resource": QUEUE})
    fence = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    made = iam.create_policy(PolicyName="fence", PolicyDocument=fence)["Policy"]["Arn"]
    iam.put_role_policy(RoleName="bounded", PolicyName="own", PolicyDocument=allow)
    iam.put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=made)

    told = send(caller)
    finding = explain(told, "--resource", QUEUE)
    assert finding["diagnosis"]["cause"] == "boundary_allow_missing", finding["diagnosis"]
    assert not any(patch["document"] for patch in finding["patches"]), "nothing in the role's own policies mends it"


def test_a_deny_is_named_by_policy_and_statement(aws, explain):
    iam, caller = aws.client("iam"), new_user(aws, "eve")
    iam.put_user_policy(
        UserName="eve",
        PolicyName="own",
        PolicyDocument=policy(
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
            {"Sid": "NotHere", "Effect": "Deny", "Action": "sqs:SendMessage", "Resource": QUEUE},
        ),
    )
    finding = explain(send(caller), "--resource", QUEUE)
    assert finding["diagnosis"]["cause"] == "explicit_deny", finding["diagnosis"]
    assert "`own`" in " ".join(finding["diagnosis"]["evidence"]), finding["diagnosis"]


def test_what_the_credentials_may_not_read_is_told_by_name(aws, explain):
    caller, reader = new_user(aws, "kim"), new_user(aws, "reader")
    told = send(caller)
    named = {"AWS_ACCESS_KEY_ID": reader.credentials["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": reader.credentials["aws_secret_access_key"]}
    finding = explain(told, "--resource", QUEUE, **named)
    unchecked = " ".join(finding["diagnosis"]["unchecked"])
    assert "`iam:GetUser` was refused" in unchecked and "`sqs:GetQueueAttributes` was refused" in unchecked, unchecked
    assert all(patch["proof"]["basis"] == "message" for patch in finding["patches"] if patch["proof"])


def test_a_policy_of_the_queue_is_read(aws, explain):
    sqs, caller = aws.client("sqs"), new_user(aws, "lea")
    deny = {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn("sqs", "closed")}
    url = sqs.create_queue(QueueName="closed", Attributes={"Policy": policy(deny)})["QueueUrl"]
    allow = policy({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})
    aws.client("iam").put_user_policy(UserName="lea", PolicyName="own", PolicyDocument=allow)
    said = f"User: {caller.arn} is not authorized to perform: sqs:SendMessage on resource: {arn('sqs', 'closed')}"
    finding = explain(said)
    assert finding["diagnosis"]["cause"] == "explicit_deny", (url, finding["diagnosis"])
    assert "resource-based policy" in " ".join(finding["diagnosis"]["evidence"]), finding["diagnosis"]
