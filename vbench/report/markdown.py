"""Writes `vbench report --format md`: the report as Markdown, for issues, commits and terminals."""

import re
from collections.abc import Iterator

from vbench import facts
from vbench.cost import Analysis
from vbench.model import Run
from vbench.report import brief, ladders, spending, verdicts, words
from vbench.report.charts.curves import curves
from vbench.report.citation import Citation
from vbench.report.view import View, view_of
from vbench.text import amount, amount_interval, between, length, parts_per_million, percent, plain
from vbench.units import DASH, show

_MARKS = re.compile(r"[\\`*_{}\[\]<>#|~&!]")

COLUMNS = ("Benchmark", "Environment", "Cost", "95 % interval", "Verdict", "Role", "Floor", "Detectable", "Blocks")


def markdown(run: Run, *, analysis: Analysis | None = None, validation: Citation | None = None) -> str:
    """The report as Markdown. Pure: the same run gives the same text. Names from the run folder are escaped."""
    view = view_of(run, analysis)
    citation = validation.sentence if validation else ""
    citation_lines = [f"{_text(citation[:1].upper() + citation[1:])}.", ""] if citation else []
    numbers = (_ladders(view), _curves(view), _numbers(view))
    parts = (_head(view), citation_lines, _summary(view), *numbers, _host(view), _spending(view), _rest(view))
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(view: View) -> Iterator[str]:
    manifest = view.run.manifest
    headline = facts.headline(view.run.host)
    yield f"# {_text(words.title(view))}"
    yield ""
    yield f"{_text(headline[:1].upper() + headline[1:])}."
    yield "What isolation costs, as a ratio to the baseline: above 1 is worse."
    yield ""
    yield from (
        f"- **{_text(arm_headline.arm.name)}**: {_text(arm_headline.text)}" for arm_headline in brief.headlines(view)
    )
    yield ""
    yield from (f"> Warning: {_text(warning)}\n" for warning in view.run.warnings)
    state = manifest.state.value
    yield f"Run `{_code(manifest.run_id)}`, suite {_text(manifest.suite)}, {state}, vbench {_text(manifest.tool)}."
    yield ""


def _summary(view: View) -> Iterator[str]:
    yield "## In words"
    yield ""
    for summary in words.summaries(view):
        yield f"**{_text(summary.arm.name)}** {_text(summary.lead)}".strip()
        yield ""
        yield from (f"- {_text(f'{c.where}, {c.metric}: {c.verdict}; {c.noise}')}" for c in summary.claims)
        yield from [""] if summary.claims else []
        yield _text(summary.count)
        yield ""
        lines = [*summary.others, *([("Geometric means", summary.families)] if summary.families else [])]
        yield from (f"- {name}: {_text(text)}" for name, text in lines)
        yield from [""] if lines else []
    for line in (words.control_sentence(view), words.voided_sentence(view), *words.limits(view)):
        if line:
            yield f"- {_text(line)}"
    yield ""


def _ladders(view: View) -> Iterator[str]:
    for climb in view.analysis.ladders:
        yield f"## {_text(ladders.title(climb))}"
        yield ""
        yield _text(ladders.caption(view, climb))
        yield ""
        yield from _header(("Step", *COLUMNS[2:], "Note"))
        for line in ladders.lines(climb):
            cost = line.cost
            verdict = " ".join(part for part in (verdicts.word(cost), verdicts.beside(cost)) if part)
            note = "; ".join(part for part in (cost.label, *cost.suspects) if part)
            yield _line(
                line.name,
                amount(cost),
                amount_interval(cost),
                verdict,
                cost.role,
                length(cost, cost.floor),
                length(cost, cost.detectable),
                str(cost.blocks),
                note,
            )
        yield ""


def _curves(view: View) -> Iterator[str]:
    drawn = curves(view)
    yield from ["## Costs over a varied key", ""] if drawn else []
    for chart in drawn:
        yield f"**{_text(chart.title)}** {_text(chart.caption)}"
        yield ""
        yield from _header(chart.columns)
        yield from (_line(*cells) for cells in chart.table)
        yield ""


def _numbers(view: View) -> Iterator[str]:
    yield "## Every number"
    yield ""
    kept = ("Nothing voided",) if view.voided.attempts else ()
    yield from _header(
        (*COLUMNS, *kept, f"{view.baseline}, median", "Median", f"{view.baseline}, CPU/op", "CPU/op", "Note")
    )
    for row in view.rows:
        if row.arm.role == "baseline":
            continue
        cost = row.cost
        verdict = " ".join(part for part in (verdicts.word(cost), verdicts.beside(cost)) if part)
        yield _line(
            f"{cost.benchmark} {cost.metric}",
            row.arm.name,
            amount(cost),
            amount_interval(cost),
            verdict or DASH,
            cost.role,
            length(cost, cost.floor),
            length(cost, cost.detectable),
            str(cost.blocks),
            *([amount(row.kept) if row.kept else DASH] if kept else []),
            show(cost.baseline_median, cost.unit),
            show(cost.median, cost.unit),
            show(cost.baseline_cpu_s_per_operation, "s"),
            show(cost.cpu_s_per_operation, "s"),
            row.label,
        )
    yield ""


def _host(view: View) -> Iterator[str]:
    if not view.conditions:
        return
    yield "## Conditions of the host"
    yield ""
    measured = ("Steal", "Run delay", "Foreign tasks", "While idle", "Clock error")
    yield from _header(("Environment", "Starts", "CPU serving it", *measured, "Voided here"))
    for arm in view.conditions:
        yield _line(
            arm.environment,
            str(arm.starts),
            show(arm.served_s, "s"),
            percent(arm.steal),
            between(arm.run_delay, arm.queued),
            percent(arm.foreign),
            percent(arm.idle),
            parts_per_million(arm.clock_error_ppm, arm.clock_bound_ppm),
            str(view.voided.arms.get(arm.environment, 0)),
        )
    yield ""


def _spending(view: View) -> Iterator[str]:
    if words_of_time := spending.sentence(view):
        yield "## Where the time went"
        yield ""
        yield _text(words_of_time)
        yield ""
        yield from _header(spending.COLUMNS)
        yield from (_line(*line.cells) for line in spending.lines(view))
        yield ""


def _rest(view: View) -> Iterator[str]:
    if view.confounds:
        yield "## Confounds"
        yield ""
        yield from _header(("Environment", "Fact", "There", f"In {view.baseline}", "Why it matters"))
        yield from (_line(c.environment, c.key, c.value, c.baseline, c.why) for c in view.confounds)
        yield ""
    if view.losses:
        yield "## Failed and skipped trials"
        yield ""
        yield from _header(("Environment", "Benchmark", "Outcome", "Blocks", "Reason"))
        yield from (_line(x.environment, x.benchmark, x.outcome, x.where, x.reason) for x in view.losses)
        yield ""


def _header(names: tuple[str, ...]) -> Iterator[str]:
    yield _line(*names)
    yield "|" + " --- |" * len(names)


def _line(*cells: str) -> str:
    return "| " + " | ".join(_text(cell) or DASH for cell in cells) + " |"


def _text(text: str) -> str:
    """Escape a text, so that no name can start markup, end a cell or break a line."""
    return _MARKS.sub(r"\\\g<0>", " ".join(plain(text).split()))


def _code(text: str) -> str:
    return plain(text).replace("`", "'").replace("\n", " ")
