"""Runs are compared by what isolation costs in each; what a design cannot carry is not said of anything beyond it."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.comparable_runs import small_run, typed
from tests.unit.outcomes import error
from tests.unit.runs import BIDI, HOSTILE, make_run
from vbench.compare import Compared, compare, json_document, judge, words
from vbench.compare.cells import Cell, Support
from vbench.compare.tables import text
from vbench.cost import Analysis
from vbench.errors import UsageError
from vbench.model import Fact, Run, Skipped

TYPES = ("m9x.large", "t9y.tiny")


def cell_of(compared: Compared, metric: str = "time", environment: str = "runc", *, raw: bool = False) -> Cell:
    (comparison,) = compared.comparisons
    (found,) = [
        cell
        for cell in (comparison.hosts if raw else comparison.costs)
        if (cell.environment, cell.metric) == (environment, metric)
    ]
    return found


def claims(compared: Compared) -> list[str]:
    """Every line but the list of runs, in which the user's own tags stand."""
    listed = text(compared).split("\n\n", maxsplit=1)
    assert listed[0].startswith("Runs")
    return listed[1].splitlines()


# --- one run a side ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_one_instance_each_of_two_types_claims_nothing_of_the_types(seed: int) -> None:
    rng = random.Random(seed)
    left, right = (
        small_run(
            f"run-{place}", cost=1.2 * rng.lognormvariate(0, 0.03), seed=seed * 2 + place, tags={"instance": value}
        )
        for place, value in enumerate(TYPES)
    )
    compared = compare([left, right], by="instance")
    said = "\n".join(claims(compared))
    assert not any(value in said for value in (*TYPES, "instance="))
    assert "95 % over runs" not in said
    assert "One run a side" in said
    assert "no other machine" in said
    for cell in (*compared.comparisons[0].costs, *compared.comparisons[0].hosts):
        assert (cell.low, cell.high, cell.p, cell.adjusted_p, cell.differs) == (None, None, None, None, False)


def test_one_run_a_side_names_both_machines_by_processor_kernel_and_run() -> None:
    said = claims(compare([small_run("one"), small_run("two", host={"cpu.model": "Acme 9001"})]))[0:3]
    assert "run 1 is one on Acme 9000, kernel 6.1.0; run 2 is two on Acme 9001, kernel 6.1.0" in "\n".join(said)


def test_one_run_a_side_shows_each_runs_own_cost_and_interval() -> None:
    runs = [small_run("one", cost=1.2), small_run("two", cost=1.5)]
    cell = cell_of(compare(runs))
    for run, shown in zip(runs, (cell.reference[0], cell.group[0]), strict=True):
        own = next(cost for cost in Analysis.of(run).costs if (cost.environment, cost.metric) == ("runc", "time"))
        assert (shown.value, shown.low, shown.high, shown.blocks) == (own.cost, own.low, own.high, 10)
    assert cell.ratio == pytest.approx(1.25, rel=0.02)


def test_own_intervals_that_lie_apart_are_said_to_and_of_two_machines_only() -> None:
    said = text(compare([small_run("one", cost=1.2), small_run("two", cost=1.5)]))
    assert "own intervals apart" in said
    assert "on the machine of run 1" in said


def test_a_run_whose_control_differs_is_withheld_and_not_said_to_lie_apart() -> None:
    one, two = small_run("one", cost=1.2), small_run("two", cost=1.5)
    shifted = tuple(
        replace(t, outcome=replace(t.outcome, samples={k: (v[0] * 1.3,) for k, v in t.outcome.samples.items()}))  # type: ignore[union-attr, type-var]
        if t.environment == "control"
        else t
        for t in two.trials
    )
    said = text(compare([one, replace(two, trials=shifted)]))
    assert "withheld in two" in said
    assert "own intervals apart" not in said


# --- groups -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "right"), [(2, 2), (2, 5), (1, 3)])
def test_too_few_runs_a_side_are_dots_and_the_design_is_said_to_support_no_claim(left: int, right: int) -> None:
    compared = compare([*typed(TYPES[0], left), *typed(TYPES[1], right, cost=2.0)], by="instance")
    said = "\n".join(claims(compared))
    assert "cannot support a claim" in said
    assert not any(cell.low or cell.differs for cell in compared.comparisons[0].costs)


def test_from_three_runs_a_side_the_interval_is_over_runs() -> None:
    compared = compare([*typed(TYPES[0], 3), *typed(TYPES[1], 3, cost=1.5)], by="instance")
    cell = cell_of(compared)
    assert cell.support is Support.CLAIM
    assert cell.low is not None
    assert cell.high is not None
    assert 1 < cell.low < 1.25 < cell.high
    assert cell.differs
    assert f"higher and 0 lower in instance={TYPES[1]}" in text(compared)


def test_a_run_of_few_blocks_enters_the_interval_over_runs_under_its_name() -> None:
    left, right = typed("a", 3), typed("b", 3)
    few, some = small_run("b1", blocks=1, tags={"instance": "b"}), small_run("b2", blocks=6, tags={"instance": "b"})
    compared = compare([*left, right[0], few, some], by="instance")
    cell = cell_of(compared)
    assert cell.support is Support.CLAIM
    assert words.reading(cell).endswith("; dots only in b1; rough in b2")
    assert "dots only in b1; rough in b2" in text(compared)
    (told,) = [c for c in json_document(compared)["comparisons"][0]["costs"] if c["metric"] == "time"]
    assert told["reading"] == words.reading(cell)
    assert [reading["label"] for reading in told["group"]] == ["", "dots only", "rough"]
    assert "only in" not in words.reading(cell_of(compared, raw=True))


def test_what_all_runs_have_is_said_once_and_runs_of_many_blocks_have_nothing_to_say() -> None:
    rough = compare([*typed("a", 3, blocks=6), *typed("b", 3, blocks=6)], by="instance")
    assert words.reading(cell_of(rough)).endswith("; rough in all 6 runs")
    two = compare([small_run("one", blocks=1), small_run("two", blocks=1)])
    assert words.reading(cell_of(two)) == "dots only in both runs"
    assert words.reading(cell_of(compare([small_run("one"), small_run("two")]))) == "own intervals overlap"


def test_more_blocks_in_each_run_do_not_make_more_runs() -> None:
    """Exactly the same cost in every run, measured in ever more blocks: instances spread as they did."""
    few, many = (
        cell_of(compare([*typed("a", 3, blocks=n, noise=1e-9), *typed("b", 3, blocks=n, noise=1e-9)], by="instance"))
        for n in (5, 40)
    )
    assert few.high == pytest.approx(many.high, rel=1e-6)


def test_the_ratio_is_that_of_the_geometric_means_of_the_runs_own_costs() -> None:
    left, right = typed("a", 3), typed("b", 4, cost=1.4)
    cell = cell_of(compare([*left, *right], by="instance"))
    means = [math.fsum(math.log(r.value or 0) for r in side) / len(side) for side in (cell.reference, cell.group)]
    assert cell.ratio == pytest.approx(math.exp(means[1] - means[0]))


def test_a_run_that_lacks_a_number_is_not_counted_and_can_take_the_interval_with_it() -> None:
    left, right = typed("a", 3), typed("b", 3)
    lost = tuple(
        replace(t, outcome=Skipped(error("no such device"))) if t.environment == "runc" else t for t in right[0].trials
    )
    compared = compare([*left, replace(right[0], trials=lost), *right[1:]], by="instance")
    cell = cell_of(compared)
    assert (cell.support, cell.low) == (Support.DOTS, None)
    assert "no such device" in cell.group[0].label
    assert "2/3 runs" in text(compared)


def test_every_group_stands_against_the_reference_which_is_the_first_unless_named() -> None:
    runs = [*typed("a", 1), *typed("b", 1), *typed("c", 1)]
    assert [(c.reference.value, c.group.value) for c in compare(runs, by="instance").comparisons] == [
        ("a", "b"),
        ("a", "c"),
    ]
    assert [c.reference.value for c in compare(runs, by="instance", reference="c").comparisons] == ["c", "c"]
    assert compare(runs, reference="b0").groups[0].runs[0].manifest.run_id == "b0"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.5, 3), min_size=3, max_size=5), st.lists(st.floats(0.5, 3), min_size=3, max_size=5))
def test_exchanging_the_sides_inverts_ratio_and_interval(left: list[float], right: list[float]) -> None:
    runs = [
        small_run(f"{side}{n}", cost=cost, blocks=1, noise=0, base=1 + n, tags={"side": side})
        for side, given_costs in (("a", left), ("b", right))
        for n, cost in enumerate(given_costs)
    ]
    one, other = (compare(runs, by="side", reference=reference).comparisons[0] for reference in "ab")
    for cell, turned in zip((*one.costs, *one.hosts), (*other.costs, *other.hosts), strict=True):
        assert (cell.p, cell.adjusted_p, cell.side) == (turned.p, turned.adjusted_p, -turned.side)
        for value, inverse in ((cell.ratio, turned.ratio), (cell.low, turned.high), (cell.high, turned.low)):
            assert (value is None) == (inverse is None)
            if value is not None and inverse is not None:
                assert math.isclose(value * inverse, 1, rel_tol=4e-16)


# --- raw medians ------------------------------------------------------------------------------------------------


def test_raw_medians_stand_apart_and_are_called_differences_of_hosts() -> None:
    slow = compare([small_run("one"), small_run("two", base=2.0)])
    assert cell_of(slow).ratio == pytest.approx(1, abs=0.02)
    assert cell_of(slow, environment="bare", raw=True).ratio == pytest.approx(2, rel=0.02)
    said = text(slow)
    assert said.index("What isolation costs in each run") < said.index(
        "differences of hosts, not the cost of isolation"
    )


def test_a_raw_ratio_above_one_is_worse_whatever_the_metrics_direction() -> None:
    slow = compare([small_run("one"), small_run("two", base=2.0)])
    time, bandwidth = (cell_of(slow, metric, "bare", raw=True) for metric in ("time", "bandwidth"))
    assert bandwidth.ratio == pytest.approx(time.ratio, rel=1e-3)


def test_the_control_is_compared_with_nothing() -> None:
    (comparison,) = compare([small_run("one"), small_run("two")]).comparisons
    assert {cell.environment for cell in comparison.costs} == {"runc"}
    assert {cell.environment for cell in comparison.hosts} == {"bare", "runc"}


# --- the same thing? --------------------------------------------------------------------------------------------


def test_a_cell_with_other_benchmark_settings_is_not_compared_and_says_why() -> None:
    with pytest.raises(UsageError) as error:
        compare([small_run("one", size=2**20), small_run("two", size=2**21)])
    assert "cpu.hash differs: size 1 MiB / 2 MiB" in error.value.hint


def test_other_settings_of_the_environment_spare_the_baselines_raw_medians() -> None:
    compared = compare([small_run("one"), small_run("two", runtime="crun")])
    assert cell_of(compared).ratio is None
    assert "runc differs: runtime runc / crun" in text(compared)
    assert cell_of(compared, environment="bare", raw=True).ratio is not None


def test_another_baseline_makes_costs_incomparable_and_not_the_environments_raw_medians() -> None:
    compared = compare([small_run("one"), small_run("two", root="host")])
    assert "baseline differs: root image / host" in cell_of(compared).why
    assert cell_of(compared, raw=True).ratio is not None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"suite": "other"}, "suites differ: small (one) and other (two)"),
        ({"image": "sha256:bb"}, "images differ: sha256:aa (one) and sha256:bb (two); a confound"),
        ({"tool": "0.2.0"}, "versions of vbench differ"),
        ({"trial": "2 s"}, "method.trial differs: 1 s (one) and 2 s (two); a confound"),
    ],
)
def test_what_differs_between_whole_runs_is_a_warning(changed: dict[str, str], said: str) -> None:
    compared = compare([small_run("one"), small_run("two", **changed)])  # type: ignore[arg-type]
    assert any(said in warning for warning in compared.warnings)
    assert f"warning: {said}" in text(compared)


def test_runs_that_agree_give_no_warning() -> None:
    assert compare([small_run("one"), small_run("two")]).warnings == ()


def test_facts_of_hosts_and_of_environments_of_one_name_are_listed_and_passing_ones_are_not() -> None:
    one, two = small_run("one"), small_run("two", host={"kernel.release": "6.9", "kernel.loadavg": 3.0})
    facts = {arm: dict(two.facts[arm]) for arm in two.facts} | {
        "runc": {**two.facts["runc"], "cpu.governor": Fact("x", "")}
    }
    one = replace(one, facts={**one.facts, "runc": {**one.facts["runc"], "cpu.governor": Fact("y", "")}})
    found = compare([one, replace(two, facts=facts)]).comparisons[0].facts
    assert [(f.where, f.key, f.reference, f.group) for f in found] == [
        ("host", "kernel.release", "6.1.0", "6.9"),
        ("runc", "cpu.governor", "y", "x"),
    ]


def test_a_group_whose_hosts_differ_among_themselves_shows_all_its_values() -> None:
    runs = [*typed("a", 2), *typed("b", 1), small_run("b9", host={"kernel.release": "6.9"}, tags={"instance": "b"})]
    (found,) = compare(runs, by="instance").comparisons[0].facts
    assert (found.reference, found.group) == ("6.1.0", "6.1.0 / 6.9")


# --- wrong use --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "by", "message"),
    [
        ([small_run("one")], None, "at least 2 runs, got 1"),
        ([], None, "at least 2 runs, got 0"),
        ([small_run("one"), small_run("one")], None, "run 'one' is given 2 times"),
        ([*typed("a", 1), small_run("two")], "instance", "no tag 'instance' in two"),
        (typed("a", 2), "instance", "all 2 runs have instance=a"),
        ([small_run("one"), small_run("two", benchmark="cpu.matrix")], None, "no number in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs: list[Run], by: str | None, message: str) -> None:
    with pytest.raises(UsageError) as error:
        compare(runs, by=by)
    assert message in error.value.message
    assert error.value.hint


def test_a_misspelt_tag_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as error:
        compare([*typed("a", 1), *typed("b", 1)], by="instanc")
    assert "'instance'" in error.value.hint


def test_a_reference_that_no_group_has_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as error:
        compare([*typed(TYPES[0], 1), *typed(TYPES[1], 1)], by="instance", reference="m9x.larg")
    assert TYPES[0] in error.value.hint


# --- the document, and names nobody vouches for -----------------------------------------------------------------


def test_the_json_document_has_the_keys_that_its_page_describes() -> None:
    compared = compare([*typed("a", 3), *typed("b", 3)], by="instance")
    judgements = tuple(judge(c.costs, 0.05) for c in compared.comparisons)
    document = json.loads(json.dumps(json_document(compared, judgements), allow_nan=False))
    page = Path(__file__).parents[2].joinpath("docs", "use", "compare.md").read_text()
    keys = set(_keys(document)) - {"instance"}  # a tag's own name
    assert {key for key in keys if f"`{key}`" not in page} == set()
    assert document["comparisons"][0]["threshold"]["share"] == 0.05
    assert document["comparisons"][0]["costs"][0]["reference"][0]["run_id"] == "a0"


def _keys(value: Any) -> list[str]:
    match value:
        case dict():
            return [*value, *(key for inner in value.values() for key in _keys(inner))]
        case list():
            return [key for inner in value for key in _keys(inner)]
    return []


def test_hostile_names_neither_break_the_tables_nor_hide_anything() -> None:
    runs = [make_run(hostile=True, blocks=2, seed=seed) for seed in (1, 2)]
    runs = [
        replace(run, manifest=replace(run.manifest, run_id=f"r{n}", tags={"x": BIDI})) for n, run in enumerate(runs)
    ]
    said = text(compare(runs))
    assert "\u202e" not in said
    assert HOSTILE in said  # plain text, not markup


def test_a_whole_suite_can_be_compared() -> None:
    runs = [make_run(seed=seed, blocks=5) for seed in (1, 2)]
    runs = [replace(run, manifest=replace(run.manifest, run_id=f"r{n}")) for n, run in enumerate(runs)]
    (comparison,) = compare(runs).comparisons
    cells = {(c.environment, c.benchmark, c.metric) for c in comparison.costs}
    assert len(cells) == len(comparison.costs) == 32
    assert sum(cell.is_compared for cell in comparison.costs) == 31


def test_a_value_with_line_breaks_cannot_forge_a_row() -> None:
    forged = "a\nWhat isolation costs: nothing"
    runs = [small_run("one", host={"cpu.model": forged}, tags={"x": forged}), small_run("two")]
    assert not any(line.startswith("What isolation costs: nothing") for line in text(compare(runs)).splitlines())


def test_missing_facts_are_not_called_equal() -> None:
    one, two = small_run("one"), replace(small_run("two"), host={}, facts={})
    assert "is not known" in text(compare([replace(one, host={}, facts={}), two]))
    assert "No known fact" in text(compare([one, small_run("two")]))
