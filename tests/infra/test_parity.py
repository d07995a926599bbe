"""The module and the template build the same, resource by resource."""

import json
import re

import pytest

import cases
import module
import parity


@pytest.fixture(scope="session")
def plans(tmp_path_factory):
    """Plans of the module, each made once."""
    folder, made = module.copy(tmp_path_factory.mktemp("module")), {}

    def plan(name, forwarder=False):
        if (name, forwarder) not in made:
            _, variables, region, partition = (cases.FORWARDERS if forwarder else cases.CASES)[name]
            given = variables if forwarder else cases.CODE_TF | variables
            where = folder / "modules" / "forwarder" if forwarder else folder
            made[name, forwarder] = module.Plan(where, given, region, partition)
        return made[name, forwarder]

    return plan


def both(plans, name, forwarder=False):
    """What each side builds under a case: logical id → its form."""
    plan = plans(name, forwarder)
    addresses = parity.FORWARDER if forwarder else parity.FULL
    parameters, _, region, partition = (cases.FORWARDERS if forwarder else cases.CASES)[name]
    path = cases.FORWARDER if forwarder else cases.TEMPLATE
    given = parameters if forwarder else cases.CODE | parameters
    called = "denywatch-forwarder" if forwarder else "denywatch"
    stack = cases.stack(path, given, region, partition, called, parity.attribute(plan, addresses))
    assert stack.broken_rules() == []
    template = {one: parity.of_template(*built) for one, built in stack.resources().items()}
    logical = {address: one for one, address in addresses.items()}
    built = [one for one, (kind, _) in plan.resources.items() if kind not in parity.PARTS]
    roles = {v["name"] for v in plan.of("aws_iam_role").values()}
    # A role's own policy belongs to the role's form, unless the template has a resource for it.
    built = [one for one in built if one in logical or plan.resources[one][1].get("role") not in roles]
    module_ = {logical[one]: parity.of_module(plan, one) for one in built}
    return template, module_, stack, plan


def test_each_resource_has_its_counterpart():
    """The table names each resource of the template once, and the case `everything` and the others build all of it."""
    for path, table in ((cases.TEMPLATE, parity.FULL), (cases.FORWARDER, parity.FORWARDER)):
        assert set(table) == set(cases.cfn.load(path)["Resources"])
        assert len(set(table.values())) == len(table)


@pytest.mark.parametrize("name", cases.CASES)
def test_the_same_is_built(plans, name):
    template, built, *_ = both(plans, name)
    assert sorted(template) == sorted(built)
    for logical, form in template.items():
        assert form == built[logical], logical


@pytest.mark.parametrize("name", cases.FORWARDERS)
def test_the_same_is_forwarded(plans, name):
    template, built, *_ = both(plans, name, forwarder=True)
    assert template == built


def test_all_is_built_by_some_case(plans):
    built = {logical for name in cases.CASES for logical in both(plans, name)[0]}
    assert built == set(parity.FULL)


def test_the_outputs_say_the_same(plans):
    for name in cases.CASES:
        _, _, stack, plan = both(plans, name)
        told = {re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): value for key, value in stack.outputs().items()}
        told.pop("schedule_name")
        told.setdefault("backfill_queue_url", None)
        assert told == plan.outputs, name


@pytest.mark.parametrize("name", [name for name, case in cases.CASES.items() if case[3] != "aws"])
def test_no_other_partition_slips_in(plans, name):
    """Read from the whole of both, not from the forms."""
    _, _, stack, plan = both(plans, name)
    for told in (json.dumps(stack.resources()), json.dumps(list(plan.resources.values()))):
        assert not re.search(r"arn:aws:(?!sso)", told), re.findall(r".{60}arn:aws:.{60}", told)[:3]


def test_no_partition_is_written_into_the_module():
    """But in the checks of inputs."""
    for path in module.MODULE.glob("**/*.tf"):
        if "examples" in path.parts or path.name == "variables.tf" or "tests" in path.parts:
            continue
        text = path.read_text()
        assert not re.search(r"arn:aws", text), path
        assert not re.search(r"\b(us|eu|ap|cn|us-gov)-(north|south|east|west|central)[a-z]*-\d\b", text.split("\n\n", 1)[1]), path
