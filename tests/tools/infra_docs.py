#!/usr/bin/env python3
"""Writes into infra's READMEs what can be derived: inputs, outputs, parameters, permissions, costs.

    infra_docs.py            writes
    infra_docs.py --check    says what would change, and fails

Each place is marked `<!-- generated: NAME -->` … `<!-- /generated -->`.
"""

import difflib
import json
import pathlib
import re
import sys

import hcl2

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "infra"))
import cfn  # noqa: E402

INFRA = ROOT / "infra"
TEMPLATE = INFRA / "cloudformation" / "template.yaml"
FORWARDER = INFRA / "cloudformation" / "forwarder.yaml"


def table(heads, rows):
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


# ---- the module ----


def text(value):
    """A string of HCL."""
    return json.loads(value)


def blocks(path, kind):
    with path.open() as source:
        for block in hcl2.load(source)[kind]:
            ((name, body),) = block.items()
            yield text(name), body


def written(name, body):
    """A default as it is written, or what an object's attributes default to."""
    if "default" not in body:
        return "**required**"
    if body["default"] is None:
        return "none"
    if body["default"] == {} and "optional(" in body["type"]:
        return ", ".join(f"`{key} = {value}`" for key, value in re.findall(r'(\w+) = optional\(\w+, ("[^"]*"|[^)]*)\)', body["type"]))
    return f"`{json.dumps(body['default'] if not isinstance(body['default'], str) else text(body['default']))}`"


def kind(body):
    of = body["type"].removeprefix("${").removesuffix("}")
    return f"`{re.sub(r'[(].*', '', of) if of.startswith('object') else of}`"


def inputs(folder):
    found = blocks(folder / "variables.tf", "variable")
    return table(
        ["input", "type", "default", "says"],
        [[f"`{name}`", kind(body), written(name, body), text(body["description"])] for name, body in found],
    )


def outputs(folder):
    found = blocks(folder / "outputs.tf", "output")
    return table(["output", "is"], [[f"`{name}`", text(body["description"])] for name, body in found])


# ---- the templates ----


def parameters(path):
    rows = []
    for name, one in cfn.load(path)["Parameters"].items():
        default = one.get("Default")
        shown = "**required**" if default is None else "empty" if default == "" else f"`{default}`"
        rows.append([f"`{name}`", shown, one["Description"].strip().replace("\n", " ")])
    return table(["parameter", "default", "says"], rows)


def template_outputs(path):
    return table(["output", "is"], [[f"`{n}`", one["Description"]] for n, one in cfn.load(path)["Outputs"].items()])


def comments(path):
    """Sid → the comment above its statement."""
    lines, found = path.read_text().split("\n"), {}
    for at, line in enumerate(lines):
        sid = re.match(r"\s+- Sid: (\w+)", line)
        if not sid:
            continue
        start = at - 1
        while not lines[start].strip().startswith("#"):
            start -= 1
        said = []
        while lines[start].strip().startswith("#"):
            said.insert(0, lines[start].strip().removeprefix("# "))
            start -= 1
        found[sid[1]] = " ".join(said)
    return found


WHEN = {
    "HasSlack": "`SlackSecretArn`", "HasConfigParameter": "`ConfigParameter`", "HasConfigObject": "`ConfigObject`",
    "HasSecrets": "`SecretArns`", "HasParameters": "`ParameterArns`", "HasTopics": "`TopicArns`",
    "HasDecryptKeys": "`DecryptKeyArns`", "HasReportLocation": "`ReportLocation`", "HasReportKey": "`ReportKmsKeyArn`",
    "HasArchive": "`ArchiveBucket`", "HasBackfill": "`Backfill`", "HasTopicKey": "`TopicKmsKeyArn`",
    "HasTableKey": "`TableKmsKeyArn`", "ReadsPolicies": "`ReadPolicies`", "ReadsDetails": "`ReadPolicies`", None: "always",
    "IsCentral": "`Mode=central`",
}  # fmt: skip


def on(resource):
    """What a statement speaks of, for people: an ARN without its beginning."""
    if isinstance(resource, dict):
        ((key, value),) = resource.items()
        if key == "Fn::Sub":
            value = re.sub(r"\$\{AWS::(Partition|Region|AccountId)\}", "", value)
            value = re.sub(r"^arn::[a-z0-9]+:*", "", value).replace("${AWS::StackName}", "STACK")
        named = re.sub(r"\$\{(\w+)\}", r"\1", value.removesuffix(".Arn"))
        return f"`{named}`"
    return f"`{resource}`"


def statements(path):
    said, rows = comments(path), []
    for logical, one in cfn.load(path)["Resources"].items():
        properties, whole = one.get("Properties", {}), WHEN.get(one.get("Condition"))
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "Policy") if key in properties]
        for document in documents:
            for statement in document["Statement"]:
                condition, statement, _ = statement.get("Fn::If", [None, statement, None])
                who = statement.get("Principal", {"Role": properties.get("RoleName", {}).get("Ref", logical)})
                who = "the organization" if who == "*" else next(iter(who.values()))
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                shown = ", ".join(f"`{action}`" for action in actions) if len(actions) < 8 else "see below"
                when = WHEN[condition] if condition else whole or "always"
                rows.append([f"`{statement['Sid']}`", who, shown, on(statement["Resource"]), when, said[statement["Sid"]]])
    return table(["statement", "who", "may", "on", "with", "why"], rows)


def reads():
    for one in cfn.load(TEMPLATE)["Resources"]["FunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        if "Fn::If" in one and one["Fn::If"][1]["Sid"] == "ReadPolicies":
            return ", ".join(f"`{action}`" for action in one["Fn::If"][1]["Action"])
    raise AssertionError("no statement ReadPolicies")


# ---- costs ----

# USD, us-east-1, without free tiers; public prices as they were read in November 2026.
PRICE = {
    "forwarded event": 1.00e-6, "SQS request": 0.40e-6, "Lambda request": 0.20e-6, "Lambda GB-second (x86_64)": 0.0000166667,
    "DynamoDB write unit": 0.625e-6, "DynamoDB read unit": 0.125e-6, "DynamoDB GB-month, with point-in-time recovery": 0.45,
    "SNS mail": 2.00e-5, "log GB": 0.53, "alarm": 0.10, "metric": 0.30, "dashboard": 3.00, "secret": 0.40,
}  # fmt: skip
MONTH = 730 * 3600
# What is assumed of an account.
DENIALS, CHANGES, MESSAGES = 500, 20, 5
# What is assumed of the function: seconds a run and an event, units and bytes an event.
RUN, EVENT, WRITES, READS, KEPT, LOGGED = 0.3, 0.01, 10, 5, 300, 300
MEMORY = 0.25


def alarms():
    return sum(one["Type"] == "AWS::CloudWatch::Alarm" for one in cfn.load(TEMPLATE)["Resources"].values())


def cost(accounts):
    """Item → USD a month."""
    events = accounts * (DENIALS + CHANGES) * 365 / 12
    runs = MONTH / 60 + min(events, MONTH / 20)
    return {
        "EventBridge, in the sending accounts": (events if accounts > 1 else 0) * PRICE["forwarded event"],
        "SQS": (2 * events + 5 * MONTH / 20) * PRICE["SQS request"],
        "Lambda": runs * PRICE["Lambda request"] + (runs * RUN + events * EVENT) * MEMORY * PRICE["Lambda GB-second (x86_64)"],
        "DynamoDB": events * WRITES * PRICE["DynamoDB write unit"]
        + (events * READS + 4 * MONTH / 60) * PRICE["DynamoDB read unit"]
        + events * 1.4 * KEPT / 1e9 * PRICE["DynamoDB GB-month, with point-in-time recovery"],
        "SNS, by mail": accounts * MESSAGES * 365 / 12 * PRICE["SNS mail"],
        "CloudWatch: logs": (runs * 800 + events * LOGGED) / 1e9 * PRICE["log GB"],
        f"CloudWatch: {alarms()} alarms, 8 metrics, a dashboard": alarms() * PRICE["alarm"] + 8 * PRICE["metric"] + PRICE["dashboard"],
        "a secret": PRICE["secret"],
    }


def costs():
    sizes = (1, 50, 500)
    each = [cost(size) for size in sizes]
    rows = [[item, *(f"{one[item]:,.2f}" for one in each)] for item in each[0]]
    rows.append(["**a month, USD**", *(f"**{sum(one.values()):,.2f}**" for one in each)])
    heads = ["", *(f"{size} account{'s' if size > 1 else ''}" for size in sizes)]
    prices = "; ".join(
        f"{name} {price:g}" if price > 1e-3 else f"a million {name}s {price * 1e6:.4g}" for name, price in PRICE.items()
    )
    said = (
        f"Assumed of each account: {DENIALS} denials and {CHANGES} changes of policies a day, {MESSAGES} messages a day. Assumed of the "
        f"function, with the default parameters on x86_64: {RUN} s a run and {EVENT} s an event, {WRITES} write and {READS} read units an "
        f"event. Prices (USD, us-east-1, free tiers left out, read from public sources in November 2026): {prices}."
    )
    return table(heads, rows) + "\n\n" + said


def ceiling():
    units = cfn.load(TEMPLATE)["Parameters"]["TableMaxUnits"]["Default"]
    function = 6 * MONTH * MEMORY * PRICE["Lambda GB-second (x86_64)"]
    write, read = (units * MONTH * PRICE[f"DynamoDB {which} unit"] for which in ("write", "read"))
    return (
        f"**The ceiling.** At the default parameters the function cannot cost more than {function:,.0f} USD a month (five copies on the queue "
        f"and one for the schedules, busy all the time; `ReservedConcurrency` makes it a hard limit). The table's requests are held at about "
        f"{write:,.0f} for writes and {read:,.0f} for reads (`TableMaxUnits={units}`; {units // 10} makes it a tenth): DynamoDB keeps such a "
        f"maximum at its best effort, and bursts may go over it. That is a storm that "
        f"never ends; what waits longer than four days in the queue is lost, which the alarms tell before. What comes in is not ours to "
        f"limit: a million more events cost {3 * PRICE['SQS request'] * 1e6:.2f} USD of SQS requests."
    )


# ---- the places ----

PLACES = {
    INFRA / "README.md": {
        "parameters": lambda: parameters(TEMPLATE),
        "outputs": lambda: template_outputs(TEMPLATE),
        "forwarder's parameters": lambda: parameters(FORWARDER),
        "permissions": lambda: statements(TEMPLATE),
        "forwarder's permissions": lambda: statements(FORWARDER),
        "reads": reads,
        "costs": costs,
        "ceiling": ceiling,
    },
    INFRA / "terraform" / "README.md": {
        "inputs": lambda: inputs(INFRA / "terraform"),
        "outputs": lambda: outputs(INFRA / "terraform"),
    },
    INFRA / "terraform" / "modules" / "forwarder" / "README.md": {
        "inputs": lambda: inputs(INFRA / "terraform" / "modules" / "forwarder"),
        "outputs": lambda: outputs(INFRA / "terraform" / "modules" / "forwarder"),
    },
}


def filled(path, makers):
    kept, left = path.read_text(), set(makers)

    def one(match):
        left.discard(match[1])
        return f"<!-- generated: {match[1]} -->\n\n{makers[match[1]]()}\n\n<!-- /generated -->"

    made = re.sub(r"<!-- generated: ([a-z' ]+) -->\n.*?<!-- /generated -->", one, kept, flags=re.DOTALL)
    assert not left, f"{path} has no place for {left}"
    return kept, made


def main():
    check, stale = sys.argv[1:] == ["--check"], 0
    for path, makers in PLACES.items():
        kept, made = filled(path, makers)
        if kept == made:
            continue
        stale += 1
        if check:
            print("".join(difflib.unified_diff(kept.splitlines(True), made.splitlines(True), str(path.relative_to(ROOT)), "generated")))
        else:
            path.write_text(made)
    if check and stale:
        sys.exit("run tests/tools/infra_docs.py")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: infra_docs.py [--check]")
    main()
