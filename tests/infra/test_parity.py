"""The module and the template build the same, resource by resource."""

import json
import re

import pytest

import cases
import module
import parity
import sides
from sides import both


def test_each_resource_has_its_counterpart():
    """The table names each resource of the template once, and the case `everything` and the others build all of it."""
    for path, table in ((cases.TEMPLATE, parity.FULL), (cases.FORWARDER, parity.FORWARDER)):
        assert set(table) == set(cases.cfn.load(path)["Resources"])
        assert len(set(table.values())) == len(table)


@pytest.mark.parametrize("name", cases.CASES)
def test_the_same_is_built(name):
    template, built, *_ = both(name)
    assert sorted(template) == sorted(built)
    for logical, form in template.items():
        assert form == built[logical], logical


@pytest.mark.parametrize("name", cases.FORWARDERS)
def test_the_same_is_forwarded(name):
    template, built, *_ = both(name, forwarder=True)
    assert template == built


def test_all_is_built_by_some_case():
    built = {logical for name in cases.CASES for logical in sides.template(name)[0]}
    assert built == set(parity.FULL)


def test_the_outputs_say_the_same():
    for name in cases.CASES:
        _, _, stack, plan = both(name)
        told = {re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): value for key, value in stack.outputs().items()}
        told.pop("schedule_name")
        told.setdefault("backfill_queue_url", None)
        assert told == plan.outputs, name


@pytest.mark.parametrize("name", [name for name, case in cases.CASES.items() if case[3] != "aws"])
def test_no_other_partition_slips_in(name):
    """Read from the whole of both, not from the forms."""
    _, _, stack, plan = both(name)
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
