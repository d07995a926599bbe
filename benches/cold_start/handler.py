"""The usual Lambda in Python for the same work: read the batch, pick the refused calls, count each once, tell once.

No patch, no diagnosis, no proof: less work than `bootstrap` does. `run.py` starts it by awslambdaric, as Lambda does.
"""

import json
import os

import boto3

TABLE = os.environ["TABLE"]
TOPIC = os.environ["TOPIC"]
dynamodb = boto3.client("dynamodb")
sns = boto3.client("sns")


def denied(record):
    code = record.get("errorCode") or ""
    return any(word in code for word in ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden"))


def take(record):
    """Counts an event once, and tells of its finding once."""
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item={"pk": {"S": "event"}, "sk": {"S": record["eventID"]}},
            ConditionExpression="attribute_not_exists(pk)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return
    who = record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]
    what = f"{record['eventSource'].split('.')[0]}:{record['eventName']}"
    key = {"pk": {"S": "finding"}, "sk": {"S": f"{who} {what}"}}
    add = {"UpdateExpression": "ADD denials :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    count = dynamodb.update_item(TableName=TABLE, Key=key, ReturnValues="UPDATED_NEW", **add)
    if count["Attributes"]["denials"]["N"] == "1":
        sns.publish(TopicArn=TOPIC, Subject=f"AccessDenied: {what}"[:100], Message=f"{who} was refused {what}")


def handler(event, _context):
    for message in event["Records"]:
        record = json.loads(message["body"])["detail"]
        if denied(record):
            take(record)
    return {"batchItemFailures": []}
