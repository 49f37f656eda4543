"""One figure for a family of metrics: the geometric mean of its costs, resampled by whole blocks."""

from collections.abc import Sequence

from vbench.stats.pairing import Pairs


def mean_cost(name: str, members: Sequence[Pairs]) -> Pairs:
    """d_b = mean over the cells of d_{cell,b}, over the blocks that all of them have: pairs like any other.

    exp(mean d_b) is the geometric mean of the cells' costs. A block is resampled with all its cells together, since
    the cells of one block share the block's disturbances; their intervals must not be combined as if they did not.
    Only for one family of one environment: the caller's duty. Raises ValueError for differences, which have no ratio.
    """
    if any(not member.is_ratio for member in members):
        raise ValueError(f"{name}: only ratios have a geometric mean")
    empty = [member.name for member in members if not member.d]
    if empty or not members:
        return Pairs(name, why=f"no geometric mean: {', '.join(empty) or 'no cells'} without values")
    values = [dict(zip(member.blocks, member.d, strict=True)) for member in members]
    blocks = tuple(sorted(set.intersection(*(set(of) for of in values))))
    if not blocks:
        return Pairs(name, why="no geometric mean: no block has every metric")
    return Pairs(name, blocks, tuple(sum(of[block] for of in values) / len(values) for block in blocks))
