"""Judges all contrasts of a run together: envelopes, controls, then multiplicity by what the suite declared."""

from collections.abc import Sequence

from msgspec import Struct

from vbench.stats import bootstrap, equivalence, hodges_lehmann, multiplicity, noise_floor, pvalues
from vbench.stats.envelope import LEAST_ENVELOPE, LEAST_ROUGH, Envelope, envelopes
from vbench.stats.hodges_lehmann import HodgesLehmann
from vbench.stats.pairing import Pairs
from vbench.stats.suspects import Suspect, suspects
from vbench.stats.verdict import Case, Decision, decide

EXPLORATORY = "exploratory"
CONFIRMATORY = "confirmatory"
CONTROL = "control"

_UNSEEN = "the noise of this host was not measured"
NO_CONTROL = f"no control: {_UNSEEN}"


class Hypothesis(Struct, frozen=True):
    """One contrast of arms in one benchmark's metric (`quantity`, the same for its control)."""

    quantity: str
    arm: str
    pairs: Pairs
    is_control: bool = False
    is_confirmatory: bool = False
    margin: float | None = None  # in the unit of d, for differences; ratios use the run's δ
    kind: str = ""  # of contrast: Benjamini-Hochberg adjusts within one kind
    floor_scale: float = 1.0  # of the control's floor: sqrt(sum of squared weights / 2), 1 for two arms


class Judged(Struct, frozen=True, kw_only=True):
    """A hypothesis, its verdict, and the statistics behind the verdict."""

    hypothesis: Hypothesis
    envelope: Envelope
    decision: Decision
    role: str  # "control", "confirmatory" or "exploratory"
    p: float  # 1 where it is not counted
    p_adjusted: float
    counted: bool  # its p takes part in the adjustment of its role
    differs_for_certain: bool  # a control that lies equally far from the baseline in every block: no p is needed
    floor: float | None  # of the quantity, in the unit of d, scaled for the hypothesis's number of arms
    hodges_lehmann: HodgesLehmann | None
    suspects: tuple[Suspect, ...]


def judge(hypotheses: Sequence[Hypothesis], *, delta: float, seed: int = bootstrap.SEED) -> tuple[Judged, ...]:
    """One verdict for each hypothesis, in the order of `hypotheses`.

    Controls are adjusted among themselves by Holm; what the suite declared confirmatory by Holm; all else by
    Benjamini-Hochberg within one kind of contrast. Hypotheses without an interval make no claim and are not counted as
    comparisons, but a control of 10 blocks or more can withhold without one: by Student's t alone where the bootstrap
    has no end, and for certain where it has no spread and its mean is more than rounding.
    Raises ValueError for more than 5 confirmatory comparisons, and BadValue for NaN and infinities.
    """
    if sum(hypothesis.is_confirmatory for hypothesis in hypotheses) > multiplicity.MOST_CONFIRMATORY:
        raise ValueError(f"at most {multiplicity.MOST_CONFIRMATORY} comparisons can be confirmatory")
    intervals = envelopes([hypothesis.pairs for hypothesis in hypotheses], seed=seed)
    p = [_p(hypothesis, envelope) for hypothesis, envelope in zip(hypotheses, intervals, strict=True)]
    roles = [_role(hypothesis) for hypothesis in hypotheses]
    families = [(role, hypothesis.kind) for role, hypothesis in zip(roles, hypotheses, strict=True)]
    raised, words = _adjust(p, families)
    controls = {
        hypothesis.quantity: _Control(intervals[i], raised[i], _differs_for_certain(hypothesis, intervals[i]))
        for i, hypothesis in enumerate(hypotheses)
        if hypothesis.is_control
    }
    return tuple(
        _judged(
            hypothesis,
            envelope=intervals[i],
            role=roles[i],
            p=p[i],
            raised=raised[i],
            words=words[families[i]],
            control=controls.get(hypothesis.quantity, _Control()),
            delta=delta,
        )
        for i, hypothesis in enumerate(hypotheses)
    )


def floor_of(control: Envelope | None) -> float | None:
    """The noise floor of a quantity from its control, in the unit of d; None below 5 blocks or without spread."""
    if control is None or control.blocks < LEAST_ROUGH or control.mean is None or not control.spread:
        return None
    return noise_floor.floor(control.mean, control.spread, control.blocks)


def _role(hypothesis: Hypothesis) -> str:
    return CONTROL if hypothesis.is_control else CONFIRMATORY if hypothesis.is_confirmatory else EXPLORATORY


class _Control(Struct, frozen=True):
    """The control of one quantity. An envelope of 0 blocks means that there is none."""

    envelope: Envelope = Envelope(0)
    p_adjusted: float = 1.0
    differs_for_certain: bool = False

    @property
    def missing(self) -> str:
        """Why the control cannot withhold a verdict; empty if it can."""
        if not self.envelope.blocks:
            return NO_CONTROL
        if self.envelope.blocks < LEAST_ENVELOPE:
            return f"the control has {self.envelope.blocks} of the {LEAST_ENVELOPE} blocks that it needs: {_UNSEEN}"
        return ""


def _p(hypothesis: Hypothesis, envelope: Envelope) -> float | None:
    """The p-value that is counted; None for a hypothesis that cannot claim anything."""
    if envelope.label:
        return None
    if envelope.low is not None:
        return pvalues.of(envelope)
    # A claim needs the envelope; a doubt does not: a control of nearly equal values must be able to withhold.
    if hypothesis.is_control and envelope.t is not None and envelope.mean is not None and envelope.spread is not None:
        return pvalues.by_t(envelope.mean, envelope.spread, envelope.blocks)
    return None


def _differs_for_certain(hypothesis: Hypothesis, envelope: Envelope) -> bool:
    if not hypothesis.is_control or envelope.blocks < LEAST_ENVELOPE or envelope.mean is None or envelope.spread:
        return False
    return abs(envelope.mean) > hypothesis.pairs.rounding


def _adjust(p: list[float | None], families: list[tuple[str, str]]) -> tuple[list[float], dict[tuple[str, str], str]]:
    """Adjusted p-values, and the adjustment of each role and kind in words."""
    raised, words = [1.0] * len(p), dict.fromkeys(families, "")
    for family in words:
        counted = {i: value for i, value in enumerate(p) if value is not None and families[i] == family}
        is_exploratory = family[0] == EXPLORATORY
        name = "Benjamini-Hochberg" if is_exploratory else "Holm"
        adjust = multiplicity.benjamini_hochberg if is_exploratory else multiplicity.holm
        words[family] = f"{name} over {len(counted)} comparisons"
        for index, value in zip(counted, adjust(list(counted.values())), strict=True):
            raised[index] = value
    return raised, words


def _judged(
    hypothesis: Hypothesis,
    *,
    envelope: Envelope,
    role: str,
    p: float | None,
    raised: float,
    words: str,
    control: _Control,
    delta: float,
) -> Judged:
    floor = floor_of(control.envelope)
    floor = None if floor is None else floor * hypothesis.floor_scale
    case = Case(
        envelope=envelope,
        margin=equivalence.margin_of(delta) if hypothesis.pairs.is_ratio else hypothesis.margin,
        floor=floor,
        floor_scale=hypothesis.floor_scale,
        control_p=control.p_adjusted,
        control_differs_for_certain=control.differs_for_certain,
        no_control=control.missing,
        p=raised,
        adjustment=words,
        is_ratio=hypothesis.pairs.is_ratio,
        unit=hypothesis.pairs.unit,
    )
    d = hypothesis.pairs.d
    return Judged(
        hypothesis=hypothesis,
        envelope=envelope,
        decision=decide(case),
        role=role,
        p=1.0 if p is None else p,
        p_adjusted=raised,
        counted=p is not None,
        differs_for_certain=_differs_for_certain(hypothesis, envelope),
        floor=floor,
        hodges_lehmann=hodges_lehmann.estimate(d) if d else None,
        suspects=suspects(d),
    )
