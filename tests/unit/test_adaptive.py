"""An adaptive run ends on the width of what it declared, says what is still open, and never looks between the looks."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.unit.test_runner import FEW, Told, a_testbed
from tests.unit.test_store import a_manifest
from vbench import adaptive, store
from vbench import plan as plans
from vbench import suite as suites
from vbench.model import Look, Manifest, Measured, Trial, Void
from vbench.proc import LocalSession
from vbench.runner import Runner
from vbench.suite import Suite

RULE = 'n_min = 10\nlook_every = 2\nn_max = 14\nconfirmatory = ["b cpu.hash"]'


def a_suite(rule: str = RULE, noise: float = 0.0) -> Suite:
    text = FEW.replace("blocks = 6", rule).replace("slowdown = 1.25", f"slowdown = 1.25\nnoise = {noise}")
    return suites.parse(text, source="adaptive.toml")


def manifest_of(suite: Suite) -> Manifest:
    plan = plans.make(suite)
    return a_manifest(
        suite=suite.name,
        plan=plan,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(plan.blocks) - 1,
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
        delta=float(suite.method.delta),
        confirmatory=suites.confirmatory(suite),
    )


def trials(blocks: int, spread: float) -> list[Trial]:
    """Both arms of cpu.hash, `b` about 5 % slower, its blocks apart by about `spread`."""
    found = []
    for block in range(1, blocks + 1):
        for arm in ("a", "b", "control"):
            factor = 1.05 * math.exp(spread * math.sin(9.7 * block)) if arm == "b" else 1 + 1e-4 * math.sin(3.1 * block)
            found.append(
                Trial(
                    block=block,
                    position=0,
                    environment=arm,
                    benchmark="cpu.hash",
                    order=0,
                    outcome=Measured({"time": (1e-6 * factor,)}),
                    started_s=0.0,
                    wall_s=0.1,
                )
            )
    return found


def look(blocks: int, spread: float, voids: tuple[Void, ...] = ()) -> Look:
    suite = a_suite()
    looking = adaptive.looking(suite, manifest_of(suite))
    assert looking is not None
    return looking(trials(blocks, spread), voids)


def test_a_suite_with_a_fixed_number_of_blocks_is_never_looked_at() -> None:
    suite = a_suite("blocks = 3")
    assert adaptive.looking(suite, manifest_of(suite)) is None


@pytest.mark.parametrize("blocks", [1, 5, 9, 11, 13])
def test_between_the_looks_nothing_is_decided(blocks: int) -> None:
    assert look(blocks, 0.0001) == Look(blocks)


def test_it_ends_when_what_was_declared_is_narrow() -> None:
    found = look(10, 0.002)
    assert found.stop
    assert found.words == "after 10 blocks: every confirmatory interval is narrow enough"


def test_an_open_width_is_told_beside_the_wanted_one() -> None:
    found = look(10, 0.05)
    assert not found.stop
    assert found.words.startswith("after 10 blocks: still too wide: b cpu.hash time ±")
    assert "(wanted ±1.0%" in found.words


def test_at_the_last_look_it_ends_and_says_what_would_decide() -> None:
    found = look(14, 0.2)
    assert found.stop
    assert "n_max is reached" in found.words
    assert "blocks would decide" in found.words


def test_a_voided_block_gives_no_width() -> None:
    voids = tuple(Void(block, 0, ("b: foreign",)) for block in range(1, 11))
    found = look(10, 0.0001, voids)
    assert not found.stop
    assert "(no interval)" in found.words


Looking = Callable[[Sequence[Trial], Sequence[Void]], Look]


def stops_after(last: int) -> Looking:
    return lambda trials, voids: Look(trials[-1].block, trials[-1].block == last)


@pytest.mark.parametrize(
    ("look", "blocks"),
    [
        (None, {10, 12}),  # a little noise is a few equal values, of which ten may give no interval yet
        (stops_after(7), {7}),
        (stops_after(99), {14}),
    ],
    ids=["narrow", "stopped", "never stopped"],
)
def test_a_run_ends_where_its_look_says(tmp_path: Path, look: Looking | None, blocks: set[int]) -> None:
    suite = a_suite(noise=0.0005)
    manifest, told = manifest_of(suite), Told()
    with (
        a_testbed(LocalSession(), tmp_path) as testbed,
        store.create(tmp_path / "results", manifest) as writer,
    ):
        chosen = look or adaptive.looking(suite, manifest)
        Runner(suite, manifest.plan, LocalSession(), testbed, writer, told, chosen).run()
    assert max(trial.block for trial in told.trials) in blocks
