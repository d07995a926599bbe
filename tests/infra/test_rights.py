"""What the roles may do, read back from the template and from the module, held against the calls that the program makes.

In both directions: each action is one of a call on the program's list (src/io/aws/allow.rs) or of what a service does in
the role's name, and each call of the function's has its action. And each statement is needed: without it the program's own
simulator refuses a call. What a stand-in of AWS can show, tests/e2e/test_rights.py and test_between.py see refused in a run.
"""

import fnmatch
import json
import os
import pathlib
import re
import subprocess

import pytest

import cases
import cfn
import module
import parity
from sides import side as forms, template as alone

ALLOWED = re.compile(r'allowed\(\s*"([a-z0-9-]+)",\s*Shape::(\w+)\(\s*(?:"(?:GET|POST|PUT)",\s*)?"([^"]+)"')
# Calls whose name on the wire is a path, by its shape where one path is several calls.
PATHS = {
    ("backup", "/backup-vaults/{}/access-policy"): "backup:GetBackupVaultAccessPolicy",
    ("codeartifact", "/v1/domain/permissions/policy"): "codeartifact:GetDomainPermissionsPolicy",
    ("elasticfilesystem", "/2015-02-01/file-systems/{}/policy"): "elasticfilesystem:DescribeFileSystemPolicy",
    ("lambda", "/2015-03-31/functions/{}/policy"): "lambda:GetPolicy",
    ("lambda", "/2015-03-31/functions/{}/configuration"): "lambda:GetFunctionConfiguration",
    ("lambda", "/2015-03-31/event-source-mappings/"): "lambda:ListEventSourceMappings",
    ("iam", "/authorization-details/{}"): "iam:GetRequestAuthorizationDetails",
    ("s3", "/{}"): "s3:GetBucketPolicy",
    ("s3", "/{}", "RestSome"): "s3:ListBucket",
    ("s3", "/{}/{//..}"): "s3:GetObject",
    ("s3", "/{}/{..}", "RestPut"): "s3:PutObject",
    ("access-analyzer", "/policy/validation"): "access-analyzer:ValidatePolicy",
    ("access-analyzer", "/policy/check-no-new-access"): "access-analyzer:CheckNoNewAccess",
}
# Made by the command line alone (`verify --live`, `doctor`, `watch`, `query`, `scan --lookup`, a profile), in its user's name.
AT_A_DESK = {
    "access-analyzer:CheckNoNewAccess", "access-analyzer:ValidatePolicy", "athena:GetQueryExecution", "athena:GetQueryResults",
    "athena:StartQueryExecution", "athena:StopQueryExecution", "cloudtrail:CancelQuery", "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors", "cloudtrail:GetQueryResults", "cloudtrail:GetTrailStatus", "cloudtrail:StartQuery",
    "ec2:DescribeRegions", "events:DescribeRule", "events:ListEventBuses", "events:ListRuleNamesByTarget", "iam:SimulatePrincipalPolicy", "lambda:GetFunctionConfiguration",
    "lambda:ListEventSourceMappings", "sns:ListSubscriptionsByTopic", "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessageBatch", "sqs:ReceiveMessage", "sts:AssumeRole", "sts:GetCallerIdentity",
}  # fmt: skip
WHO_WE_ARE = {"sts:AssumeRoleWithWebIdentity", "sso", "sso-oidc", "imds", "container"}
# Which statements a call of the function's is in, where that is not ReadPolicies.
USES = {
    "cloudtrail:LookupEvents": {"Sweep"},
    "secretsmanager:GetSecretValue": {"SlackSecret", "Secrets"},
    "ssm:GetParameter": {"ConfigParameter", "SecretParameters"},
    "s3:GetObject": {"ConfigObject", "ReadArchive", "OwnReports"},
    "s3:ListBucket": {"ListArchive"},
    "s3:PutObject": {"OwnReports"},
    "sns:Publish": {"OwnTopic", "Topics"},
    "sqs:SendMessage": {"BackfillQueue"},
    "iam:GetRequestAuthorizationDetails": {"AuthorizationDetails"},
    "dynamodb:BatchGetItem": {"OwnLedger"},
    "dynamodb:DeleteItem": {"OwnLedger"},
    "dynamodb:GetItem": {"OwnLedger"},
    "dynamodb:PutItem": {"OwnLedger"},
    "dynamodb:Query": {"OwnLedger"},
    "dynamodb:TransactWriteItems": {"OwnLedger"},
}
# A transaction needs the action of each write in it; a batch is the same action.
STANDS_FOR = {
    "dynamodb:TransactWriteItems": {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
}
# What services do in the role's name.
SERVICES = {
    "OwnLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "OwnQueue": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
    "OwnDeadLetters": {"sqs:SendMessage"},
    "BackfillQueue": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
    "DecryptKeys": {"kms:Decrypt"},
    "ReportKey": {"kms:Decrypt", "kms:GenerateDataKey"},
    "TopicKey": {"kms:Decrypt", "kms:GenerateDataKey"},
    "TableKey": {
        "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
    },
}  # fmt: skip


def calls():
    """The program's list of calls, as `service:Operation`."""
    text = (module.ROOT / "src" / "io" / "aws" / "allow.rs").read_text()
    listed = text[text.index("pub const ALLOWED") : text.index("const fn allowed")]
    found = ALLOWED.findall(listed)
    assert len(found) == listed.count("allowed("), "a line of allow.rs is not understood"
    return {name(*one) for one in found} - WHO_WE_ARE


def name(service, shape, text):
    if service in WHO_WE_ARE:
        return service
    if shape.startswith("Rest"):
        return PATHS.get((service, text, shape)) or PATHS[service, text]
    return f"{service}:{text.rpartition('.')[2]}"


def wanted():
    """Statement → the actions it has to have."""
    made = {sid: set(actions) for sid, actions in SERVICES.items()}
    for call in calls() - AT_A_DESK:
        for sid in USES.get(call, {"ReadPolicies"}):
            made.setdefault(sid, set()).update(STANDS_FOR.get(call, {call}))
    return made


def role_statements(form):
    return [one for document in form["policies"].values() for one in document["Statement"]]


def rendered(side):
    """Each statement that some case gives the function, by the side's own text: 0 is the template, 1 the module."""
    found = {}
    for case in cases.CASES:
        built = forms(side, case)
        for one in role_statements(built["FunctionRole"]):
            found.setdefault(one["Sid"], []).append((case, one))
        if "AuthorizationDetails" in built:
            for one in built["AuthorizationDetails"]["policy"]["Statement"]:
                found.setdefault(one["Sid"], []).append((case, one))
    return found


@pytest.mark.parametrize("side", [0, 1], ids=["template", "module"])
def test_the_function_may_make_its_calls_and_no_others(side):
    has = {sid: set(one["Action"]) for sid, found in rendered(side).items() for _, one in found}
    assert has == wanted()


@pytest.mark.parametrize("side", [0, 1], ids=["template", "module"])
def test_nothing_is_wide(side):
    """No wildcard in an action, nothing that writes IAM, `*` as a resource only where the next denial names it."""
    for case in cases.CASES:
        built = forms(side, case)
        roles = [form for form in built.values() if "policies" in form]
        assert len(roles) == 2
        for form in roles:
            for one in role_statements(form):
                assert one["Effect"] == "Allow" and not {"NotAction", "NotResource"} & one.keys()
                for action in one["Action"]:
                    assert "*" not in action and not action.startswith("sso"), action
                    reads = re.match("[a-z-]+:(Get|List|Describe)", action)
                    assert reads or not action.startswith(("iam:", "organizations:")), action
                assert one["Resource"] != ["*"] or one["Sid"] in ("ReadPolicies", "Sweep", "AuthorizationDetails")


@pytest.mark.parametrize("side", [0, 1], ids=["template", "module"])
def test_a_statement_is_there_only_when_asked_for(side):
    always = {"OwnLog", "OwnQueue", "OwnDeadLetters", "OwnLedger", "OwnTopic", "Sweep"}
    found = {sid: {case for case, _ in of} for sid, of in rendered(side).items()}
    assert {sid for sid, of in found.items() if of == set(cases.CASES)} == always
    least = {sid for sid, of in found.items() if "an e-mail address alone" in of}
    assert least == always


# ---- each statement is needed ----


# A key's own policy, as AWS makes it: it leaves the matter to IAM.
TO_THE_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
OF_A_KEY = {"resource": {"Version": "2012-10-17", "Statement": [TO_THE_ACCOUNT]}}


def simulator():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", module.ROOT / "target"))
    found = target / "debug" / "denywatch"
    assert found.exists(), f"{found} is not built: cargo build"
    return found


def example(resource):
    return resource.replace("*", "probe") if resource != "*" else "*"


def requests(principal, statement):
    """A request for each action, which the statement lets through."""
    keys = {}
    for tests in statement.get("Condition", {}).values():
        keys |= {key: example(values[0]) for key, values in tests.items()}
    for action in statement["Action"]:
        for resource in statement["Resource"]:
            yield {"principal": principal, "action": action, "resource": example(resource), "context": keys}


def decide(lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([simulator(), "simulate"], input=text, capture_output=True, text=True, check=True)
    told = {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert len(told) == len(lines) and not any("error" in one for one in told.values()), done.stdout
    return {id_: one["decision"] for id_, one in told.items()}


@pytest.mark.parametrize("side", [0, 1], ids=["template", "module"])
@pytest.mark.parametrize("case", [case for case, (*_, partition) in cases.CASES.items() if partition == "aws"])
def test_without_a_statement_a_call_is_refused(side, case):
    built = forms(side, case)
    for logical, form in built.items():
        if "policies" not in form:
            continue
        all_of_it = role_statements(form)
        principal, lines = f"arn:aws:iam::111122223333:role/{logical}", []
        for at, statement in enumerate(all_of_it):
            others = all_of_it[:at] + all_of_it[at + 1 :]
            for number, request in enumerate(requests(principal, statement)):
                for which, kept in (("all", all_of_it), ("without", others)):
                    document = {"Version": "2012-10-17", "Statement": kept}
                    policies = {"identity": [document]} | (OF_A_KEY if request["action"].startswith("kms:") else {})
                    lines.append({"id": f"{statement['Sid']} {number} {which}", "policies": policies, "request": request})
        decided = decide(lines)
        assert [id_ for id_, one in decided.items() if id_.endswith(" all") and one != "allowed"] == []
        for statement in all_of_it:
            mine = {one for id_, one in decided.items() if re.fullmatch(rf"{statement['Sid']} \d+ without", id_)}
            assert "denied" in mine, f"{statement['Sid']} is not needed"


def test_who_else_may_what():
    """The module's policies are the same: test_parity.py."""
    template, stack = alone("everything")
    allowed = {(*one["Action"], *one["Resource"]) for one in role_statements(template["ScheduleRole"])}
    of = "arn:aws:{}:eu-west-1:111122223333:{}".format
    assert allowed == {
        ("lambda:InvokeFunction", of("lambda", "function:Function")),
        ("sqs:SendMessage", of("sqs", "ScheduleDeadLetters")),
    }
    rules = sorted(of("events", f"rule/{rule}") for rule in ("DenialRule", "ChangeRule", "CentralDenialRule", "CentralChangeRule"))
    for queue in ("QueuePolicy", "DeadLettersPolicy"):
        first, *more = template[queue]["policy"]["Statement"]
        assert first["Principal"] == {"Service": "events.amazonaws.com"} and first["Action"] == ["sqs:SendMessage"]
        assert first["Condition"] == {"ArnEquals": {"aws:SourceArn": rules}}
        assert [one["Sid"] for one in more] == (["NewFilesOfTheArchive"] if queue == "QueuePolicy" else [])
    (bus,) = template["Bus"]["policy"]["Statement"]
    assert bus["Principal"] == "*" and bus["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": ["o-exampleorgid"]}}
    assert bus["Action"] == ["events:PutEvents"] and bus["Resource"] == [stack.outputs()["BusArn"]]
    (topic,) = template["TopicPolicy"]["policy"]["Statement"]
    assert topic["Principal"] == {"Service": "cloudwatch.amazonaws.com"} and topic["Action"] == ["sns:Publish"]


@pytest.mark.parametrize("side", [0, 1], ids=["template", "module"])
def test_the_forwarder_may_send_and_nothing_else(side):
    form = forms(side, "a bus alone", forwarder=True)["Role"]
    (one,) = role_statements(form)
    assert one["Action"] == ["events:PutEvents"] and one["Resource"] == [cases.BUS.format("aws")]
    (trust,) = form["trust"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ["111122223333"]},
        "ArnLike": {"aws:SourceArn": ["arn:aws:events:us-east-1:111122223333:rule/*"]},
    }


def test_eventbridge_may_be_the_forwarder_in_a_stack_of_a_long_name():
    """A StackSet's stacks are called `StackSet-NAME-<guid>`; CloudFormation shortens that in the names of rules, which hold 64."""
    name = "StackSet-denywatch-forwarder-0a1b2c3d-0000-4000-8000-000000000000"
    assert len(name) == 65
    rule = f"arn:aws:events:us-east-1:111122223333:rule/{name[:32]}-DenialRule-1A2B3C4D5E6F7"
    given = {"BusArn": cases.BUS.format("aws")}
    stack = cases.stack(cases.FORWARDER, given, "us-east-1", "aws", name, lambda *of: ".".join(of))
    _, role = stack.resources()["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert fnmatch.fnmatchcase(rule, trust["Condition"]["ArnLike"]["aws:SourceArn"])


def test_the_archives_bucket_may_be_asked_what_the_role_asks():
    """infra/README.md's policy for a bucket of another account is the function's two statements on the archive."""
    text = (module.ROOT / "infra" / "README.md").read_text()
    printed = json.loads(re.search(r"by its bucket policy;.*?```json\n(.*?)```", text, re.DOTALL)[1])
    given = cases.CODE | cases.OF_MAIL | {"ArchiveBucket": "trail", "ArchivePrefix": "AWSLogs/", "Backfill": "true"}
    stack = cases.stack(cases.TEMPLATE, given, "eu-west-1", "aws", "denywatch", lambda *of: ".".join(of))
    _, properties = stack.resources()["FunctionRole"]
    own = {one["Sid"]: one for one in properties["Policies"][0]["PolicyDocument"]["Statement"]}
    wanted = [(own[sid]["Action"], own[sid]["Resource"].replace("trail", "TRAIL")) for sid in ("ReadArchive", "ListArchive")]
    assert [(one["Action"], one["Resource"]) for one in printed["Statement"]] == wanted


def test_the_front_page_prints_the_policy():
    """README.md's "Its own IAM policy" is the least that the function has, and Slack's statement."""
    text = (module.ROOT / "README.md").read_text()
    printed = json.loads(re.search(r"## Its own IAM policy\n.*?```json\n(.*?)```", text, re.DOTALL)[1])
    template = cfn.load(cases.TEMPLATE)
    least = cases.stack(
        cases.TEMPLATE, cases.CODE | {"SlackSecretArn": cases.secret("slack")}, "eu-west-1", "aws", "denywatch", lambda *of: ".".join(of)
    )
    assert set(template["Resources"]) == set(parity.FULL)
    _, properties = least.resources()["FunctionRole"]
    real = cfn.document(properties["Policies"][0]["PolicyDocument"])["Statement"]
    names = {
        "<its log group>": "LogGroup.Arn", "<its queue>": "Queue.Arn", "<its schedule's dead letters>": "ScheduleDeadLetters.Arn",
        "<its table>": "Table.Arn", "<its topic>": "Topic.Ref", "<that secret>": cases.secret("slack"), "*": "*",
    }  # fmt: skip
    for one in printed["Statement"]:
        one["Resource"] = names[one["Resource"]]
    assert cfn.document(printed)["Statement"] == real
