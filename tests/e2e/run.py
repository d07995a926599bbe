#!/usr/bin/env python3
"""Runs the end-to-end tests, in the environment of requirements.txt:
`run.py [--bootstrap PATH] [--denywatch PATH] [pytest's own arguments]`."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent


def main():
    # With `=`, so that pytest does not take the binary's folder for its root.
    given = sys.argv[1:]
    for option in ("--bootstrap", "--denywatch"):
        if option in given:
            at = given.index(option)
            given[at : at + 2] = [f"{option}={pathlib.Path(given[at + 1]).resolve()}"]
    return pytest.main(["-c", str(HERE / "pytest.ini"), f"--rootdir={HERE}", str(HERE), *given])


if __name__ == "__main__":
    sys.exit(main())
