"""The events of the run, made by hand from the facts; accounts and addresses are those reserved for documentation."""

import copy
import datetime
import json
import pathlib

from stand_ins import ACCOUNT, REGION

HERE = pathlib.Path(__file__).parent
CODEPIPELINE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/codepipeline-role-dev"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779"


def last_week():
    """Wednesday of last week: recent, and in the week that the report is about."""
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{today - datetime.timedelta(days=today.isoweekday() + 4)}T10:02:14Z"


def role_identity(role_arn, session="1768723745984"):
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLEEXAMPLE123:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLEEXAMPLE123",
                "arn": role_arn,
                "accountId": account,
                "userName": name,
            },
            "attributes": {"creationDate": "2026-11-11T09:58:01Z", "mfaAuthenticated": "false"},
        },
    }


def user_identity(name):
    return {
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLEEXAMPLE123",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "accountId": ACCOUNT,
        "userName": name,
    }


def record(event_id, source, name, identity, error_code, error_message, **more):
    """A CloudTrail record; `error_code` None makes it a success."""
    made = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": last_week(),
        "eventSource": source,
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.17",
        "userAgent": "aws-sdk-java/2.29.0",
        "requestParameters": None,
        "responseElements": None,
        "requestID": "0d0e3a52-8d4e-4b42-9e0c-000000000000",
        "eventID": event_id,
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }
    if error_code is not None:
        made |= {"errorCode": error_code, "errorMessage": error_message}
    return made | more


def refused(identity_arn, action, resource):
    return (
        f"User: {identity_arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def story_1(event_id="4f1f6c1e-0d3b-4a55-9c1e-2f7f0b9d1a10"):
    """CodePipeline writes an artifact to an encrypted bucket: S3 asks for a data key in the role's name, and is refused."""
    identity = role_identity(CODEPIPELINE_ROLE) | {"invokedBy": "s3.amazonaws.com"}
    return record(
        event_id,
        "kms.amazonaws.com",
        "GenerateDataKey",
        identity,
        "AccessDenied",
        refused(identity["arn"], "kms:GenerateDataKey", KEY),
        sourceIPAddress="s3.amazonaws.com",
        userAgent="s3.amazonaws.com",
    )


def sentinel(number):
    """A denial of an IAM user of its own: when its alert is here, all that was put before it has been looked at."""
    identity = user_identity(f"sentinel-{number}")
    return record(
        f"5e471e10-0000-4000-8000-{number:012d}",
        "dynamodb.amazonaws.com",
        "DescribeTable",
        identity,
        "AccessDeniedException",
        refused(identity["arn"], "dynamodb:DescribeTable", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/sentinel"),
    )


def look_alikes(own_role):
    """Events that look like denials and are none, or are our own; each must stay outside."""
    role = role_identity(CODEPIPELINE_ROLE)
    own = role_identity(own_role, "denywatch")
    user = user_identity("mallory")

    def one(number, source, name, identity, code, message):
        return record(f"100caa11-0000-4000-8000-{number:012d}", source, name, identity, code, message)

    return {
        "success": one(1, "kms.amazonaws.com", "GenerateDataKey", role, None, None),
        "expired token": one(
            2, "sts.amazonaws.com", "GetCallerIdentity", user, "ExpiredToken", "The security token is expired"
        ),
        "subscription": one(
            3, "ec2.amazonaws.com", "RunInstances", user, "OptInRequired", "You are not subscribed to this service"
        ),
        "dry run": one(
            4,
            "ec2.amazonaws.com",
            "DescribeInstances",
            user,
            "Client.DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ),
        "wrong password": one(
            5,
            "cognito-idp.amazonaws.com",
            "InitiateAuth",
            {"type": "Unknown", "principalId": "Anonymous"},
            "NotAuthorizedException",
            "Incorrect username or password.",
        ),
        "own role": one(
            6,
            "sns.amazonaws.com",
            "Publish",
            own,
            "AccessDenied",
            refused(own["arn"], "sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:denywatch"),
        ),
        "not found": one(
            7,
            "rds.amazonaws.com",
            "DescribeDBSecurityGroups",
            user,
            "AuthorizationNotFound",
            "The specified CIDR range is not authorized for the DB security group",
        ),
        "throttled": one(8, "iam.amazonaws.com", "ListRoles", user, "ThrottlingException", "Rate exceeded"),
    }


# One error code of each arm of the denial pattern, and a call that is refused with it.
FAMILIES = {
    "Client.AccessDenied": ("dynamodb", "DescribeTable"),
    "Client.UnauthorizedOperation": ("ec2", "DescribeInstances"),
    "NotAuthorizedException": ("backup", "ListBackupVaults"),
    "ForbiddenException": ("iot", "ListThings"),
    "AuthorizationErrorException": ("sns", "ListTopics"),
    "AuthorizationException": ("ssm-incidents", "ListResponsePlans"),
    "InsufficientPrivilegesException": ("discovery", "ListConfigurations"),
    "InsufficientPermissionsException": ("acm", "ListCertificates"),
}


def of_family(code):
    """A denial with that code, of a user of its own."""
    service, operation = FAMILIES[code]
    identity = user_identity(f"family-{code.rpartition('.')[2].lower()}")
    number = list(FAMILIES).index(code)
    said = refused(identity["arn"], f"{service}:{operation}", "*")
    return record(f"fa311100-0000-4000-8000-{number:012d}", f"{service}.amazonaws.com", operation, identity, code, said)


def at_an_endpoint():
    """What a VPC endpoint's policy refused: an event of another type."""
    identity = user_identity("family-endpoint")
    return record(
        "fa311100-0000-4000-8000-000000000099", "kms.amazonaws.com", "Decrypt", identity, "VpceAccessDenied",
        "The request was denied due to a VPC endpoint policy", eventType="AwsVpceEvent", eventCategory="NetworkActivity",
        managementEvent=False, vpcEndpointId="vpce-0a1b2c3d4e5f60718", vpcEndpointAccountId=ACCOUNT,
        resources=[{"ARN": KEY, "type": "AWS::KMS::Key", "accountId": ACCOUNT}],
    )  # fmt: skip


def change():
    """A change of a policy that went through; nothing to tell by itself."""
    return record(
        "c4a27e00-0000-4000-8000-000000000001", "iam.amazonaws.com", "DeleteRolePolicy", user_identity("changer"), None, None,
        readOnly=False, requestParameters={"roleName": "codepipeline-role-dev", "policyName": "kms"},
    )  # fmt: skip


def source_of(detail):
    """What EventBridge calls the service that CloudTrail names, such as `aws.kms`."""
    return "aws." + detail.get("eventSource", "none").split(".")[0]


def entry(detail, detail_type="AWS API Call via CloudTrail"):
    """For PutEvents, as AWS puts it: see as_aws.py."""
    return {"Source": source_of(detail), "DetailType": detail_type, "Detail": json.dumps(detail)}


def pattern_events(own_role):
    """The catalogue patterns.json as (case, whole event)."""
    roles = {
        "own role": own_role,
        "own role-other": own_role + "-other",
        "own role elsewhere": own_role.replace(ACCOUNT, "444455556666"),
    }
    for case in json.loads((HERE / "patterns.json").read_text())["cases"]:
        detail = copy.deepcopy(case["detail"])
        identity = detail["userIdentity"]
        if isinstance(identity, str):
            detail["userIdentity"] = role_identity(roles.get(identity, identity))
        yield (
            case,
            {
                "version": "0",
                "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
                "detail-type": case.get("detail-type", "AWS API Call via CloudTrail"),
                "source": case.get("source", source_of(detail)),
                "account": ACCOUNT,
                "time": "2026-11-11T10:02:14Z",
                "region": REGION,
                "resources": [],
                "detail": detail,
            },
        )
