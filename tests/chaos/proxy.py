"""Stands between the function and DynamoDB: throttles, counts, and strikes the function at a named step.

The binary is the one that is shipped: nothing in it knows of this. A write is told apart by what it holds.
"""

import http.client
import http.server
import json
import random
import threading
import time

from lambda_host import Server

# What a request does, in the order in which one message is handled.
STEPS = ("read", "count", "take", "note", "rest", "quarantine")


def step_of(target, body):
    """The step of the line that a request belongs to."""
    operation = target.rsplit(".", 1)[-1]
    if operation == "PutItem":
        return "quarantine" if '"Q#' in body else "read"
    if operation != "TransactWriteItems":
        return "read"
    for action in json.loads(body)["TransactItems"]:
        put = action.get("Put")
        if put and put["Item"]["pk"]["S"].startswith("D#"):
            delivery = json.loads(put["Item"]["body"]["S"])
            if delivery["lease"]:
                return "take"
            return "note" if delivery["due"] is None else "rest"
    return "count"


class Proxy:
    """An HTTP server in front of DynamoDB's address."""

    def __init__(self, host, port, throttled, seed, strike):
        """`strike(step, moment)` may kill the function; moments are `before` and `after` the request was carried out."""
        self.host, self.port, self.throttled, self.strike = host, port, throttled, strike
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.writes = self.refused = 0
        # Who hears that a note was carried out; set by the run.
        self.copy, self.tally = None, None
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status, answer = proxy.handle(self.headers, body)
                except OSError:
                    return
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/x-amz-json-1.0")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # the function is dead

            def log_message(self, *_):
                pass

        self.server = Server(Handler)
        self.url = self.server.url

    def handle(self, headers, body):
        target, text = headers["X-Amz-Target"], body.decode()
        step = step_of(target, text)
        if step != "read":
            with self.lock:
                self.writes += 1
                refuse = self.random.random() < self.throttled
                self.refused += refuse
                kind = self.random.randrange(3)
            if refuse:
                return 400, throttled(kind)
        self.strike(step, "before")
        status, answer = self.forward(headers, body)
        if step == "note" and status == 200:
            self.tally.noted(self.copy, delivery_of(text))
        self.strike(step, "after")
        return status, answer

    def forward(self, headers, body):
        kept = {name: value for name, value in headers.items() if name.lower() not in ("connection", "host")}
        for _ in range(50):
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            try:
                connection.request("POST", "/", body, kept | {"Host": headers["Host"]})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except ConnectionError:
                time.sleep(0.05)
            finally:
                connection.close()
        raise OSError("the stand-in of DynamoDB does not answer")

    def close(self):
        self.server.end()


def delivery_of(text):
    for action in json.loads(text)["TransactItems"]:
        put = action.get("Put")
        if put and put["Item"]["pk"]["S"].startswith("D#"):
            return f"{put['Item']['pk']['S'][2:]} {put['Item']['sk']['S']}"
    return None


def throttled(kind):
    """Three ways in which DynamoDB says that it is busy."""
    space = "com.amazonaws.dynamodb.v20120810#"
    if kind == 0:
        code, message = "ProvisionedThroughputExceededException", "The level of configured provisioned throughput …"
    elif kind == 1:
        code, message = "ThrottlingException", "Rate exceeded"
    else:
        code = "TransactionCanceledException"
        message = "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ThrottlingError]"
    return json.dumps({"__type": space + code, "message": message}).encode()
