"""One interpreter, started in odd surroundings, that becomes the program once for each command that it is told.

A child takes the program's own entry point and ends as an interpreter ends: it flushes its streams and runs what was
registered for its exit. The start of a process and the import of the program, which take longer than most commands, are
paid once. The first argument is a descriptor: commands come through it, one JSON list a line, and go back as statuses.
"""

import gc
import importlib
import json
import os
import socket
import sys

from vbench.cli import VERBS, main, streams

# What a verb imports only when it works: numpy with the benchmarks, pandas with the tables.
AT_WORK = ("vbench.benchmarks", "vbench.cost", "vbench.report", "vbench.report.page", "vbench.runner")
WITH_TABLES = ("vbench.frames.parquet", "vbench.exports.csv")


def load(words: list[str]) -> None:
    """Imports here what the verb would import in its child, and no more: a child that ends takes all of it apart."""
    verbs = VERBS if "--help" in words else {word: VERBS[word] for word in words[:1] if word in VERBS}
    modules = [f"vbench.cli.{module}" for module, _, _ in verbs.values()]
    if "--help" not in words:
        modules += AT_WORK
    if words[0] in ("run", "export", "check"):
        modules += WITH_TABLES
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # a child that ends does not look at these objects again


def words_of_a_child(control: socket.socket) -> list[str]:
    """Returns in each child, with its command. This process itself ends when it is told no more."""
    with control, control.makefile("rb") as commands:
        for line in commands:
            words: list[str] = json.loads(line)
            load(words[1:])
            child = os.fork()
            if not child:
                return words
            _, status = os.waitpid(child, 0)
            control.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    sys.exit()


if __name__ == "__main__":
    streams.in_utf8()  # starts a process again, which a child cannot do in the name of this script
    sys.argv = words_of_a_child(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(main())
