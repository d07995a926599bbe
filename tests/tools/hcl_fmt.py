#!/usr/bin/env python3
"""Holds each ```hcl block of the cases and the documents, and each *.tf and *.hcl file, against `terraform fmt`.

The cases are compared with what the renderer prints, so what stands in them is what a user would paste.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(?:hcl|terraform)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pieces():
    """(where, text) of everything that should be formatted."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in tracked.splitlines():
        path = ROOT / name
        # Those of other people's styles are judged by tests/into.rs, before and after.
        if not path.is_file() or name.startswith("tests/fixtures/into/"):
            continue
        if path.suffix in (".tf", ".hcl"):
            yield name, path.read_text()
        elif path.suffix == ".md":
            text = path.read_text()
            for found in BLOCK.finditer(text):
                yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}", found.group(1)


def main():
    # Formatting needs no provider and no news of new versions.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")} | {"CHECKPOINT_DISABLE": "1"}
    count, wrong = 0, []
    for where, text in pieces():
        count += 1
        done = subprocess.run(["terraform", "fmt", "-"], input=text, capture_output=True, text=True, env=environment)
        if done.returncode != 0 or done.stdout != text:
            wrong.append(where)
            print(f"{where}: not as terraform fmt would have it\n{done.stderr if done.returncode else done.stdout}")
    print(f"{count} pieces of HCL held against terraform fmt, {len(wrong)} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
