"""`data "aws_iam_policy_document"` as the provider evaluates it.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
"""

import json


class Fault(Exception):
    """What the provider would refuse."""


def render(config):
    """The data source's `json`."""
    documents = [*(config.get("source_policy_documents") or []), *filter(None, [config.get("source_json")])]
    overrides = [*(config.get("override_policy_documents") or []), *filter(None, [config.get("override_json")])]
    version = config.get("version") or "2012-10-17"
    made = {"Version": version}
    if config.get("policy_id"):
        made["Id"] = config["policy_id"]
    own = [statement(block, version) for block in config.get("statement") or []]
    sids = [one["Sid"] for one in own if one.get("Sid")]
    if len(sids) != len(set(sids)):
        raise Fault("duplicate Sid in the statements")
    merged = []
    for document in filter(None, documents):
        merged = joined(merged, statements(document), "source")
    merged = joined(merged, own, "own")
    for document in filter(None, overrides):
        merged = joined(merged, statements(document), "override")
    return json.dumps({**made, "Statement": merged}, indent=2, ensure_ascii=False)


def statements(document):
    if not document.strip():
        return []
    listed = json.loads(document).get("Statement", [])
    return [listed] if isinstance(listed, dict) else listed


def joined(before, added, how):
    """Statements of the same Sid replace each other, but for those of two source documents, which must differ."""
    after = list(before)
    for one in added:
        at = next((at for at, other in enumerate(after) if one.get("Sid") and other.get("Sid") == one["Sid"]), None)
        if at is None:
            after.append(one)
        elif how == "source":
            raise Fault(f"duplicate Sid {one['Sid']} in the source documents")
        else:
            after[at] = one
    return after


def statement(block, version):
    made = {}
    if block.get("sid"):
        made["Sid"] = block["sid"]
    made["Effect"] = block.get("effect") or "Allow"
    for name, key in (("actions", "Action"), ("not_actions", "NotAction")):
        if block.get(name):
            made[key] = one_or_many(block[name])
    for name, key in (("resources", "Resource"), ("not_resources", "NotResource")):
        if block.get(name):
            made[key] = one_or_many(variables(block[name], version))
    for name, key in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if block.get(name):
            made[key] = principals(block[name], version)
    if block.get("condition"):
        made["Condition"] = conditions(block["condition"], version)
    return made


def variables(texts, version):
    """`&{` stands for `${`, which Terraform would take for its own."""
    if version == "2008-10-17" and any("&{" in text for text in texts):
        raise Fault("&{ is not supported in version 2008-10-17")
    return [text.replace("&{", "${") for text in texts]


def one_or_many(texts):
    return texts[0] if len(texts) == 1 else sorted(texts, reverse=True)


def principals(blocks, version):
    made = {}
    for block in blocks:
        ids = variables(block["identifiers"], version)
        if block["type"] == "*" and ids == ["*"]:
            return "*"
        made.setdefault(block["type"], []).extend(ids)
    return {kind: one_or_many(ids) for kind, ids in made.items()}


def conditions(blocks, version):
    made = {}
    for block in blocks:
        values = made.setdefault(block["test"], {}).setdefault(block["variable"], [])
        values.extend(variables(block["values"], version))
    return {
        test: {key: values[0] if len(values) == 1 else values for key, values in keys.items()}
        for test, keys in made.items()
    }
