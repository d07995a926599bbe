"""The events of the run: denials of invented principals, some told twice, in no order, some of them poison."""

import collections
import datetime
import json
import random
import uuid

ACCOUNT, REGION = "111122223333", "us-east-2"
ACTIONS = (
    ("kms.amazonaws.com", "GenerateDataKey", "kms:GenerateDataKey", "arn:aws:kms:{r}:{a}:key/7e0e7421-e43b-4ef3-84a2-{n:012d}"),
    ("sqs.amazonaws.com", "SendMessage", "sqs:SendMessage", "arn:aws:sqs:{r}:{a}:orders-{n}"),
    ("dynamodb.amazonaws.com", "DescribeTable", "dynamodb:DescribeTable", "arn:aws:dynamodb:{r}:{a}:table/orders-{n}"),
    ("secretsmanager.amazonaws.com", "GetSecretValue", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:{r}:{a}:secret:db-{n}-AbCdEf"),
)


class Story:
    """Messages for the queue, and what must come of them."""

    def __init__(self, number, seed, principals=40, duplicated=0.30, poison=0.01):
        self.random = random.Random(seed)
        # By principal and day, as the ledger must count them.
        self.counts = collections.Counter()
        self.days = collections.Counter()
        self.poison = []
        messages = []
        today = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        for n in range(number):
            if self.random.random() < poison:
                self.poison.append(f'{{"detail": {{"eventID": "{n} is no event')
                messages.append(self.poison[-1])
                continue
            # One is far busier than all others; new ones turn up to the end, so that there is always something to tell.
            known = 2 + (principals - 2) * n // number
            who = 0 if self.random.random() < 0.3 else self.random.randrange(1, known)
            at = today - datetime.timedelta(seconds=self.random.randrange(3 * 86_400))
            body = self.denial(who, at)
            self.counts[f"chaos-{who}"] += 1
            self.days[f"chaos-{who}", str(at.date())] += 1
            messages.append(body)
            if self.random.random() < duplicated:
                messages.append(body)
        self.messages = []
        size = max(len(messages) // 20, 1)
        for start in range(0, len(messages), size):
            part = messages[start : start + size]
            self.random.shuffle(part)
            self.messages += part

    def denial(self, who, at):
        source, name, action, resource = ACTIONS[who % len(ACTIONS)]
        role = f"arn:aws:iam::{ACCOUNT}:role/chaos-{who}"
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/chaos-{who}/run-{self.random.randrange(10**6)}"
        resource = resource.format(r=REGION, a=ACCOUNT, n=who)
        event = str(uuid.UUID(int=self.random.getrandbits(128)))
        detail = {
            "eventVersion": "1.11",
            "eventID": event,
            "eventTime": at.isoformat().replace("+00:00", "Z"),
            "eventType": "AwsApiCall",
            "eventSource": source,
            "eventName": name,
            "awsRegion": REGION,
            "sourceIPAddress": "192.0.2.17",
            "recipientAccountId": ACCOUNT,
            "errorCode": "AccessDenied",
            "errorMessage": f"User: {session} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": session,
                "accountId": ACCOUNT,
                "sessionContext": {
                    "sessionIssuer": {"type": "Role", "arn": role, "accountId": ACCOUNT, "userName": f"chaos-{who}"}
                },
            },
        }
        entry = {"version": "0", "id": event, "detail-type": "AWS API Call via CloudTrail", "detail": detail}
        return json.dumps(entry)
