"""docs/reference/proof.md and its plots, from the figures alone."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.proof import drawing
from tests.proof.drawing import Row
from tests.proof.figures import Figure

ABOUT = {
    "coverage": "Coverage of the 95 % interval. Two arms, each with its own errors of 1 %; the correlation is the share"
    " of an arm's variance that both arms of a block have in common.",
    "coverage of four arms": "Coverage of the interval of a difference of differences: four arms, each with its own"
    " errors of 1 %, half of an arm's variance shared within a block.",
    "coverage of coarse clocks": "Most blocks have exactly the same d, since a clock or a counter is coarse. Counted"
    " are the experiments in which an interval is given. None is where more than 2.5 % of the resamples have no spread,"
    " or where all blocks but one to four are equal and these lie on one side (`envelope.py`).",
    "coverage with adaptive stopping": "Coverage of the interval at the look that ended the run: δ = 2 %, looks after"
    " 15, 20, … 40 blocks, stop when the half-width is at most max(ln 1.02 / 2, 10 % of the cost).",
    "coverage where time pays": "Coverage of the interval at the look after which a benchmark is measured no more: its"
    " half-width is at most max(ln 1.02 / 2, 10 % of the cost), or 40 blocks of its spread would leave more than"
    " max(ln 1.02, 10 % of the cost). δ = 2 %, looks after 10, 15, … 40 blocks.",
    "A/A false positives": "Three identical arms in balanced order on a host that drifts; the share of runs in which"
    " the interval of the third against the first excludes 1.",
    "tools side by side": "The same series of starts through this tool and through others. pyperf runs its own"
    " comparison code (`pyperf._compare`), Welch is the test of hyperfine's `scripts/welch_ttest.py`, and the"
    " Phoronix Test Suite repeats while the deviation is at least 3 % (`pts_test_run_manager.php`) and prints a ratio"
    " without a test, so the share that lies beyond 2 % is shown. Every tool uses its own order; pyperf is shown with"
    " this tool's order too, to tell the flattening of its samples from their order.",
    "arms that take turns": "Three identical arms that are alive together and take turns, 9 rounds of 45 ms slices a"
    " block, 10 blocks, on hosts that drift by 3 % with different correlation times; the share of runs in which the"
    " interval of the third against the first excludes 1. Beside it the same hosts with one arm alive at a time, 20 s"
    " from one trial to the next (`tests/proof/turns.py`).",
    "family of comparisons": "The share of runs of 60 comparisons in which even one difference is claimed.",
    "family of 1,000 comparisons": "The share of runs of 1,000 comparisons in which even one difference is claimed"
    " under Benjamini-Hochberg. Where no resample reaches the observed t, Student's p of a third of t stands for the"
    " bootstrap's (`pvalues.py`). Beside it: the same under Holm, as the controls are adjusted; under Holm if"
    " Student's p of the whole t stood there, or the bootstrap's by 39,999 resamples; and under Benjamini-Hochberg if p"
    " ended at the bootstrap's 0.0002, with which no single cost among more than 250 comparisons can be claimed.",
    "one cost among 1,000": "How often a cost is claimed when it is the only one among 1,000 comparisons.",
    "withheld in clean runs": "The share of clean runs in which even one of 18 benchmarks loses its verdict.",
    "power": "How often the unadjusted interval excludes 1 where a cost exists.",
    "equivalence within 2 %": "How often “equivalent” is said: at a cost of δ itself that is the error, at a cost of 0"
    " what should be said.",
    "equivalence under a tail": "The same for pairs spread by 1.55 % whose d has a tail towards higher costs. The"
    " target at the bound is a stated limit, not the 5.6 % of normal errors; at 0 % the row has the power.",
    "claims about types": "Two identical instance types, instances spread by 3 %, 15 blocks on each instance.",
    "p99": "p99 within each trial, a true cost of 5 %. Beside it: the interval of one arm's p99 when the samples of all"
    " blocks are pooled first and taken for independent.",
    "noise floor": "The printed floor is an upper 95 % bound of what the control really differs by.",
    "exchange and order": "Swapping the arms inverts the ratio and both ends to the last bit, and the order of the"
    " blocks changes no bit.",
    "nothing is deleted": "The estimate over many experiments is the mean of everything, tail included.",
    "known limits": "No target: shapes of d for which so few blocks cannot give a right interval, and how often the"
    " tool prints that it suspects one, counted over the first 2,000 experiments (`vbench/stats/suspects.py`): “3 of 20"
    " blocks lie up to 9 robust standard deviations from the rest: rare large disturbances are undercounted, and the"
    " interval is probably too short”, or “two modes, 9 and 11 blocks: the mean lies between them and describes"
    " neither”. Of slow blocks that are rare most runs see none, and then nothing in their data can tell: the report"
    " says how frequent something may be that no block has shown (`vbench/stats/rare.py`).",
    "suspicion of normal blocks": "How often it suspects one where there is none.",
}


def write(
    target: Path,
    figures: Sequence[Figure],
    mutated: Mapping[str, Sequence[Figure]],
    degenerate: Sequence[tuple[str, str, str, str]],
    *,
    command: str,
    runs: int,
    exactly: bool,
) -> None:
    """`target` is the page; its plots go to the folder of the same name without suffix."""
    folder = target.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in plots(figures).items():
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    parts = [_opening(figures, mutated, command=command, runs=runs, exactly=exactly, folder=folder.name)]
    parts += [_section(check, [f for f in figures if f.check == check], folder.name, exactly) for check in ABOUT]
    parts += [_degenerate(degenerate), _mutations(mutated)]
    target.write_text("\n".join(parts), encoding="utf-8")


def broken(figures: Sequence[Figure], *, exactly: bool) -> list[Figure]:
    return [figure for figure in figures if figure.has_target and not figure.holds(exactly=exactly)]


def uncaught(mutated: Mapping[str, Sequence[Figure]]) -> list[str]:
    """Mutations that no experiment noticed, and the procedure itself where one of the same experiments fails it."""
    return [name for name, figures in mutated.items() if bool(broken(figures, exactly=False)) == (name == "vbench")]


def plots(figures: Sequence[Figure]) -> dict[str, str]:
    alone = ("t alone", "bootstrap-t alone")
    fixed = [Row(f.case, (f.value, *(f.beside[n] for n in alone))) for f in figures if f.check == "coverage"]
    limits = [Row(f.case, (f.value,)) for f in figures if f.check == "known limits"]
    aside = [f for f in figures if f.check == "tools side by side"]
    names = list(aside[0].beside)
    tools = [Row(f.case, (f.value, *(f.beside[name] for name in names))) for f in aside]
    title = "Differences claimed between identical code"
    high = 1.0
    return {
        "coverage": drawing.dots(
            "Coverage of the 95 % interval", ("envelope", *alone), fixed, low=0.88, high=0.98, band=(0.94, 0.98)
        ),
        "limits": drawing.dots("Known limits", ("envelope",), limits, low=0.6, high=1.0, band=(0.94, 0.98)),
        "tools": drawing.bars(title, ("vbench", *names), tools, high=high, mark=0.05),
    }


def _opening(
    figures: Sequence[Figure],
    mutated: Mapping[str, Sequence[Figure]],
    *,
    command: str,
    runs: int,
    exactly: bool,
    folder: str,
) -> str:
    missed = broken(figures, exactly=exactly)
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pyperf"))
    wanted = [figure for figure in figures if figure.has_target]
    outcome = [
        f"{len(wanted) - len(missed)} of {len(wanted)} figures keep their targets"
        + (" as measured." if exactly else " as far as so few experiments can tell.")
    ]
    outcome += [f"\n- {_miss(f)}" for f in missed]
    outcome += [f"\n- {_known(f)}" for f in figures if f.remark]
    tries = [name for name in mutated if name != "vbench"]
    left = [name for name in uncaught(mutated) if name != "vbench"]
    caught = f"{len(tries) - len(left)} of {len(tries)} mutations of the procedure are caught."
    return f"""# Proof of the method

Every figure below was measured by simulation, seeded by the experiment's own name, with {runs:,} experiments each
unless the row says otherwise. Made by

    {command}

with Python {platform.python_version()}, {versions}.
The generators are in `tests/proof/worlds.py`, the experiments in
`tests/proof/plan.py`, the procedure itself in `vbench/stats`; what it does and why is in [method.md](method.md).

{"".join(outcome)}

{caught}

![Coverage of the 95 % interval]({folder}/coverage.svg)

![Differences claimed between identical code]({folder}/tools.svg)
"""


def _section(check: str, figures: Sequence[Figure], folder: str, exactly: bool) -> str:
    names = list(dict.fromkeys(name for figure in figures for name in figure.beside))
    head = ["case", "measured", "target", "", *names, "experiments"]
    rows = [
        [
            figure.case,
            _share(figure.value, figure),
            _target(figure),
            ("within" if figure.holds(exactly=exactly) else "**missed**") if figure.has_target else "",
            *(_beside(name, figure.beside.get(name)) for name in names),
            f"{figure.of:,}",
        ]
        for figure in figures
    ]
    picture = f"\n![Known limits]({folder}/limits.svg)\n" if check == "known limits" else ""
    return f"## {check[0].upper()}{check[1:]}\n\n{ABOUT[check]}\n{picture}\n{_table(head, rows)}"


def _degenerate(rows: Sequence[tuple[str, str, str, str]]) -> str:
    head = ["input", "pyperf's own comparison", "verdict here", "reason printed"]
    return f"## Degenerate inputs\n\nNone may be significant.\n\n{_table(head, [list(row) for row in rows])}"


def _mutations(mutated: Mapping[str, Sequence[Figure]]) -> str:
    rows = []
    for name, figures in mutated.items():
        misses = broken(figures, exactly=False)
        words = "; ".join(f"{f.check}, {f.case}: {_share(f.value, f)} (target {_target(f)})" for f in misses)
        rows.append([name if name != "vbench" else "none (the procedure itself)", words or "nothing"])
    return (
        "## Mutations\n\nEach mutation replaces one step of the procedure and is run through the same experiments;"
        f" it must break at least one.\n\n{_table(['mutation', 'what it breaks'], rows)}"
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _miss(figure: Figure) -> str:
    return f"**missed**: {figure.check}, {figure.case}: {_share(figure.value, figure)} (target {_target(figure)})"


def _known(figure: Figure) -> str:
    return f"**known limit**: {figure.check}, {figure.case}: {_share(figure.value, figure)}: {figure.remark}."


def _share(value: float, figure: Figure) -> str:
    return _percent(value, 2) if figure.is_rate or figure.low == 1.0 else f"{value * 100:+.4f} %"


def _target(figure: Figure) -> str:
    low, high = figure.low, figure.high
    if low is not None and high is not None:
        return f"{_percent(low)} to {_percent(high)}" if figure.is_rate else f"± {high * 100:.4f} %"
    if high is not None:
        return f"≤ {_percent(high)}"
    return "–" if low is None else f"≥ {_percent(low)}"


def _percent(share: float, digits: int = 1) -> str:
    return f"{share * 100:.{digits}f} %"


def _beside(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if name in ("width / t", "mean blocks") else _percent(value)
