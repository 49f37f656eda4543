"""Writes a verdict in words and signs, with its cost, its role, and the margin of equivalence."""

from collections import Counter
from collections.abc import Iterable, Mapping

from vbench import text
from vbench.model import Cost, Manifest, Metric, Verdict
from vbench.stats.claims import TIMES_FROM, Bounds, percent_up
from vbench.text import amount, amount_interval, finite, has_interval, length, listed, percent, ratio
from vbench.units import show

SIGNS = {
    Verdict.SLOWER: "▲",
    Verdict.FASTER: "▼",
    Verdict.EQUIVALENT: "≈",
    Verdict.INCONCLUSIVE: "?",
    Verdict.WITHHELD: "✕",
}
LEGEND = "▲ slower, ▼ faster, ≈ equivalent, ? inconclusive, ✕ withheld"
MANY = 12
"""Most names that one sentence lists."""


def sign(cost: Cost) -> str:
    return SIGNS[cost.verdict] if cost.verdict else ""


def is_bounded(cost: Cost) -> bool:
    """Whether the cost has an interval, of its ratio or of its difference."""
    if cost.difference is None:
        return has_interval(cost)
    return finite(cost.difference.low) is not None and finite(cost.difference.high) is not None


def bounds(cost: Cost) -> Bounds | None:
    """The interval that stands beside the cost; every bound in words is made of it. None without an interval."""
    if cost.difference is None:
        low, high = (finite(cost.low), finite(cost.high)) if has_interval(cost) else (None, None)
    else:
        low, high = finite(cost.difference.low), finite(cost.difference.high)
    if low is None or high is None:
        return None
    return Bounds(low, high) if cost.difference is None else Bounds(low, high, is_ratio=False, unit=cost.unit)


def side(cost: Cost) -> int:
    """1 if the whole interval is worse than no cost (ratio 1, difference 0), -1 if it is better, else 0."""
    if cost.difference is None:
        return text.side(cost)
    low, high = finite(cost.difference.low), finite(cost.difference.high)
    return 0 if low is None or high is None else (low > 0) - (high < 0)


def word(cost: Cost) -> str:
    """The verdict as one word for a table. `no verdict` if there are too few blocks, empty without a number."""
    if cost.verdict is not None:
        return str(cost.verdict)
    return "no verdict" if finite(cost.cost) is not None or cost.difference else ""


def beside(cost: Cost) -> str:
    """Few words that qualify a verdict: `half-width 3.6 %, a cost above 4.2 % is excluded`."""
    if cost.verdict is Verdict.INCONCLUSIVE and cost.half_width is not None:
        return ", ".join(part for part in (_half_width(cost), excluded(cost)) if part)
    if cost.verdict is Verdict.WITHHELD:
        return "the control differs"
    return ""


def excluded(cost: Cost) -> str:
    """The cost and the gain that the 95 % interval of an inconclusive cost excludes.

    Empty without an interval. A bound on the gain is left out if it is more than half.
    """
    inside = bounds(cost)
    return inside.excluded if cost.verdict is Verdict.INCONCLUSIVE and inside is not None else ""


def briefly(cost: Cost) -> str:
    """The words of `beside`, shorter for a table on a terminal: `half-width 3.6 %, above 4.2 % excluded`."""
    inside = bounds(cost)
    if not excluded(cost) or cost.half_width is None or inside is None:
        return beside(cost)
    what = f"above {inside.cost}" if inside.cost else f"a gain above {inside.gain}"
    return f"{_half_width(cost)}, {what} excluded"


def _half_width(cost: Cost) -> str:
    """A width and no bound: an end of the interval may be farther from the cost than half of its width."""
    return f"half-width {length(cost, cost.half_width)}"


def sentence(cost: Cost, margin: float | None) -> str:
    """`slower by 12 % (8.0 to 16.0 %), confirmatory`. `margin` is the smallest cost of interest for this metric."""
    role = f", {cost.role}" if cost.role else ""
    match cost.verdict:
        case Verdict.SLOWER | Verdict.FASTER:
            return f"{cost.verdict} {_by(cost)}{role}"
        case Verdict.EQUIVALENT:
            inside = bounds(cost)
            small = f", {inside.equivalent(margin)}" if inside is not None and margin is not None else ""
            return f"equivalent{small} ({amount_interval(cost)}){role}"
        case Verdict.INCONCLUSIVE | Verdict.WITHHELD:
            more = f", {beside(cost)}" if beside(cost) else ""
            return f"{cost.verdict} at {amount(cost)}{more}{role}"
        case None:
            return f"{amount(cost)} ({amount_interval(cost)}), no verdict"


def counts(costs: Iterable[Cost]) -> str:
    """Number of costs with each verdict: `9 slower, 1 faster, 3 equivalent`. Verdicts without a cost are left out."""
    numbers = Counter(cost.verdict for cost in costs if cost.verdict)
    parts = [f"{numbers[verdict]} {verdict}" for verdict in SIGNS if numbers[verdict]]
    return ", ".join(parts)


def differences(manifest: Manifest) -> dict[tuple[str, str], Metric]:
    """Metrics that are judged by difference, by benchmark and metric name."""
    return {
        (record.name, metric.name): metric
        for record in manifest.benchmarks
        for metric in record.metrics
        if metric.scale == "difference"
    }


def margin_at(own: Mapping[tuple[str, str], Metric], cost: Cost) -> str:
    """The smallest difference of interest for a cost: `5.00 ms at app.lag value`. `own` comes from `differences`."""
    metric = own.get((cost.benchmark, cost.metric))
    return f"{show(metric.margin if metric else None, cost.unit)} at {cost.benchmark} {cost.metric}"


def equivalence(manifest: Manifest, judged: Iterable[Cost]) -> str:
    """The sentence that defines equivalent for these costs: within δ for ratios, within its margin for a difference."""
    own = differences(manifest)
    equivalent = [cost for cost in judged if cost.verdict is Verdict.EQUIVALENT]
    margins = [margin_at(own, cost) for cost in equivalent if cost.difference is not None]
    parts = [percent_up(manifest.delta)] if len(margins) < len(equivalent) else []
    if margins:
        each = listed(margins) if len(margins) <= MANY else f"at {len(margins)} metrics judged by difference"
        parts.append(f"its own margin ({each})")
    return f" Equivalent means that the 90 % interval lies within ± {' or '.join(parts)}." if parts else ""


def margin_of(manifest: Manifest, cost: Cost) -> float | None:
    """The smallest cost of interest: δ of the suite as a ratio minus 1, or the metric's own margin in its unit."""
    if cost.difference is None:
        return manifest.delta
    metric = differences(manifest).get((cost.benchmark, cost.metric))
    return metric.margin if metric else None


def _by(cost: Cost) -> str:
    """The size of a cost, in percent or as a ratio, with its interval."""
    inside = bounds(cost)
    if cost.difference is not None or inside is None:
        return f"by {amount(cost).lstrip('+-')} ({amount_interval(cost)})"
    assert cost.cost is not None
    if not 1 / TIMES_FROM < cost.cost < TIMES_FROM:
        return f"at {ratio(cost.cost)} ({amount_interval(cost)})"
    return f"by {percent(abs(cost.cost - 1))} ({inside.sizes})"
