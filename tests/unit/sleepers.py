"""Processes that a test starts to see them end: no other test run on this machine has the same."""

import os

import psutil

SLEEP = f"sleep 981{os.getpid()}."
"""The beginning of a command line: a digit is to follow."""


def sleepers() -> list[str]:
    """The command lines of those that still run."""
    words = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [one for one in words if one.startswith(SLEEP)]
