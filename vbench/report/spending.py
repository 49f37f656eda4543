"""Says where a run's time went."""

import math
from dataclasses import dataclass

from vbench.cost import Spent
from vbench.report.view import View
from vbench.text import counted, percent
from vbench.units import DASH, show_duration

COLUMNS = ("Benchmark", "Blocks", "Time", "Share", "Measured no more")


@dataclass(frozen=True)
class Line:
    """One benchmark of the table. `why` says why an adaptive run measured it no more, and is empty in others."""

    benchmark: str
    blocks: int
    time: str
    share: str
    why: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.benchmark, str(self.blocks), self.time, self.share, self.why)


def sentence(view: View) -> str:
    """How long the run was measuring, and why it ended if it was free to choose. Empty where nothing was measured."""
    spent = view.analysis.spending
    if not spent.total_s > 0:
        return ""
    trials, rest = _duration(spent.total_s - spent.rest_s), _duration(spent.rest_s)
    whole = f"The run took {_duration(spent.total_s)}: {trials} in trials, {rest} in starts, stops and between trials."
    return f"{whole} It ended {spent.end}." if spent.end else whole


def lines(view: View) -> tuple[Line, ...]:
    """A line for each benchmark, in the suite's order."""
    spent = view.analysis.spending
    return tuple(
        Line(each.benchmark, each.blocks, _duration(each.time_s), _share(each.time_s, spent.total_s), _why(each))
        for each in spent.benchmarks
    )


def _why(spent: Spent) -> str:
    """`narrow enough after 10 blocks (tcg, kvm); out of reach after 15 blocks (runc)`."""
    arms: dict[tuple[str, int], list[str]] = {}
    for each in spent.settled:
        arms.setdefault((each.why, each.after), []).append(each.environment)
    return "; ".join(f"{why} after {counted(after, 'block')} ({', '.join(of)})" for (why, after), of in arms.items())


def _share(part_s: float, whole_s: float) -> str:
    return percent(part_s / whole_s) if whole_s > 0 else DASH


def _duration(time_s: float) -> str:
    """A duration; a dash for what no clock can have measured, as a damaged folder may have it."""
    return show_duration(time_s) if math.isfinite(time_s) and time_s >= 0 else DASH
