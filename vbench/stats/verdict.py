"""Gives a cost its verdict: four rules in a fixed order, each with its reason in words."""

from enum import StrEnum

from msgspec import Struct

from vbench.model import Verdict
from vbench.stats import detectable, equivalence, logs
from vbench.stats.claims import Bounds, percent_up
from vbench.stats.envelope import LEAST_ENVELOPE, Envelope

ALPHA = 0.05


class Rule(StrEnum):
    """The rule that gave a verdict; `report --explain` prints it."""

    CONTROL_DIFFERS = "the control differs from the baseline"
    WITHIN_MARGIN = "the 90 % interval lies within the margin"
    EXCLUDES_NONE = "the 95 % interval excludes equality"
    NOTHING_SHOWN = "no rule gave a verdict"


class Case(Struct, frozen=True, kw_only=True):
    """The data behind a verdict. `envelope`, `margin` and `floor` are in the unit of d (logarithms for ratios)."""

    envelope: Envelope
    margin: float | None  # equivalence.margin_of(δ), fixed by the suite; None: none was set in this unit
    floor: float | None = None  # noise_floor.floor of the control, times `floor_scale`; None: unknown
    floor_scale: float = 1.0  # above 1 for a contrast of more than two arms
    control_p: float | None = None  # of the control of this benchmark and metric, after Holm over the run's controls
    control_differs_for_certain: bool = (
        False  # the control differs by the same in every block: it has no spread and no p
    )
    no_control: str = ""  # why no control could withhold the verdict; part of the reason of a case with a spread
    p: float | None = None  # of this cell, after Holm or Benjamini-Hochberg; None: there is no other comparison
    adjustment: str = ""  # "Holm over 3 comparisons"; printed where it took a claim away
    is_ratio: bool = True  # d is the logarithm of a ratio; else a difference in `unit`
    unit: str = "1"


class Decision(Struct, frozen=True, kw_only=True):
    """The verdict and what a reader needs to follow or doubt it. Lengths are in the unit of d, as in `Case`."""

    verdict: Verdict
    rule: Rule
    reason: str
    detectable: float | None = None  # |mean d| that this spread and n would show with a probability of 80 %
    blocks_to_decide: int | None = None  # for an inconclusive cell, at its present mean and spread
    unresolved: bool = False  # the floor exceeds the margin: this host cannot resolve δ for this benchmark


def decide(case: Case) -> Decision:
    """Withheld, equivalent, slower or faster, inconclusive: the first rule that holds, in this order.

    Below 10 blocks the verdict is inconclusive, whatever the values say; without spread or without an interval it is
    withheld or inconclusive, never a claim.
    """
    envelope = case.envelope
    mean, spread = envelope.mean, envelope.spread
    if envelope.blocks < LEAST_ENVELOPE or mean is None:
        return _without_interval(case)
    withheld = _control_differs(case)
    if not spread:
        return _without_interval(case, withheld)
    common = _Common(case, mean, spread)
    if withheld:
        return common.decision(Verdict.WITHHELD, Rule.CONTROL_DIFFERS, withheld)
    if case.margin is not None and envelope.inner and equivalence.of(envelope, case.margin).holds:
        return common.decision(Verdict.EQUIVALENT, Rule.WITHIN_MARGIN, _equivalent(case, case.margin))
    if excludes_zero(envelope) and (case.p is None or case.p <= ALPHA):
        worse = mean > 0
        reason = f"the whole 95 % interval lies {'above' if worse else 'below'} {1 if case.is_ratio else 0}"
        return common.decision(Verdict.SLOWER if worse else Verdict.FASTER, Rule.EXCLUDES_NONE, reason)
    return common.inconclusive()


def excludes_zero(envelope: Envelope) -> bool:
    """Whether the reported 95 % interval lies wholly above or wholly below 0; False without an envelope."""
    if envelope.low is None or envelope.high is None or envelope.label:
        return False
    return envelope.low > 0 or envelope.high < 0


def show(length: float, case: Case) -> str:
    """A length in the unit of d, converted for a reader: `2 %` of a ratio, else in the metric's unit."""
    if not case.is_ratio:
        return f"{length:.3g} {case.unit}"
    share = logs.excess(length)
    return "more than any number" if share is None else f"{share * 100:.2g} %"


class _Common(Struct, frozen=True):
    """The parts that every verdict of one case shares."""

    case: Case
    mean: float
    spread: float

    def decision(self, verdict: Verdict, rule: Rule, reason: str, *, decide: int | None = None) -> Decision:
        return Decision(
            verdict=verdict,
            rule=rule,
            reason=f"{reason}; {self.case.no_control}" if self.case.no_control else reason,
            detectable=self.smallest,
            blocks_to_decide=decide,
            unresolved=_unresolved(self.case),
        )

    @property
    def smallest(self) -> float:
        envelope = self.case.envelope
        return detectable.smallest_mean(self.spread, envelope.blocks, widening=envelope.widening)

    def inconclusive(self) -> Decision:
        case = self.case
        parts = [case.envelope.why or _not_shown(case)]
        if case.envelope.half_width is not None:
            parts.append(f"the interval reached a half-width of {show(case.envelope.half_width, case)}")
        parts.append(f"a cost of {show(self.smallest, case)} would probably have been seen")
        inner = case.envelope.inner
        needed = detectable.blocks_to_decide(
            self.mean,
            self.spread,
            case.margin,
            widening=case.envelope.widening,
            inner_widening=inner.widening if inner else 1.0,
        )
        limit = f"more than {detectable.MOST_BLOCKS:,}" if needed is None else f"about {needed}"
        if needed is None or needed > case.envelope.blocks:
            parts.append(f"{limit} blocks would decide at this mean and spread")
        if _unresolved(case) and case.margin is not None and case.floor is not None:
            parts.append(f"this host cannot resolve {show(case.margin, case)} for this benchmark: {_floor(case)}")
        return self.decision(Verdict.INCONCLUSIVE, Rule.NOTHING_SHOWN, "; ".join(parts), decide=needed)


def _control_differs(case: Case) -> str:
    """Why the verdict is withheld; empty if it is not."""
    if case.control_differs_for_certain:
        return "the control differs from the baseline, by the same in every block"
    if case.control_p is None or case.control_p > ALPHA:
        return ""
    return f"the control differs from the baseline (p = {case.control_p:.2g} after Holm over the run's controls)"


def _without_interval(case: Case, withheld: str = "") -> Decision:
    envelope = case.envelope
    reason = withheld or envelope.why or f"{envelope.blocks} blocks, and a verdict needs {LEAST_ENVELOPE}"
    smallest = None
    if envelope.spread and envelope.label != "dots only":
        smallest = detectable.smallest_mean(envelope.spread, envelope.blocks)
    return Decision(
        verdict=Verdict.WITHHELD if withheld else Verdict.INCONCLUSIVE,
        rule=Rule.CONTROL_DIFFERS if withheld else Rule.NOTHING_SHOWN,
        reason=reason,
        detectable=smallest,
        unresolved=_unresolved(case),
    )


def _equivalent(case: Case, margin: float) -> str:
    bounds, length = _bounds(case), logs.excess(margin) if case.is_ratio else margin
    if bounds is not None and length is not None:
        return bounds.equivalent(length)
    why = case.envelope.why or "its ends are too far for a number"
    return f"the 90 % interval lies within ± {show(margin, case)}; no 95 % interval: {why}"


def _bounds(case: Case) -> Bounds | None:
    """The interval as it is printed beside the verdict; None if there is none that can be written."""
    low, high = case.envelope.low, case.envelope.high
    if case.is_ratio:
        low, high = logs.ratio(low), logs.ratio(high)
    if low is None or high is None:
        return None
    return Bounds(low, high, is_ratio=case.is_ratio, unit=case.unit)


def _not_shown(case: Case) -> str:
    none = 1 if case.is_ratio else 0
    if excludes_zero(case.envelope):
        return f"the interval excludes {none} by itself, but not after {case.adjustment or 'adjustment'}"
    return f"the interval contains {none}" + (" and reaches beyond the margin" if case.margin else "")


def _unresolved(case: Case) -> bool:
    return case.floor is not None and case.margin is not None and case.floor > case.margin


def _floor(case: Case) -> str:
    if case.floor is None:
        return ""
    share = logs.excess(case.floor) if case.is_ratio else None
    floor = show(case.floor, case) if share is None else percent_up(share)
    if case.floor_scale == 1:
        return f"its own control may differ by up to {floor}"
    scaled = f"its control's noise floor, times {case.floor_scale:.3g} for the number of arms"
    return f"{scaled}, is {floor}"
