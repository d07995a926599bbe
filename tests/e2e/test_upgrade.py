"""From the release before to this one and back: the ledger and the configuration survive, and nothing is told twice.

What the release before left is a fixture (`before.py`). Going back needs that release itself: `--before FOLDER` names a
checkout of it with `target/debug/bootstrap`; tests/long.sh makes one.
"""

import json
import pathlib
import subprocess

import before
import conftest
import pytest

LEFT = json.loads(before.FIXTURE.read_text(), object_hook=before.from_text)


@pytest.fixture(scope="module")
def around(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upgrade")
    with before.Ministack(folder) as aws, (folder / "function.log").open("wb") as log:
        here = before.Around(aws, LEFT["configuration"], log)
        here.put(before.with_allowed(LEFT["items"]))
        yield here


@pytest.fixture(scope="module")
def release(pytestconfig):
    return conftest.built(pytestconfig, "bootstrap")


def test_the_fixture_is_what_its_maker_would_tell_again():
    assert LEFT["events"] == before.story()
    assert sum(LEFT["counts"].values()) == len(before.story())


def test_this_release_reads_the_ledger_of_the_one_before(around, release):
    assert around.run(release, LEFT["events"]) == [], "what was told is told again"
    assert around.counts() == LEFT["counts"], "what was counted is counted again"


def test_it_goes_on_counting_and_telling(around, release):
    assert around.run(release, [before.denial(20, "nightly-scan", minute=30)]) == [], "the rule holds no longer"
    (told,) = around.run(release, [before.denial(21, "newcomer", minute=31)])
    assert "newcomer" in told["Message"]
    (again,) = around.run(release, [before.denial(22, "shop-worker", "sqs:ReceiveMessage", minute=32)])
    assert "shop-worker" in again["Message"] and "sqs:ReceiveMessage" in again["Message"]
    counts = around.counts()
    assert sum(counts.values()) == len(LEFT["events"]) + 3
    assert all(counts[finding] >= count for finding, count in LEFT["counts"].items())


def test_the_program_lists_all_of_it(around, pytestconfig):
    program = conftest.built(pytestconfig, "denywatch")
    command = [program, "findings", "--store", f"dynamodb:{before.TABLE}", "--output", "json"]
    done = subprocess.run(command, env=around.env, capture_output=True, text=True, timeout=60, check=False)
    if "this build has no DynamoDB" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    assert {finding["id"]: finding["count"] for finding in findings} == around.counts()
    # What a scan of that release saw allowed is still known, item by item.
    (billing,) = (finding for finding in findings if finding["principal"]["name"] == "billing")
    items = {item["action"]: item for item in billing["denied"]}
    since = items["sns:Publish"]["allowed_since"]
    assert (items["sns:Publish"]["status"], since["count"], since["first"], since["last"]) == ("resolved", 2, *before.ALLOWED)
    assert items["sqs:SendMessage"]["status"] == "open"


def test_back_to_the_release_before(around, release, pytestconfig):
    folder = pytestconfig.getoption("--before")
    if not folder:
        pytest.skip("needs the release before (--before); tests/long.sh gives it")
    old = pathlib.Path(folder).resolve() / "target" / "debug" / "bootstrap"
    counts = around.counts()
    seen = [*LEFT["events"], before.denial(20, "nightly-scan", minute=30), before.denial(21, "newcomer", minute=31)]
    assert around.run(old, seen) == [], "what this release told is told again by the one before"
    assert around.counts() == counts, "what this release counted is counted again by the one before"
    (told,) = around.run(old, [before.denial(30, "latecomer", minute=40)])
    assert "latecomer" in told["Message"]
    # And forward once more.
    assert around.run(release, [before.denial(30, "latecomer", minute=40)]) == []
    assert sum(around.counts().values()) == sum(counts.values()) + 1
