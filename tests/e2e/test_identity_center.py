"""The script for a permission set, run by the real AWS CLI against a server that keeps one set: ministack has no Identity
Center. What is seen is that every call has the names and values that AWS's own model of the service asks for.
"""

import http.server
import json
import threading

import pytest

from stand_ins import ACCOUNT
from test_apply import Script, cli, denywatch  # noqa: F401  (fixtures)

INSTANCE, SET = "arn:aws:sso:::instance/ssoins-1234567890abcdef", "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ana"
DENIED = (
    f"User: {ROLE} is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:eu-west-1:{ACCOUNT}:orders "
    "because no identity-based policy allows the sqs:SendMessage action"
)
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{ACCOUNT}:user/admin</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class IdentityCenter(http.server.BaseHTTPRequestHandler):
    """One permission set; provisioning succeeds when it is asked about the second time."""

    policy, calls, asked = "", [], 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        target = self.headers.get("x-amz-target")
        if target is None:
            return self.reply(IDENTITY, "text/xml")
        name, given = target.removeprefix("SWBExternalService."), json.loads(body)
        cls = type(self)
        cls.calls.append((name, given))
        answer = {}
        if name == "ListInstances":
            answer = {"Instances": [{"InstanceArn": INSTANCE}]}
        elif name == "ListPermissionSets":
            answer = {"PermissionSets": [SET.replace("ps-1", "ps-2"), SET]}
        elif name == "DescribePermissionSet":
            answer = {"PermissionSet": {"Name": "Dev" if given["PermissionSetArn"] == SET else "Other"}}
        elif name == "GetInlinePolicyForPermissionSet":
            answer = {"InlinePolicy": cls.policy}
        elif name == "PutInlinePolicyToPermissionSet":
            cls.policy = given["InlinePolicy"]
        elif name == "DeleteInlinePolicyFromPermissionSet":
            cls.policy = ""
        elif name == "ProvisionPermissionSet":
            assert given["TargetType"] == "ALL_PROVISIONED_ACCOUNTS"
            answer = {"PermissionSetProvisioningStatus": {"Status": "IN_PROGRESS", "RequestId": "1" * 36}}
        elif name == "DescribePermissionSetProvisioningStatus":
            cls.asked += 1
            answer = {"PermissionSetProvisioningStatus": {"Status": "SUCCEEDED", "RequestId": "1" * 36}}
        else:
            raise AssertionError(name)
        self.reply(json.dumps(answer), "application/x-amz-json-1.1")

    def reply(self, text, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def center():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), IdentityCenter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("before", ["", '{"Version":"2012-10-17","Statement":[{"Sid":"Old","Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}'])
def test_a_permission_set_is_changed_and_put_back(center, cli, denywatch, tmp_path, before):  # noqa: F811
    IdentityCenter.policy, IdentityCenter.calls = before, []
    made = Script(center, cli, tmp_path / "set", denywatch("patch", "-", "--format", "cli", pasted=DENIED))
    assert "applied; undo: " in made.do()
    statements = json.loads(IdentityCenter.policy)["Statement"]
    assert [one["Action"] for one in statements][-1] == ["sqs:SendMessage"]
    assert len(statements) == 1 + bool(before)
    names = [name for name, _ in IdentityCenter.calls]
    put = names.index("PutInlinePolicyToPermissionSet")
    assert names[put + 1 : put + 3] == ["ProvisionPermissionSet", "DescribePermissionSetProvisioningStatus"]
    assert all(given.get("PermissionSetArn", SET) == SET for _, given in IdentityCenter.calls[put:])
    # A copy that does not know of the first adds nothing, and provisions nothing.
    count = len(IdentityCenter.calls)
    assert made.elsewhere().do() == "nothing to do: the policy in force says it already\n"
    assert "ProvisionPermissionSet" not in [name for name, _ in IdentityCenter.calls[count:]]

    made.do("undo")
    assert (json.loads(IdentityCenter.policy) if IdentityCenter.policy else "") == (json.loads(before) if before else "")
