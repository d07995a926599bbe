"""Runs a command beside a stand-in of DynamoDB with an empty table: `with_dynamodb.py COMMAND…`.

The command finds it by DENYWATCH_TEST_DYNAMODB, `ENDPOINT TABLE`, as the ledgers' one suite of tests reads it.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from stand_ins import Ministack, make_table


def main(command):
    with tempfile.TemporaryDirectory(prefix="dynamodb-") as folder, Ministack(pathlib.Path(folder)) as aws:
        make_table(aws, "ledger")
        env = os.environ | {"DENYWATCH_TEST_DYNAMODB": f"{aws.url} ledger"}
        return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
