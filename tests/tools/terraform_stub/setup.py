#!/usr/bin/env python3
"""Sets up the stand-in for Terraform's AWS provider below FOLDER and prints the path of the CLI configuration that names it.

    export TF_CLI_CONFIG_FILE=$(tests/tools/terraform_stub/setup.py target/terraform-stub)
    terraform -chdir=DIR validate        # no init; with local modules `terraform -chdir=DIR get` first
    terraform -chdir=DIR plan -out=plan && terraform -chdir=DIR show -json plan

To see what a change of the source does: `apply -auto-approve` before it, which makes every value known, then `plan` after it:
`resource_changes` of the plan holds the one policy that changes, with its document before and after.

Nothing is installed on the machine. A second run does nothing but print; two at once wait for each other. Types that the
binding does not know are refused by name, as by the real provider; values it validates itself (enumerations, conflicts) are not.
"""

import fcntl
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def stamp():
    texts = [(HERE / name).read_bytes() for name in ("requirements.txt", "binding.txt", "derive.py")]
    return hashlib.sha256(b"".join([*texts, sys.version.encode(), str(HERE).encode()])).hexdigest()


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)


def install(folder):
    for part in ("venv", "binding", "schemas", "plugin"):
        shutil.rmtree(folder / part, ignore_errors=True)
    run(sys.executable, "-m", "venv", folder / "venv")
    pip = (folder / "venv/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--requirement", HERE / "requirements.txt")
    run(*pip, "download", "--no-deps", "--dest", folder / "binding", "--requirement", HERE / "binding.txt")
    (folder / "plugin").mkdir()
    start = folder / "plugin/terraform-provider-aws"
    # The framework keeps a certificate under HOME.
    settings = {"HOME": folder, "TERRAFORM_STUB_HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    words = "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in settings.items())
    program = f"{shlex.quote(str(folder / 'venv/bin/python'))} {shlex.quote(str(HERE / 'provider.py'))}"
    start.write_text(f'#!/bin/sh\n{words}exec {program} "$@"\n')
    start.chmod(0o755)
    plugin = str(folder / "plugin").replace("\\", "\\\\").replace('"', '\\"')
    overrides = f'  dev_overrides {{\n    "hashicorp/aws" = "{plugin}"\n  }}\n'
    (folder / "terraform.rc").write_text(
        f"disable_checkpoint = true\n\nprovider_installation {{\n{overrides}  direct {{}}\n}}\n"
    )


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / ".stamp"
        if not kept.exists() or kept.read_text() != stamp():
            install(folder)
            kept.write_text(stamp())
    print(folder / "terraform.rc")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} FOLDER")
    main()
