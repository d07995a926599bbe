#!/usr/bin/env python3
"""From exec to the first answer: `bootstrap` against the least a Rust function needs, and against a Python function.

`run.py --bootstrap PATH --clients PATH --python PATH [--runs N] [--record FILE]`, in the environment of tests/e2e/requirements.txt;
`--clients` is the example `clients` and `--python` an interpreter with requirements.txt beside this file.
All of them are started in turn, so that what else the machine does meets all alike; AWS is ministack on loopback. Prints
a table in Markdown: medians and ratios, and what `bootstrap` needs of memory for a batch of 1,000 events. A bar that is
missed makes the exit code 1; `--record FILE` keeps the table of a run that missed none.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent.parent / "tests"
sys.path[:0] = [str(TESTS / "chaos"), str(TESTS / "e2e")]

import events  # noqa: E402
from lambda_host import Host  # noqa: E402
from stand_ins import REGION, Ministack, make_table  # noqa: E402


def batch(bodies):
    """What SQS hands to the function."""
    records = [{"messageId": str(n), "eventSource": "aws:sqs", "body": body} for n, body in enumerate(bodies)]
    return {"Records": records}


def allowed(body):
    event = json.loads(body)
    del event["detail"]["errorCode"], event["detail"]["errorMessage"]
    return json.dumps(event)


def certificates():
    """The system's bundle, on Debian or on Amazon Linux."""
    places = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    return next((place for place in places if os.path.exists(place)), "")


def environment(aws, topic):
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": "denywatch",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "DENYWATCH_STORE": "dynamodb:ledger",
        "DENYWATCH_CONFIG": json.dumps({"version": 1, "group": {"wait": "0s"}, "route": [{"to": [f"sns:{topic}"]}]}),
        # One bundle, as in AWS's image: what else this machine trusts is not the function's doing.
        "SSL_CERT_FILE": certificates(),
        "SSL_CERT_DIR": "/nonexistent",
        "TABLE": "plain",
        "TOPIC": topic,
    }


def first_answer(command, env, event, log):
    """Seconds from exec to the answer, and the peak of resident memory in MiB."""
    host = Host(command, env, log)
    try:
        start = time.perf_counter()
        host.invoke(event)
        seconds = time.perf_counter() - start
        status = pathlib.Path(f"/proc/{host.process.pid}/status").read_text()
    finally:
        host.close()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return seconds, int(peak.split()[1]) / 1024


def measure(options, aws, log):
    make_table(aws, "ledger")
    make_table(aws, "plain")
    topic = aws.client("sns").create_topic(Name="cold")["TopicArn"]
    env = environment(aws, topic)
    python = env | {"PYTHONPATH": str(HERE), "_HANDLER": "handler.handler", "LAMBDA_TASK_ROOT": str(HERE)}
    story = events.Story(options.runs + 1_100, seed=7, principals=options.runs + 1_100, duplicated=0, poison=0)
    bodies = iter(story.messages)
    subjects = {
        "clients": ([options.clients], env),
        "bootstrap": ([options.bootstrap], env),
        "python": ([options.python, "-m", "awslambdaric", "handler.handler"], python),
    }
    taken = {(name, kind): [] for name in subjects for kind in ("idle", "denial")}
    # The first run of each reads its files from the disk.
    for run in range(options.runs + 1):
        body = next(bodies)
        for kind, event in (("idle", batch([allowed(body)])), ("denial", batch([body]))):
            for name, (command, surroundings) in subjects.items():
                one = first_answer(command, surroundings, event, log)
                if run:
                    taken[name, kind].append(one)
    # Batches of one role, as a storm brings them.
    storm = batch([json.dumps(json.loads(story.denial(0, datetime.datetime.now(datetime.UTC).replace(microsecond=0)))) for _ in range(1_000)])
    mixed = batch([next(bodies) for _ in range(1_000)])
    peaks = {name: first_answer([options.bootstrap], env, event, log)[1] for name, event in (("storm", storm), ("mixed", mixed))}
    return taken, peaks


# At most so many times the clients alone; at least so many times faster than Python; at most so many MiB.
CLIENTS, PYTHON, MEMORY = 1.5, 15, 40


def ratio(taken, ours, kind, other):
    """The median of the ratios within each run."""
    pairs = zip(taken[ours, kind], taken[other, kind], strict=True)
    return statistics.median(a[0] / b[0] for a, b in pairs)


def missed(taken, peaks):
    """The bars that these figures miss, in words."""
    clients, python = ratio(taken, "bootstrap", "idle", "clients"), ratio(taken, "python", "idle", "bootstrap")
    told = [] if clients <= CLIENTS else [f"{clients:.2f} x the clients alone, over {CLIENTS}"]
    told += [] if python >= PYTHON else [f"Python takes {python:.1f} x bootstrap, under {PYTHON}"]
    return told + [f"{peak:.1f} MiB for the batch `{name}`, over {MEMORY}" for name, peak in peaks.items() if peak > MEMORY]


def table(taken, peaks, options):
    def median(name, kind):
        return statistics.median(seconds for seconds, _ in taken[name, kind]) * 1000

    rows = [
        ("runs", f"{options.runs}, in turn"),
        ("machine, date", f"{platform.machine()}, {os.cpu_count()} cores, {datetime.date.today()}"),
        ("the clients alone, to the first answer", f"{median('clients', 'idle'):.1f} ms"),
        ("`bootstrap`, an event that is no denial", f"{median('bootstrap', 'idle'):.1f} ms, {ratio(taken, 'bootstrap', 'idle', 'clients'):.2f} x the clients alone (bar {CLIENTS})"),
        ("Python and boto3, the same event", f"{median('python', 'idle'):.0f} ms, {ratio(taken, 'python', 'idle', 'bootstrap'):.1f} x `bootstrap` (bar {PYTHON})"),
        ("`bootstrap`, a denial counted and told (ministack answers)", f"{median('bootstrap', 'denial'):.1f} ms"),
        ("Python and boto3, counted and told, without a diagnosis", f"{median('python', 'denial'):.0f} ms, {ratio(taken, 'python', 'denial', 'bootstrap'):.1f} x `bootstrap`"),
        ("`bootstrap`, peak of memory, 1,000 denials of one role", f"{peaks['storm']:.1f} MiB (bar {MEMORY})"),
        ("`bootstrap`, peak of memory, 1,000 denials of 1,000 roles", f"{peaks['mixed']:.1f} MiB (bar {MEMORY})"),
        ("Python, peak of memory, one denial", f"{statistics.median(peak for _, peak in taken['python', 'denial']):.0f} MiB"),
    ]
    return "\n".join(["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bootstrap", "clients", "python"):
        parser.add_argument(f"--{name}", required=True, type=lambda path: str(pathlib.Path(path).absolute()))
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--record", type=pathlib.Path, help="the file that keeps the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with Ministack(folder) as aws, (folder / "log").open("wb") as log:
            try:
                taken, peaks = measure(options, aws, log)
            except BaseException:
                sys.stderr.write((folder / "log").read_text()[-4000:])
                raise
    told, broken = table(taken, peaks, options), missed(taken, peaks)
    print(told)
    if broken:
        sys.exit("missed: " + "; ".join(broken))
    if options.record:
        head = "# The last cold start\n\n`tests/long.sh` writes this file; `benches/cold_start/run.py` says what is measured.\n\n"
        options.record.write_text(f"{head}{told}\n")


if __name__ == "__main__":
    main()
