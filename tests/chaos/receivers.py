"""The receivers of messages: Slack, which is busy, broken or silent for a while, and SNS, handed on to the stand-in."""

import collections
import http.client
import http.server
import json
import re
import threading
import time
import urllib.parse

from lambda_host import Server

FINDING = re.compile(r"D-[A-Z2-7]{10}")


class Tally:
    """What was accepted, and of which of it the sender cannot know.

    A message is unknown to its sender when it got no answer, or when it was killed before it could note the answer.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted, self.unknown = collections.Counter(), collections.Counter()
        # By copy: accepted, and not noted yet.
        self.pending = collections.defaultdict(set)
        self.turned_away = collections.Counter()

    def accept(self, copy, key):
        with self.lock:
            self.accepted[key] += 1
            self.pending[copy].add(key)

    def unanswered(self, copy, key):
        with self.lock:
            self.pending[copy].discard(key)
            self.unknown[key] += 1

    def noted(self, copy, key):
        with self.lock:
            self.pending[copy].discard(key)

    def killed(self, copy):
        with self.lock:
            self.unknown.update(self.pending.pop(copy, ()))


class Receiver:
    """An HTTP server on loopback."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    status, headers, text = answer(self.path, self.headers, body)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True  # the function is dead, or is meant to think that we are

            def log_message(self, *_):
                pass

        self.server = Server(Handler)
        self.url = self.server.url

    def close(self):
        self.server.end()


def slack(tally, moods, strike):
    """An incoming webhook at `/COPY`. `moods` tells by a post's number how it goes; else it is accepted."""
    numbers, lock = [0], threading.Lock()

    def answer(path, _, body):
        copy = path.strip("/")
        key = f"{FINDING.search(body.decode())[0]} slack"
        with lock:
            numbers[0] += 1
            mood = moods.get(numbers[0])
        if mood:
            tally.turned_away[mood] += 1
        if mood == "429":
            return 429, {"Retry-After": "1"}, b"rate_limited"
        if mood == "500":
            return 500, {}, b"internal_error"
        tally.accept(copy, key)
        if mood == "hang":
            tally.unanswered(copy, key)
            time.sleep(13)  # longer than the function waits
            raise OSError
        strike(copy, "post", "after")
        return 200, {}, b"ok"

    return Receiver(answer)


def sns(tally, host, port, copy, strike):
    """Hands `Publish` on to the stand-in of SNS."""

    def answer(path, headers, body):
        form = urllib.parse.parse_qs(body.decode())
        key = f"{FINDING.search(form['Message'][0])[0]} sns:{form['TopicArn'][0]}"
        kept = {name: value for name, value in headers.items() if name.lower() not in ("connection", "host")}
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.request("POST", path, body, kept)
        told = connection.getresponse()
        text = told.read()
        connection.close()
        if told.status == 200:
            tally.accept(copy, key)
            strike(copy, "publish", "after")
        return told.status, {"Content-Type": "text/xml"}, text

    return Receiver(answer)


def text_of(received):
    """The message that SNS put into a queue."""
    return json.loads(received["Body"])["Message"]
