"""The AWS CLI, loaded once. Each call of the `aws` that it writes runs the CLI's own `main` in a forked child, with the
caller's arguments, folder, environment and streams; loading it anew for each would take most of the tests' time.

`aws_server.py FOLDER` writes `FOLDER/aws` and serves it until it is ended.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import traceback

import awscli.clidriver
from awscli.customizations.overridesslcommonname import SSL_COMMON_NAMES

CALL = """#!{python} -IS
import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    call = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [call], [0, 1, 2])
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(16) or b"70"))
"""


def answer(connection):
    call, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while more := connection.recv(1 << 16):
        call += more
    sys.argv, folder, environment = json.loads(call)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    own = os.environ["AWS_DATA_PATH"]  # the CLI sets it when it is loaded
    os.environ.clear()
    os.environ.update(environment, AWS_DATA_PATH=own)
    os.chdir(folder)
    try:
        code = awscli.clidriver.main()
    except SystemExit as ended:
        code = ended.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code).encode())


def main(folder):
    # Version 1 of the CLI sends SQS's calls to AWS's old host whatever AWS_ENDPOINT_URL says; version 2 does not.
    del SSL_COMMON_NAMES["sqs"]
    awscli.clidriver.create_clidriver()  # what is loaded on the way is loaded for all children
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    server, path = socket.socket(socket.AF_UNIX), str(folder / "aws.socket")
    server.bind(path)
    server.listen()
    program = folder / "aws.new"
    program.write_text(CALL.format(python=sys.executable, path=path))
    program.chmod(0o755)
    program.rename(folder / "aws")
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            try:
                answer(connection)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)  # without an answer the caller fails
        connection.close()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
