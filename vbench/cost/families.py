"""One figure for a family of benchmarks, and never one across families: their costs answer different questions."""

from collections.abc import Sequence

from msgspec import Struct

from vbench.cost.cells import Comparison
from vbench.cost.design import Design
from vbench.model import FAMILIES
from vbench.stats import geometric, logs
from vbench.stats.envelope import Envelope, envelopes
from vbench.stats.pairing import Pairs

LEAST = 2  # benchmarks


class FamilyCost(Struct, frozen=True):
    """Geometric mean of the costs of a family's benchmarks, each by its first metric; ratios like any cost."""

    family: str
    environment: str
    cost: float | None
    low: float | None
    high: float | None
    blocks: int
    members: tuple[str, ...]  # "benchmark metric"
    label: str = ""  # "rough", "dots only", or why there is no number


def families(design: Design, comparisons: Sequence[Comparison]) -> tuple[FamilyCost, ...]:
    """The cost of each family of at least two benchmarks in each arm but the baseline, over the blocks they share."""
    grouped: dict[tuple[str, str], list[Comparison]] = {}
    first_metric = {record.name: record.metrics[0].name for record in design.benchmarks if record.metrics}
    for comparison in comparisons:
        if comparison.metric.name == first_metric[comparison.benchmark] and comparison.metric.scale == "ratio":
            grouped.setdefault((comparison.benchmark.split(".")[0], comparison.environment), []).append(comparison)
    members = {key: group for key, group in grouped.items() if len(group) >= LEAST}
    ordered = sorted(members, key=lambda key: FAMILIES.index(key[0]) if key[0] in FAMILIES else len(FAMILIES))
    pairs = [
        geometric.mean_cost(f"{arm} {family}", [comparison.pairs for comparison in members[family, arm]])
        for family, arm in ordered
    ]
    return tuple(
        _family(key, members[key], family_pairs, envelope)
        for key, family_pairs, envelope in zip(ordered, pairs, envelopes(pairs), strict=True)
    )


def _family(key: tuple[str, str], members: list[Comparison], pairs: Pairs, envelope: Envelope) -> FamilyCost:
    cost, low, high = (logs.ratio(value) for value in (envelope.mean, envelope.low, envelope.high))
    is_writable = cost is not None and low is not None and high is not None
    return FamilyCost(
        family=key[0],
        environment=key[1],
        cost=cost,
        low=low if is_writable else None,
        high=high if is_writable else None,
        blocks=len(pairs.d),
        members=tuple(member.quantity for member in members),
        label=pairs.why or envelope.label or ("" if is_writable else envelope.why or "too large to write"),
    )
