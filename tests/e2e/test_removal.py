"""The stack's end: an update first, then nothing is left."""

import conftest
from stand_ins import wait_for


def test_an_update_keeps_the_line_working(stack):
    outputs = conftest.deploy(stack.aws, stack.parameters | {"BatchSize": "10", "LogRetentionDays": "7"})
    assert outputs == stack.outputs
    stack.settle(4)


def test_read_only_events_are_watched_unless_told_otherwise(stack):
    assert conftest.template()["Parameters"]["IncludeReadEvents"]["Default"] == "true"
    told = {name: value for name, value in stack.parameters.items() if name != "IncludeReadEvents"}
    outputs = conftest.deploy(stack.aws, told)
    rule = stack.bus.describe_rule(Name=outputs["RuleArn"].rsplit("/", 1)[-1])
    assert rule["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    assert rule.get("EventBusName", "default") == "default"


def test_deleting_the_stack_leaves_nothing(stack):
    cloudformation = stack.aws.client("cloudformation")
    cloudformation.delete_stack(StackName=conftest.STACK)

    def gone():
        stacks = cloudformation.list_stacks()["StackSummaries"]
        return [s for s in stacks if s["StackName"] == conftest.STACK and s["StackStatus"] == "DELETE_COMPLETE"]

    wait_for("the stack to be deleted", 60, gone)
    assert stack.aws.client("lambda").list_functions()["Functions"] == []
    assert stack.bus.list_rules()["Rules"] == []
    assert [u for u in stack.sqs.list_queues()["QueueUrls"] if not u.endswith("/inbox")] == []
    assert stack.aws.client("dynamodb").list_tables()["TableNames"] == []
    assert stack.aws.client("iam").list_roles()["Roles"] == []
