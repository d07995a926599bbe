#!/usr/bin/env python3
"""Writes the first inputs of every fuzz target to fuzz/corpus/TARGET, made from the stories and fixtures of tests/.

What a fuzzer found there before stays. Needs nothing but Python 3.
"""

import gzip
import json
import re
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
LIMIT = 6_000
"""Bytes: a longer seed is slow to mutate."""


def put(target: str, name: str, text: str) -> None:
    # Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark.
    seed = text.encode(errors="replace")
    if len(seed) <= LIMIT:
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(seed)


def put_packed(name: str, text: str) -> None:
    """What DEFLATE makes of it, in four ways."""
    folder = HERE / "corpus" / "gzip"
    folder.mkdir(parents=True, exist_ok=True)
    for level, strategy in ((1, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_DEFAULT_STRATEGY), (6, zlib.Z_FIXED), (6, zlib.Z_HUFFMAN_ONLY)):
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        packed = packer.compress(text.encode()) + packer.flush()
        if len(packed) <= LIMIT:
            (folder / f"{name}-{level}-{strategy}").write_bytes(packed)


def strings(value: object) -> list[str]:
    """Every text in a JSON value."""
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in strings(item)]
        case dict():
            return [text for item in value.values() for text in strings(item)]
    return []


def from_event(name: str, event: dict) -> None:
    line = json.dumps(event, ensure_ascii=False)
    for target in ("record", "explain"):
        put(target, f"{name}.json", line)
        put(target, f"{name}-log.json", json.dumps({"Records": [event, event]}))
    short = json.dumps({"eventVersion": "1.08", "userIdentity": event.get("userIdentity"), **event}, separators=(",", ":"))
    put("sift", f"{name}-log.json", f'{{"Records":[{short},{short}]}}')
    put("record", f"{name}-bridge.json", json.dumps({"detail-type": "x", "detail": event}))
    put("record", f"{name}-lookup.json", json.dumps({"Events": [{"CloudTrailEvent": line}]}))
    columns = ("eventID", "eventSource", "eventName", "errorCode", "errorMessage", "userAgent")
    put("csv", f"{name}.txt", "\0".join(str(event.get(column) or "") for column in columns))
    if message := event.get("errorMessage"):
        for target in ("message", "text"):
            put(target, f"{name}.txt", message)
    for at, arn in enumerate({text for text in strings(event) if text.startswith("arn:")}):
        put("arn", f"{name}-{at}.txt", arn)
        put("scope", f"{name}-{at}.txt", f"{arn}\n{arn}x")


def from_archive() -> None:
    key = "AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_a.json.gz"
    page = (
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t"
        f"</NextContinuationToken><Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag><Size>5</Size></Contents>"
        "<CommonPrefixes><Prefix>AWSLogs/</Prefix></CommonPrefixes></ListBucketResult>"
    )
    stored = {"bucket": {"name": "my-logs"}, "object": {"key": key}}
    notice = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": stored}]}
    trail = {"s3Bucket": "my-logs", "s3ObjectKey": [key]}
    bridge = {"detail-type": "Object Created", "source": "aws.s3", "detail": stored}
    queued = {"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": json.dumps(notice)}]}
    task = {"scan": ["s3://my-logs/AWSLogs/"], "after": key, "since": "2026-11-01T00:00:00Z", "only_region": ["eu-west-1"]}
    texts = [key, page, *map(json.dumps, (notice, trail, bridge, queued, task, {"denywatch": task}))]
    for at, text in enumerate(texts):
        put("archive", f"{at}.txt", text)


def from_story(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    put_packed(path.stem, text)
    for at, (kind, block) in enumerate(re.findall(r"^```(\S*)[^\n]*\n(.*?)^```", text, re.M | re.S)):
        name = f"{path.stem}-{at}"
        if kind != "json":
            for target in ("text", "message", "explain"):
                put(target, f"{name}.txt", block.strip())
            continue
        try:
            value = json.loads(block)
        except ValueError:
            continue
        if isinstance(value, dict) and "eventName" in value:
            from_event(name, value)
        for document in documents(value):
            put("policy", f"{name}.json", json.dumps(document))
            put("in_force", f"{name}.json", json.dumps(details(document)))


def documents(value: object) -> list[dict]:
    """The policy documents anywhere in a JSON value."""
    if isinstance(value, dict):
        own = [value] if "Statement" in value else []
        return own + [document for item in value.values() for document in documents(item)]
    if isinstance(value, list):
        return [document for item in value for document in documents(item)]
    return []


def details(document: dict) -> dict:
    """Authorization details of a role and a user that hold the document in every way there is."""
    arn = "arn:aws:iam::111122223333:policy/p"
    managed = {"PolicyName": "p", "Arn": arn, "PolicyVersionList": [{"IsDefaultVersion": True, "Document": document}]}
    attached = [{"PolicyName": "p", "PolicyArn": arn}]
    inline = [{"PolicyName": "i", "PolicyDocument": document}]
    role = {
        "RoleName": "app",
        "Arn": "arn:aws:iam::111122223333:role/app",
        "RolePolicyList": inline,
        "AttachedManagedPolicies": attached,
        "AssumeRolePolicyDocument": document,
        "PermissionsBoundary": {"PermissionsBoundaryArn": arn},
    }
    group = {"GroupName": "g", "GroupPolicyList": inline, "AttachedManagedPolicies": attached}
    user = {"UserName": "ann", "Arn": "arn:aws:iam::111122223333:user/ann", "GroupList": ["g"], "UserPolicyList": inline}
    return {"RoleDetailList": [role], "UserDetailList": [user], "GroupDetailList": [group], "Policies": [managed]}


HAND_MADE = [
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/${aws:username}/*"}},
    {
        "Version": "2008-10-17",
        "Id": "x",
        "Statement": [
            {
                "Sid": "A",
                "Effect": "Deny",
                "Principal": {"AWS": ["111122223333", "*"], "Service": "events.amazonaws.com"},
                "NotAction": ["kms:*", "s3:?etObject"],
                "NotResource": ["arn:aws:s3:::b/*"],
                "Condition": {
                    "ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a*", "b"]},
                    "Null": {"aws:MultiFactorAuthAge": "true"},
                    "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": 3600},
                    "Bool": {"aws:SecureTransport": False},
                    "DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
                },
            }
        ],
    },
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::b/*",
                "Condition": {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
            }
        ],
    },
]


def main() -> None:
    for path in sorted((TESTS / "fixtures" / "into").glob("cfn-*/repo/**/*.*")):
        if path.is_file():
            put("template", f"{path.parts[-3]}-{path.name}", path.read_text(encoding="utf-8"))
    for path in sorted((TESTS / "fixtures" / "into").glob("tf-*/repo/**/*.tf")):
        put("configuration", f"{path.parts[-3]}-{path.name}", path.read_bytes().decode())
    for story in sorted((TESTS / "cases").glob("*.md")):
        from_story(story)
    for log in sorted((TESTS / "fixtures" / "trail").rglob("*.json.gz"))[::6]:
        records = json.loads(gzip.decompress(log.read_bytes())).get("Records", [])
        if denied := next((record for record in records if record.get("errorCode")), None):
            from_event(log.name.split(".")[0], denied)
    from_archive()
    for at, document in enumerate(HAND_MADE):
        put("policy", f"hand-{at}.json", json.dumps(document))
        put("in_force", f"hand-{at}.json", json.dumps(details(document)))
    for folder in sorted((HERE / "corpus").iterdir()):
        print(f"{folder.name}: {sum(1 for _ in folder.iterdir())} inputs")


if __name__ == "__main__":
    main()
