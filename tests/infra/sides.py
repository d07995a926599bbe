"""Both sides under a case of cases.py, each in the forms of parity.py; planned and rendered once a run."""

import functools
import pathlib
import tempfile

import cases
import module
import parity

SCRATCH = tempfile.TemporaryDirectory(prefix="module-")


@functools.cache
def folder():
    """A copy of the module to plan in."""
    return module.copy(pathlib.Path(SCRATCH.name))


@functools.cache
def plan(name, forwarder=False):
    _, variables, region, partition = (cases.FORWARDERS if forwarder else cases.CASES)[name]
    given = variables if forwarder else cases.CODE_TF | variables
    return module.Plan(folder() / "modules" / "forwarder" if forwarder else folder(), given, region, partition)


# What AWS would give a resource of the template, where no plan says it: the logical id is its name.
NAMED = {
    "AWS::SQS::Queue": "arn:{0}:sqs:{1}:111122223333:{2}",
    "AWS::SNS::Topic": "arn:{0}:sns:{1}:111122223333:{2}",
    "AWS::DynamoDB::Table": "arn:{0}:dynamodb:{1}:111122223333:table/{2}",
    "AWS::Lambda::Function": "arn:{0}:lambda:{1}:111122223333:function:{2}",
    "AWS::Logs::LogGroup": "arn:{0}:logs:{1}:111122223333:log-group:{2}:*",
    "AWS::IAM::Role": "arn:{0}:iam::111122223333:role/{2}",
    "AWS::Events::Rule": "arn:{0}:events:{1}:111122223333:rule/{2}",
    "AWS::Events::EventBus": "arn:{0}:events:{1}:111122223333:event-bus/denywatch",
}


@functools.cache
def template(name, forwarder=False):
    """The template's side alone, for which no terraform is needed: its forms, and the stack."""
    parameters, _, region, partition = (cases.FORWARDERS if forwarder else cases.CASES)[name]
    path = cases.FORWARDER if forwarder else cases.TEMPLATE
    types = {logical: one["Type"] for logical, one in cases.cfn.load(path)["Resources"].items()}

    def attribute(logical, which):
        is_arn = which == "Arn" or types[logical] == "AWS::SNS::Topic"
        return NAMED[types[logical]].format(partition, region, logical) if is_arn else logical

    given = parameters if forwarder else cases.CODE | parameters
    stack = cases.stack(path, given, region, partition, "denywatch-forwarder" if forwarder else "denywatch", attribute)
    return {one: parity.of_template(*built) for one, built in stack.resources().items()}, stack


def side(which, name, forwarder=False):
    """One side's forms: 0 is the template, 1 the module."""
    return both(name, forwarder)[1] if which else template(name, forwarder)[0]


@functools.cache
def both(name, forwarder=False):
    """What each side builds (logical id → its form), the template under these parameters, and the plan."""
    planned = plan(name, forwarder)
    addresses = parity.FORWARDER if forwarder else parity.FULL
    parameters, _, region, partition = (cases.FORWARDERS if forwarder else cases.CASES)[name]
    path = cases.FORWARDER if forwarder else cases.TEMPLATE
    given = parameters if forwarder else cases.CODE | parameters
    called = "denywatch-forwarder" if forwarder else "denywatch"
    stack = cases.stack(path, given, region, partition, called, parity.attribute(planned, addresses))
    assert stack.broken_rules() == []
    template = {one: parity.of_template(*built) for one, built in stack.resources().items()}
    logical = {address: one for one, address in addresses.items()}
    roles = {values["name"] for values in planned.of("aws_iam_role").values()}

    def stands_alone(address):
        """A role's own policy belongs to the role's form, unless the template has a resource for it."""
        kind, values = planned.resources[address]
        return kind not in parity.PARTS and (address in logical or values.get("role") not in roles)

    built = {logical[one]: parity.of_module(planned, one) for one in planned.resources if stands_alone(one)}
    return template, built, stack, planned
