"""Prints what vbench itself costs, beside a peer of the same run: `python overhead/run.py [NAME ...]`; see SCRIPTS."""

import sys
from collections.abc import Callable, Iterable

import command
import harness
import page
import pairs
import starts
import store

import tools
from vbench.errors import VbenchError

SCRIPTS: dict[str, Callable[[], Iterable[str]]] = {
    "tools": lambda: pairs.table(tools.rows()),
    "harness": harness.lines,
    "guest": lambda: pairs.table(starts.guest()),
    "container": lambda: pairs.table(starts.container()),
    "store": store.lines,
    "page": page.lines,
    "report": command.published,
    "help": command.help_,
}


def main(names: list[str]) -> int:
    if unknown := set(names) - set(SCRIPTS):
        print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SCRIPTS)}", file=sys.stderr)
        return 2
    for name in names or SCRIPTS:
        try:
            print("\n".join(SCRIPTS[name]()), end="\n\n", flush=True)
        except VbenchError as error:
            print(f"{name}: {error.message}\n  hint: {error.hint}", file=sys.stderr)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
