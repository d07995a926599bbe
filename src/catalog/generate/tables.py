"""The text tables: one `key\\tcells` line a fact."""

import re

import overlay
from facts import lower_camel, members

ROLE = re.compile(r"role_?arn$|(^|\.|])(role|\w+role)$|rolename$", re.I)
NOT_PASSED = re.compile(r"(assumeRole|principal|source|admin(istration)?Role$)", re.I)
TRANSFORMS = {
    "last", "secret", "noslash", "key", "alias", "function", "family", "revision", "project", "model", "profile", "nodefault", "linked", "scope",
}


def all_tables(facts, resolver):
    """In the order that the reader expects."""
    return [
        hosts(resolver), operations(facts, resolver), forms(facts), dependents(facts), passrole(facts, resolver),
        companions(facts, resolver), risks(facts), global_keys(), gateway(facts), together(facts),
    ]


def hosts(resolver):
    merged = {**resolver.derived, **resolver.hosts}
    return [f"{label}\t{','.join(prefixes)}" for label, prefixes in merged.items()]


def operations(facts, resolver):
    table = dict(resolver.operations)
    for model in facts.operations.values():
        if model["metadata"]["endpointPrefix"] == "apigateway":
            for name, operation in model["operations"].items():
                key = f"apigateway:{name}"
                if not facts.canonical(key):
                    table.setdefault(key, facts.canonical(f"apigateway:{operation['http']['method']}"))
    resolver.operations = table
    return [f"{key}\t{actions}" for key, actions in table.items()]


def gateway(facts):
    """API Gateway: operation -> path template of the resource, members in `{}` as CloudTrail spells them."""
    table = set()
    for model in facts.operations.values():
        if model["metadata"]["endpointPrefix"] != "apigateway":
            continue
        for name, operation in model["operations"].items():
            shape = model["shapes"].get(operation.get("input", {}).get("shape"), {})
            named = {m["locationName"]: n for n, m in shape.get("members", {}).items() if m.get("location") == "uri"}
            path = re.sub(r"\{(\w+)\+?\}", lambda m: "{" + lower_camel(named.get(m[1], m[1])) + "}", operation["http"]["requestUri"])
            table.add(f"{name}\t{re.sub(r'^/v2/', '/', path)}")
    return table


def forms(facts):
    table = []
    for number, (key, rule, _) in overlay.rows("forms.tsv", 3):
        where = f"forms.tsv:{number}"
        prefix, _, rest = key.partition(":")
        action, _, kind = rest.rpartition("@")
        kind = overlay.kind(facts, prefix, kind, where)
        if action:
            full = overlay.known(facts, f"{prefix}:{action}", where)
            if kind not in {r["name"].lower() for r in facts.actions[prefix][action.lower()]["resourceTypes"]}:
                raise overlay.OverlayError(f"{where}: `{full}` takes no `{kind}`")
        arn = facts.types[prefix][kind]["arn"]
        for part in rule.split(";"):
            name, _, ways = part.partition("=")
            if "${" + name + "}" not in arn:
                raise overlay.OverlayError(f"{where}: `{arn}` has no `{name}`")
            for way in ways.split("|"):
                turn = way.partition(":")[2]
                if turn and turn not in TRANSFORMS:
                    raise overlay.OverlayError(f"{where}: no transform `{turn}`")
        table.append(f"{full if action else prefix}@{kind}\t{rule}")
    return table


def dependents(facts):
    return [f"{action}\t{','.join(others)}" for action, others in facts.dependents().items()]


def passed_to(facts):
    table = {}
    for number, (prefix, service, _) in overlay.rows("passed_to.tsv", 3):
        if prefix not in facts.actions:
            raise overlay.OverlayError(f"passed_to.tsv:{number}: no service `{prefix}`")
        table[prefix] = service
    return table


def passrole(facts, resolver):
    """Operation -> the input members that hold a role, and whom it is passed to where that is known."""
    services, table = passed_to(facts), set()
    for model in facts.operations.values():
        label = model["metadata"]["endpointPrefix"].lower()
        for name, operation in model["operations"].items():
            if name.startswith(("List", "Describe", "Get", "Delete", "Search", "Batch" "Get")) or "input" not in operation:
                continue
            actions, _ = resolver.resolve(label, name)
            prefix = actions[0].split(":")[0] if actions else None
            if not prefix or prefix in ("iam", "sts", "sso"):
                continue
            found = [m for m in members(model, operation["input"]["shape"]) if ROLE.search(m) and not NOT_PASSED.search(m)]
            if found:
                table.add(f"{prefix}:{name}\t{','.join(found[:8])}\t{services.get(prefix, '')}")
    merged = {}
    for line in sorted(table):
        merged.setdefault(line.split("\t")[0], line)
    return list(merged.values())


def companions(facts, resolver):
    table = []
    for number, (on, actions, hint, conditions, why, source) in overlay.rows("companions.tsv", 6):
        where = f"companions.tsv:{number}"
        if not facts.canonical(on) and on not in resolver.operations:
            raise overlay.OverlayError(f"{where}: no action or operation `{on}`")
        actions = ",".join(overlay.known(facts, a, where) for a in actions.split(","))
        for condition in filter(None, conditions.split(";")):
            key = condition.split("=")[0]
            if key.lower() not in facts.keys[key.split(":")[0]]:
                raise overlay.OverlayError(f"{where}: no condition key `{key}`")
        table.append("\t".join((facts.canonical(on) or on, actions, hint, conditions, why, source)))
    return table


def risks(facts):
    table = {}
    for number, (pattern, kind, road, source) in overlay.rows("risks.tsv", 4):
        for action in overlay.expand(facts, pattern, f"risks.tsv:{number}"):
            line = f"{action}\t{kind}\t{road}\t{source}"
            if table.get(action, line) != line:
                line = table[action]
            table[action] = line
    return list(table.values())


def global_keys():
    return [key for _, (key, _) in overlay.rows("global_keys.tsv", 2)]


def together(facts):
    table = []
    for number, (key, answer, _) in overlay.rows("required_together.tsv", 3):
        where = f"required_together.tsv:{number}"
        if not key.endswith(":*"):
            key = overlay.known(facts, key, where)
        if answer not in ("all", "one"):
            raise overlay.OverlayError(f"{where}: `all` or `one`, not `{answer}`")
        table.append(f"{key}\t{answer}")
    return table
