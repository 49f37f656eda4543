"""A user's command run for real on this machine: what it measures, and how each way to give no number is said."""

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.unit.commands import EVERYWHERE, NUMBER, RATE, command, failure, measure, shell
from tests.unit.sleepers import SLEEP, sleepers
from vbench import units
from vbench.benchmarks.command import Command
from vbench.benchmarks.command_replies import Reply, operations
from vbench.contracts import Start
from vbench.guest import picking
from vbench.units import UNITS, base_unit


def test_a_number_that_its_base_unit_cannot_hold_is_refused_with_what_was_printed(start: Start) -> None:
    error = failure(shell("echo x=1e308", regex="x=(.*)", unit="h", better="lower"), start)
    assert error.message == "it printed 1e+308 h, which no number holds in s"


def test_a_command_that_kills_what_times_it_fails_with_words_for_both(start: Start) -> None:
    assert failure(shell("kill -9 $PPID"), start).message.startswith("what times the command was killed by signal 9")


@pytest.mark.parametrize(("spent_s", "counted"), [(1.0, 5), (0.95, 5), (0.94, None)])
def test_what_lies_between_short_runs_is_no_operation(spent_s: float, counted: int | None) -> None:
    reply = Reply((0.5, 0.25), None, 3, spent_s, span_s=1.0, clock="", padding=0, printed_b=0)
    assert operations(reply) == counted


@EVERYWHERE
def test_it_is_told_when_the_first_run_begins_and_when_the_last_has_ended(start: Start) -> None:
    heard: list[str] = []
    start.begin, start.end = lambda: heard.append("begun"), lambda: heard.append("ended")
    measure(shell("echo vbench: begun; echo vbench: ended", runs=3), start)
    assert heard == ["begun", "ended"]


# --- what it measures -------------------------------------------------------------------------------------------


@EVERYWHERE
def test_the_time_of_each_run_is_a_sample(start: Start) -> None:
    # On a busy machine one run can take longer than the trial of the fixture, and would be the only one.
    measured = measure(command("true"), replace(start, trial_s=1.0))
    walls = measured.samples["time"]
    assert len(walls) > 1
    assert all(0 < wall < 10 for wall in walls)
    assert measured.clock == "CLOCK_MONOTONIC_RAW"
    assert measured.padding_seen_b == 321
    assert measured.operations is None or measured.operations > len(walls)


def test_a_command_that_outlasts_the_trial_runs_once(start: Start) -> None:
    (wall,) = measure(command("sleep", "0.1"), start).samples["time"]
    assert wall >= 0.1


def test_the_number_of_runs_can_be_fixed(start: Start) -> None:
    assert len(measure(command("true", runs=3), start).samples["time"]) == 3


def test_without_warm_up_the_first_run_counts(start: Start) -> None:
    start.warmup_s = 0
    counting = shell("echo >> n; echo x=$(wc -l < n)", runs=2, **NUMBER)
    assert measure(counting, start).samples["value"] == (1.0, 2.0)


def test_it_sees_the_padding_of_its_start(start: Start) -> None:
    assert measure(shell("echo x=${#VBENCH_PADDING}", **NUMBER), start).samples["value"][0] == 321


def test_a_number_is_picked_by_regex_and_turned_into_base_units(start: Start) -> None:
    picked = shell("echo one; echo 'rate: 12.5 MB/s'", regex=r"^rate: ([\d.]+)", metric="rate", **RATE)
    (metric,) = picked.metrics
    assert (metric.name, metric.unit, metric.better) == ("rate", "B/s", "higher")
    assert set(measure(picked, start).samples["rate"]) == {12.5e6}


def test_a_number_is_picked_by_a_json_pointer(start: Start) -> None:
    json = '{"a/b": [{"~": 1}, {"ms": 2.5e1}]}'
    picked = command("printf", "%s", json, pointer="/a~1b/1/ms", unit="ms", better="lower")
    assert measure(picked, start).samples["value"][0] == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f'{{"b": {"7" * 5000}, "a": 3}}', 3.0),
        ('{"a": 9007199254740993}', float(9007199254740993)),
        (f'{{"a": 0.{"1" * 5000}}}', 1 / 9),
    ],
)
def test_json_has_integers_of_any_length(text: str, value: float) -> None:
    assert picking.by_pointer(text, "/a") == value
    assert isinstance(picking.by_pointer(text, "/a"), float)


def test_a_number_that_may_be_zero_or_negative_is_a_difference(start: Start) -> None:
    picked = shell("echo x=-3", scale="difference", margin=2.0, regex="x=(.*)", unit="ms", better="lower")
    assert picked.metrics[0].margin == pytest.approx(0.002)
    assert measure(picked, start).samples["value"][0] == pytest.approx(-0.003)


def test_the_class_measures_time_and_each_entry_its_own() -> None:
    assert [metric.name for metric in Command.metrics] == ["time"]
    assert [metric.name for metric in command("true", metric="duration").metrics] == ["duration"]
    assert [metric.name for metric in command("true", metric="rate", regex="(.)", **RATE).metrics] == ["rate"]


def test_what_it_prints_is_kept_as_it_came(start: Start, tmp_path: Path) -> None:
    measure(command("printf", r"\377\000bin\n"), start)
    assert (tmp_path / "raw" / "stdout.txt").read_bytes() == b"\xff\0bin\n"
    assert not (tmp_path / "raw" / "stderr.txt").exists()


def test_megabytes_are_bounded_and_the_ends_are_looked_at(start: Start, tmp_path: Path) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' y; echo; echo x=7"
    measured = measure(shell(script, runs=1, **NUMBER), start)
    assert measured.samples["value"] == (7.0,)
    assert "a run printed 2.861 MiB" in measured.notes[0]
    kept = (tmp_path / "raw" / "stdout.txt").read_bytes()
    assert len(kept) < 20_000
    assert b"bytes left out]" in kept
    assert kept.endswith(b"x=7\n")


def test_the_plan_counts_what_a_run_is_expected_to_last() -> None:
    assert command("true").expected_s(1.0, 0.5) == pytest.approx(1.7)
    assert command("true", expected="10 s").expected_s(1.0, 0.5) == pytest.approx(20.2)
    assert command("true", expected="10 s", runs=3).expected_s(1.0, 0.5) == pytest.approx(40.2)
    assert command("true", expected="10 s").expected_s(1.0, 0.0) == pytest.approx(10.2)


# --- what gives no number ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (shell("echo 'no such table' >&2; exit 3"), "sh ended with status 3: no such table"),
        (shell("kill -9 $$"), "sh was killed by signal 9"),
        (command("./nothere"), "./nothere, or the interpreter that it names, was not found"),
        (command("/etc/passwd"), "/etc/passwd could not be started: [Errno 13] Permission denied"),
        (command("sleep", "1000", timeout="50 ms"), "sleep did not end within 0.05 s and was killed with all"),
        (command("true", **NUMBER), "it printed nothing to standard output"),
        (shell("echo x=1 >&2", **NUMBER), "it printed nothing to standard output"),
        (command("echo", "y=1", **NUMBER), r"the regex matches nothing in what it printed, which begins 'y=1\n'"),
        (shell("echo x=1; echo x=2", **NUMBER), "the regex matches 2 times, at first 'x=1' and 'x=2'"),
        (shell("yes x=1 | head -500", **NUMBER), "the regex matches 100 times and more"),
        (command("echo", "x", regex="x(y)?", unit="1", better="lower"), "its group is not in the match"),
        *(
            (command("echo", f"x={word}", **NUMBER), f"'{word}' is not a number")
            for word in ("nan", "inf", "-Infinity", "1_000", "1,000", "0x1f", "²", "١٢", "12ms", "")
        ),
        (command("echo", "x=1e999", **NUMBER), "inf is not a finite number"),
        (command("echo", "x=0", **NUMBER), "it printed 0, which has no ratio to another number"),
        (command("echo", "x=-1", **NUMBER), "it printed -1, which has no ratio to another number"),
        (command("echo", "hello", pointer="/a", **RATE), "what it printed is not one JSON document"),
        (command("echo", "1 2", pointer="/a", **RATE), "what it printed is not one JSON document"),
        (command("echo", '{"a": {}}', pointer="/a/b", **RATE), "the pointer '/a/b' leads nowhere: no member 'b'"),
        (command("echo", "[1]", pointer="/-1", **RATE), "leads nowhere: no item '-1'"),
        (command("echo", "[1]", pointer="/9", **RATE), "leads nowhere: no item '9'"),
        *(
            (command("echo", f'{{"a": {word}}}', pointer="/a", **RATE), message)
            for word, message in (
                ('"1"', 'leads to "1", which is not a number'),
                ("true", "leads to true, which is not a number"),
                ("null", "leads to null, which is not a number"),
                ('{"b": 1}', "leads to an object, which is not a number"),
                ("[1]", "leads to an array, which is not a number"),
                ("NaN", "nan is not a finite number"),
                ("-Infinity", "-inf is not a finite number"),
                (f"1{'0' * 400}", "inf is not a finite number"),
                ("1" * 5000, "inf is not a finite number"),
            )
        ),
        (shell("yes '[' | head -200000 | tr -d '\\n'", pointer="/a", **RATE), "cannot be read as JSON: it is nested"),
        (shell("head -c 1100000 /dev/zero", pointer="/a", **RATE), "it printed 1100000 bytes: JSON is read up to"),
    ],
)
def test_each_way_to_give_no_number_is_said(bad: Command, message: str, start: Start) -> None:
    assert message in failure(bad, start).message


def test_a_word_longer_than_the_kernel_takes_is_said(start: Start) -> None:
    assert "could not be started: [Errno 7]" in failure(command("echo", "x" * 200_000), start).message


def test_a_regex_that_never_ends_is_given_up(start: Start) -> None:
    endless = command("echo", "a" * 60 + "b", regex="^((?:a+)+)$", unit="1", better="lower", timeout="300 ms")
    failed = failure(endless, start)
    assert failed.message == "the search for the regex did not end in time"
    assert failed.hint.startswith("repetitions within repetitions do this")


def test_the_last_of_many_numbers_is_found_as_the_documentation_says(start: Start) -> None:
    page = (Path(__file__).parents[2] / "docs" / "use" / "command.md").read_text()
    (begin,) = re.findall(r"take the\s+last, begin with `([^`]+)`", page)
    many = shell(
        "seq -f 'x=%g' 60000; yes | head -c 400000", regex=begin + r"x=(\d+)", unit="1", better="lower", runs=1
    )
    assert measure(many, start).samples["value"] == (60000.0,)


def test_a_hanging_command_dies_with_all_that_it_started(start: Start) -> None:
    failure(shell(f"{SLEEP}1 & setsid {SLEEP}2 & {SLEEP}3; true", timeout="100 ms"), start)
    assert sleepers() == []


def test_what_it_leaves_running_is_killed_after_each_run(start: Start) -> None:
    measure(shell(f"{SLEEP}4 & setsid {SLEEP}5 & true", runs=2), start)
    assert sleepers() == []


def test_what_it_complains_cannot_steer_a_terminal(start: Start, tmp_path: Path) -> None:
    message = failure(command("sh", "-c", r"printf '\033[2J\007\342\200\256evil\n\nmore' >&2; exit 1"), start).message
    assert message == "sh ended with status 1: �[2J��evil more"
    assert (tmp_path / "raw" / "stderr.txt").read_bytes().startswith(b"\x1b[2J")


def test_a_long_complaint_is_cut(start: Start) -> None:
    assert len(failure(shell("yes no | head -100000 >&2; exit 1"), start).message) < 400


def test_signals_that_python_ignores_reach_it(start: Start) -> None:
    measure(shell("trap 'exit 0' PIPE; kill -PIPE $$; exit 1"), start)


# --- its keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"argv": []}, "length >= 1"),
        ({"argv": [""]}, "argv[0]: '' cannot be a word"),
        ({"argv": ["a", "b\0"]}, "argv[1]: 'b\\x00' cannot be a word"),
        ({"argv": ["a"], "timeout": 0}, "timeout: must be above 0"),
        ({"argv": ["a"], "runs": 0}, ">= 1"),
        ({"argv": ["a"], "metric": "No"}, "metric: expected a word"),
        ({"argv": ["a"], "folder_digest": "x"}, "folder_digest: there is no `folder`"),
        ({"argv": ["a"], "regex": "(", **RATE}, "regex: cannot be read"),
        ({"argv": ["a"], "regex": "a", **RATE}, "regex: expected one group, around the number, got 0"),
        ({"argv": ["a"], "regex": "(a)(b)", **RATE}, "got 2; (?:…)"),
        ({"argv": ["a"], "regex": "(a)", "pointer": "/a", **RATE}, "by `regex` or by `pointer`, not by both"),
        ({"argv": ["a"], "pointer": "a", **RATE}, "pointer: expected a JSON pointer"),
        ({"argv": ["a"], "pointer": "/~2", **RATE}, "pointer: expected a JSON pointer"),
        ({"argv": ["a"], "regex": "(a)", "better": "lower"}, "unit: missing"),
        ({"argv": ["a"], "regex": "(a)", "unit": "s"}, "better: missing"),
        ({"argv": ["a"], "regex": "(a)", "unit": "Mb", "better": "lower"}, "unit: expected a unit, one of 1, %, s"),
        ({"argv": ["a"], "regex": "(a)", **RATE, "better": "up"}, "Invalid enum value 'up'"),
        ({"argv": ["a"], "regex": "(a)", **RATE, "margin": 1.0}, "margin: belongs to scale = 'difference'"),
        ({"argv": ["a"], "unit": "s"}, "unit: belongs to a number that `regex` or `pointer` picks"),
        ({"argv": ["a"], "better": "lower"}, "better: belongs to a number"),
    ],
)
def test_keys_that_mean_nothing_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(keys, Command, dec_hook=units.decode)
    assert message in str(caught.value)


def test_every_unit_has_a_base_unit() -> None:
    assert {base_unit(unit)[0] for unit in UNITS} == {"s", "B", "B/s", "1/s", "1"}
    assert base_unit("Gbit/s") == ("B/s", 125e6)
    assert base_unit("µs") == base_unit("us") == ("s", 1e-6)


def test_without_a_folder_it_starts_in_an_empty_one(start: Start) -> None:
    measure(shell('test -z "$(ls -A)"'), start)
