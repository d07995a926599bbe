"""The Terraform module as data: its plan with the stand-in for the AWS provider."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = ROOT / "infra" / "terraform"
STUB = ROOT / "tests" / "tools" / "terraform_stub" / "setup.py"


@functools.cache
def settings():
    """The CLI configuration that names the stand-in. Without terraform the test is skipped; on CI it fails."""
    if shutil.which("terraform") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("terraform is not here, and CI must not skip it")
        pytest.skip("terraform is not here")
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    made = subprocess.run([sys.executable, STUB, f"{target}/terraform-stub"], check=True, capture_output=True, text=True)
    return made.stdout.strip()


def terraform(folder, *arguments, check=True, **env):
    """Runs terraform in a folder; its output as text."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    ours = {"TF_CLI_CONFIG_FILE": settings(), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    ours |= {f"TF_CLI_ARGS_{command}": "-no-color" for command in ("plan", "test", "validate", "get")}
    done = subprocess.run(
        ["terraform", *arguments], cwd=folder, env=kept | ours | env, capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError(f"terraform {' '.join(arguments)} in {folder}\n{done.stdout}{done.stderr}")
    return done.stdout if check else done.stdout + done.stderr


def copy(folder):
    """A copy of the module below `folder`, with the zip for x86_64 beside it as in a release; nothing is written into the sources."""
    shutil.copytree(MODULE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "terraform.tfstate*"))
    (folder / "bootstrap-x86_64.zip").write_bytes(b"PK\5\6" + bytes(18))
    return folder / "terraform"


class Plan:
    """What a plan builds: address → (type, values), with all that AWS would give known."""

    def __init__(self, folder, variables, region="eu-west-1", partition="aws"):
        (folder / "given.tfvars.json").write_text(json.dumps(variables))
        env = {"TERRAFORM_STUB_KNOWN": "1", "TERRAFORM_STUB_REGION": region, "TERRAFORM_STUB_PARTITION": partition}
        terraform(folder, "plan", "-input=false", "-lock=false", "-var-file=given.tfvars.json", "-out=plan", **env)
        told = json.loads(terraform(folder, "show", "-json", "plan", **env))
        found = told["planned_values"]["root_module"].get("resources", [])
        self.resources = {one["address"]: (one["type"], one["values"]) for one in found}
        self.outputs = {name: one.get("value") for name, one in told["planned_values"]["outputs"].items()}
        self.written = {
            f"{one['type']}.{one['name']}": set(one.get("expressions", {}))
            for one in told["configuration"]["root_module"]["resources"]
            if one["mode"] == "managed"
        }

    def values(self, address):
        return self.resources[address][1]

    def of(self, kind):
        return {address: values for address, (type_, values) in self.resources.items() if type_ == kind}
