"""Failures that a user can meet: each has a message, a hint and an exit code, and none prints a traceback."""

import errno

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors by which the system reports a full disk."""


class VbenchError(Exception):
    """An expected failure. `message` says what failed and where, `hint` says what to do about it."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VbenchError):
    """Wrong use of the command line or a wrong suite."""

    exit_code = 2


class SuiteError(UsageError):
    """A suite file that cannot be used: `message` names the file and the path of the key."""


class RunFolderError(UsageError):
    """A run folder that cannot be read, or that must not be written."""


class EnvironmentUnavailable(VbenchError):
    """An environment that cannot run on this host at all."""

    exit_code = 4


class HostBusy(EnvironmentUnavailable):
    """Another measurement is running on this host."""


class StartFailed(VbenchError):
    """One start of an environment failed; its trials are stored as failed and the run goes on."""


class SessionLost(VbenchError):
    """The environment ended during its use (killed, panicked, powered off)."""


class TrialFailed(VbenchError):
    """One trial failed: its tool reported an error or printed numbers that cannot be true."""


class CommandFailed(VbenchError):
    """A command ended with another status than 0, from `Completed.check()`."""


class OutputTooLarge(CommandFailed):
    """A command printed more than the limit, and its process group was killed."""


class CommandTimeout(VbenchError):
    """A command outlived its limit and its process group was killed."""


class StopFailed(VbenchError):
    """A process or resource could not be removed. The run ends, since a leftover disturbs every later block."""


class OverBudget(VbenchError):
    """The run would take far longer than its budget, as its calibration shows. It ended there and is stored."""


class NoSpace(VbenchError):
    """The disk is full. Everything that was stored before is complete."""


class Interrupted(VbenchError):
    """Ctrl-C or SIGTERM. The journal is complete and the run can be reported."""

    exit_code = 130


def nearest(word: str, choices: list[str]) -> str:
    """A hint that names the choice nearest to a word, or all choices."""
    from difflib import get_close_matches  # a lazy import: help and version need none

    close = get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"perhaps you meant {close[0]!r}" if close else f"known: {', '.join(choices)}"
