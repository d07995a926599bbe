"""Judges changed templates with PyYAML: equal to the ones before but for the wanted statements.

`template_equal.py FOLDER` compares `before/NAME` with `after/NAME`, and what was added with `wanted/NAME`.
Nothing here is shared with the program that made the change.
"""

import json
import pathlib
import re
import sys

import yaml


Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(Base):
    """Tags stay what they are: `!Sub x` is not `x`."""


def tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {"!" + suffix: value}


Loader.add_multi_constructor("!", tagged)
# A date stays the text that it was written as.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in Base.yaml_implicit_resolvers.items()
}


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    return json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=Loader)


def items(value):
    return value if isinstance(value, list) else [value]


def difference(before, after, way, found):
    """Notes (way, what is gone, what is new) of every place where the two differ."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) | set(after), key=str):
            if key not in before:
                found.append((way + [key], None, after[key]))
            elif key not in after:
                found.append((way + [key], before[key], None))
            else:
                difference(before[key], after[key], way + [key], found)
        return
    if isinstance(before, list) and isinstance(after, list):
        gone = [item for item in before if item not in after]
        new = [item for item in after if item not in before]
        if len(gone) == len(new) and all(isinstance(item, dict) for item in gone + new):
            for old, changed in zip(gone, new):
                difference(old, changed, way + ["[]"], found)
            return
        if [item for item in before if item in after] != [item for item in after if item in before]:
            found.append((way, before, after))
            return
        # A statement that lost an action stands before the one that has it now.
        for old in [item for item in gone if isinstance(item, dict)]:
            kin = [item for item in new if isinstance(item, dict) and item.get("Sid") == old.get("Sid")]
            if kin:
                gone.remove(old)
                new.remove(kin[0])
                difference(old, kin[0], way + ["[]"], found)
        found.extend((way, item, None) for item in gone)
        found.extend((way, None, item) for item in new)
        return
    if isinstance(after, list) and before in after:
        found.extend((way, None, item) for item in after if item != before)
        return
    found.append((way, before, after))


def statements(value):
    """Every statement in a value."""
    if isinstance(value, dict):
        if "Effect" in value:
            return [value]
        return [one for inner in value.values() for one in statements(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in statements(inner)]
    return []


def actions(statement):
    return set(items(statement.get("Action", [])))


def resolved(value, names):
    """What CloudFormation makes of a text or of `Fn::Sub`, as far as the names are told."""
    for key in ("!Sub", "Fn::Sub"):
        if isinstance(value, dict) and key in value:
            return re.sub(r"\$\{(!?)([^}]*)\}", lambda m: "${" + m[2] + "}" if m[1] else names[m[2]], value[key])
    for key in ("!GetAtt", "Fn::GetAtt"):
        if isinstance(value, dict) and key in value:
            return names[value[key] if isinstance(value[key], str) else ".".join(value[key])]
    return value


def resources(statement, names):
    return {resolved(one, names) for one in items(statement.get("Resource", []))}


def judge(before, after, wanted):
    """What is wrong, as sentences."""
    found = []
    difference(read(before), read(after), [], found)
    wanted = json.loads(wanted.read_text(encoding="utf-8"))
    want = set().union(*(actions(one) for one in wanted["Statement"]))
    wrong, got, gone = [], set(), set()
    for way, old, new in found:
        if way and way[-1] == "Action" and isinstance(new, str) and old is None:
            got.add(new)
        elif way and way[-1] == "Action" and isinstance(old, str) and new is None:
            gone.add(old)
        elif old is None and statements(new):
            added = statements(new)
            if any(one["Effect"] != "Allow" for one in added):
                wrong.append(f"a statement at {way} is no Allow")
            got |= set().union(*(actions(one) for one in added))
            # Where it is told what the references stand for, each resource must be the very one.
            if "Names" in wanted:
                texts = set().union(*(resources(one, wanted["Names"]) for one in added))
                asked = set().union(*(resources(one, {}) for one in wanted["Statement"]))
                if texts != asked:
                    wrong.append(f"{texts} was written, {asked} is wanted")
        else:
            wrong.append(f"{way}: {old!r} became {new!r}")
    if not gone <= got:
        wrong.append(f"{gone - got} is gone")
    if got != want:
        wrong.append(f"{got} was added, {want} is wanted")
    return wrong


def main(folder):
    wrong = 0
    for before in sorted((folder / "before").iterdir()):
        told = judge(before, folder / "after" / before.name, folder / "wanted" / before.name)
        for line in told or [f"equal but for the statement: {before.name}"]:
            print(line if not told else f"{before.name}: {line}")
        wrong += bool(told)
    return wrong


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
