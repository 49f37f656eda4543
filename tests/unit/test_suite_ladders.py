"""Ladders of a suite: which are read, and what is wrong with one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.suite_texts import GOOD, refused
from vbench import benchmarks, environments
from vbench import suite as suites
from vbench.errors import SuiteError
from vbench.suite.schema import suite_schema

LADDER = '[ladders.steps]\nbenchmark = "disk.small"\nmetric = "latency"\narms = ["a", "b", "c"]\n'


def test_a_ladder_is_read_in_its_own_order() -> None:
    (ladder,) = suites.parse(GOOD + LADDER, source="s").ladders
    assert (ladder.name, ladder.benchmark, ladder.metric, ladder.arms) == (
        "steps",
        "disk.small",
        "latency",
        ("a", "b", "c"),
    )


def test_a_ladder_without_a_metric_is_of_the_benchmarks_first() -> None:
    suite = suites.parse(GOOD + LADDER.replace('metric = "latency"\n', ""), source="s")
    assert suite.ladders[0].metric == suite.benchmarks["disk.small"].metrics[0].name


@pytest.mark.parametrize(
    ("before", "after", "message", "hint"),
    [
        ("metric =", "metrik =", "ladders.steps.metrik: unknown key", "'metric'"),
        ('benchmark = "disk.small"\n', "", "ladders.steps.benchmark: missing", ""),
        ('"disk.small"', '"disk.smal"', "ladders.steps.benchmark: the suite has no 'disk.smal'", "'disk.small'"),
        ('"latency"', '"latnecy"', "ladders.steps.metric: disk.small has no metric 'latnecy'", "'latency'"),
        ('"latency"', "3", "ladders.steps.metric: expected a text", ""),
        ('"a", "b", "c"', '"a"', "ladders.steps.arms: a ladder has two arms at least", "one layer"),
        ('"a", "b", "c"', '"a", "bb"', "ladders.steps.arms[1]: no environment is named 'bb'", "'b'"),
        ('"a", "b", "c"', '"a", "b", "a"', "ladders.steps.arms[2]: 'a' stands on this ladder twice", ""),
        ('"a", "b", "c"', '"control", "b"', "ladders.steps.arms[0]: 'control' is the control", "'a'"),
        ('"a", "b", "c"', '"a", 3', "ladders.steps.arms[1]: expected a text", ""),
        ('["a", "b", "c"]', '"a"', "ladders.steps.arms: expected a list", ""),
        ("ladders.steps", 'ladders."../x"', "ladders.../x: '../x' cannot be a name", "letters"),
        (LADDER, "ladders.steps = 3\n", "ladders.steps: expected a table", ""),
        (LADDER, "".join(LADDER.replace("steps", f"n{n}") for n in range(21)), "ladders: 21 of them, at most 20", ""),
    ],
)
def test_a_ladder_that_means_nothing_is_refused(before: str, after: str, message: str, hint: str) -> None:
    given = "ladders.steps = 3\n" + GOOD if after == "ladders.steps = 3\n" else GOOD + LADDER.replace(before, after)
    error = refused(given)
    assert message in error.message
    assert hint in error.hint


def test_a_restriction_leaves_out_a_ladder_that_lost_an_arm_or_its_benchmark() -> None:
    suite = suites.parse(GOOD + LADDER, source="s")
    assert suites.restrict(suite, environments=["b", "c"]).ladders == suite.ladders
    assert suites.restrict(suite, environments=["c"]).ladders == ()
    assert suites.restrict(suite, benchmarks=["cpu"]).ladders == ()


def test_a_restriction_to_what_the_suite_has_not_is_refused() -> None:
    suite = suites.parse(GOOD, source="s")
    for narrow, hint in (({"environments": ["bb"]}, "'b'"), ({"benchmarks": ["cpu.hsah"]}, "'cpu.hash'")):
        with pytest.raises(SuiteError) as caught:
            suites.restrict(suite, **narrow)
        assert hint in caught.value.hint
    for wrong in ({"blocks": 0}, {"blocks": -1}, {"blocks": 10**9}, {"seed": -1}, {"seed": 2**63}):
        with pytest.raises(SuiteError):
            suites.restrict(suite, **wrong)


def test_the_records_name_every_arm_and_hold_plain_values() -> None:
    suite = suites.parse(GOOD, source="s")
    arms = suites.environment_records(suite)
    assert [arm.name for arm in arms] == ["a", "b", "c", "control"]
    assert arms[3].settings == arms[0].settings
    record = suites.benchmark_records(suite)[1]
    assert (record.name, record.kind, record.settings["size"]) == ("disk.small", "disk.randread", 2**20)
    json.dumps([arm.settings for arm in arms])


def test_the_schema_holds_every_kind_and_refuses_unknown_keys() -> None:
    schema = suite_schema()
    by_itself = [kind for kind in benchmarks.KINDS if kind != "command"]
    entries = schema["properties"]["benchmarks"]["items"]["anyOf"]
    assert entries[0]["enum"] == [*by_itself, *suites.families(benchmarks.KINDS)]
    (of_the_user,) = [part for part in schema["$defs"].values() if "argv" in part["properties"]]
    assert of_the_user["required"] == ["kind", "name", "argv"]
    named = {part["properties"].get("kind", {}).get("const") for part in schema["$defs"].values()}
    assert {*environments.KINDS, *benchmarks.KINDS} <= named
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values())
    json.dumps(schema)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
@settings(deadline=None)
def test_no_text_raises_anything_but_a_suite_error(text: str) -> None:
    with pytest.raises(SuiteError):
        suites.parse(text, source="s.toml")


@given(st.integers(0, len(GOOD) - 1), st.sampled_from(['"', "[", "=", "\0", "9", "\n", ".", "é", "{}", "inf"]))
@settings(deadline=None)
def test_no_damage_to_a_good_suite_raises_anything_but_a_suite_error(at: int, what: str) -> None:
    try:
        suites.parse(GOOD[:at] + what + GOOD[at + 1 :], source="s.toml")
    except SuiteError as error:
        assert "\n" not in error.message
