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
    assert properties["storage.location.template"].endswith("/${account}/${folder}/${region}/${day}")
    # Each partition that the template names has a projection, and stands among the table's.
    for name in re.findall(r"\$\{(\w+)\}", properties["storage.location.template"]):
        assert f"projection.{name}.type" in properties and f"`{name}` string" in create
    # What an endpoint's policy refused lies in a folder of its own.
    assert properties["projection.folder.values"] == "CloudTrail,CloudTrail-NetworkActivity"


def test_the_table_covers_every_region_and_says_which(pytestconfig):
    ask = [built(pytestconfig, "denywatch"), "query", "athena", "--only-account", "111122223333", "--create", "s3://my-logs/AWSLogs/"]
    for arguments, some, count in [([], "ap-east-1", 34), (["--region", "cn-north-1"], "cn-northwest-1", 2),
                                   (["--region", "us-gov-west-1"], "us-gov-east-1", 2), (["--only-region", "eu-west-1"], "eu-west-1", 1)]:
        done = subprocess.run([*ask, *arguments], capture_output=True, text=True, timeout=60)
        regions = re.search(r"'projection.region.values' = '([^']+)'", done.stdout).group(1).split(",")
        assert some in regions and len(regions) == count, regions
        assert "--only-region" in arguments or ", ".join(regions) in done.stderr, done.stderr


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


def hostile(number, key):
    """A refused read of an object with this key, as CloudTrail writes it."""
    role = {"type": "Role", "principalId": "AROA", "arn": "arn:aws:iam::111122223333:role/app", "accountId": "111122223333", "userName": "app"}
    return {
        "eventVersion": "1.08", "eventTime": "2026-11-10T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROA:run-1", "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
                         "accountId": "111122223333", "sessionContext": {"sessionIssuer": role}},
        "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.1", "userAgent": "x", "errorCode": "AccessDenied",
        "errorMessage": "Access Denied", "requestParameters": None, "eventID": f"e-{number}", "readOnly": True,
        "resources": [{"ARN": f"arn:aws:s3:::logs/{key}", "accountId": "111122223333", "type": "AWS::S3::Object"},
                      {"ARN": "arn:aws:s3:::logs", "accountId": "111122223333", "type": "AWS::S3::Bucket"}],
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "eventCategory": "Data",
    }


def lower(value):
    if isinstance(value, dict):
        return {key.lower(): lower(inner) for key, inner in value.items()}
    return [lower(inner) for inner in value] if isinstance(value, list) else value


def cell(value):
    """A value as Athena prints it: structs without quotation marks."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={cell(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(cell, value)) + "]"
    return "null" if value is None else str(value)


def test_no_key_poses_as_another_resource(sql, pytestconfig, tmp_path):
    forged = "arn=arn:aws:s3:::payroll/secret.csv"
    keys = [f"}}, {{{forged}, accountid=111122223333", f"a, {forged}", f"x, type=t}}, {{{forged}", '"}, {"arn": "arn:aws:s3:::payroll/s',
            "plain.csv", "a=b]}", "{", "null"]
    events = [hostile(number, key) for number, key in enumerate(keys)]
    text = sql("athena", "--foreign", "--table", "logs")
    read = re.search(r"^SELECT (.*?)\nFROM", text, re.S).group(1)
    columns = [column.split(" AS ")[-1].strip() for column in read.split(",\n")]
    issuer = "STRUCT(type VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, username VARCHAR)"
    kinds = {
        "useridentity": "STRUCT(type VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, invokedby VARCHAR, "
                        f"sessioncontext STRUCT(sessionissuer {issuer}))",
        "resources": "STRUCT(arn VARCHAR, accountid VARCHAR, type VARCHAR)[]",
    }
    base = duckdb.connect()
    base.execute("CREATE TABLE logs (" + ", ".join(f"{name} {kinds.get(name, 'VARCHAR')}" for name in columns) + ")")
    for event in events:
        low = lower(event)
        base.execute(f"INSERT INTO logs VALUES ({', '.join('?' for _ in columns)})", [low.get(name) for name in columns])
    rows = base.execute(sqlglot.transpile(text, read="athena", write="duckdb")[0]).fetchall()
    answers = [{name: value and cell(value) for name, value in zip(columns, row)} for row in rows]

    def scan(name, content):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        arguments = ["scan", tmp_path / f"{name}.json", "--denials", "--output", "json", "--store", f"sqlite:{tmp_path / name}.db"]
        done = subprocess.run([built(pytestconfig, "denywatch"), *arguments], capture_output=True, text=True, timeout=120)
        told = json.loads(done.stdout)
        assert told["problems"] == [], told["problems"]
        return {denial["event_id"]: (denial["principal"], denial["resources"]) for denial in told["denials"]}, told["findings"]

    as_rows, as_logs = scan("rows", answers), scan("logs", {"Records": events})
    assert len(as_rows[0]) == len(keys) and as_rows == as_logs
    assert "arn:aws:s3:::payroll/secret.csv" not in {denied["resource"] for finding in as_rows[1] for denied in finding["denied"]}


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
