"""What all starts of an environment share is made once a run, before the first start, and undone after the last."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from tests.unit.fakes import Told
from vbench import suite as suites
from vbench.contracts import Session, Testbed
from vbench.environments.bare import Bare
from vbench.environments.fake import Fake
from vbench.errors import EnvironmentUnavailable
from vbench.host.proc import LocalSession
from vbench.runner import conduct
from vbench.suite import Suite, plan

SUITE = """
name = "prepared"
benchmarks = ["cpu.hash"]
[method]
baseline = "a"
blocks = 2
trial = "1 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[testbed]
scratch = "{scratch}"
[environments.a]
kind = "fake"
[environments.b]
kind = "fake"
"""


class Counting(Fake, frozen=True, kw_only=True):
    """Keeps in order what was asked of it."""

    told: ClassVar[list[str]] = []

    @contextmanager
    def prepared(self, host: Session, testbed: Testbed) -> Iterator[None]:
        self.told.append("prepared")
        yield
        self.told.append("undone")

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        self.told.append("started")
        with super().start(host, testbed) as session:
            yield session


class Unprepared(Fake, frozen=True, kw_only=True):
    """Cannot be prepared."""

    @contextmanager
    def prepared(self, host: Session, testbed: Testbed) -> Iterator[None]:
        raise EnvironmentUnavailable("the daemon takes no image")
        yield


@pytest.fixture(autouse=True)
def told() -> Iterator[list[str]]:
    yield Counting.told
    Counting.told.clear()


def run(tmp_path: Path, text: str = SUITE, **environments: Fake) -> None:
    """A run of the suite with these in the place of its own."""
    (tmp_path / "scratch").mkdir()
    suite: Suite = suites.parse(text.format(scratch=tmp_path / "scratch"), source="prepared.toml")
    arms = {
        name: replace(arm, environment=environments.get(name, arm.environment))
        for name, arm in suite.environments.items()
    }
    suite = replace(suite, environments=arms)
    conduct.conduct(
        suite,
        plan.make(suite),
        image=None,
        results=tmp_path / "results",
        progress=lambda testbed: Told(),
        command=("vbench", "run"),
        tags={},
    )


def test_two_arms_of_equal_settings_are_prepared_once_and_before_every_start(tmp_path: Path, told: list[str]) -> None:
    run(tmp_path, a=Counting(), b=Counting())
    assert told == ["prepared", *["started"] * (3 * 3), "undone"]  # the control is a third arm, and block 0 a third one


def test_other_settings_are_prepared_for_themselves(tmp_path: Path, told: list[str]) -> None:
    run(tmp_path, a=Counting(), b=Counting(slowdown=1.25))
    assert [word for word in told if word != "started"] == ["prepared", "prepared", "undone", "undone"]


def test_a_stacked_environment_is_prepared_on_each_host_that_is_started_for_it(tmp_path: Path, told: list[str]) -> None:
    run(tmp_path, SUITE + 'on = "a"\n', b=Counting())
    assert told == ["prepared", "started", "undone"] * 3


def test_what_cannot_be_prepared_ends_the_run_before_any_start(tmp_path: Path, told: list[str]) -> None:
    with pytest.raises(EnvironmentUnavailable, match="takes no image"):
        run(tmp_path, a=Counting(), b=Unprepared())
    assert told == ["prepared"]


def test_the_hosts_own_compiler_works_once_and_each_start_has_a_copy(host: LocalSession, testbed: Testbed) -> None:
    native = Bare(root="host")
    if lacking := native.missing(host):
        pytest.fail(f"a machine with the tests' own packages has a compiler: {lacking}")
    with native.prepared(host, testbed):
        (compiled,) = map(Path, testbed.prepared.values())
        (compiled / "mark").write_text("once")
        for _ in range(2):
            with native.start(host, testbed) as session:
                own = Path(session.workplace.guest)
                assert (own / "mark").read_text() == "once"
                (own / "kernels.so").unlink()
    assert not compiled.exists()
    assert testbed.prepared == {}
    with native.start(host, testbed) as session:  # which nothing prepared
        assert Path(session.workplace.guest, "kernels.so").exists()
