"""Refuses ladders that mean nothing: arms, benchmarks and metrics that there are not, and steps of no layer."""

from collections.abc import Container

from vbench.errors import SuiteError, nearest
from vbench.model import Ladder
from vbench.suite.shape import MOST_LADDERS, Suite
from vbench.text import quoted


def check(suite: Suite) -> None:
    """Raises SuiteError with the path of the key."""
    if len(suite.ladders) > MOST_LADDERS:
        raise SuiteError(f"ladders: {len(suite.ladders)} of them, at most {MOST_LADDERS} can be reported")
    for ladder in suite.ladders:
        _check_arms(suite, ladder)
        _check_measured(suite, ladder)


def is_whole(ladder: Ladder, arms: Container[str], benchmarks: Container[str]) -> bool:
    """Whether the whole ladder is measured. Without one of its arms a step would cover two layers."""
    return ladder.benchmark in benchmarks and all(arm in arms for arm in ladder.arms)


def _check_arms(suite: Suite, ladder: Ladder) -> None:
    path, method = f"ladders.{ladder.name}.arms", suite.method
    if len(ladder.arms) < 2:
        raise SuiteError(f"{path}: a ladder has two arms at least", hint="each arm adds one layer to the one before")
    for index, arm in enumerate(ladder.arms):
        at = f"{path}[{index}]"
        if arm == method.control:
            raise SuiteError(f"{at}: {arm!r} is the control", hint=f"name the baseline itself, {method.baseline!r}")
        if arm not in suite.arms:
            hint = nearest(arm, list(suite.arms))
            raise SuiteError(f"{at}: no environment is named {quoted(arm)}", hint=hint)
        if arm in ladder.arms[:index]:
            raise SuiteError(f"{at}: {arm!r} stands on this ladder twice")


def _check_measured(suite: Suite, ladder: Ladder) -> None:
    path, benchmark = f"ladders.{ladder.name}", suite.benchmarks.get(ladder.benchmark)
    if benchmark is None:
        hint = nearest(ladder.benchmark, list(suite.benchmarks))
        raise SuiteError(f"{path}.benchmark: the suite has no {quoted(ladder.benchmark)}", hint=hint)
    metrics = [metric.name for metric in benchmark.metrics]
    if ladder.metric not in metrics:
        hint = nearest(ladder.metric, metrics)
        raise SuiteError(f"{path}.metric: {ladder.benchmark} has no metric {quoted(ladder.metric)}", hint=hint)
