"""Reads the hand-kept overlay and refuses a line that names something the data does not know."""

import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "overlay")


class OverlayError(Exception):
    """An overlay line names an action, type or prefix that does not exist."""


def rows(name, columns):
    """The lines of one table as tuples; `#` begins a comment line; the last column is the source and is required."""
    seen = set()
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            cells = line.split("\t")
            if len(cells) != columns or not cells[-1]:
                raise OverlayError(f"{name}:{number}: expected {columns} cells with a source, found {len(cells)}")
            if line in seen:
                raise OverlayError(f"{name}:{number}: said twice")
            seen.add(line)
            yield number, cells


def known(facts, action, where):
    """The canonical action, or the end."""
    found = facts.canonical(action)
    if not found:
        raise OverlayError(f"{where}: no action `{action}`")
    return found


def expand(facts, pattern, where):
    """`svc:Na*me` -> the existing actions; at least one must match."""
    if "*" not in pattern:
        return [known(facts, pattern, where)]
    prefix, _, name = pattern.partition(":")
    test = re.compile(re.escape(name).replace(r"\*", ".*") + "$", re.I)
    found = [f"{prefix}:{a['name']}" for a in facts.actions.get(prefix, {}).values() if test.match(a["name"])]
    if not found:
        raise OverlayError(f"{where}: no action matches `{pattern}`")
    return sorted(found)


def kind(facts, prefix, name, where):
    """The resource type must exist."""
    if name.lower() not in facts.types.get(prefix, {}):
        raise OverlayError(f"{where}: no resource type `{prefix}` / `{name}`")
    return name.lower()


def add_types(facts):
    """Resource types that the data lacks and AWS documents: optional ones, of the actions named."""
    for number, (actions, name, arn, _) in rows("types.tsv", 4):
        where = f"types.tsv:{number}"
        for action in actions.split(","):
            prefix, _, low = known(facts, action, where).partition(":")
            if name.lower() not in facts.types[prefix]:
                facts.add_type(prefix, name, arn)
            taken = facts.actions[prefix][low.lower()]["resourceTypes"]
            if any(one["name"].lower() == name.lower() for one in taken):
                raise OverlayError(f"{where}: `{action}` takes `{name}` already")
            taken.append({"name": name, "required": False, "conditionKeys": [], "dependentActions": []})


def hosts(facts):
    """label -> prefixes."""
    table = {}
    for number, (label, prefixes, _) in rows("hosts.tsv", 3):
        where = f"hosts.tsv:{number}"
        if label in table:
            raise OverlayError(f"{where}: `{label}` said twice")
        table[label] = [p for p in prefixes.split(",")]
        for prefix in table[label]:
            if prefix not in facts.actions:
                raise OverlayError(f"{where}: no service `{prefix}`")
    return table


def operations(facts):
    """`prefix:Name` or `@label:Name` -> action list with `?member|…` (only with) and `!member|…` (only without).

    `-` in place of the actions means: needs no IAM permission, or none that a policy can give.
    """
    table = {}
    for number, (key, actions, _) in rows("operations.tsv", 3):
        where = f"operations.tsv:{number}"
        out = []
        for item in [] if actions == "-" else actions.split(","):
            if item in ("=partiql", "=transact", "=query"):
                out.append(item)
                continue
            action, mark, test = re.match(r"([^?!]+)([?!]?)(.*)$", item).groups()
            out.append(known(facts, action, where) + mark + test)
        if key in table:
            raise OverlayError(f"{where}: `{key}` said twice")
        table[key] = ",".join(out) or "-"
    return table
