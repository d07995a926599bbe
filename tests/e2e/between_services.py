"""What one service of ministack does to another without asking whether it may: here it asks, as AWS does.

A rule reaches a queue by the queue's policy, a bus by the target's role and, in another account, by the bus's policy too;
a schedule calls in its role's name; what cannot be delivered goes to the dead letters, if that is let through. A queue is
polled, a log written and a failed call kept in the function's name; an alarm tells a topic by the topic's policy. The
judge is ministack's own evaluator.
"""

import functools

from ministack.core import iam_evaluator, responses
from ministack.services import cloudwatch, eventbridge, iam, lambda_svc, sns, sqs
from ministack.services.cloudformation import provisioners

CALLS = {"lambda": "lambda:InvokeFunction", "events": "events:PutEvents", "sqs": "sqs:SendMessage"}
POLL = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


def account_of(arn):
    return arn.split(":")[4]


def role_may(role, actions, resource):
    """By the role's own policies."""
    held = iam_evaluator._gather_role_policies(role.rpartition("/")[2], account_of(role))
    return all(iam_evaluator.evaluate(asked(role, action, resource), held).decision == "Allow" for action in actions)


def asked(who, action, resource, **context):
    return iam_evaluator.EvalContext(
        principal_arn=who, principal_type="AssumedRole", principal_account=account_of(who) if ":" in who else "",
        action=action, resource_arn=resource, region=responses.get_region(), service_context=context,
    )  # fmt: skip


def may_be(role, service, source):
    """By the role's trust policy: `service` takes it on behalf of `source`."""
    found = iam._roles.get_scoped(account_of(role), None, role.rpartition("/")[2])
    context = {"aws:sourcearn": source, "aws:sourceaccount": account_of(source)}
    take = asked("*", "sts:AssumeRole", role, **context)
    return found and iam_evaluator.evaluate_resource_policy(found["AssumeRolePolicyDocument"], take, service=service).decision == "Allow"


def may_reach(arn, role, source):
    """Whether a rule or a schedule may put something there."""
    if ":scheduler:" in source:
        group = source.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        return may_be(role, "scheduler.amazonaws.com", group) and role_may(role, [CALLS[arn.split(":")[2]]], arn)
    if role:
        return may_be(role, "events.amazonaws.com", source) and role_may(role, [CALLS[arn.split(":")[2]]], arn)
    if ":sqs:" in arn:
        return sqs.queue_policy_allows(arn, "events.amazonaws.com", source, account_of(source))
    return True


def invoke_target(inner, target, event, rule, view=None):
    role, source = target.get("RoleArn"), rule["Arn"]
    dead = target.get("DeadLetterConfig", {}).get("Arn")
    if may_reach(target.get("Arn", ""), role, source):
        inner(target, event, rule, view)
    elif dead and may_reach(dead, role if ":scheduler:" in source else None, source):
        inner(target | {"Arn": dead}, event, rule, view)


def dispatch_to_event_bus(inner, spec, event, rule, *rest):
    """ministack forwards within an account; in AWS a bus of another one takes what its policy lets in."""
    if spec.account_id == responses.get_account_id():
        return inner(spec, event, rule, *rest)
    put = asked(f"arn:aws:iam::{account_of(rule['Arn'])}:role/of-the-target", "events:PutEvents", str(spec))
    with responses.request_scope(spec.account_id, spec.region):
        policy = eventbridge._event_bus_policies.get(spec.resource.partition("/")[2])
        if iam_evaluator.evaluate_resource_policy(policy, put).decision == "Allow":
            inner(spec, event, rule, *rest)


def create_event_bus(inner, logical_id, properties, stack):
    """ministack's CloudFormation leaves a bus's policy out."""
    made = inner(logical_id, properties, stack)
    if "Policy" in properties:
        eventbridge._event_bus_policies[made[0]] = properties["Policy"]
    return made


def create_function(inner, logical_id, properties, stack):
    """And where a function's failed calls go."""
    made = inner(logical_id, properties, stack)
    lambda_svc._functions[made[0]]["config"]["DeadLetterConfig"] = properties.get("DeadLetterConfig")
    return made


def all_mappings(inner):
    for account, region, mapping in inner():
        function = lambda_svc._functions.get_scoped(account, region, mapping["FunctionName"])
        if function and role_may(function["config"]["Role"], POLL, mapping["EventSourceArn"]):
            yield account, region, mapping


def emit_lambda_logs(inner, func, *rest, **more):
    config = func.get("config") or func
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    stream = ":".join(["arn:aws:logs", *config["FunctionArn"].split(":")[3:5], "log-group", group, "log-stream:one"])
    if role_may(config["Role"], LOG, stream):
        inner(func, *rest, **more)


def route_async_failure(inner, target, name, event, result):
    config = lambda_svc._functions[name]["config"]
    if role_may(config["Role"], [CALLS["sqs"]], target):
        inner(target, name, event, result)


def dispatch_alarm_actions(inner, alarm, *rest):
    def let_in(topics):
        account = responses.get_account_id()
        return [one for one in topics or [] if sns.topic_policy_allows(one, "cloudwatch.amazonaws.com", alarm["AlarmArn"], account)]

    inner(alarm | {kind: let_in(alarm.get(kind)) for kind in ("AlarmActions", "OKActions")}, *rest)


def ask():
    """From now on."""
    for module, name, ours in (
        (eventbridge, "_invoke_target", invoke_target),
        (eventbridge, "_dispatch_to_event_bus", dispatch_to_event_bus),
        (lambda_svc, "_iter_all_esms", all_mappings),
        (lambda_svc, "_emit_lambda_logs", emit_lambda_logs),
        (lambda_svc, "_route_async_failure", route_async_failure),
        (cloudwatch, "_dispatch_alarm_actions", dispatch_alarm_actions),
    ):
        setattr(module, name, functools.partial(ours, getattr(module, name)))
    for kind, ours in (("AWS::Events::EventBus", create_event_bus), ("AWS::Lambda::Function", create_function)):
        hands = provisioners._RESOURCE_HANDLERS[kind]
        hands["create"] = functools.partial(ours, hands["create"])
