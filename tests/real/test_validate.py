"""A whole validation with tiny trials, however noisy the host: it ends, saves its runs and verdicts and prints them."""

import json
import os
from pathlib import Path

import pytest

from tests.support.giving_up import give_up
from vbench import image, store
from vbench.cli import validate as cli
from vbench.model import State
from vbench.validation import Effort, Validation, validate

# Two blocks are the fewest that give a figure. A gate that voids would repeat them on a busy host.
TINY = Effort(
    seconds=1.0, least_blocks=2, shrink=0.05, gates="record", only=("quota", "delay", "control", "dose", "same")
)


@pytest.fixture(scope="module")
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Validation, Path]:
    if os.geteuid() != 0 or image.find() is None:
        give_up(request.config, "bare", why="no root rights, or no image: run `vbench image build`")
    results = tmp_path_factory.mktemp("results")
    return validate(TINY, results=results, follower=cli.Following(True)), results


def test_every_check_has_a_verdict(done: tuple[Validation, Path]) -> None:
    found, _ = done
    checks = [row.check for row in found.rows]
    assert len(checks) == len(set(checks)) == 7
    assert all(row.figure or row.why for row in found.rows)
    possible = [row for row in found.rows if row.state != "not possible here"]
    assert {row.check for row in possible} >= {"slope", "intercept", "false positives"}


def test_every_part_is_saved_as_a_run(done: tuple[Validation, Path]) -> None:
    found, results = done
    for name in found.runs:
        run = store.load(results / name)
        assert run.manifest.state is State.COMPLETE
        assert run.manifest.tags == {"validation": found.validation_id}
        assert run.warnings == ()
    assert {row.run for row in found.rows if row.state != "not possible here"} == set(found.runs)


def test_the_driver_executed_the_dose_that_each_arm_was_given(done: tuple[Validation, Path]) -> None:
    found, results = done
    run = store.load(results / next(name for name in found.runs if "dose" in name))
    notes = {t.environment: " ".join(t.outcome.notes) for t in run.trials if hasattr(t.outcome, "notes")}
    assert "10.0% of extra work" in notes["dose-10"]
    assert "0.0% of extra work" in notes["dose-0"]
    assert "extra work" not in notes["bare"]


def test_the_verdicts_are_printed_and_kept(done: tuple[Validation, Path], capsys: pytest.CaptureFixture[str]) -> None:
    found, results = done
    with pytest.raises(SystemExit) as ended:
        cli.conclude(found, results, "text", None)
    failed = [row for row in found.rows if row.state == "does not hold"]
    assert ended.value.code == (1 if failed else 0)
    printed = capsys.readouterr().out
    assert all(row.check in printed for row in found.rows)
    with pytest.raises(SystemExit):
        cli.conclude(found, results, "json", None)
    document = json.loads(capsys.readouterr().out)
    assert document["runs"] == list(found.runs)
    assert document == json.loads((results / found.validation_id / "validation.json").read_text())
    assert document["sentence"]
