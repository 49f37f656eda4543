"""Which blocks are analysed: the last attempt at each, unless a gate voided it or the run ended within it."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from vbench.model import Run, State, Trial, Void

Attempt = tuple[int, int]  # block, attempt
_FIGURE = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
Trials = dict[tuple[str, str], dict[int, Trial]]  # environment and benchmark, then block


class Voided(Struct, frozen=True):
    """What gates took out of the analysis: whole attempts at blocks, in all arms alike."""

    attempts: int
    blocks: tuple[int, ...]  # of which at least one attempt was voided
    dropped: tuple[int, ...]  # blocks of which the last attempt was voided too: nothing of them is analysed
    reasons: tuple[tuple[str, int], ...]  # in words without the arm, and of how many attempts
    arms: dict[str, int]  # environment to the attempts in which the gate struck there


def voided(run: Run) -> Voided:
    """Nothing is ever voided for its value: gates see the host, never a result. The calibration is not counted."""
    void = {(item.block, item.attempt): item for item in run.voids if item.block >= 1}
    last = _last_attempts(run)
    names = [record.name for record in run.manifest.environments]
    struck = {at: {name for name in names for why in item.reasons if _is_of(why, name)} for at, item in void.items()}
    return Voided(
        attempts=len(void),
        blocks=tuple(sorted({block for block, _ in void})),
        dropped=tuple(sorted(block for block, attempt in last.items() if (block, attempt) in void)),
        reasons=tuple(_kinds(void.values(), names)),
        arms={name: sum(name in found for found in struck.values()) for name in names},
    )


def _kinds(voids: Iterable[Void], names: list[str]) -> Iterator[tuple[str, int]]:
    """Each kind of reason once, its figures from the smallest to the largest."""
    found: dict[str, dict[Attempt, list[str]]] = {}
    for void in voids:
        for reason in void.reasons:
            name = next((name for name in names if _is_of(reason, name)), None)
            text = reason if name is None else reason.removeprefix(f"{name}:").strip()
            found.setdefault(_FIGURE.sub("#", text), {}).setdefault((void.block, void.attempt), []).append(text)
    for kind, texts in sorted(found.items(), key=lambda item: -len(item[1])):
        yield _ranged(kind, [text for several in texts.values() for text in several]), len(texts)


def _ranged(kind: str, texts: list[str]) -> str:
    if len(set(texts)) == 1 or kind.count("#") != 1:
        return texts[0]
    figures = sorted((figure for text in texts for figure in _FIGURE.findall(text)), key=float)
    return kind.replace("#", f"{figures[0]} to {figures[-1]}")


def analysed(run: Run, *, keep_voided: bool = False) -> Trials:
    """The trials that enter costs, by place and block; block 0 calibrates and enters nothing.

    A trial that stands twice in the journal counts as it stands there last. With `keep_voided` every finished
    attempt is a block of its own, numbered in order of time from 1: what the run would say without any gate. What the
    run itself interrupted is unfinished, whoever voids it.
    """
    numbers = _numbers(run, keep_voided=keep_voided)
    places: Trials = {}
    for trial in run.trials:
        number = numbers.get((trial.block, trial.attempt))
        if number is not None:
            places.setdefault((trial.environment, trial.benchmark), {})[number] = trial
    return places


def _numbers(run: Run, *, keep_voided: bool) -> dict[Attempt, int]:
    """Attempts that are analysed, each with the number of its block."""
    seen = sorted({(trial.block, trial.attempt) for trial in run.trials if trial.block >= 1} - _unfinished(run))
    if keep_voided:
        torn = {(item.block, item.attempt) for item in run.voids if item.harness}
        return {attempt: number for number, attempt in enumerate((at for at in seen if at not in torn), start=1)}
    void = {(item.block, item.attempt) for item in run.voids}
    last = _last_attempts(run)
    return {at: at[0] for at in seen if at[1] == last[at[0]] and at not in void}


def _last_attempts(run: Run) -> dict[int, int]:
    last: dict[int, int] = {}
    for block, attempt in [(trial.block, trial.attempt) for trial in run.trials if trial.block >= 1]:
        last[block] = max(attempt, last.get(block, 0))
    return last


def _unfinished(run: Run) -> set[Attempt]:
    """Attempts in which a run was ended: dropped, since what they hold of each arm depends on when that was.

    The last by number, and the last in the journal, which can repeat an earlier block. A line lost from another one
    costs its own trial alone.
    """
    if run.manifest.state is State.COMPLETE or not run.trials:
        return set()
    last = run.trials[-1]
    ends = {max((trial.block, trial.attempt) for trial in run.trials), (last.block, last.attempt)}
    plan = run.manifest.plan
    planned = {(arm, benchmark) for arm in plan.environments for benchmark in plan.benchmarks}
    return {end for end in ends if not planned <= _stored(run, end)}


def _stored(run: Run, of: Attempt) -> set[tuple[str, str]]:
    return {(trial.environment, trial.benchmark) for trial in run.trials if (trial.block, trial.attempt) == of}


def _is_of(reason: str, environment: str) -> bool:
    """Gates begin each reason with the environment in whose start they struck."""
    return reason.startswith(f"{environment}:")
