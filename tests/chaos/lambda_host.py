"""One copy of the function as Lambda runs it: the real `bootstrap` against a Runtime API that hands it one event at a
time, killed and started anew at will."""

import http.server
import json
import pathlib
import queue
import subprocess
import sys
import threading
import time

LIMIT = 60


class Server(http.server.ThreadingHTTPServer):
    """On loopback; a caller that is killed is no news."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)

    def end(self):
        self.shutdown()
        self.server_close()


class Died(Exception):
    """The function was killed while it worked."""


class Host:
    def __init__(self, bootstrap, env, log):
        self.command = [bootstrap] if isinstance(bootstrap, (str, pathlib.Path)) else bootstrap
        self.env, self.log = env, log
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.process, self.number, self.invocations = None, 0, 0
        # For each process that ended or runs: its resident set after each invocation, in KiB.
        self.memory = []
        self.lock = threading.Lock()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                number, event = host.events.get()
                body = event.encode()
                try:
                    self.send_response(200)
                    for name, value in {
                        "Content-Type": "application/json",
                        "Content-Length": str(len(body)),
                        "Lambda-Runtime-Aws-Request-Id": str(number),
                        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + LIMIT) * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-2:111122223333:function:denywatch",
                    }.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                _, _, _, _, number, kind = self.path.split("/")
                host.answers.put((int(number), kind, body))
                try:
                    self.send_response(202)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = Server(Handler)

    def start(self):
        # A dead process may still have asked for an event: what waits for it must not take the next one's.
        self.events = queue.Queue()
        env = self.env | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}"}
        self.process = subprocess.Popen(self.command, env=env, stdout=self.log, stderr=self.log)
        self.memory.append([])

    def kill(self):
        """SIGKILL; returns when the process is no more."""
        with self.lock:
            self.process.kill()
            self.process.wait()

    def invoke(self, event):
        """What the function answers; [`Died`] when it was killed instead."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.number += 1
        self.events.put((self.number, json.dumps(event)))
        end = time.monotonic() + LIMIT + 60
        while time.monotonic() < end:
            try:
                number, kind, body = self.answers.get(timeout=0.1)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise Died from None
                continue
            if number != self.number:
                continue
            self.invocations += 1
            self.memory[-1].append(resident(self.process.pid))
            if kind != "response":
                raise AssertionError(f"the function failed: {body.decode()}")
            return json.loads(body)
        raise AssertionError("the function does not answer")

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.server.end()


def resident(pid):
    """KiB that the process has in memory, and how much of it is its own (the rest are pages of its file)."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            found[name] = int(rest.split()[0])
    return found.get("VmRSS", 0), found.get("RssAnon", 0)
