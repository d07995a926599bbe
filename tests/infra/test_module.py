"""The module as Terraform sees it: form, validity, examples, its own tests, its documents."""

import json
import re
import subprocess
import sys

import pytest

import module

EXAMPLES = sorted(path.name for path in (module.MODULE / "examples").iterdir())


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return module.copy(tmp_path_factory.mktemp("examples"))


def test_form():
    told = module.terraform(module.MODULE, "fmt", "-check", "-recursive", "-diff", check=False)
    assert told == "", told


@pytest.mark.parametrize("where", [".", "modules/forwarder"])
def test_valid(folder, where):
    told = json.loads(module.terraform(folder / where, "validate", "-json"))
    assert told["valid"], told
    warned = [one["summary"] for one in told["diagnostics"] if "development overrides" not in one["summary"]]
    assert warned == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_planned(folder, example):
    where = folder / "examples" / example
    module.terraform(where, "get")
    told = json.loads(module.terraform(where, "validate", "-json"))
    assert told["valid"], told
    told = module.terraform(where, "plan", "-input=false", "-lock=false")
    # Wherever a home Region is watched, so are that account's global services.
    assert (example in ("slack", "archive")) != ("module.global.aws_cloudwatch_event_rule.denials" in told), told
    count = re.search(r"Plan: (\d+) to add, 0 to change, 0 to destroy", told)
    assert count and int(count[1]) > 30, told


@pytest.mark.parametrize("where", [".", "modules/forwarder"])
def test_its_own_tests(folder, where):
    told = module.terraform(folder / where, "test")
    runs = (module.MODULE / where / "tests" / "inputs.tftest.hcl").read_text().count("\nrun ")
    assert f"{runs} passed, 0 failed" in told, told


def test_each_example_has_its_line_in_the_readme():
    text = (module.MODULE / "README.md").read_text()
    for example in EXAMPLES:
        assert f"examples/{example}" in text, example


def test_documents_are_as_generated():
    """`tests/tools/infra_docs.py` writes what it can derive."""
    done = subprocess.run(
        [sys.executable, module.ROOT / "tests" / "tools" / "infra_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
