"""Whatever a kind's own code raises costs its trials and not the run; what ends a run still does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import FEW, a_suite, execute, of
from tests.unit.odd_kinds import measuring, with_fakes, with_hash
from vbench.benchmarks.cpu import Hash
from vbench.contracts import Missing, Session, Start, Testbed
from vbench.environments.fake import Fake
from vbench.errors import NoSpace, StopFailed, TrialFailed
from vbench.model import Failed, Measured, Run, Skipped
from vbench.runner.catching import caught, guarded
from vbench.text import reason_text

ODD = [KeyError("bins"), IndexError(), RecursionError("too deep"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no")]


def raising(error: BaseException) -> Any:
    def act(start: Start) -> Measured:
        raise error

    return act


def kept(run: Run) -> dict[str, str]:
    return {path.name: path.read_text() for path in (run.path / "raw").iterdir() if path.name.endswith("error.txt")}


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
def test_what_a_benchmark_raises_is_a_failed_trial_and_the_run_goes_on(error: Exception, tmp_path: Path) -> None:
    run = execute(tmp_path, measuring(a_suite(FEW), raising(error)))
    for trial in of(run, benchmark="cpu.hash"):
        assert isinstance(trial.outcome, Failed)
        assert f"a fault of vbench: {type(error).__name__}" in reason_text(trial.outcome.reason)
        assert "in act" in reason_text(trial.outcome.reason)
        assert "report" in trial.outcome.hint
    assert all(isinstance(trial.outcome, Measured) for trial in of(run, benchmark="syscall.getpid"))
    name, text = sorted(kept(run).items())[0]
    assert name == "000-a-cpu.hash-error.txt"
    assert "Traceback" in text
    assert "act" in text


def test_a_benchmark_that_returns_what_no_journal_holds_is_a_failed_trial(tmp_path: Path) -> None:
    odd: list[Any] = [None, Measured({"time": ("x",)}), Measured({"time": (1.0,)}, operations="many")]  # type: ignore[arg-type]
    answers = iter(odd * 100)
    run = execute(tmp_path, measuring(a_suite(FEW), lambda start: next(answers)))
    assert all(isinstance(trial.outcome, Failed) for trial in of(run, benchmark="cpu.hash"))
    assert all(isinstance(trial.outcome, Measured) for trial in of(run, benchmark="syscall.getpid"))


class Asking(Hash, frozen=True, kw_only=True):
    """Cannot say what it lacks."""

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        nothing: Iterator[tuple[Missing, ...]] = iter(())
        return next(nothing)


def test_what_a_missing_tools_question_raises_costs_one_trial(tmp_path: Path) -> None:
    run = execute(tmp_path, with_hash(a_suite(FEW), Asking()))
    assert all("StopIteration" in reason_text(trial.outcome.reason) for trial in of(run, benchmark="cpu.hash"))  # type: ignore[union-attr]
    assert all(isinstance(trial.outcome, Measured) for trial in of(run, benchmark="syscall.getpid"))


def test_what_a_benchmark_leaves_badly_costs_nothing_that_was_measured(tmp_path: Path) -> None:
    @contextmanager
    def resource() -> Iterator[None]:
        yield
        raise ValueError("it would not close")

    def act(start: Start) -> Measured:
        start.shared("resource", resource)
        return Measured({"time": (1e-6,)})

    run = execute(tmp_path, measuring(a_suite(FEW), act))
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials)
    assert "it would not close" in "".join(kept(run).values())


class Unstartable(Fake, frozen=True, kw_only=True):
    """The slower one does not start."""

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        if self.slowdown > 1:
            raise AttributeError("no such thing")
        with super().start(host, testbed) as session:
            yield session


class Unstoppable(Fake, frozen=True, kw_only=True):
    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        with super().start(host, testbed) as session:
            yield session
        raise KeyError("pid")


def test_what_a_start_raises_skips_its_trials_and_the_run_goes_on(tmp_path: Path) -> None:
    run = execute(tmp_path, with_fakes(a_suite(FEW), Unstartable))
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials if trial.environment == "a")
    lost = [trial for trial in run.trials if trial.environment == "b"]
    assert {type(trial.outcome) for trial in lost} == {Failed, Skipped}
    assert all("AttributeError: no such thing" in reason_text(trial.outcome.reason) for trial in lost)  # type: ignore[union-attr]
    assert "000-b-error.txt" in kept(run)


def test_what_a_stop_raises_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(StopFailed, match="not stopped in order: a fault of vbench: KeyError"):
        execute(tmp_path, with_fakes(a_suite(FEW), Unstoppable))


@pytest.mark.parametrize("error", [StopFailed("it runs still"), NoSpace("full")], ids=["stop", "space"])
def test_what_must_end_a_run_ends_it(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)):
        execute(tmp_path, measuring(a_suite(FEW), raising(error)))


def test_an_interrupt_is_no_fault_and_leaves_no_trial(tmp_path: Path) -> None:
    run = execute(tmp_path, measuring(a_suite(FEW), raising(KeyboardInterrupt())))
    assert of(run, benchmark="cpu.hash") == []
    assert kept(run) == {}


def test_an_expected_failure_passes_as_it_is() -> None:
    files: dict[str, bytes] = {}
    with pytest.raises(TrialFailed, match="no number"), caught(StopFailed, files.__setitem__):
        raise TrialFailed("no number")
    assert files == {}


def test_an_error_of_what_goes_on_between_start_and_stop_is_not_that_of_either() -> None:
    @contextmanager
    def fine() -> Iterator[int]:
        yield 1

    files: dict[str, bytes] = {}
    with pytest.raises(ZeroDivisionError), guarded(fine(), files.__setitem__) as one:
        raise ZeroDivisionError(one)
    assert files == {}
