"""What stands in for the outside world: AWS (ministack) and Slack, both on loopback and both ended by their owner."""

import functools
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import boto3

ACCOUNT = "111122223333"
REGION = "us-east-2"


def wait_for(what, seconds, probe, pause=0.2):
    """The first truthy answer of `probe`, asked until `seconds` are over; `what` may be a function, called at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = probe()
        if answer:
            return answer
        time.sleep(pause)
    raise AssertionError(f"waited {seconds} s in vain for {what() if callable(what) else what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Ministack:
    """One ministack process with an empty state."""

    def __init__(self, folder: pathlib.Path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "ministack.log"
        tmp = folder / "tmp"
        tmp.mkdir()
        # A clean environment: the function inherits it, and must not find this machine's credentials or proxies.
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(tmp),
            "STATE_DIR": str(folder / "state"),
            "BIND_HOST": "127.0.0.1",  # its default is every interface
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AUTH": "true",  # policies are enforced: the function has what its role gives, and no more
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # Listeners nobody here needs, on fixed ports.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        }
        program = pathlib.Path(__file__).with_name("as_aws.py")
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([sys.executable, program], env=env, cwd=folder, stdout=out, stderr=subprocess.STDOUT)

    def __enter__(self):
        try:
            wait_for("ministack", 90, self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ministack ended by itself:\n{self.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    @functools.cache  # noqa: B019 (one a run; making a client costs more than its calls)
    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def account(self, number):
        """Another account of the same ministack; its number is its access key."""
        return Account(self, number)

    def in_the_name_of(self, role_arn, service):
        """A client with a role's rights; its trust policy has to let the account in."""
        keys = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="probe")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


class Account:
    """An account beside the first one, with clients of its own."""

    def __init__(self, ministack, number):
        self.ministack, self.number = ministack, number

    @functools.cache  # noqa: B019 (one a run)
    def client(self, service):
        keys = {"aws_access_key_id": self.number, "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.ministack.url, region_name=REGION, **keys)


def make_table(aws, name):
    """The ledger's table, as the template makes it."""
    aws.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )


def from_topic(queue_arn, topic_arn):
    """Lets a topic send to a queue."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }


class SlackDouble:
    """Answers `ok` as an incoming webhook does, and keeps what was posted."""

    PATH = "/services/T00000000/B00000000/e2e"

    def __init__(self):
        self.posts = []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    json_body = json.loads(body)
                except ValueError:
                    return self._answer(400, b"invalid_payload")
                if self.path != double.PATH:
                    return self._answer(404, b"no_service")
                double.posts.append(json_body)
                return self._answer(200, b"ok")

            def _answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{self.PATH}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
