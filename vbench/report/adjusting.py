"""Writes out how one p-value was adjusted for multiple comparisons, with every number that the step needs."""

from collections.abc import Iterator, Sequence

from vbench.cost import COST, Finding
from vbench.stats.judgement import EXPLORATORY
from vbench.text import counted

ROWS = 12
"""Most products that are all listed. Of more, only those near the asked rank and near the deciding rank are listed."""
NEAR = 2
A_LINE = 8


_NAMES = {COST: "comparison"}


def adjustment(finding: Finding, everything: tuple[Finding, ...]) -> Iterator[str]:
    """Lines with method and formula, the products near p_i and near the deciding one, and each p_j of the family.

    Benjamini-Hochberg at rank i takes the smallest product from i to m, Holm the largest from 1 to i.
    """
    role, kind = finding.judged.role, finding.comparison.contrast.kind
    others = [f for f in everything if (f.judged.role, f.comparison.contrast.kind) == (role, kind)]
    p = sorted(f.judged.p for f in others if f.judged.counted)
    m, i = len(p), p.index(finding.judged.p) + 1
    if role == EXPLORATORY:
        method, product, ranks, first = "Benjamini-Hochberg: the smallest of", "m * p_j / j", range(i, m + 1), min
        products = {j: m * p[j - 1] / j for j in ranks}
    else:
        method, product, ranks, first = "Holm: the largest of", "(m - j + 1) * p_j", range(1, i + 1), max
        products = {j: (m - j + 1) * p[j - 1] for j in ranks}
    counts = first(ranks, key=products.__getitem__)
    over = f"{ranks[0]} <= j <= {ranks[-1]}"
    yield f"{method} {product} over {over}, at most 1; m = {counted(m, f'{role} {_NAMES.get(kind, kind)}')}, i = {i}"
    shown = [j for j in ranks if len(ranks) <= ROWS or min(abs(j - i), abs(j - counts)) <= NEAR]
    yield f"  {'j':>6} {'p_j':>11} {product:>18}"
    for j in shown:
        mark = " <- counts" if j == counts else ""
        yield f"  {j:>6} {exactly(p[j - 1]):>11} {exactly(products[j]):>18}{mark}"
    if len(shown) < len(ranks):
        yield f"  all p_j, {A_LINE} a line, each line with its first j:"
        yield from _compactly(p, ranks)


def exactly(p: float) -> str:
    return f"{p:.4g}"


def _compactly(p: Sequence[float], ranks: range) -> Iterator[str]:
    for start in ranks[::A_LINE]:
        values = p[start - 1 : min(start - 1 + A_LINE, ranks[-1])]
        yield f"  {start:>6} " + " ".join(f"{exactly(value):>11}" for value in values)
