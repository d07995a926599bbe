"""The text tables: one `key\\tcells` line a fact."""

import re

import overlay
from facts import lower_camel, members

ROLE = re.compile(r"role_?arn$|(^|\.|])(role|\w+role)$|rolename$", re.I)
# Of the last part of the path: roles that are named for other reasons.
NOT_PASSED = re.compile(r"assumeRole|principal|^source", re.I)
NO_PASS = ("List", "Describe", "Get", "Delete", "Search", "BatchGet", "Disassociate", "Remove", "Cancel", "Stop")
TRANSFORMS = {
    "last", "secret", "noslash", "key", "alias", "function", "family", "revision", "project", "model", "profile", "nodefault", "linked", "scope",
}


def all_tables(facts, resolver):
    """In the order that the reader expects."""
    check_roads(facts)
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
                # `i-` in place of a transform: the id must begin so.
                if turn and turn not in TRANSFORMS and not turn.endswith("-"):
                    raise overlay.OverlayError(f"{where}: no transform `{turn}`")
        table.append(f"{full if action else prefix}@{kind}\t{rule}")
    return table


def dependents(facts):
    """An action of the same service stands without its prefix."""
    table = []
    for action, others in facts.dependents().items():
        own = action.split(":")[0] + ":"
        table.append(f"{action}\t{','.join(other.removeprefix(own) for other in others)}")
    return table


def passed_to(facts):
    """prefix, prefix:Operation or prefix@member -> service."""
    table = {}
    for number, (key, service, _) in overlay.rows("passed_to.tsv", 3):
        if re.split("[:@]", key)[0] not in facts.actions:
            raise overlay.OverlayError(f"passed_to.tsv:{number}: no service `{key}`")
        table[key] = "" if service == "-" else service
    return table


PROFILED = ("ec2:AssociateIamInstanceProfile", "ec2:ReplaceIamInstanceProfileAssociation", "ec2:RunInstances")


def passrole(facts, resolver):
    """Operation -> `member=service` for every input member that holds a role; no service where it is not known."""
    services, table, used = passed_to(facts), {}, set()

    def receiver(prefix, name, member):
        keys = (f"{prefix}:{name}", f"{prefix}@{re.split(r'[.]', member)[-1]}", prefix)
        key = next((key for key in keys if key in services), None)
        used.add(key)
        return services.get(key, "")

    for model in facts.operations.values():
        label = model["metadata"]["endpointPrefix"].lower()
        for name, operation in sorted(model["operations"].items()):
            if name.startswith(NO_PASS) or "input" not in operation:
                continue
            actions, _ = resolver.resolve(label, name)
            prefix = actions[0].split(":")[0] if actions else None
            if not prefix or prefix in ("iam", "sts", "sso"):
                continue
            found = [m for m in members(model, operation["input"]["shape"]) if ROLE.search(m) and not NOT_PASSED.search(m.split(".")[-1])]
            if found:
                cells = ",".join(f"{m}={receiver(prefix, name, m)}" for m in found[:12])
                table.setdefault(f"{prefix}:{name}", cells)
    # An instance profile stands for its role, but no member is named after a role.
    for key in [k for k in PROFILED if k in services]:
        used.add(key)
        table.setdefault(key, f"iamInstanceProfile={services[key]}")
    idle = sorted(key for key in services if key not in used and re.search("[:@]", key))
    if idle:
        raise overlay.OverlayError(f"passed_to.tsv: no operation has {', '.join(idle)}")
    return [f"{key}\t{cells}" for key, cells in table.items()]


# What a companion's resource may be besides a type of the actions' service: the call's own, any, or one that no type names.
HINTS = {"same", "*", "kms-key", "role", "created", "service-linked-role", "own-session", "result-bucket", "artifact-bucket"}


def companion_hint(facts, hint, actions, where):
    """A word of the list, or a resource type of each action's service; `task-role:` before it says whose it is."""
    hint = hint.removeprefix("task-role:")
    if hint not in HINTS:
        for action in actions.split(","):
            overlay.kind(facts, action.split(":")[0], hint, where)


def companions(facts, resolver):
    table = []
    for number, (on, actions, hint, conditions, why, source) in overlay.rows("companions.tsv", 6):
        where = f"companions.tsv:{number}"
        if not facts.canonical(on) and on not in resolver.operations:
            raise overlay.OverlayError(f"{where}: no action or operation `{on}`")
        actions = ",".join(overlay.known(facts, a, where) for a in actions.split(","))
        companion_hint(facts, hint, actions, where)
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


def check_roads(facts):
    """The program reads roads.tsv as it stands; here each action must exist, spelt as IAM spells it."""
    for number, (name, legs, _, _) in overlay.rows("roads.tsv", 4):
        where = f"roads.tsv:{number}"
        for action in re.split(r" \+ |\|", legs):
            if overlay.known(facts, action, where) != action:
                raise overlay.OverlayError(f"{where}: `{action}` of `{name}` is spelt otherwise")


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
