"""The rules let through what the program reads as a change of a policy: the list in src/change/table.rs is the source."""

import json
import re

import cases
import cfn
import module

TABLE = module.ROOT / "src" / "change" / "table.rs"


def kinds():
    """`(eventSource, eventName)` of each line."""
    text = TABLE.read_text()
    listed = text[text.index("pub const KINDS") :]
    listed = listed[: listed.index("\n];")]
    found = re.findall(r'\bof\(\s*"([a-z0-9-]+)",\s*"(\w+)"', listed)
    assert len(found) == len(re.findall(r"\bof\(", listed)) > 40
    return {(f"{source}.amazonaws.com", name) for source, name in found}


def patterns():
    yield "module", json.loads((module.MODULE / "patterns" / "changes.json").read_text())
    for path in (cases.TEMPLATE, cases.FORWARDER):
        yield path.name, cfn.load(path)["Resources"]["ChangeRule"]["Properties"]["EventPattern"]


def test_each_change_is_let_through():
    for name, pattern in patterns():
        detail = pattern["detail"]
        assert set(detail["eventSource"]) == {source for source, _ in kinds()}, name
        assert set(detail["eventName"]) == {name for _, name in kinds()}, name
        assert detail["errorCode"] == [{"exists": False}]
        assert len(set(detail["eventName"])) == len(detail["eventName"])
