"""The SQL of `denywatch query` before programs that are not ours: sqlglot reads it as Athena's, DuckDB runs its conditions on
real error codes and on the trail of the tests."""

import gzip
import json
import pathlib
import re
import subprocess

import duckdb
import pytest
import sqlglot

from conftest import ROOT, built

STORE = "0233062b-51c6-4d18-8dec-a8c90da840d9"


@pytest.fixture(scope="module")
def sql(pytestconfig):
    def ask(*arguments):
        done = subprocess.run([built(pytestconfig, "denywatch"), "query", *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ask


PERIOD = ("--since", "2026-11-09", "--until", "2026-11-16", "--only-account", "111122223333", "--only-region", "eu-west-1,us-east-1")


def test_athena_takes_it(sql):
    select = sqlglot.parse_one(sql("athena", *PERIOD), dialect="athena")
    assert select.find(sqlglot.exp.Table).name == "denywatch_cloudtrail"
    assert {"errorcode", "useridentity", "day"} <= {column.name for column in select.find_all(sqlglot.exp.Column)}
    create = sql("athena", *PERIOD, "--create", "s3://my-logs/audit/AWSLogs/o-a1b2c3d4e5/")
    made = sqlglot.parse_one(create, dialect="athena")
    assert (made.kind, len(made.this.expressions)) == ("TABLE", 23)
    properties = dict(re.findall(r"^  '([^']+)' = '([^']+)'", create, re.M))
    assert properties["storage.location.template"].endswith("/${account}/CloudTrail/${region}/${day}")
    # Each partition that the template names has a projection, and stands among the table's.
    for name in re.findall(r"\$\{(\w+)\}", properties["storage.location.template"]):
        assert f"projection.{name}.type" in properties and f"`{name}` string" in create


def test_lake_takes_it(sql):
    text = sql("lake", STORE, *PERIOD)
    assert f"FROM {STORE}\n" in text
    # A store's bare id is Lake's own; all else is Presto's.
    select = sqlglot.parse_one(text.replace(STORE, "store"), dialect="presto")
    assert {"errorCode", "eventTime"} <= {column.name for column in select.find_all(sqlglot.exp.Column)}


def records():
    for path in sorted((ROOT / "tests" / "fixtures" / "trail").rglob("*.gz")):
        if "CloudTrail/" in str(path):
            yield from json.loads(gzip.decompress(path.read_bytes())).get("Records", [])


def test_the_conditions_find_the_denials_that_scan_finds(sql, pytestconfig, tmp_path):
    columns = ["eventid", "eventtime", "awsregion", "recipientaccountid", "errorcode", "errormessage"]
    text = re.sub(r"^SELECT .*?\nFROM", "SELECT eventid\nFROM", sql("athena", "--foreign", "--table", "logs"), flags=re.S)
    query = sqlglot.transpile(text, read="athena", write="duckdb")[0]
    base = duckdb.connect()
    base.execute("CREATE TABLE logs (" + ", ".join(f"{name} VARCHAR" for name in columns) + ")")
    names = {name.lower(): name for name in ("eventID", "eventTime", "awsRegion", "recipientAccountId", "errorCode", "errorMessage")}
    rows = [[record.get(names[column]) for column in columns] for record in records()]
    base.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)", rows)
    found = {row[0] for row in base.execute(query).fetchall()}
    denywatch = [built(pytestconfig, "denywatch"), "scan", ROOT / "tests" / "fixtures" / "trail", "--denials", "--output", "json"]
    done = subprocess.run([*denywatch, "--store", f"sqlite:{tmp_path / 'l.db'}"], capture_output=True, text=True, timeout=120)
    denied = {denial["event_id"] for denial in json.loads(done.stdout)["denials"]}
    assert denied and denied <= found, denied - found
    assert len(found - denied) <= 5, "a few more, whose code says one thing and whose message another"


@pytest.mark.parametrize("code,expected", [
    ("AccessDenied", True), ("Client.UnauthorizedOperation", True), ("AuthorizationErrorException", True), ("VpceAccessDenied", True),
    ("Client.InsufficientPrivileges", True), ("AuthorizationException", True), ("ForbiddenException", True),
    ("AuthorizationNotFound", False), ("ThrottlingException", False), ("OptInRequired", False), (None, False),
])
def test_codes(sql, code, expected):
    where = sql("athena", "--foreign", "--table", "t").split("WHERE", 1)[1]
    query = sqlglot.transpile(f"SELECT 1 FROM t WHERE {where}", read="athena", write="duckdb")[0]
    base = duckdb.connect()
    base.execute("CREATE TABLE t (errorcode VARCHAR, errormessage VARCHAR)")
    base.execute("INSERT INTO t VALUES (?, 'x')", [code])
    assert bool(base.execute(query).fetchall()) is expected
