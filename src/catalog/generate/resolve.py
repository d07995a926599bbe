"""Event source and operation -> actions, as the Rust side does it; here to measure coverage and to build the host table."""

import re

import overlay
from facts import VERSION_SUFFIX


def alike(label, prefix):
    """Whether one name holds the other, separators apart; shared operation names alone (Create, Get…) prove nothing."""
    label, prefix = (re.sub(r"[^a-z0-9]", "", text) for text in (label, prefix))
    return len(prefix) > 2 and (prefix in label or label in prefix)


class Resolver:
    def __init__(self, facts):
        self.facts = facts
        self.hosts = overlay.hosts(facts)
        self.operations = overlay.operations(facts)
        self.derived = self._derive()

    def _derive(self):
        """Labels of botocore that are no IAM prefix and that the overlay does not name -> the prefix with most of the names."""
        table = {}
        for folder, model in self.facts.operations.items():
            names = [o.lower() for o in model["operations"]]
            meta = model["metadata"]
            for label in {meta["endpointPrefix"].lower(), (meta.get("signingName") or "").lower(), folder}:
                if not label or label in self.facts.actions or label in self.hosts:
                    continue
                signing = meta.get("signingName") or meta["endpointPrefix"]
                best = max(
                    self.facts.prefixes,
                    key=lambda p: (sum(n in self.facts.actions[p] for n in names), p == signing, p),
                )
                most = sum(n in self.facts.actions[best] for n in names) * 2 > len(names)
                if most and (best == signing.lower() or alike(label, best)):
                    table[label] = [best]
        return table

    def prefixes(self, label):
        """IAM prefixes behind an event-source label, the likeliest first."""
        label = label.lower()
        found = self.hosts.get(label) or self.derived.get(label) or []
        own = [label] if label in self.facts.actions and label not in found else []
        return own + found

    def resolve(self, label, name):
        """(actions, how); `how` is exact, alias, exception, none (needs no permission), query (told by no record) or unknown."""
        for spelled in (name, VERSION_SUFFIX.sub("", name)):
            found = self._exception(label, spelled) or self._plain(label, spelled)
            if found:
                return found
        return ([], "unknown")

    def _exception(self, label, name):
        keys = [f"@{label}:{name}", f"@{label}:*"] + [f"{p}:{name}" for p in self.prefixes(label)]
        for key in keys:
            if key in self.operations:
                actions = self.operations[key]
                if actions in ("-", "=query"):
                    return ([], "none" if actions == "-" else "query")
                how = "exact" if key.startswith(f"{label}:") else "alias"
                plain = actions.split(",")[0].split("!")[0].split("?")[0] == key
                return (actions.split(","), how if plain else "exception")
        return None

    def _plain(self, label, name):
        for prefix in self.prefixes(label):
            action = self.facts.canonical(f"{prefix}:{name}")
            if action:
                return ([action], "exact" if prefix == label else "alias")
        return None
