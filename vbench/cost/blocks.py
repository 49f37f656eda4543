"""Counts the attempts that gates voided, and sums up the reasons for a reader."""

from collections.abc import Iterable, Sequence
from itertools import chain

from msgspec import Struct

from vbench.cost.trials import Attempt, Attempts
from vbench.model import Void
from vbench.reasons import Reason
from vbench.text import reason_subject, reasons_together


class Cause(Struct, frozen=True):
    """Reasons that differ in their arm and figure alone, and the number of attempts that they voided."""

    reasons: tuple[Reason, ...]
    attempts: int

    @property
    def words(self) -> str:
        """The reasons in one sentence without the arms: `foreign tasks used 4.1 to 12.0% of its processors`."""
        return reasons_together(self.reasons)


class Voided(Struct, frozen=True):
    """The voided attempts of a run. A void takes a whole attempt out of the analysis, in all arms alike."""

    attempts: int
    blocks: tuple[int, ...]  # with at least one voided attempt
    dropped: tuple[int, ...]  # blocks whose last attempt was voided: they enter no cost
    causes: tuple[Cause, ...]  # the most frequent first
    arms: dict[str, int]  # arm to the attempts in which a gate struck there


def voided(arms: Sequence[str], attempts: Attempts) -> Voided:
    """Counts the voided attempts. Gates see the host and never a result; the calibration is not counted."""
    void = {at: item for at, item in attempts.void.items() if at[0] >= 1}
    struck = {at: {reason.arm for reason in item.reasons} for at, item in void.items()}
    return Voided(
        attempts=len(void),
        blocks=tuple(sorted({block for block, _ in void})),
        dropped=tuple(sorted(block for block, attempt in attempts.last.items() if (block, attempt) in void)),
        causes=tuple(_causes(void.values())),
        arms={name: sum(name in struck_arms for struck_arms in struck.values()) for name in arms},
    )


def _causes(voids: Iterable[Void]) -> list[Cause]:
    by_subject: dict[Reason, dict[Attempt, list[Reason]]] = {}
    for void in voids:
        for reason in void.reasons:
            by_subject.setdefault(reason_subject(reason), {}).setdefault((void.block, void.attempt), []).append(reason)
    causes = [Cause(tuple(chain.from_iterable(each.values())), len(each)) for each in by_subject.values()]
    return sorted(causes, key=lambda cause: -cause.attempts)
