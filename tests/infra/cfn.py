"""A CloudFormation template as data: read, and with its parameters filled in."""

import json
import re

import yaml

NOTHING = object()


def load(path):
    """The template with intrinsic functions as one-key objects."""

    class Loader(yaml.SafeLoader):
        pass

    def intrinsic(loader, suffix, node):
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {(suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"): value}

    Loader.add_multi_constructor("!", intrinsic)
    return yaml.load(path.read_text(), Loader)  # noqa: S506 (a SafeLoader)


class Stack:
    """A template under given parameters. `attribute(logical, name)` says what AWS would give a resource (`Ref` too)."""

    def __init__(self, template, parameters, pseudo, attribute):
        self.template, self.pseudo, self.attribute = template, pseudo, attribute
        unknown = parameters.keys() - template["Parameters"].keys()
        assert not unknown, unknown
        self.parameters = {}
        for name, parameter in template["Parameters"].items():
            value = parameters.get(name, parameter.get("Default"))
            assert value is not None, f"{name} has no value"
            self.check(name, parameter, value)
            self.parameters[name] = str(value).split(",") if parameter["Type"] == "CommaDelimitedList" else value

    @staticmethod
    def check(name, parameter, value):
        if "AllowedValues" in parameter:
            assert str(value) in map(str, parameter["AllowedValues"]), f"{name}: {value}"
        if "AllowedPattern" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], value), f"{name}: {value}"

    def condition(self, name):
        return self.holds(self.template.get("Conditions", {})[name])

    def holds(self, value):
        if isinstance(value, dict):
            ((key, inner),) = value.items()
            if key == "Condition":
                return self.condition(inner)
            if key == "Fn::Not":
                return not self.holds(inner[0])
            if key in ("Fn::And", "Fn::Or"):
                return (all if key == "Fn::And" else any)(self.holds(one) for one in inner)
            if key == "Fn::Equals":
                return str(self.value(inner[0])) == str(self.value(inner[1]))
        raise AssertionError(f"no condition: {value}")

    def broken_rules(self):
        """The assertions of the template's rules that do not hold."""
        broken = []
        for rule in self.template.get("Rules", {}).values():
            if "RuleCondition" in rule and not self.holds(rule["RuleCondition"]):
                continue
            broken += [one["AssertDescription"] for one in rule["Assertions"] if not self.holds(one["Assert"])]
        return broken

    def resources(self):
        """Logical id → (type, properties) of what is built."""
        return {
            name: (one["Type"], self.value(one.get("Properties", {})))
            for name, one in self.template["Resources"].items()
            if "Condition" not in one or self.condition(one["Condition"])
        }

    def outputs(self):
        return {
            name: self.value(one["Value"])
            for name, one in self.template["Outputs"].items()
            if "Condition" not in one or self.condition(one["Condition"])
        }

    def ref(self, name):
        if name == "AWS::NoValue":
            return NOTHING
        if name in self.pseudo:
            return self.pseudo[name]
        return self.parameters[name] if name in self.parameters else self.attribute(name, "Ref")

    def value(self, value):
        if isinstance(value, list):
            return [one for one in map(self.value, value) if one is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref":
                return self.ref(inner)
            if key == "Fn::GetAtt":
                return self.attribute(*inner.split(".", 1))
            if key == "Fn::If":
                return self.value(inner[1] if self.condition(inner[0]) else inner[2])
            if key == "Fn::Select":
                return self.value(inner[1])[inner[0]]
            if key == "Fn::Join":
                return inner[0].join(self.value(inner[1]))
            if key == "Fn::Sub":
                return self.sub(inner)
            assert not key.startswith("Fn::"), key
        filled = ((key, self.value(inner)) for key, inner in value.items())
        return {key: inner for key, inner in filled if inner is not NOTHING}

    def sub(self, inner):
        text, own = (inner, {}) if isinstance(inner, str) else inner
        own = {name: self.value(one) for name, one in own.items()}

        def one(match):
            name = match[1]
            if name in own:
                return own[name]
            return self.attribute(*name.split(".", 1)) if "." in name else str(self.ref(name))

        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", one, text)


def document(text_or_value):
    """A policy as it means: lists sorted, one value as a list."""
    value = json.loads(text_or_value) if isinstance(text_or_value, str) else text_or_value
    return {"Version": value["Version"], "Statement": [statement(one) for one in value["Statement"]]}


def statement(one):
    made = dict(one)
    for key in ("Action", "Resource"):
        if key in made:
            made[key] = many(made[key])
    if "Condition" in made:
        made["Condition"] = {
            test: {key: many(values) for key, values in keys.items()} for test, keys in made["Condition"].items()
        }
    return made


def many(value):
    return sorted(value) if isinstance(value, list) else [value]
