"""A stand-in for Terraform's AWS provider: real schemas, no AWS.

Terraform starts it from a folder that `dev_overrides` names (see setup.py). It knows the types that the configuration in the
working folder speaks of, checks arguments as the real provider's schema does, reads data sources without a network, and
plans and applies into a state. What AWS would fill in is unknown until applied, and then a made-up, stable value; with
`TERRAFORM_STUB_KNOWN=1` it is known in the plan already. `TERRAFORM_STUB_REGION` and `TERRAFORM_STUB_PARTITION` say where.
"""

import hashlib
import json
import os
import pathlib
import re
import sys

import derive
import policy_document
import tf.provider
from tf.gen import tfplugin_pb2 as pb
from tf.runner import run_provider
from tf.types import Unknown
from tf.utils import Diagnostics, read_dynamic_value, to_dynamic_value

HERE = pathlib.Path(os.environ["TERRAFORM_STUB_HOME"])
ACCOUNT = "111122223333"
REGION = os.environ.get("TERRAFORM_STUB_REGION", "eu-west-1")
PARTITION = os.environ.get("TERRAFORM_STUB_PARTITION", "aws")
NAME = re.compile(r"\baws_[a-z0-9_]+")
MODULE = re.compile(r'^\s*source\s*=\s*"(\.{1,2}/[^"]*)"', re.MULTILINE)
READABLE = (".tf", ".tf.json", ".tfstate", ".tfstate.backup")
NESTING = {"list": "LIST", "set": "SET", "single": "SINGLE"}

# Attributes whose value others build on, by type; `{…}` names an argument. Anything else is made of type and content.
ARNS = {
    "aws_iam_role": "arn:{partition}:iam::{account}:role{path}{name}",
    "aws_iam_user": "arn:{partition}:iam::{account}:user{path}{name}",
    "aws_iam_group": "arn:{partition}:iam::{account}:group{path}{name}",
    "aws_iam_policy": "arn:{partition}:iam::{account}:policy{path}{name}",
    "aws_s3_bucket": "arn:{partition}:s3:::{bucket}",
    "aws_sqs_queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "aws_sns_topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "aws_dynamodb_table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "aws_lambda_function": "arn:{partition}:lambda:{region}:{account}:function:{function_name}",
    "aws_cloudwatch_log_group": "arn:{partition}:logs:{region}:{account}:log-group:{name}",
    "aws_kms_key": "arn:{partition}:kms:{region}:{account}:key/{hash}",
    "aws_secretsmanager_secret": "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{hash6}",
    "aws_ecr_repository": "arn:{partition}:ecr:{region}:{account}:repository/{name}",
    "aws_kinesis_stream": "arn:{partition}:kinesis:{region}:{account}:stream/{name}",
    "aws_cloudwatch_event_bus": "arn:{partition}:events:{region}:{account}:event-bus/{name}",
    "aws_cloudwatch_event_rule": "arn:{partition}:events:{region}:{account}:rule/{name}",
    "aws_ssm_parameter": "arn:{partition}:ssm:{region}:{account}:parameter/{name}",
}
NAMES = ("name", "bucket", "function_name")
DATA = {
    "aws_ssoadmin_instances": {"arns": ["arn:aws:sso:::instance/ssoins-stub"], "identity_store_ids": ["d-stub"]},
    "aws_caller_identity": {"account_id": ACCOUNT, "arn": f"arn:{PARTITION}:iam::{ACCOUNT}:user/stub", "user_id": "AIDASTUB"},
    "aws_region": {"name": REGION, "region": REGION, "id": REGION, "endpoint": f"ec2.{REGION}.amazonaws.com"},
    "aws_partition": {"partition": PARTITION, "dns_suffix": "amazonaws.com", "id": PARTITION, "reverse_dns_prefix": "com.amazonaws"},
}


def files(folder, seen):
    """The configuration of a folder and below, and of the modules outside that it names."""
    folder = folder.resolve()
    if folder in seen or not folder.is_dir():
        return
    seen.add(folder)
    for at, inside, names in os.walk(folder):
        inside[:] = [name for name in inside if name not in (".git", "node_modules", "target")]
        for path in (pathlib.Path(at, name) for name in names if name.endswith(READABLE)):
            yield path
            for source in MODULE.findall(path.read_text(errors="replace")):
                if folder not in (path.parent / source).resolve().parents:
                    yield from files(path.parent / source, seen)


def types_in_use():
    texts = (path.read_text(errors="replace") for path in files(pathlib.Path.cwd(), set()))
    return sorted({name for text in texts for name in NAME.findall(text)})


def block_pb(block):
    attributes = [
        pb.Schema.Attribute(
            name=one["name"], type=json.dumps(one["type"]).encode(), required=one["required"],
            optional=one["optional"] and not one["required"], computed=one["computed"],
        )
        for one in block["attributes"]
    ]  # fmt: skip
    nested = [
        pb.Schema.NestedBlock(
            type_name=one["name"], block=block_pb(one["block"]), min_items=one["min"], max_items=one["max"],
            nesting=pb.Schema.NestedBlock.NestingMode.Value(NESTING[one["nesting"]]),
        )
        for one in block["blocks"]
    ]  # fmt: skip
    return pb.Schema.Block(attributes=attributes, block_types=nested)


def schema_pb(block):
    return pb.Schema(version=0, block=block_pb(block))


class Stub:
    """Schemas and values; the servicer below speaks Terraform's protocol."""

    def __init__(self):
        store = derive.Store(next((HERE / "binding").glob("*.whl")), HERE / "schemas")
        names = types_in_use()
        keys = [(name, is_data) for name in names for is_data in (False, True)]
        schemas = store.get([("provider", False), *keys])
        self.provider = schemas.pop(("provider", False))
        self.resources = {name: schema for (name, is_data), schema in schemas.items() if not is_data}
        self.data = {name: schema for (name, is_data), schema in schemas.items() if is_data}
        self.known = os.environ.get("TERRAFORM_STUB_KNOWN") == "1"

    def full_name(self):
        return "registry.terraform.io/hashicorp/aws"

    def value(self, kind, field, made_of, given):
        """What AWS would say of a computed attribute: stable, and recognisably made up."""
        digest = hashlib.sha256(json.dumps([kind, made_of, field], sort_keys=True, default=repr).encode()).hexdigest()
        if field == "arn" and kind in ARNS:
            parts = {"path": "/", **{key: value for key, value in given.items() if isinstance(value, str)}}
            parts |= {"account": ACCOUNT, "region": REGION, "partition": PARTITION, "hash": digest[:12], "hash6": digest[:6]}
            try:
                return ARNS[kind].format(**parts)
            except KeyError:
                return Unknown
        if field == "id":
            return next((given[name] for name in NAMES if isinstance(given.get(name), str)), digest[:12])
        if field.endswith("_prefix"):
            return ""
        if field in ("tags_all", "region"):
            return (given.get("tags") or {}) if field == "tags_all" else REGION
        if field == "name" and isinstance(given.get("name_prefix"), str):
            return given["name_prefix"] + digest[:8]
        if field == "arn" or field.endswith("_arn"):
            return f"arn:{PARTITION}:stub:{REGION}:{ACCOUNT}:{kind}/{digest[:12]}"
        return f"{kind}.{field}.{digest[:12]}"

    def fill(self, kind, block, given, known, made_of=None, top=True):
        """A planned or read object with its computed attributes set, or unknown."""
        if not isinstance(given, dict):
            return given
        made_of = given if made_of is None else made_of
        full = dict(given)
        fields = sorted(block["attributes"], key=lambda one: one["name"] in ("arn", "id"))
        for one in fields:
            name, empty = one["name"], given.get(one["name"]) is None
            if not one["computed"] or not empty:
                full.setdefault(name, None)
                continue
            full[name] = self.typed(one["type"], lambda n=name: self.value(kind, n, made_of, full)) if known else Unknown
        for one in block["blocks"]:
            inner = full.get(one["name"])
            if isinstance(inner, list):
                full[one["name"]] = [self.fill(kind, one["block"], item, known, made_of, False) for item in inner]
            elif isinstance(inner, dict):
                full[one["name"]] = self.fill(kind, one["block"], inner, known, made_of, False)
            else:
                full.setdefault(one["name"], None if one["nesting"] == "single" else [])
        return full

    @staticmethod
    def typed(kind, text):
        """A value of the type: lists and maps are empty, numbers nought."""
        if kind == "string":
            made = text()
            return made if isinstance(made, str) or made is Unknown else None
        if kind in ("number", "bool"):
            return 0 if kind == "number" else False
        if kind[0] == "object":
            return {name: Stub.typed(inner, text) for name, inner in kind[1].items()}
        made = text() if kind == ["map", "string"] else None
        return made if isinstance(made, dict) else {} if kind[0] == "map" else []

    def read(self, kind, config):
        """A data source's answer; `policy_document.Fault` is what the provider would refuse."""
        made = self.fill(kind, self.data[kind], config, True)
        if kind == "aws_iam_policy_document":
            text = policy_document.render(config)
            made["json"] = text
            made["minified_json"] = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
            made["id"] = str(int(hashlib.sha256(text.encode()).hexdigest()[:8], 16))
            made["version"] = config.get("version") or "2012-10-17"
            made["statement"] = [{**one, "effect": one.get("effect") or "Allow"} for one in made["statement"]]
        return {**made, **{field: value for field, value in DATA.get(kind, {}).items() if field in made}}


def refused(text):
    return Diagnostics().add_error("The provider would refuse this", text).to_pb()


def unset_read_only(block, config):
    """Names of attributes that only the provider may set and the configuration does."""
    wrong = (one for one in block["attributes"] if one["computed"] and not one["optional"])
    return [one["name"] for one in wrong if config.get(one["name"]) is not None]


class Servicer(tf.provider.ProviderServicer):
    """Terraform's protocol with values as they come: the framework's own types know no list blocks."""

    def GetProviderSchema(self, request, context):
        return pb.GetProviderSchema.Response(
            provider=schema_pb(self.app.provider),
            resource_schemas={name: schema_pb(schema) for name, schema in self.app.resources.items()},
            data_source_schemas={name: schema_pb(schema) for name, schema in self.app.data.items()},
            server_capabilities=pb.ServerCapabilities(plan_destroy=True),
        )

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request, context):
        return pb.ConfigureProvider.Response()

    def GetFunctions(self, request, context):
        return pb.GetFunctions.Response()

    def ValidateResourceConfig(self, request, context):
        block = self.app.resources[request.type_name]
        wrong = unset_read_only(block, read_dynamic_value(request.config))
        diagnostics = refused(f"{request.type_name} sets what only AWS sets: {', '.join(wrong)}") if wrong else []
        return pb.ValidateResourceConfig.Response(diagnostics=diagnostics)

    def ValidateDataResourceConfig(self, request, context):
        block = self.app.data[request.type_name]
        wrong = unset_read_only(block, read_dynamic_value(request.config))
        diagnostics = refused(f"{request.type_name} sets what only AWS sets: {', '.join(wrong)}") if wrong else []
        return pb.ValidateDataResourceConfig.Response(diagnostics=diagnostics)

    def UpgradeResourceState(self, request, context):
        state = json.loads(request.raw_state.json)
        return pb.UpgradeResourceState.Response(upgraded_state=to_dynamic_value(state))

    def ReadResource(self, request, context):
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request, context):
        before, after = (read_dynamic_value(state) for state in (request.prior_state, request.proposed_new_state))
        if after is not None and before is None:
            after = self.app.fill(request.type_name, self.app.resources[request.type_name], after, self.app.known)
        return pb.PlanResourceChange.Response(planned_state=to_dynamic_value(after), legacy_type_system=True)

    def ApplyResourceChange(self, request, context):
        planned = read_dynamic_value(request.planned_state)
        if planned is not None:
            block = self.app.resources[request.type_name]
            planned = self.app.fill(request.type_name, block, without_unknown(planned), True)
        return pb.ApplyResourceChange.Response(new_state=to_dynamic_value(planned), legacy_type_system=True)

    def ImportResourceState(self, request, context):
        block = self.app.resources[request.type_name]
        empty = {one["name"]: None for one in block["attributes"]} | {"id": request.id}
        if request.id.startswith("arn:"):
            empty |= {"arn": request.id, "name": request.id.rsplit("/", 1)[-1]}
        state = self.app.fill(request.type_name, block, {key: empty[key] for key in empty if key in known(block)}, True)
        one = pb.ImportResourceState.ImportedResource(type_name=request.type_name, state=to_dynamic_value(state))
        return pb.ImportResourceState.Response(imported_resources=[one])

    def ReadDataSource(self, request, context):
        config = read_dynamic_value(request.config)
        try:
            state = self.app.read(request.type_name, config)
        except (policy_document.Fault, ValueError) as fault:
            return pb.ReadDataSource.Response(diagnostics=refused(str(fault)))
        return pb.ReadDataSource.Response(state=to_dynamic_value(state))


def known(block):
    return {one["name"] for one in block["attributes"]}


def without_unknown(value):
    if isinstance(value, dict):
        return {key: without_unknown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_unknown(inner) for inner in value]
    return None if value is Unknown else value


if __name__ == "__main__":
    tf.provider.ProviderServicer = Servicer
    run_provider(Stub(), sys.argv)
