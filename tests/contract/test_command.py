"""A user's command with its folder in every environment that runs here: same files, same words, same failures."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.commands import command
from vbench.contracts import Session, Start
from vbench.errors import TrialFailed

SCRIPT = '#!/bin/sh\necho "$1" >> "runs file" && cat inner/link && echo && echo "x=$(wc -l < "runs file")"\n'
ASLEEP_S = f"4{os.getpid()}"  # no other test on this machine sleeps as long
SLEEPING = f"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep [{ASLEEP_S[0]}]{ASLEEP_S[1:]} '"
COUNT = {"folder": "mine", "regex": r"^x=(\d+)$", "unit": "1", "better": "lower", "runs": 2}


@pytest.fixture
def start(session: Session, tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "mine" / "inner").mkdir(parents=True)
    (tmp_path / "mine" / "go").write_text(SCRIPT)
    (tmp_path / "mine" / "go").chmod(0o755)
    (tmp_path / "mine" / "words").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "mine" / "inner" / "link").symlink_to("../words")
    unused = cast(Any, None)
    with ExitStack() as stack:
        yield Start(session, unused, 77, 0.05, 0.0, None, lambda name, data: None, stack, suite_folder=tmp_path)
    left = session.run(["ls", "-A", str(session.workplace.scratch)], timeout_s=60).check().text.split()
    assert [name for name in left if name.startswith("command-")] == []


def test_it_runs_in_its_folder(start: Start) -> None:
    counted = command("./go", "two  words", **COUNT)
    counted.prepare(start)
    measured = counted.measure(start)
    assert measured.samples == {"value": (1.0, 2.0)}
    assert measured.padding_seen_b == 77


def test_slices_of_two_trials_alternate_and_are_timed_by_the_clock_there(start: Start) -> None:
    """Two trials of one start, in the place of two arms: each run adds its letter, and leaves a process behind."""
    scratch = start.session.workplace.scratch
    order = scratch / "order"
    with ExitStack() as exits:
        trials = []
        for letter in "ab":
            entry = command("sh", "-c", f"printf {letter} >> {order}; setsid sleep {ASLEEP_S} &", runs=2)
            trials.append(exits.enter_context(entry.sliced(replace(start, rounds=2))))
        for number in (0, 1, 1, 0):
            trials[number].take()
        for trial in trials:
            measured = trial.measured()
            assert len(measured.samples["time"]) == 2
            assert min(measured.samples["time"]) > 0
            assert (measured.clock, measured.padding_seen_b) == ("CLOCK_MONOTONIC_RAW", 77)
    working = f"ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -c '{scratch.name}/command-'"
    looking = f"cat {order}; rm {order}; echo; {working}; {SLEEPING}"
    assert start.session.run(["sh", "-c", looking], timeout_s=60).text == "abba\n0\n0\n"


def test_its_failures_are_told_apart(start: Start) -> None:
    for bad, message in (
        (command("sh", "-c", "echo away >&2; exit 9"), "sh ended with status 9: away"),
        (command("./nothere"), "./nothere, or the interpreter that it names, was not found"),
        (command("sleep", ASLEEP_S, timeout="200 ms"), "sleep did not end within 0.2 s and was killed"),
    ):
        with pytest.raises(TrialFailed) as caught:
            bad.measure(start)
        assert caught.value.message.startswith(message)
    assert start.session.run(["sh", "-c", SLEEPING], timeout_s=60).text == "0\n"
