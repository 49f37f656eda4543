"""A sceptic recomputes every printed figure from the printed blocks, and reads which rule gave the verdict."""

import math
import random
import re
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
import pytest
import scipy
from msgspec.structs import replace

from tests.unit.runs import gated, make_run
from vbench import report
from vbench.errors import UsageError
from vbench.model import BenchmarkRecord, Measured, Metric, Run, Trial
from vbench.report.explain import explain

RUN = make_run(blocks=15)


def part(text: str, metric: str) -> str:
    """One metric's part."""
    return next(found for found in text.split("=== ") if found.startswith(metric))


def numbers(line: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", line)]


def blocks_of(text: str) -> list[list[float]]:
    rows = text[text.index("1. Blocks") : text.index("2. Mean")].splitlines()[2:]
    return [numbers(row) for row in rows if row.strip() and "voided" not in row]


def line_after(text: str, words: str) -> str:
    lines = text.splitlines()
    return lines[next(place for place, line in enumerate(lines) if line.startswith(words)) + 1]


def line_of(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(words))


@pytest.fixture(scope="module")
def disk() -> str:
    return part(explain(RUN, "disk.randread", "runc"), "disk.randread latency [s]")


def test_d_follows_from_each_block_s_two_numbers(disk: str) -> None:
    rows = blocks_of(disk)
    assert [row[0] for row in rows] == list(range(1, 16))
    assert all(d == pytest.approx(math.log(own / base), abs=2e-5) for _, base, own, d in rows)


def test_a_metric_that_is_better_higher_is_turned() -> None:
    text = part(explain(RUN, "disk.randread", "tcg"), "disk.randread iops")
    assert "d = ln(bare / tcg)" in text
    assert all(d == pytest.approx(math.log(base / own), abs=2e-5) for _, base, own, d in blocks_of(text))


def test_mean_spread_and_student_s_interval_follow_from_d(disk: str) -> None:
    d = [row[3] for row in blocks_of(disk)]
    mean, error = fmean(d), stdev(d) / math.sqrt(15)
    assert numbers(line_of(disk, "n = 15"))[-1] == pytest.approx(mean, rel=1e-4)
    assert numbers(line_of(disk, "s = "))[-2:] == pytest.approx([stdev(d), error], rel=1e-4)
    low, high = scipy.stats.t.interval(0.95, 14, loc=mean, scale=error)
    assert numbers(line_of(disk, "Student"))[-1] == pytest.approx(scipy.stats.t.ppf(0.975, 14), rel=1e-5)
    found = numbers(line_after(disk, "Student"))
    assert found[:2] == pytest.approx([low, high], abs=1e-5)
    assert found[2:] == pytest.approx([math.exp(low), math.exp(high)], abs=1e-3)


def test_the_bootstrap_s_ends_follow_from_its_printed_quantiles_and_these_from_the_seed(disk: str) -> None:
    d = np.array([row[3] for row in blocks_of(disk)])
    upper, lower = (numbers(found)[0] for found in re.findall(r"q\(0\.\d\d5\) = (\S+?),?\s", disk))
    mean, error = d.mean(), d.std(ddof=1) / math.sqrt(15)
    assert numbers(line_after(disk, "    of 9999"))[:2] == pytest.approx(
        [mean - upper * error, mean - lower * error], abs=1e-5
    )
    drawn = np.random.default_rng([20130620, 15]).integers(0, 15, (9999, 15))
    values = max(sorted(d), sorted(-d))  # exchanging the arms draws the same blocks
    sample = np.array(values)[drawn]
    t_star = np.sort((sample.mean(axis=1) - np.mean(values)) / (sample.std(axis=1, ddof=1) / math.sqrt(15)))
    ends = {round(float(q), 3) for q in (t_star[249], t_star[-250])}
    assert {abs(end) for end in ends} == {abs(round(lower, 3)), abs(round(upper, 3))}


def test_the_envelope_takes_the_outer_ends(disk: str) -> None:
    student, bootstrapped = numbers(line_after(disk, "Student"))[:2], numbers(line_after(disk, "    of 9999"))[:2]
    expected = [min(student[0], bootstrapped[0]), max(student[1], bootstrapped[1])]
    assert numbers(line_of(disk, "envelope"))[:2] == expected


def test_the_floor_follows_from_the_control_s_own_explanation(disk: str) -> None:
    control = part(explain(RUN, "disk.randread", "control"), "disk.randread latency [s]")
    d = [row[3] for row in blocks_of(control)]
    bound = abs(fmean(d)) + scipy.stats.t.ppf(0.95, 14) * stdev(d) / math.sqrt(15)
    floor, share = numbers(line_of(disk, "|mean| + t(0.95, 14)"))[-2:]
    assert floor == pytest.approx(bound, rel=1e-3)
    assert share == pytest.approx(100 * math.expm1(bound), abs=0.06)


def test_p_and_its_adjustment_follow_from_the_printed_list(disk: str) -> None:
    d = [row[3] for row in blocks_of(disk)]
    asked = disk[disk.index("c) slower") :]
    by_t, by_bootstrap = numbers(line_after(asked, "   p, the level"))
    assert by_t == pytest.approx(scipy.stats.ttest_1samp(d, 0).pvalue, rel=1e-3)
    listed = listed_of(asked)
    assert listed.p[listed.i] == pytest.approx(max(by_t, by_bootstrap), rel=1e-3)
    assert adjusted_of(asked) == pytest.approx(by_hand(asked), rel=2e-3)


def test_the_interval_that_equivalence_asks_follows_from_its_printed_quantiles(disk: str) -> None:
    d = [row[3] for row in blocks_of(disk)]
    mean, error = fmean(d), stdev(d) / math.sqrt(len(d))
    asked = disk[disk.index("b) equivalent") : disk.index("c) slower")]
    t = numbers(line_of(asked, "   Student: mean"))[-1]
    by_t = numbers(line_after(asked, "   Student: mean"))
    assert t == pytest.approx(scipy.stats.t.ppf(0.95, len(d) - 1), rel=1e-5)
    assert by_t == pytest.approx([mean - t * error, mean + t * error], rel=1e-4)
    _, upper, _, lower = numbers(line_after(asked, "   bootstrap-t"))
    bootstrapped = numbers(line_after(asked, f"   q(0.95) = {upper:.6g}"))
    assert bootstrapped == pytest.approx([mean - upper * error, mean - lower * error], rel=1e-4)
    low, high = numbers(line_of(asked, "   the outer ends of both"))[:2]
    assert (low, high) == (min(by_t[0], bootstrapped[0]), max(by_t[1], bootstrapped[1]))


def test_below_15_blocks_equivalence_asks_the_interval_of_student_alone() -> None:
    text = explain(controlled((1.0, 1.02) * 6), "cpu.hash", "runc")
    d = [row[3] for row in blocks_of(text)]
    asked = text[text.index("b) equivalent") : text.index("c) slower")]
    assert "alone, since 12 blocks are fewer than 15" in asked
    assert "bootstrap" not in asked
    half = scipy.stats.t.ppf(0.95, 11) * stdev(d) / math.sqrt(12)
    ends = numbers(line_of(asked, "   this interval"))[:2]
    assert ends == pytest.approx([fmean(d) - half, fmean(d) + half], rel=1e-4)


def test_a_p_beyond_the_resamples_is_that_of_a_third_of_t(disk: str) -> None:
    assert "no resample reaches t" not in disk
    text = explain(controlled((1.0, 1.02) * 6), "cpu.hash", "runc")
    d = [row[3] for row in blocks_of(text)]
    asked = text[text.index("c) slower") :]
    by_t, by_bootstrap = numbers(line_after(asked, "   p, the level"))
    assert by_bootstrap == 0.0002
    assert "no resample reaches t, so the bootstrap's p is at most 0.0002; Student's p of" in asked
    beyond = numbers(line_of(asked, "   t / 3 stands for it"))[-1]
    assert beyond == pytest.approx(2 * scipy.stats.t.sf(scipy.stats.ttest_1samp(d, 0).statistic / 3, 11), rel=0.01)
    listed = listed_of(asked)
    assert listed.p[listed.i] == beyond > by_t


class Listed(NamedTuple):
    """What is printed of one adjustment."""

    m: int
    i: int
    p: dict[int, float]  # by rank
    products: dict[int, float]
    counts: int


def listed_of(text: str) -> Listed:
    """The first adjustment of `text`."""
    text = text[re.search("Holm: the|Benjamini-Hochberg: the", text).start() : text.index("   adjusted p =")]  # type: ignore[union-attr]
    head, _, *lines = text.splitlines()
    m, i = (int(found) for found in re.findall(r"[mi] = (\d+)", head))
    folded = next((place for place, line in enumerate(lines) if "all p_j" in line), len(lines))
    p, products = {}, {}
    for line in lines[:folded]:
        j, value, product = numbers(line)
        p[int(j)], products[int(j)] = value, product
    for line in lines[folded + 1 :]:
        first, *values = numbers(line)
        p |= dict(enumerate(values, int(first)))
    (counts,) = (int(numbers(line)[0]) for line in lines if "<- counts" in line)
    return Listed(m, i, p, products, counts)


def by_hand(text: str) -> float:
    """The adjusted p from what is printed alone."""
    found = listed_of(text)
    if "Holm" in text[: text.index("   adjusted p =")].rsplit("m = ", 1)[0]:
        needed = {j: (found.m - j + 1) * found.p[j] for j in range(1, found.i + 1)}
        counts = max(needed, key=needed.__getitem__)
    else:
        needed = {j: found.m * found.p[j] / j for j in range(found.i, found.m + 1)}
        counts = min(needed, key=needed.__getitem__)
    assert found.p.keys() == needed.keys()
    assert found.products == pytest.approx({j: needed[j] for j in found.products}, rel=2e-3)
    assert {found.i, found.counts} <= found.products.keys()
    assert needed[found.counts] == pytest.approx(needed[counts], rel=2e-3)
    return min(1.0, needed[counts])


def adjusted_of(text: str) -> float:
    return numbers(line_of(text, "   adjusted p"))[0]


@pytest.fixture(scope="module")
def many() -> Run:
    """73 metrics, so that 73 controls and twice as many exploratory comparisons stand in one list."""
    blocks, arms = range(1, 11), {"bare": 0.0, "control": 0.0, "runc": 0.012, "tcg": 0.006}
    names = [f"app.b{place}" for place in range(73)]
    rng = random.Random(4)
    trials = [
        Trial(block, 0, arm, name, 0, Measured({"time": (math.exp(rng.gauss(shift, 0.02)),)}), 0.0, 0.0)
        for block in blocks
        for arm, shift in arms.items()
        for name in names
    ]
    records = tuple(BenchmarkRecord(name, name, {}, (Metric("time", "s", "lower"),)) for name in names)
    manifest = replace(RUN.manifest, benchmarks=records, confirmatory=(), blocks=10)
    return replace(RUN, trials=tuple(trials), manifest=manifest)


def test_nothing_that_an_adjustment_needs_is_cut_off_however_many_comparisons_there_are(many: Run) -> None:
    parts = [explain(many, f"app.b{place}", "runc") for place in range(0, 73, 6)]
    found = []
    for text in parts:
        control, own = (text[text.index(rule) :] for rule in ("a) withheld", "c) slower"))
        for asked in (control, own):
            assert adjusted_of(asked) == pytest.approx(by_hand(asked), rel=2e-3)
            found.append(listed_of(asked))
    assert {listed.m for listed in found} == {73, 146}
    assert any(listed.m == 146 and listed.i <= 60 for listed in found)
    assert any(listed.m == 73 and listed.i > 60 for listed in found)
    assert max(len(line) for text in parts for line in text.splitlines() if line[:4].isspace()) < 120


@pytest.mark.parametrize(
    ("benchmark", "arm", "ending"),
    [
        ("cpu.hash", "tcg", "Verdict by rule c: slower (exploratory)"),
        ("cpu.hash", "runc", "Verdict by rule b: equivalent (exploratory)"),
        ("syscall.getpid", "runc", "Verdict by rule c: slower (confirmatory)"),
        ("cpu.hash", "control", "Verdict by rule b: equivalent (control)"),
        ("disk.seqwrite", "control", "Verdict by rule d: inconclusive (control)"),
    ],
)
def test_the_rule_that_gave_the_verdict_is_named(benchmark: str, arm: str, ending: str) -> None:
    assert ending in explain(RUN, benchmark, arm)


def test_a_verdict_withheld_is_explained_by_the_control() -> None:
    shifted = tuple(
        replace(t, outcome=Measured({name: tuple(v * 1.2 for v in vs) for name, vs in t.outcome.samples.items()}))
        if isinstance(t.outcome, Measured) and (t.environment, t.benchmark) == ("control", "cpu.hash")
        else t
        for t in RUN.trials
    )
    text = explain(replace(RUN, trials=shifted), "cpu.hash", "tcg")
    assert "Verdict by rule a: withheld" in text
    assert line_of(text, "   adjusted p").endswith(": yes")


def controlled(control: tuple[float, ...]) -> Run:
    """`cpu.hash` alone, in which the baseline takes 1 s in every block and the control what is given."""
    values = {"bare": 1.0, "runc": 1.3, "tcg": 2.0}

    def time(t: Trial) -> float | None:
        if t.environment == "control":
            return control[t.block - 1] if t.block <= len(control) else None
        return values[t.environment] * (1.0 if t.environment != "runc" else math.exp(0.01 * math.sin(t.block)))

    given = [(t, time(t)) for t in RUN.trials if 1 <= t.block <= 12 and t.benchmark == "cpu.hash"]
    trials = tuple(replace(t, outcome=Measured({"time": (s,)})) for t, s in given if s is not None)
    records = tuple(record for record in RUN.manifest.benchmarks if record.name == "cpu.hash")
    return replace(RUN, trials=trials, manifest=replace(RUN.manifest, benchmarks=records))


def test_a_control_without_spread_is_explained_by_its_mean_and_rounding() -> None:
    for arm in ("runc", "tcg", "control"):
        text = explain(controlled((1.1,) * 12), "cpu.hash", arm)
        assert f"the control has no spread, so no p: its d is {math.log(1.1):.6g} in every block" in text
        assert "it differs for certain, if |d| is more than rounding, 1e-12: yes" in text
        assert "Verdict by rule a: withheld" in text
    text = explain(controlled((1.0,) * 12), "cpu.hash", "tcg")
    assert "if |d| is more than rounding, 1e-12: no" in text
    assert "b) equivalent, and c) slower or faster, need a spread: no" in text
    assert "Verdict by rule d: inconclusive (exploratory): no spread" in text


def test_a_control_of_too_many_equal_values_is_explained_by_student_s_p() -> None:
    values = (*(1.1,) * 11, 1.11)
    text = explain(controlled(values), "cpu.hash", "runc")
    asked = text[text.index("a) withheld") :]
    assert "the control has no interval: too many equal values" in asked
    n, mean = numbers(line_of(asked, "   to withhold, Student's p is enough"))
    s = numbers(line_of(asked, "   s = "))[0]
    d = [math.log(value) for value in values]
    assert (n, mean, s) == (12, pytest.approx(fmean(d), rel=1e-5), pytest.approx(stdev(d), rel=1e-5))
    printed = numbers(line_of(asked, "   p = "))[0]
    assert printed == pytest.approx(2 * scipy.stats.t.sf(mean / (s / math.sqrt(n)), 11), rel=1e-3)
    assert line_of(asked, "   adjusted p").endswith(": yes")
    assert "Verdict by rule a: withheld" in text


def test_a_control_that_is_missing_or_too_short_is_told_in_the_rule_and_in_the_reason() -> None:
    text = explain(controlled(()), "cpu.hash", "runc")
    assert "   no control: the noise of this host was not measured: no" in text
    assert line_of(text, "Verdict by rule c").endswith("; no control: the noise of this host was not measured")
    assert "the control has 3 of the 10 blocks that p needs: no" in explain(
        controlled((1.0, 1.1, 1.2)), "cpu.hash", "runc"
    )


@pytest.mark.parametrize(
    ("run", "benchmark", "wanted"),
    [
        (make_run(blocks=1), "cpu.hash", "no spread: n equal values"),
        (make_run(blocks=3), "cpu.hash", "none is asked: 3 blocks, and an interval needs 5"),
        (make_run(blocks=7), "cpu.hash", "none is asked: 7 blocks, and a verdict needs 10"),
        (RUN, "disk.seqwrite", "No cost: runc skipped: the scratch file system refuses O_DIRECT."),
        (gated(make_run(blocks=5)), "cpu.hash", "3 voided (attempt 1), in all arms: tcg: foreign tasks used 4.1%"),
        (replace(make_run(blocks=1), trials=()), "cpu.hash", "No cost: the baseline: no trials."),
    ],
)
def test_what_gives_no_verdict_is_explained_too(run: Run, benchmark: str, wanted: str) -> None:
    assert wanted in explain(run, benchmark, "runc")


def test_every_cell_can_be_explained_in_lines_that_fit_and_speaks_of_this_host() -> None:
    for environment in ("runc", "tcg", "control"):
        for record in RUN.manifest.benchmarks:
            text = explain(RUN, record.name, environment)
            assert "These figures describe this host" in text
            assert text.count("=== ") == len(record.metrics)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("cpu.hsh", "tcg"), "no benchmark 'cpu.hsh'", "perhaps you meant 'cpu.hash'"),
        (("cpu.hash", "tgc"), "no environment 'tgc'", "perhaps you meant 'tcg'"),
        (("cpu.hash", "bare"), "bare is the baseline", "runc, tcg"),
        (("tcg", "cpu.hash"), "no benchmark 'tcg'", "the benchmark comes first: --explain cpu.hash tcg"),
    ],
)
def test_what_the_run_does_not_hold_is_answered_with_the_nearest(
    words: tuple[str, str], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        explain(RUN, *words)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_hidden_characters_become_visible() -> None:
    run = make_run(blocks=1, hostile=True)
    assert "\u202e" not in report.explain(run, "cpu.hash", run.manifest.environments[3].name)


def with_loops(run: Run, loops: int) -> Run:
    """The same numbers as a compiled kernel gives them, in trials of one second."""

    def known(trial: Trial) -> Trial:
        if not isinstance(trial.outcome, Measured):
            return trial
        return replace(trial, outcome=replace(trial.outcome, loops=loops), wall_s=1.0)

    return replace(run, trials=tuple(map(known, run.trials)))


def test_the_best_number_of_values_follows_from_the_printed_variances_and_seconds() -> None:
    text = part(explain(with_loops(RUN, 10_000_000), "cpu.hash", "runc"), "cpu.hash time [s]")
    rows = text[text.index("7. Where") :].splitlines()[1:5]
    for variances, seconds in (rows[:2], rows[2:4]):
        within, between = (float(found) for found in re.findall(r"= (\S+) ", variances))
        value_s, trial_s, best, had = numbers(seconds)
        assert had == 5
        assert value_s * 5 + trial_s == pytest.approx(1.0, abs=0.01)
        assert best == max(1, math.ceil(math.sqrt(trial_s / value_s * within / between)))


def test_values_of_unknown_length_say_nothing_of_how_many_to_take() -> None:
    assert "7. Where" not in explain(RUN, "cpu.hash", "runc")
    assert "7. Where" not in explain(with_loops(RUN, 1000), "memory.triad", "runc")
    assert "7. Where" not in explain(with_loops(make_run(blocks=4), 1000), "cpu.hash", "runc")


def test_processor_time_of_an_operation_is_told_where_it_is_known() -> None:
    def spent(trial: Trial) -> Trial:
        if not isinstance(trial.outcome, Measured):
            return trial
        each_s = 3e-6 if trial.environment == "tcg" else 2e-6
        return replace(trial, outcome=replace(trial.outcome, operations=500), operations_cpu_s=500 * each_s)

    text = explain(replace(RUN, trials=tuple(map(spent, RUN.trials))), "cpu.hash", "tcg")
    assert "    2e-06 in bare, 3e-06 in tcg (1.500 times)\n" in text
    assert "Host CPU seconds" not in explain(RUN, "cpu.hash", "tcg")
