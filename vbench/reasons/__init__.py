"""Why an attempt is void, or why a trial gave no number: data, of which vbench.text makes the words."""

from enum import StrEnum

from msgspec import Struct


class ReasonKind(StrEnum):
    """Kind of a reason. The comments say what its `value` is; vbench.text has the words of each kind."""

    # A gate voided the attempt.
    FOREIGN_LOAD = "foreign_load"  # share of the arm's processors that tasks of others used
    THROTTLED = "throttled"  # thermal throttle events
    CLOCK_BEHIND = "clock_behind"  # s
    CLOCK_AHEAD = "clock_ahead"  # s
    # The run itself broke the attempt.
    HOST_REBOOTED = "host_rebooted"
    CLOCK_SET = "clock_set"
    CLOCK_SET_BACK = "clock_set_back"
    REBOOTED_OR_CLOCK_SET = "rebooted_or_clock_set"
    RUN_PAUSED = "run_paused"  # s
    # A trial gave no number. The value of most kinds is the message of the tool or of vbench.
    MISSING = "missing"  # what is missing
    START_FAILED = "start_failed"
    NOT_STARTED = "not_started"  # or the environment was lost earlier in this start
    LOST = "lost"
    TIMED_OUT = "timed_out"
    NOT_FINITE = "not_finite"  # metrics whose samples are NaN or infinite
    TOO_LARGE = "too_large"
    ERROR = "error"
    # A sentence of an older folder that names nothing of the above.
    STATED = "stated"


class Reason(Struct, frozen=True, omit_defaults=True):
    """Why an attempt is void, or why a trial gave no number. vbench.text alone turns it into words."""

    kind: ReasonKind
    arm: str = ""  # in whose start a gate struck; empty: the run's own, or that of the trial
    value: float | str | None = None
    benchmark: str = ""  # in whose trial the clock ran wrong; empty: in the whole start
