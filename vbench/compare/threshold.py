"""Judges costs for `--fail-above 5%`: which intervals lie wholly above the threshold, and which costs have none."""

import math
import re
from collections import Counter

from msgspec import Struct

from vbench.compare.cells import Cell
from vbench.errors import UsageError
from vbench.text import counted, flat

_PERCENT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")
_HINT = "write a percentage, such as --fail-above 5%"


class Judgement(Struct, frozen=True):
    """The result of a threshold. The interval of each cell in `beyond` lies wholly above it."""

    share: float  # 0.05 for 5 %
    beyond: tuple[Cell, ...]
    judged: int  # cells with an interval over runs
    warning: str = ""  # what was not judged, and why


def percent(text: str) -> float:
    """`5%` is 0.05. Raises UsageError for anything else: a bare 5 may mean either."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise UsageError(f"--fail-above takes a percentage of 0 % or more, got {flat(text)!r}", hint=_HINT)
    share = float(match[1]) / 100
    if not math.isfinite(share):
        raise UsageError("--fail-above takes a percentage that a number can hold", hint=_HINT)
    return share


def judge(costs: tuple[Cell, ...], share: float) -> Judgement:
    """Judge paired costs. Raw medians are not judged: two hosts differ for other reasons than isolation."""
    intervals = [cell for cell in costs if cell.low is not None]
    beyond = tuple(cell for cell in intervals if cell.low is not None and cell.low > 1 + share)
    return Judgement(share, beyond, len(intervals), _warning(costs, intervals, share))


def _warning(costs: tuple[Cell, ...], intervals: list[Cell], share: float) -> str:
    reasons = Counter(cell.why for cell in costs if cell.low is None)
    what = f"--fail-above {share * 100:g}% "
    if not costs:
        return f"{what}could not be judged: there is no cost in these runs"
    if not reasons:
        return ""
    why = "; ".join(f"{reason} ({counted(times, 'cost')})" for reason, times in reasons.items())
    if not intervals:
        return f"{what}could not be judged, no cost has an interval over runs: {why}"
    without = counted(len(costs) - len(intervals), "cost")
    return f"{what}judged {counted(len(intervals), 'cost')} and not {without} without an interval over runs: {why}"
