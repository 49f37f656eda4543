"""Failures that a user can meet: each has a message, a hint and an exit code, and none prints a traceback."""

import errno

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says when there is no room."""


class VbenchError(Exception):
    """An expected failure: `message` says what and where, `hint` says what to do about it."""

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
    """An environment cannot run here at all."""

    exit_code = 4


class HostBusy(EnvironmentUnavailable):
    """Another measurement goes on on this host."""


class StartFailed(VbenchError):
    """One start of an environment failed; its trials are stored as failed and the run goes on."""


class SessionLost(VbenchError):
    """The environment went away in the middle (killed, panicked, powered off)."""


class TrialFailed(VbenchError):
    """One trial failed: the tool said so or printed what cannot be believed."""


class CommandFailed(VbenchError):
    """A command ended with another status than 0, from `Completed.check()`."""


class OutputTooLarge(CommandFailed):
    """A command printed more than is kept of any, and its process group was killed."""


class CommandTimeout(VbenchError):
    """A command outlived its limit and its process group was killed."""


class StopFailed(VbenchError):
    """Something started could not be stopped: the run ends, since what is left running disturbs every later block."""


class OverBudget(VbenchError):
    """The calibration shows that the run would take far longer than its budget; it ended there, and is stored."""


class NoSpace(VbenchError):
    """The disk is full; what was stored before is whole."""


class Interrupted(VbenchError):
    """Ctrl-C or SIGTERM: the journal is whole and the run can be reported."""

    exit_code = 130


def nearest(word: str, known: list[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    from difflib import get_close_matches  # help and version need none

    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"perhaps you meant {close[0]!r}" if close else f"known: {', '.join(known)}"
