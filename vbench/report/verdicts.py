"""Says one verdict in words and signs, with the number it is about and its role."""

from collections import Counter
from collections.abc import Iterable

from vbench.model import Cost, Verdict
from vbench.report.text import amount, amount_interval, finite, has_interval, length, percent, ratio

SIGNS = {
    Verdict.SLOWER: "▲",
    Verdict.FASTER: "▼",
    Verdict.EQUIVALENT: "≈",
    Verdict.INCONCLUSIVE: "?",
    Verdict.WITHHELD: "✕",
}
LEGEND = "▲ slower, ▼ faster, ≈ equivalent, ? inconclusive, ✕ withheld"
TIMES_FROM = 2.0
"""From here on a ratio reads better than a percentage."""


def sign(cost: Cost) -> str:
    return SIGNS[cost.verdict] if cost.verdict else ""


def word(cost: Cost) -> str:
    """One word for a table; `no verdict` where too few blocks allow none."""
    if cost.verdict is not None:
        return str(cost.verdict)
    return "no verdict" if finite(cost.cost) is not None or cost.difference else ""


def beside(cost: Cost) -> str:
    """What a reader needs beside the word, in a few more."""
    if cost.verdict is Verdict.INCONCLUSIVE and cost.half_width is not None:
        return f"± {length(cost, cost.half_width)}"
    if cost.verdict is Verdict.WITHHELD:
        return "the control differs"
    return ""


def sentence(cost: Cost, delta: float) -> str:
    """`slower by 12 % (8.0 to 16 %), confirmatory`."""
    role = f", {cost.role}" if cost.role else ""
    match cost.verdict:
        case Verdict.SLOWER | Verdict.FASTER:
            return f"{cost.verdict} {_by(cost)}{role}"
        case Verdict.EQUIVALENT:
            limit = percent(delta) if cost.difference is None else "its margin"
            return f"equivalent, differs by less than {limit} ({amount_interval(cost)}){role}"
        case Verdict.INCONCLUSIVE | Verdict.WITHHELD:
            more = f", {beside(cost)}" if beside(cost) else ""
            return f"{cost.verdict} at {amount(cost)}{more}{role}"
        case None:
            return f"{amount(cost)} ({amount_interval(cost)}), no verdict"


def counts(found: Iterable[Cost]) -> str:
    """`9 slower, 1 faster, 3 equivalent, 2 inconclusive and 1 withheld`; verdicts that none has are left out."""
    seen = Counter(cost.verdict for cost in found if cost.verdict)
    parts = [f"{seen[verdict]} {verdict}" for verdict in SIGNS if seen[verdict]]
    return ", ".join(parts)


def _by(cost: Cost) -> str:
    """How much in percent, or how many times; always with the interval."""
    if cost.difference is not None or not has_interval(cost):
        return f"by {amount(cost).lstrip('+-')} ({amount_interval(cost)})"
    assert cost.cost is not None
    assert cost.low is not None
    assert cost.high is not None
    if not 1 / TIMES_FROM < cost.cost < TIMES_FROM:
        return f"at {ratio(cost.cost)} ({amount_interval(cost)})"
    first, last = sorted((abs(cost.low - 1), abs(cost.high - 1)))
    return f"by {percent(abs(cost.cost - 1))} ({percent(first).removesuffix(' %')} to {percent(last)})"
