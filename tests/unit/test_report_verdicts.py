"""The page's verdicts: every claim judged, counted and marked, and what gates and controls took away told beside it."""

import io
import math
import re
from collections import Counter
from html import unescape
from typing import NamedTuple

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.unit.comparable_runs import small_run
from tests.unit.documents import Document, figures
from tests.unit.large_runs import large_run
from tests.unit.runs import gated, make_run
from vbench import report
from vbench.cli.table import draw
from vbench.cost import Analysis
from vbench.model import Cost, Difference, Measured, Metric, Run, Verdict
from vbench.report import verdicts, words
from vbench.report.view import View, view_of
from vbench.text import percent


def text_of(run: Run) -> str:
    """What the page says, its cells apart."""
    body = re.sub(r"<(script|style).*?</\1>", "", report.html(run), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def text() -> str:
    return text_of(make_run())


def test_only_what_is_judged_slower_is_claimed() -> None:
    seen = view_of(make_run(losses=False))
    for found in words.summaries(seen):
        judged = {row.group: row.verdict for row in _judged(seen, found.arm.name)}
        assert found.claims
        assert {judged[claim.metric] for claim in found.claims} == {Verdict.SLOWER}


class _Row(NamedTuple):
    group: str
    verdict: Verdict | None


def _judged(seen: View, arm: str) -> list[_Row]:
    rows = [(group.title, row) for group in seen.groups for row in group.rows]
    return [_Row(title, row.cost.verdict) for title, row in rows if row.arm.name == arm]


@pytest.mark.parametrize("blocks", [5, 9])
def test_a_rough_run_shows_what_was_observed_and_judges_nothing(blocks: int) -> None:
    seen = view_of(make_run(blocks=blocks, losses=False))
    for found in words.summaries(seen):
        assert "without a verdict" in found.lead
        assert all(claim.verdict.endswith("no verdict") for claim in found.claims)
        assert found.others == ()
    text = text_of(seen.run)
    assert "slower by" not in text
    assert "rough: Student’s t" in text


def test_every_verdict_is_counted_and_the_others_are_named() -> None:
    seen = view_of(make_run(blocks=15, losses=False))
    runc = words.summaries(seen)[0]
    counts = Counter(row.verdict for row in _judged(seen, "runc"))
    assert f"{counts[Verdict.SLOWER]} slower" in runc.count
    assert f"{counts[Verdict.EQUIVALENT]} equivalent" in runc.count
    assert "the 90 % interval lies within ± 2.0 %" in runc.count
    named = dict(runc.others)
    assert len(named["Equivalent"].split(", ")) == counts[Verdict.EQUIVALENT]
    assert named["Inconclusive"].count("half-width") == counts[Verdict.INCONCLUSIVE]


def test_a_withheld_verdict_is_told_with_the_control_that_differs() -> None:
    run = make_run(blocks=12, losses=False)
    shifted = tuple(
        replace(t, outcome=Measured({name: tuple(v * 1.2 for v in vs) for name, vs in t.outcome.samples.items()}))
        if isinstance(t.outcome, Measured) and (t.environment, t.benchmark) == ("control", "cpu.hash")
        else t
        for t in run.trials
    )
    seen = view_of(replace(run, trials=shifted))
    text = text_of(seen.run)
    assert "It differs from bare at cpu.hash time: verdicts there are withheld." in text
    assert "✕ withheld the control differs" in text
    assert dict(words.summaries(seen)[0].others)["Withheld"] == "cpu.hash time"


def test_the_report_is_about_this_host_and_says_which_claims_were_declared(text: str) -> None:
    assert "These figures describe this host" in text
    assert "2 comparisons are confirmatory, adjusted by Holm" in text
    assert "Verdicts: " in text
    assert "The green band is ± 2.0 %, the smallest cost of interest;" in text


def test_what_was_declared_and_not_measured_is_told() -> None:
    seen = view_of(make_run(hostile=True))
    said = [line for line in words.limits(seen) if line.startswith("Declared")]
    assert said == ["Declared confirmatory and not measured: tcg cpu.matrix time, runc syscall.getpid latency."]
    assert words.roles(seen).startswith("No declared comparison was measured, so every verdict is exploratory")
    undeclared = replace(seen.run, manifest=replace(seen.run.manifest, confirmatory=()))
    assert words.roles(view_of(undeclared)).startswith("The suite declared no comparison confirmatory, so every")


def test_voided_blocks_are_counted_and_what_keeping_them_would_change_is_told() -> None:
    seen = view_of(gated(make_run(blocks=12, losses=False)))
    text = text_of(seen.run)
    assert "1 attempt at 1 block voided by gates, in all arms: foreign tasks used 4.1% of its processors." in text
    assert "Where gates struck: tcg 1." in text
    assert "With everything kept no cost would move by more than" in text
    assert "Nothing voided" in text
    assert words.voided_sentence(view_of(make_run(blocks=5))) == ""


def test_a_block_that_could_not_be_repeated_is_told() -> None:
    said = words.voided_sentence(view_of(gated(make_run(blocks=12), repeated=False)))
    assert "1 block could not be repeated and is missing" in said


def test_readings_of_the_host_are_shown_and_their_absence_too(text: str) -> None:
    assert "this run kept no readings of its host" in text
    text = text_of(gated(make_run(blocks=5)))
    assert "tcg 5 8.00 s 6.00 s 0.50 % 2.0 to 26 % 1.2 % – 2.5 ± 12 ppm – 1" in text
    assert "runc 5 8.00 s 6.00 s 0.50 % ≥ 2.0 % 1.2 % – – – 0" in text


def test_a_run_that_ended_on_its_widths_says_so() -> None:
    run = make_run(blocks=15)
    text = words.standing(view_of(replace(run, manifest=replace(run.manifest, blocks=40))))
    assert text.startswith("15 blocks of at most 40 analysed: the run ended when its confirmatory intervals")


def test_the_forest_has_a_band_of_the_smallest_cost_of_interest() -> None:
    document = Document(report.html(make_run(blocks=10)))
    shapes = figures(document)["figures"]["forest"]["layout"]["shapes"]
    bands = [shape for shape in shapes if shape.get("fillcolor") == "var(--band)"]
    assert {band["xref"] for band in bands} == {"x", "x2"}
    assert all((band["x0"], band["x1"]) == pytest.approx((1 / 1.02, 1.02), rel=1e-5) for band in bands)


def test_the_control_is_the_grey_band_behind_each_benchmark_of_the_forest() -> None:
    run = make_run(blocks=10, losses=False)
    shapes = figures(Document(report.html(run)))["figures"]["forest"]["layout"]["shapes"]
    noise = [shape for shape in shapes if shape.get("fillcolor") == "var(--noise)" and shape["xref"] == "x"]
    controls = [row.cost for row in view_of(run).rows if row.arm.role == "control"]
    assert [(band["x0"], band["x1"]) for band in noise] == [pytest.approx((c.low, c.high), rel=1e-5) for c in controls]


def test_a_metric_without_a_ratio_is_a_difference_in_its_unit() -> None:
    run = make_run(blocks=12, losses=False)
    metric = Metric("time", "s", "lower", scale="difference", margin=1e-3)
    records = tuple(
        replace(record, metrics=(metric,)) if record.name == "start.ready" else record
        for record in run.manifest.benchmarks
    )
    text = text_of(replace(run, manifest=replace(run.manifest, benchmarks=records)))
    assert re.search(
        r"time ↓ time of one fresh start tcg \S+ ms \S+ s \+4\.\d+ s 4\.\d+ s to 4\.\d+ s 12 ▲ slower", text
    )


@pytest.mark.parametrize(
    ("share", "shown"), [(0.00426, "0.43 %"), (0.02, "2.0 %"), (0.119, "12 %"), (None, "–"), (math.nan, "–")]
)
def test_shares_print_two_digits_that_matter(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_many_metrics_of_one_verdict_are_folded_under_their_count() -> None:
    run = large_run()
    null = {(t.block, t.attempt, t.benchmark): t.outcome for t in run.trials if t.environment == "control"}
    same = [
        replace(t, outcome=null[t.block, t.attempt, t.benchmark]) if t.environment == "runc" else t for t in run.trials
    ]
    run = replace(run, trials=tuple(same))
    runc = next(found for found in words.summaries(view_of(run)) if found.arm.name == "runc")
    many = [(runc.many[verdict], names) for verdict, names in runc.others if verdict in runc.many]
    assert many
    assert all(int(count.split()[0]) > words.MANY for count, _ in many)
    page = unescape(report.html(run))
    assert all(f"<details><summary>{count}</summary>{names[:20]}" in page for count, names in many)


def test_a_metric_without_a_ratio_is_told_by_its_difference() -> None:
    lossless = next(c for c in Analysis.of(make_run()).costs if c.verdict is Verdict.SLOWER)
    cost = replace(lossless, cost=None, unit="1", verdict=Verdict.FASTER, difference=Difference(-0.0149))
    assert words.qualified(cost).endswith("(-0.0149)")


# --- metrics judged by difference: their own margin, never the one of ratios --------------------------------------


def by_difference(run: Run, margins: dict[str, float | None]) -> Run:
    """The same run, in which these metrics (`cpu.hash time`) are judged by difference."""
    records = tuple(
        replace(
            record,
            metrics=tuple(
                replace(metric, scale="difference", margin=margins[f"{record.name} {metric.name}"])
                if f"{record.name} {metric.name}" in margins
                else metric
                for metric in record.metrics
            ),
        )
        for record in run.manifest.benchmarks
    )
    return replace(run, manifest=replace(run.manifest, benchmarks=records))


def said_of(run: Run, arm: str = "runc") -> str:
    return next(found.count for found in words.summaries(view_of(run)) if found.arm.name == arm)


def test_equivalent_names_the_margin_of_what_is_judged_by_difference() -> None:
    same = small_run("r", cost=1.0, noise=0.001, blocks=12)
    ratio = "Equivalent means that the 90 % interval lies within ±"
    assert said_of(same).endswith(f"{ratio} 2.0 %.")
    mixed = by_difference(same, {"cpu.hash time": 0.005})
    assert said_of(mixed).endswith(f"{ratio} 2.0 % or its own margin (5.00 ms at cpu.hash time).")
    alone = by_difference(same, {"cpu.hash time": 0.005, "cpu.hash bandwidth": 0.01})
    assert said_of(alone).endswith(
        f"{ratio} its own margin (5.00 ms at cpu.hash time and 10.0 mB/s at cpu.hash bandwidth)."
    )


def test_a_difference_that_this_host_cannot_resolve_is_told_with_its_own_margin() -> None:
    noisy = small_run("r", noise=0.2, blocks=12)
    assert words.limits(view_of(noisy))[-1] == (
        "This host cannot resolve 2.0 % at cpu.hash time and cpu.hash bandwidth: the noise floor is higher."
    )
    mixed = words.limits(view_of(by_difference(noisy, {"cpu.hash time": 0.005})))
    assert mixed[-2:] == (
        "This host cannot resolve 2.0 % at cpu.hash bandwidth: the noise floor is higher.",
        "This host cannot resolve 5.00 ms at cpu.hash time: the noise floor is higher.",
    )
    unset = words.limits(view_of(by_difference(noisy, {"cpu.hash time": None, "cpu.hash bandwidth": 100.0})))
    assert not any("cannot resolve" in line for line in unset)


def test_of_many_unresolved_metrics_ratios_and_differences_are_counted_apart() -> None:
    large = large_run(blocks=10)
    everything = {f"{record.name} {metric.name}" for record in large.manifest.benchmarks for metric in record.metrics}
    few = dict.fromkeys(sorted(everything)[:2], 1e-9)
    line, own = words.limits(view_of(by_difference(large, few)))[-2:]
    assert re.search(rf"cannot resolve 2\.0 % at \d+ of {len(everything) - 2} metrics with a ratio:", line)
    assert own.startswith("This host cannot resolve 1.00 ns at cpu.branchy time and 1.00 ns at cpu.aes time:")
    many = words.limits(view_of(by_difference(large, dict.fromkeys(everything, 1e-15))))[-1]
    total = len(everything)
    assert f"cannot resolve their own margins at {total} of {total} metrics judged by difference" in many


def test_a_control_that_has_intervals_of_differences_alone_tells_them() -> None:
    run = by_difference(small_run("r", blocks=12, noise=0.01), {"cpu.hash time": 0.005, "cpu.hash bandwidth": 0.01})
    said = words.control_sentence(view_of(run))
    assert "unknown" not in said
    assert said.startswith("control is the baseline measured a second time, so its distance from 0 is noise. Of 2 ")
    assert re.search(r"none excludes 0: cpu\.hash time -\S+ ms to \S+ ms, cpu\.hash bandwidth -", said)
    mixed = words.control_sentence(view_of(by_difference(run, {"cpu.hash time": 0.005})))
    assert "over 1 metric" not in mixed
    both = words.control_sentence(view_of(by_difference(small_run("r", blocks=12), {"cpu.hash time": 0.005})))
    assert "over 1 metric, the widest interval" in both
    assert "Of 1 interval in a metric’s own unit none excludes 0: cpu.hash time" in both
    assert "By" not in words.control_sentence(view_of(small_run("r", blocks=12)))
    few = words.control_sentence(view_of(by_difference(small_run("r", blocks=3), {"cpu.hash time": 0.005})))
    assert few.endswith("has no interval: the noise of this host is unknown.")


def test_a_control_that_differs_without_an_interval_is_told_too() -> None:
    run = small_run("r", blocks=12)
    values = {"bare": 1.0, "control": 1.1}
    trials = tuple(
        replace(t, outcome=Measured(dict.fromkeys(("time", "bandwidth"), (values[t.environment],))))
        if t.environment in values
        else t
        for t in run.trials
    )
    said = words.control_sentence(view_of(replace(run, trials=trials)))
    assert said.endswith("It differs from bare at cpu.hash time and cpu.hash bandwidth: verdicts there are withheld.")


def test_a_rough_difference_is_an_interval_without_a_verdict_and_its_control_is_known() -> None:
    run = by_difference(small_run("r", blocks=6), {"cpu.hash time": 0.005, "cpu.hash bandwidth": 0.01})
    (found,) = words.summaries(view_of(run))
    assert found.count == "2 intervals without a verdict."
    assert [claim.metric for claim in found.claims]
    assert all(re.match(r"control -\S+ \S+ to", claim.noise) for claim in found.claims)


# --- what an inconclusive interval excludes ----------------------------------------------------------------------


def inconclusive(low: float | None, high: float | None, **more: object) -> Cost:
    cost = next(cost for cost in Analysis.of(make_run()).costs if cost.verdict is Verdict.INCONCLUSIVE)
    return replace(cost, low=low, high=high, half_width=0.036, **more)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.971, 1.042, "half-width 3.6 %, a cost above 4.2 % is excluded, a gain above 2.9 % too"),
        (1.003, 1.083, "half-width 3.6 %, a cost above 8.3 % is excluded"),
        (0.92, 0.99, "half-width 3.6 %, a gain above 8.0 % is excluded"),
        (0.023, 3.75, "half-width 3.6 %, a cost above 3.75× is excluded"),
        (None, None, "half-width 3.6 %"),
    ],
)
def test_beside_inconclusive_stands_what_is_excluded(low: float | None, high: float | None, said: str) -> None:
    assert verdicts.beside(inconclusive(low, high)) == said


def test_a_difference_is_excluded_in_its_own_unit() -> None:
    both = inconclusive(None, None, cost=None, unit="s", difference=Difference(1e-3, -2e-3, 5e-3))
    assert verdicts.excluded(both) == "a cost above 5.00 ms is excluded, a gain above 2.00 ms too"


def test_only_what_is_inconclusive_excludes_something() -> None:
    others = [cost for cost in Analysis.of(make_run()).costs if cost.verdict is not Verdict.INCONCLUSIVE]
    assert others
    assert not any(verdicts.excluded(cost) for cost in others)


def test_what_is_excluded_stands_in_page_markdown_table_and_explanation() -> None:
    run = make_run(losses=False)
    cost = next(c for c in Analysis.of(run).costs if c.verdict is Verdict.INCONCLUSIVE and c.environment == "runc")
    assert verdicts.excluded(cost)
    assert verdicts.excluded(cost) in text_of(run)
    assert verdicts.excluded(cost) in report.markdown(run)
    assert f"By the ends of the 95 % interval {verdicts.excluded(cost)}" in report.explain(run, cost.benchmark, "runc")
    file = io.StringIO()
    draw(view_of(run), Console(file=file, width=200, highlight=False, markup=False, emoji=False))
    assert verdicts.briefly(cost) in file.getvalue()
    assert verdicts.briefly(cost).endswith(" excluded")
