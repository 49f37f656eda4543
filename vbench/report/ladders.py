"""Says what the steps of a ladder cost, for the page, Markdown and the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from vbench.cost import Climb, Finding
from vbench.model import Cost, Verdict
from vbench.report import verdicts
from vbench.report.view import View
from vbench.text import amount, amount_interval


@dataclass(frozen=True)
class Line:
    """One step of a ladder, or the whole of it."""

    arm: str
    before: str
    cost: Cost
    is_whole: bool = False

    @property
    def name(self) -> str:
        return f"{self.arm} after {self.before}" + (", the whole ladder" if self.is_whole else "")

    @property
    def figure(self) -> str:
        """The cost with its interval."""
        return f"{amount(self.cost)} ({amount_interval(self.cost)})" if verdicts.is_bounded(self.cost) else self.plain

    @property
    def plain(self) -> str:
        return amount(self.cost) if self.is_known else self.cost.label

    @property
    def is_known(self) -> bool:
        return self.cost.cost is not None or self.cost.difference is not None


def title(climb: Climb) -> str:
    return f"Ladder {climb.ladder.name}: {path(climb)}"


def path(climb: Climb) -> str:
    """Benchmark, metric, and the arms from the first to the last."""
    ladder = climb.ladder
    return f"{ladder.benchmark} {ladder.metric}, {' › '.join(ladder.arms)}"


def steps(climb: Climb) -> tuple[Line, ...]:
    return tuple(_line(step) for step in climb.steps)


def whole(climb: Climb) -> Line:
    return _line(climb.whole, is_whole=True)


def lines(climb: Climb) -> tuple[Line, ...]:
    """All steps, followed by the whole ladder if there are several steps."""
    return (*steps(climb), *([whole(climb)] if len(climb.steps) > 1 else []))


def _line(finding: Finding, *, is_whole: bool = False) -> Line:
    (arm, _), (before, _) = finding.comparison.contrast.weights
    return Line(arm, before, finding.cost, is_whole)


def finding(view: View, climb: Climb) -> str:
    """Sentences on the step that costs most, the verdicts, and the whole ladder."""
    measured = [line for line in steps(climb) if line.is_known]
    if not measured:
        return f"No step has a number: {climb.steps[0].cost.label}."
    slower = [line for line in measured if line.cost.verdict is Verdict.SLOWER]
    top = max(slower or measured, key=lambda line: _size(line.cost))
    verdict = verdicts.sentence(top.cost, verdicts.margin_of(view.run.manifest, top.cost))
    if slower:
        lead = f"The step that costs most is {top.name}: {verdict}."
    else:
        lead = f"No step is shown to cost anything; the largest observed is {top.name}: {verdict}."
    if len(climb.steps) == 1:
        return lead
    last, counts = whole(climb), verdicts.counts(line.cost for line in measured)
    verdict_counts = f" Of {len(climb.steps)} steps: {counts}." if counts else ""
    return f"{lead}{verdict_counts} The whole ladder, {last.arm} after {last.before}: {last.figure}."


def arithmetic(climb: Climb) -> str:
    """The sentence that the sum or product of the steps is no evidence. Empty for a single step."""
    if len(climb.steps) == 1:
        return ""
    how = "add up to" if climb.metric.scale == "difference" else "multiply to"
    blocks = {finding.comparison.pairs.blocks for finding in (*climb.steps, climb.whole)}
    roughly = ", and here it holds only roughly, since not every block has a number of every arm"
    return (
        f"That the steps {how} the whole is arithmetic, not evidence: each arm between the ends stands in two steps"
        f" with opposite signs{roughly if len(blocks) > 1 else ''}."
    )


def caption(view: View, climb: Climb) -> str:
    return f"{finding(view, climb)} {arithmetic(climb)}".rstrip()


def brief(view: View) -> Iterator[str]:
    """One line for each ladder, for a terminal."""
    for climb in view.analysis.ladders:
        each = "; ".join(f"{line.name} {line.figure}{_verdict(line.cost)}" for line in lines(climb))
        yield f"{title(climb)}: {each}. {arithmetic(climb)}".rstrip()


def _verdict(cost: Cost) -> str:
    return f", {cost.verdict}" if cost.verdict else ""


def _size(cost: Cost) -> float:
    return cost.difference.mean if cost.difference is not None else cost.cost or 0.0
