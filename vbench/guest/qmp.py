"""Sends one command to a QEMU monitor over its Unix socket and prints the answer: `qmp.py SOCKET COMMAND`.

It runs on the host of the socket, so that a machine inside another machine is asked in the same way.
"""

import json
import os
import socket
import sys


def ask(stream, command):
    stream.write(json.dumps({"execute": command}).encode() + b"\n")
    stream.flush()
    while True:
        message = json.loads(stream.readline())
        if "error" in message:
            raise SystemExit(message["error"].get("desc", "unknown error"))
        if "return" in message:  # events may come before the answer
            return message["return"]


def main():
    path, command = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        os.chdir(os.path.dirname(path) or ".")  # a socket's address has at most 107 bytes; a path can be longer
        connection.connect(os.path.basename(path))
        stream = connection.makefile("rwb")
        stream.readline()  # the greeting
        ask(stream, "qmp_capabilities")
        print(json.dumps(ask(stream, command)))


if __name__ == "__main__":
    main()
