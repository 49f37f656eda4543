"""What gates took out of a run, and why, for its reader."""

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from vbench.cost.trials import Attempt, Attempts
from vbench.model import Void

_FIGURE = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Voided(Struct, frozen=True):
    """What gates took out of the analysis: whole attempts at blocks, in all arms alike."""

    attempts: int
    blocks: tuple[int, ...]  # of which at least one attempt was voided
    dropped: tuple[int, ...]  # blocks of which the last attempt was voided too: nothing of them is analysed
    reasons: tuple[tuple[str, int], ...]  # in words without the arm, and of how many attempts
    arms: dict[str, int]  # environment to the attempts in which the gate struck there


def voided(arms: Sequence[str], attempts: Attempts) -> Voided:
    """Nothing is ever voided for its value: gates see the host, never a result. The calibration is not counted."""
    void = {at: item for at, item in attempts.void.items() if at[0] >= 1}
    struck = {at: {name for name in arms for why in item.reasons if _is_of(why, name)} for at, item in void.items()}
    return Voided(
        attempts=len(void),
        blocks=tuple(sorted({block for block, _ in void})),
        dropped=tuple(sorted(block for block, attempt in attempts.last.items() if (block, attempt) in void)),
        reasons=tuple(_kinds(void.values(), arms)),
        arms={name: sum(name in found for found in struck.values()) for name in arms},
    )


def _kinds(voids: Iterable[Void], arms: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each kind of reason once, its figures from the smallest to the largest."""
    found: dict[str, dict[Attempt, list[str]]] = {}
    for void in voids:
        for reason in void.reasons:
            name = next((name for name in arms if _is_of(reason, name)), None)
            text = reason if name is None else reason.removeprefix(f"{name}:").strip()
            found.setdefault(_FIGURE.sub("#", text), {}).setdefault((void.block, void.attempt), []).append(text)
    for kind, texts in sorted(found.items(), key=lambda item: -len(item[1])):
        yield _ranged(kind, [text for several in texts.values() for text in several]), len(texts)


def _ranged(kind: str, texts: list[str]) -> str:
    if len(set(texts)) == 1 or kind.count("#") != 1:
        return texts[0]
    figures = sorted((figure for text in texts for figure in _FIGURE.findall(text)), key=float)
    return kind.replace("#", f"{figures[0]} to {figures[-1]}")


def _is_of(reason: str, environment: str) -> bool:
    """Gates begin each reason with the environment in whose start they struck."""
    return reason.startswith(f"{environment}:")
