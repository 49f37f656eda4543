"""Writes the findings of a run in a few lines: a headline for each environment, and a text for a terminal."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from vbench import facts
from vbench.cost import LEAST_ENVELOPE, Analysis, FamilyCost
from vbench.model import Cost, Facts, Run, Status, Verdict
from vbench.report import ladders, names, verdicts, words
from vbench.report.view import Arm, Group, Row, View, view_of
from vbench.text import amount, amount_interval, counted, finite, has_interval, interval, percent, plain, ratio

NAMED = 3
"""Most costs in one headline. Each is the largest of its family."""
ARMS = 3
"""Most environments that the title of a page names one by one."""
WIDTH = 100
LISTED = 8


@dataclass(frozen=True)
class Headline:
    """The findings of one arm in one line: `start 3.98×, threads 1.148×; 42 of 48 undecided`."""

    arm: Arm
    text: str


def headlines(view: View) -> tuple[Headline, ...]:
    return tuple(Headline(arm, _headline(view, arm)) for arm in view.compared)


def title(view: View) -> str:
    """One line about the whole run: all headlines, or with more than ARMS arms the largest cost."""
    all_headlines = headlines(view)
    if not all_headlines:
        return words.title(view)
    if len(all_headlines) <= ARMS:
        return " · ".join(f"{headline.arm.name}: {headline.text}" for headline in all_headlines)
    top = max(
        ((cost.cost or 0, group, arm) for arm in view.compared for group, cost in words.largest(view, arm)),
        key=lambda candidate: candidate[0],
        default=None,
    )
    most = f"largest {ratio(top[0])} ({top[2].name}, {_short_name(top[1], view)})" if top else "no cost shown"
    rows = [row for row in view.rows if row.arm.role == "compared"]
    return f"{len(all_headlines)} environments against {view.baseline}: {most}; {_undecided(rows)}"


def _headline(view: View, arm: Arm) -> str:
    rows = view.rows_of(arm)
    if not rows:
        return "nothing was measured"
    largest = _largest_costs(view, arm)
    if any(row.cost.verdict for row in rows):
        count = sum(row.cost.verdict is Verdict.FASTER for row in rows)
        faster = [f"{count} faster"] if count else []
        return "; ".join([largest or "no cost shown", *faster, _undecided(rows)])
    blocks = max(row.cost.blocks for row in rows)
    few = f", which needs {LEAST_ENVELOPE} blocks and has {blocks}" if blocks < LEAST_ENVELOPE else ""
    return f"{largest} observed; no verdict{few}" if largest else f"no verdict{few}"


def _largest_costs(view: View, arm: Arm) -> str:
    largest = words.largest(view, arm)
    parts = [f"{_short_name(group, view)} {amount(cost)}" for group, cost in largest[:NAMED]]
    left = len(largest) - NAMED
    more = f" and {left} more {'family' if left == 1 else 'families'}" if left > 0 else ""
    return ", ".join(parts) + more


def _short_name(group: Group, view: View) -> str:
    record = next(record for record in view.run.manifest.benchmarks if record.name == group.benchmark)
    return names.short(record, group.metric)


def _undecided(rows: list[Row]) -> str:
    """The number of costs that are inconclusive, withheld, or without a verdict."""
    decided = {Verdict.SLOWER, Verdict.FASTER, Verdict.EQUIVALENT}
    count = sum(row.cost.verdict not in decided for row in rows)
    return f"{count} of {len(rows)} undecided" if count else f"all {len(rows)} decided"


# --- the text for a terminal --------------------------------------------------------------------------------------


def findings(run: Run, *, analysis: Analysis | None = None, width: int = WIDTH) -> str:
    """Plain text with each arm's costs, family means and undecided metrics, and with the noise of the host.

    Pure: the same run gives the same text. Names from the run folder cannot steer a terminal.
    """
    view = view_of(run, analysis)
    lines = [*_wrapped(f"{words.title(view)}: {where(run)}", width, "  "), ""]
    for headline in headlines(view):
        lines += _wrapped(f"{headline.arm.name}: {headline.text}", width, "    ")
        for name, text in _details(view, headline.arm):
            lines += _wrapped(f"  {name:<12}{text}", width, " " * 14)
    for line in ladders.brief(view):
        lines += _wrapped(line, width, "  ")
    lines += _wrapped(f"Noise floor: {_noise(view)}", width, "  ")
    lines += _wrapped(lost, width, "  ") if (lost := _lost(view)) else []
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    flat = " ".join(plain(text).split())
    lead = plain(text)[: len(text) - len(text.lstrip(" "))]
    shown = plain(text).replace("\n", " ").replace("\t", " ") if lead else flat
    return textwrap.wrap(shown, width, subsequent_indent=indent, break_on_hyphens=False, replace_whitespace=False)


def where(run: Run) -> str:
    """The host and the day: `Intel Xeon Processor, 2 processors, kernel 6.1, 2026-11-22, this host is …`."""
    parts = [processor(run.host), kernel(run.host), day(run.manifest.started), facts.headline(run.host)]
    return ", ".join(part for part in parts if part)


def _details(view: View, arm: Arm) -> Iterator[tuple[str, str]]:
    """Lines below a headline: costs with their intervals, and the means of whole families."""
    rows = view.rows_of(arm)
    largest = words.largest(view, arm)
    name = "slower" if any(row.cost.verdict for row in rows) else "observed"
    if largest:
        yield name, "; ".join(f"{_short_name(group, view)} {_with_interval(cost)}" for group, cost in largest[:LISTED])
    faster = [row.cost for row in rows if row.cost.verdict is Verdict.FASTER]
    if faster:
        yield "faster", "; ".join(f"{cost.benchmark} {cost.metric} {_with_interval(cost)}" for cost in faster[:LISTED])
    if judged := [row.cost for row in rows if row.cost.verdict]:
        yield "verdicts", verdicts.counts(judged)
    means = [mean for mean in view.families if mean.environment == arm.name and finite(mean.cost) is not None]
    if means:
        yield "families", "; ".join(map(_mean, means))


def _with_interval(cost: Cost) -> str:
    return f"{amount(cost)} ({amount_interval(cost)})" if verdicts.is_bounded(cost) else amount(cost)


def _mean(mean: FamilyCost) -> str:
    inside = f" ({interval(mean.low, mean.high)})" if finite(mean.low) is not None else ""
    rough = f", {mean.label}" if mean.label else ""
    return f"{words.family(mean.family)} {ratio(mean.cost)}{inside}{rough}"


def _noise(view: View) -> str:
    """The noise floors over all metrics with a ratio: median, smallest and largest."""
    controls = [row.cost for row in view.rows if row.arm.role == "control" and row.cost.difference is None]
    floors = sorted(floor for cost in controls if (floor := finite(cost.floor)) is not None)
    if not floors:
        return "unknown, the control has too few blocks"
    name = view.run.manifest.control
    middle = f"{percent(median(floors))} at the median of {counted(len(floors), 'metric')}"
    off = sum(has_interval(cost) and verdicts.side(cost) != 0 for cost in controls)
    return (
        f"{middle} ({percent(floors[0])} to {percent(floors[-1])}), by {name}, the baseline measured again; "
        f"{off} of its intervals {'excludes' if off == 1 else 'exclude'} 1, one in twenty does so by chance"
    )


def _lost(view: View) -> str:
    return words.lost_sentence(view) if view.trials["failed"] + view.trials["skipped"] else ""


# --- the host in a few words --------------------------------------------------------------------------------------


def processor(host: Facts) -> str:
    """`Intel(R) Xeon(R) Processor @ 2.90GHz, 2 processors`. Empty if both are unknown."""
    model, online = (_fact_text(host, key) for key in ("cpu.model", "cpu.threads"))
    count = f"{online} processor{'' if online == '1' else 's'}" if online else ""
    return ", ".join(part for part in (model, count) if part)


def kernel(host: Facts) -> str:
    release = _fact_text(host, "kernel.release")
    return f"kernel {release}" if release else ""


def _fact_text(host: Facts, key: str) -> str:
    fact = host.get(key)
    return facts.show(key, fact) if fact is not None and fact.status is Status.OK else ""


def day(started: str) -> str:
    """The day of an ISO 8601 time. Any other text is returned as it is."""
    return started[:10] if len(started) > 10 and started[10] == "T" else started
