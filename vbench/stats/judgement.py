"""All verdicts of one run: envelopes at once, controls first, multiplicity over what was declared and what was not."""

from collections.abc import Sequence

from msgspec import Struct

from vbench.stats import bootstrap, equivalence, hodges_lehmann, multiplicity, noise_floor, pvalues
from vbench.stats.envelope import LEAST_ROUGH, Envelope, envelopes
from vbench.stats.hodges_lehmann import HodgesLehmann
from vbench.stats.pairing import Pairs
from vbench.stats.suspects import Suspect, suspects
from vbench.stats.verdict import Case, Decision, decide

EXPLORATORY = "exploratory"
CONFIRMATORY = "confirmatory"
CONTROL = "control"


class Cell(Struct, frozen=True):
    """One comparison: an arm against the baseline in one benchmark's metric (`place`, the same for its control)."""

    place: str
    arm: str
    pairs: Pairs
    is_control: bool = False
    is_confirmatory: bool = False
    margin: float | None = None  # in the unit of d, for differences; ratios use the run's δ


class Judged(Struct, frozen=True, kw_only=True):
    """A cell and everything that a sceptic needs to follow its verdict."""

    cell: Cell
    envelope: Envelope
    decision: Decision
    role: str  # "control", "confirmatory" or "exploratory"
    p: float
    p_adjusted: float
    floor: float | None  # of the place, in the unit of d
    hodges_lehmann: HodgesLehmann | None
    suspects: tuple[Suspect, ...]


def judge(cells: Sequence[Cell], *, delta: float, seed: int = bootstrap.SEED) -> tuple[Judged, ...]:
    """One verdict a cell, in the order of `cells`.

    Controls are adjusted among themselves by Holm; what the suite declared confirmatory by Holm; all else by
    Benjamini-Hochberg. Cells without an interval make no claim and are not counted as comparisons.
    Raises ValueError for more than 5 confirmatory comparisons, and BadValue for NaN and infinities.
    """
    if sum(cell.is_confirmatory for cell in cells) > multiplicity.MOST_CONFIRMATORY:
        raise ValueError(f"at most {multiplicity.MOST_CONFIRMATORY} comparisons can be confirmatory")
    found = envelopes([cell.pairs for cell in cells], seed=seed)
    p = [pvalues.of(envelope) for envelope in found]
    roles = [_role(cell) for cell in cells]
    counted = [envelope.low is not None and not envelope.label for envelope in found]
    raised, words = _adjust(p, roles, counted)
    controls = {cell.place: (found[i], raised[i]) for i, cell in enumerate(cells) if cell.is_control}
    return tuple(
        _judged(
            cell,
            envelope=found[i],
            role=roles[i],
            p=p[i],
            raised=raised[i],
            words=words[roles[i]],
            control=controls.get(cell.place),
            delta=delta,
        )
        for i, cell in enumerate(cells)
    )


def floor_of(control: Envelope | None) -> float | None:
    """The noise floor of a place from its control, in the unit of d; None below 5 blocks or without spread."""
    if control is None or control.blocks < LEAST_ROUGH or control.mean is None or not control.spread:
        return None
    return noise_floor.floor(control.mean, control.spread, control.blocks)


def _role(cell: Cell) -> str:
    return CONTROL if cell.is_control else CONFIRMATORY if cell.is_confirmatory else EXPLORATORY


def _adjust(p: list[float], roles: list[str], counted: list[bool]) -> tuple[list[float], dict[str, str]]:
    raised, words = [1.0] * len(p), dict.fromkeys((CONTROL, CONFIRMATORY, EXPLORATORY), "")
    for role in words:
        places = [i for i in range(len(p)) if roles[i] == role and counted[i]]
        name = "Benjamini-Hochberg" if role == EXPLORATORY else "Holm"
        adjust = multiplicity.benjamini_hochberg if role == EXPLORATORY else multiplicity.holm
        words[role] = f"{name} over {len(places)} comparisons"
        for place, value in zip(places, adjust([p[i] for i in places]), strict=True):
            raised[place] = value
    return raised, words


def _judged(
    cell: Cell,
    *,
    envelope: Envelope,
    role: str,
    p: float,
    raised: float,
    words: str,
    control: tuple[Envelope, float] | None,
    delta: float,
) -> Judged:
    floor = floor_of(control[0] if control else None)
    case = Case(
        envelope=envelope,
        margin=equivalence.margin_of(delta) if cell.pairs.is_ratio else cell.margin,
        floor=floor,
        control_p=control[1] if control else None,
        p=raised,
        adjustment=words,
        is_ratio=cell.pairs.is_ratio,
        unit=cell.pairs.unit,
    )
    d = cell.pairs.d
    return Judged(
        cell=cell,
        envelope=envelope,
        decision=decide(case),
        role=role,
        p=p,
        p_adjusted=raised,
        floor=floor,
        hodges_lehmann=hodges_lehmann.estimate(d) if d else None,
        suspects=suspects(d),
    )
