#!/usr/bin/env python3
"""The chaos run: thousands of denials through the real `bootstrap`, which is killed between every two steps.

`run.py --bootstrap PATH [--events N] [--rounds N] [--seed N] [--record FILE]`, in the environment of
tests/e2e/requirements.txt. Around the shipped binary stand ministack (DynamoDB, SQS, SNS, Secrets Manager), a DynamoDB
that throttles a fifth of all writes, and a Slack that is busy, broken or silent for a while. What must hold in the end is
in `judge`; the counts are read from the table by boto3, not by our program.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import platform
import sys
import tempfile
import threading
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import events  # noqa: E402
import receivers  # noqa: E402
from lambda_host import Died, Host  # noqa: E402
from proxy import Proxy  # noqa: E402
from stand_ins import REGION, Ministack, from_topic, make_table  # noqa: E402

COPIES = 2
# Seconds that a message stays hidden: longer than a silent Slack takes a batch. One that was handed back comes again sooner.
HIDDEN = 15
AGAIN = 3
# KiB by which a copy's memory may rise for a while, and for good.
FOR_A_WHILE, FOR_GOOD = 8 * 1024, 2 * 1024
# Where the function is struck: each step of the line, before and after it was carried out.
POINTS = [
    ("count", "before"),
    ("count", "after"),
    ("take", "before"),
    ("take", "after"),
    ("post", "after"),
    ("publish", "after"),
    ("note", "before"),
    ("note", "after"),
    ("quarantine", "before"),
    ("quarantine", "after"),
    ("answer", "after"),
]


class Striker:
    """Kills the copy that comes to one of the points left, and strikes it again when it has worked; perhaps both at once."""

    def __init__(self, rounds, tally):
        self.left = POINTS * rounds  # each as often
        self.done, self.tally, self.hosts = collections.Counter(), tally, {}
        self.lock, self.resting = threading.Lock(), set()

    def at(self, copy, step, moment):
        with self.lock:
            if copy in self.resting or (step, moment) not in self.left:
                return
            self.left.remove((step, moment))
            self.done[step, moment] += 1
            self.resting.add(copy)
            self.hosts[copy].kill()
            self.tally.killed(copy)
        raise OSError("struck")

    def worked(self, copy):
        with self.lock:
            self.resting.discard(copy)


class Run:
    def __init__(self, aws, options, story, folder):
        self.aws, self.story, self.folder, self.batch = aws, story, folder, options.batch
        self.sqs = aws.client("sqs")
        make_table(aws, "chaos")
        self.queue = self.sqs.create_queue(QueueName="chaos", Attributes={"VisibilityTimeout": str(HIDDEN)})["QueueUrl"]
        self.topic = aws.client("sns").create_topic(Name="chaos")["TopicArn"]
        self.inbox = self.sqs.create_queue(QueueName="chaos-inbox")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Version": "2012-10-17", "Statement": [from_topic(arn, self.topic)]}
        self.sqs.set_queue_attributes(QueueUrl=self.inbox, Attributes={"Policy": json.dumps(allow)})
        aws.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.tally = receivers.Tally()
        self.striker = Striker(options.rounds, self.tally)
        self.slack = receivers.slack(self.tally, moods(options.events), self.striker.at)
        self.hosts, self.proxies, self.sns = [], [], []
        for number in range(COPIES):
            self.add_copy(f"copy{number}", options)
        self.answered = self.given = self.came_again = 0
        self.lock, self.errors = threading.Lock(), []

    def add_copy(self, copy, options):
        def strike(step, moment):
            self.striker.at(copy, step, moment)

        port = self.aws.port
        proxy = Proxy("127.0.0.1", port, 0.2, options.seed + len(self.hosts), strike)
        proxy.copy, proxy.tally = copy, self.tally
        sns = receivers.sns(self.tally, "127.0.0.1", port, copy, self.striker.at)
        secret = self.aws.client("secretsmanager").create_secret(Name=copy, SecretString=f"{self.slack.url}/{copy}")["ARN"]
        env = {
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
            "AWS_ENDPOINT_URL_SNS": sns.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_LAMBDA_FUNCTION_NAME": "denywatch",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "DENYWATCH_STORE": "dynamodb:chaos",
            "DENYWATCH_CONFIG": json.dumps(
                {
                    "version": 1,
                    # The events are days apart and come in no order: none of them is a return.
                    "group": {"wait": "0s", "reopen_after": "30d"},
                    "slack": {"mode": "webhook", "secret": secret},
                    "route": [{"to": [f"sns:{self.topic}", "slack"]}],
                }
            ),
        }
        log = (self.folder / f"{copy}.log").open("wb")
        host = Host(options.bootstrap, env, log)
        self.striker.hosts[copy] = host
        self.hosts.append((copy, host))
        self.proxies.append(proxy)
        self.sns.append(sns)

    def fill(self):
        for start in range(0, len(self.story.messages), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(self.story.messages[start : start + 10])]
            assert not self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries).get("Failed")

    def receive(self):
        batch = []
        while len(batch) < self.batch:
            got = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            batch += got
            if not got:
                break
        return batch

    def work(self, copy, host):
        """Hands batches to one copy until the queue is empty and nothing is due."""
        try:
            quiet, number = 0, 0
            while quiet < 3:
                batch, number = self.receive(), number + 1
                if batch:
                    quiet = 0
                    self.hand(copy, host, batch)
                if not batch or number % 10 == 0:
                    self.ask(copy, host, {"denywatch": "outbox"})
                if not batch:
                    quiet = 0 if self.waiting() or self.due() else quiet + 1
                    time.sleep(0.5)
        except BaseException as error:
            self.errors.append(error)

    def hand(self, copy, host, batch):
        records = [{"messageId": m["MessageId"], "eventSource": "aws:sqs", "body": m["Body"]} for m in batch]
        answer = self.ask(copy, host, {"Records": records})
        if answer is None:
            return
        try:
            self.striker.at(copy, "answer", "after")
        except OSError:
            return  # it answered, and nobody heard it
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        done = [m for m in batch if m["MessageId"] not in again]
        self.hand_back([m for m in batch if m["MessageId"] in again])
        with self.lock:
            self.answered += len(done)
            self.came_again += len(again)
        for start in range(0, len(done), 10):
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(done[start : start + 10])]
            self.sqs.delete_message_batch(QueueUrl=self.queue, Entries=entries)

    def hand_back(self, messages):
        for start in range(0, len(messages), 10):
            entries = [
                {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": AGAIN}
                for n, m in enumerate(messages[start : start + 10])
            ]
            # One that came again meanwhile is another's now.
            self.sqs.change_message_visibility_batch(QueueUrl=self.queue, Entries=entries)

    def ask(self, copy, host, event):
        try:
            answer = host.invoke(event)
        except Died:
            return None
        self.striker.worked(copy)
        return answer

    def waiting(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(got[name]) for name in names)

    def due(self):
        key = {":pk": {"S": "O"}}
        query = {"TableName": "chaos", "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": key}
        rows = self.aws.client("dynamodb").query(**query, ConsistentRead=True)["Items"]
        # Reminders of next week wait too; here only what is to be sent today.
        return sum(int(row["at"]["N"]) < time.time() + 86_400 for row in rows)

    def go(self):
        workers = [threading.Thread(target=self.work, args=pair) for pair in self.hosts]
        [worker.start() for worker in workers]
        while any(worker.is_alive() for worker in workers):
            end = time.monotonic() + 10
            [worker.join(max(0, end - time.monotonic())) for worker in workers]
            print(f"waiting {self.waiting()}, due {self.due()}, kills to come {len(self.striker.left)}", file=sys.stderr)
        for error in self.errors:
            raise error

    def mail(self):
        got, all_of_it = True, collections.Counter()
        while got:
            got = self.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", [])
            for message in got:
                all_of_it[receivers.FINDING.search(receivers.text_of(message))[0]] += 1
                self.sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
        return all_of_it

    def items(self, start):
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName="chaos", ConsistentRead=True)
        return [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(start)]

    def close(self):
        for _, host in self.hosts:
            host.close()
        for server in [self.slack, *self.proxies, *self.sns]:
            server.close()


def moods(number):
    """Slack by the number of its post: busy, broken and silent for a while; in a long run longer, and twice."""
    if number < 5_000:
        return dict(enumerate(["429", "429", "500", "500", "hang"], 8))
    ill = ["429"] * 4 + ["500"] * 4 + ["hang"] * 2
    return dict(enumerate(ill, 40)) | dict(enumerate(ill, 100))


def levels(memory):
    """After the first ten invocations, at most later, and at the end, of which the last five tell.

    What is freed at the top of glibc's heap is kept for a while, so the level moves up and down; what is never freed raises
    the level at the end.
    """
    warm = min(10, len(memory) - 1)
    return memory[warm], max(memory[warm:]), sorted(memory[-5:])[len(memory[-5:]) // 2]


def mebibytes(*kibibytes):
    return ", ".join(f"{number / 1024:.1f}" for number in kibibytes)


def unpack(item):
    return json.loads(zlib.decompress(item["body"]["B"], -15))


def judge(run, story):
    """What must hold; returns the figures and what does not."""
    counts, days, ids = collections.Counter(), collections.Counter(), {}
    for part in run.items("F#"):
        who = unpack(part)["principal"]["name"]
        ids[who] = part["finding"]["S"]
        counts[who] += int(part["count"]["N"])
        for day, count in part["days"]["M"].items():
            days[who, day] += int(count["N"])
    tally, mail = run.tally, run.mail()
    told = [f"{finding} {to}" for finding in ids.values() for to in ("slack", f"sns:{run.topic}")]
    repeats = {key: n - 1 for key, n in tally.accepted.items() if n > 1}
    kept = collections.Counter(unpack(item) for item in run.items("Q#") if item["reason"]["S"])
    if os.environ.get("CHAOS_DEBUG"):
        print({k: (n, mail[k.split()[0]]) for k, n in tally.accepted.items() if ":sns:" in k and mail[k.split()[0]] != n})
        print({k: (n, tally.unknown[k]) for k, n in repeats.items() if n > tally.unknown[k]})
    longest = max((memory for _, host in run.hosts for memory in host.memory), key=len)
    settled, most, end = levels([whole for whole, _ in longest])
    own, most_own, end_own = levels([own for _, own in longest])
    figures = {
        "denied events, each counted once": f"{sum(counts.values()):,} of {sum(story.counts.values()):,}",
        "messages in the queue, duplicates and poison included": f"{len(story.messages):,}",
        "findings": len(ids),
        "kills": sum(run.striker.done.values()),
        "throttled writes": f"{sum(p.refused for p in run.proxies):,} of {sum(p.writes for p in run.proxies):,}",
        "Slack answered 429, answered 500, hung": ", ".join(str(tally.turned_away[m]) for m in ("429", "500", "hang")),
        "messages accepted by Slack and SNS": sum(tally.accepted.values()),
        "of them repeats": sum(repeats.values()),
        "unknown outcomes": sum(tally.unknown.values()),
        "poison in quarantine": f"{len(kept)} of {len(story.poison)}",
        f"memory after ten of {len(longest)} invocations, at most later, at the end (MiB)": mebibytes(settled, most, end),
        "of that its own, without the pages of its file": mebibytes(own, most_own, end_own),
    }
    checks = {
        "counts are exact": counts == story.counts,
        "counts a day are exact": days == story.days,
        "every finding was told to everybody": all(tally.accepted[key] for key in told),
        "nothing else was told": set(tally.accepted) == set(told),
        "what SNS accepted arrived": all(mail[key.split()[0]] == n for key, n in tally.accepted.items() if ":sns:" in key),
        "repeats have unknown outcomes": all(n <= tally.unknown[key] for key, n in repeats.items()),
        "every poison is kept, with a reason, once": kept == collections.Counter(story.poison),
        "all kills took place": not run.striker.left,
        "nothing waits": run.waiting() == 0 and run.due() == 0,
        "memory has a bound": most - settled <= FOR_A_WHILE,
        "memory comes back": end_own - own <= FOR_GOOD,
    }
    return figures, [name for name, holds in checks.items() if not holds]


def table(figures, options, seconds):
    binary = pathlib.Path(options.bootstrap)
    about = {
        "date": str(datetime.datetime.now(datetime.UTC).date()),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared",
        "binary": f"{binary.parent.name}, {binary.stat().st_size / 2**20:.1f} MiB",
        "copies, seed": f"{COPIES}, {options.seed}",
        "seconds, batch": f"{round(seconds)}, {options.batch}",
    }
    rows = [f"| {name} | {value} |" for name, value in (about | figures).items()]
    return "\n".join(["| figure | value |", "|---|---|", *rows])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--principals", type=int, default=300)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--poison", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=3, help="of one kill at each point")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=pathlib.Path, help="the file that keeps the figures")
    options = parser.parse_args()
    story = events.Story(options.events, options.seed, options.principals, poison=options.poison)
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, Ministack(pathlib.Path(name)) as aws:
        folder, start = pathlib.Path(name), time.monotonic()
        run = Run(aws, options, story, folder)
        try:
            run.fill()
            run.go()
            figures, broken = judge(run, story)
        except BaseException:
            for log in folder.glob("copy*.log"):
                print(log.name, log.read_text()[-3000:], sep="\n", file=sys.stderr)
            raise
        finally:
            run.close()
        told = table(figures, options, time.monotonic() - start)
        print(told)
        for name in broken:
            print(f"BROKEN: {name}", file=sys.stderr)
        if broken:
            kept = pathlib.Path(tempfile.mkdtemp(prefix="chaos-broken-"))
            for log in folder.glob("copy*.log"):
                (kept / log.name).write_bytes(log.read_bytes())
            print(f"the logs are in {kept}", file=sys.stderr)
    if options.record and not broken:
        head = "# The last long chaos run\n\n`tests/long.sh` writes this file; `tests/chaos/run.py` says what the words mean.\n\n"
        options.record.write_text(f"{head}{told}\n")
    print(f"{len(broken) and 'FAILED' or 'ok'}: the chaos run")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
