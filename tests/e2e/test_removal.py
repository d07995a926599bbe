"""The stack's end: an update first, then nothing is left."""

import datetime

import conftest
import events
from services import policy


def test_an_update_keeps_the_line_working(stack):
    outputs = conftest.deploy(stack.aws, stack.parameters | {"BatchSize": "10", "LogRetentionDays": "7"})
    assert outputs == stack.outputs
    stack.settle(4)


def test_a_function_that_may_read_policies_proves_the_patch_on_them(stack):
    """`ReadPolicies=true`: the statement in the function's role is what ministack lets it read by.    """
    parameters = stack.parameters | {"ReadPolicies": "true"}
    assert conftest.deploy(stack.aws, parameters) == stack.outputs
    iam, name = stack.aws.client("iam"), "policy-reader-story"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    held = policy({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="what-it-has", PolicyDocument=held)
    topic = stack.aws.client("sns").create_topic(Name=name)["TopicArn"]
    session = events.role_identity(role)
    said = events.refused(session["arn"], "sns:GetTopicAttributes", topic)
    # Now: a role that is younger than the denial is another one.
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused = events.record(
        "6b1f6c1e-0d3b-4a55-9c1e-2f7f0b9d1a66", "sns.amazonaws.com", "GetTopicAttributes", session, "AuthorizationError", said,
        requestParameters={"topicArn": topic}, eventTime=now,
    )
    try:
        stack.put(events.entry(refused))
        (alert,) = stack.await_mail_about("sns:GetTopicAttributes")
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="what-it-has")
        iam.delete_role(RoleName=name)
        stack.aws.client("sns").delete_topic(TopicArn=topic)
        conftest.deploy(stack.aws, stack.parameters)
    told = " ".join(alert["Message"].split())
    assert "(judged on the policies in force)" in told, alert["Message"]
    assert "PATCH (proven)" in told and "`what-it-has`" in told, alert["Message"]


def test_read_only_events_are_watched_unless_told_otherwise(stack):
    assert conftest.template()["Parameters"]["IncludeReadEvents"]["Default"] == "true"
    told = {name: value for name, value in stack.parameters.items() if name != "IncludeReadEvents"}
    outputs = conftest.deploy(stack.aws, told)
    rule = stack.bus.describe_rule(Name=outputs["RuleArn"].rsplit("/", 1)[-1])
    assert rule["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    assert rule.get("EventBusName", "default") == "default"


def test_deleting_the_stack_leaves_nothing(stack):
    conftest.remove(stack.aws)
    assert stack.aws.client("lambda").list_functions()["Functions"] == []
    assert stack.bus.list_rules()["Rules"] == []
    assert [u for u in stack.sqs.list_queues()["QueueUrls"] if not u.endswith("/inbox")] == []
    assert stack.aws.client("dynamodb").list_tables()["TableNames"] == []
    assert stack.aws.client("iam").list_roles()["Roles"] == []
