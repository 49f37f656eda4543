"""An adaptive run ends on the width of what it declared, says what is still open, and never looks between the looks."""

import math
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.adaptive_suites import RULE, a_suite
from tests.unit.fakes import FEW, Told, a_testbed, manifest_of
from tests.unit.folders import NOTHING_SECRET
from tests.unit.outcomes import foreign
from vbench import store
from vbench import suite as suites
from vbench.host.local import LocalHost
from vbench.model import Look, Measured, Trial, Void
from vbench.runner import Runner, adaptive
from vbench.runner.adaptive import Looking


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
    return looking(trials(blocks, spread), voids, ())


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
    voids = tuple(Void(block, 0, (foreign("b", 0.1),)) for block in range(1, 11))
    found = look(10, 0.0001, voids)
    assert not found.stop
    assert "b cpu.hash time (no interval: no block is left: each was voided by a gate" in found.words


def test_a_cell_without_an_interval_says_why() -> None:
    equal = [replace(trial, outcome=Measured({"time": (1e-6,)})) for trial in trials(10, 0.0)]
    words = "9 of 10 blocks have the same, and the other lies on one side of it"
    for values, why in (
        (equal, "no spread"),
        ([*equal[:-2], *trials(10, 0.0)[-2:]], f"too many equal values: {words}"),
    ):
        suite = a_suite()
        looking = adaptive.looking(suite, manifest_of(suite))
        assert looking is not None
        found = looking(values, (), ())
        assert not found.stop
        assert f"b cpu.hash time (no interval: {why}" in found.words


def test_a_rough_interval_is_called_so() -> None:
    voids = (Void(3, 0, (foreign("b", 0.1),)),)
    assert "b cpu.hash time ±0.1% (rough, wanted ±1.0%)" in look(10, 0.002, voids).words


def difference(blocks: int, spread_s: float, *, mean_s: float = 0.0, margin: str = "0.1", unit: str = "ms") -> Look:
    """The look at a command of one's own that differs in time by `mean_s`, its blocks apart by about `spread_s`."""
    own = f'argv = ["x"], regex = "(.*)", unit = "{unit}", better = "lower", scale = "difference", margin = {margin}'
    text = FEW.replace("blocks = 6", RULE.replace("b cpu.hash", "b app.wait"))
    text = text.replace('"cpu.hash"', f'{{kind = "command", name = "app.wait", {own}}}')
    suite = suites.parse(text, source="adaptive.toml")
    looking = adaptive.looking(suite, manifest_of(suite))
    assert looking is not None
    found = []
    for trial in trials(blocks, 0.0):
        own_s = mean_s + spread_s * math.sin(9.7 * trial.block) if trial.environment == "b" else 0.0
        found.append(replace(trial, benchmark="app.wait", outcome=Measured({"value": (own_s,)})))
    return looking(found, (), ())


def test_a_difference_is_narrow_enough_by_its_own_margin_and_not_by_delta() -> None:
    wide = difference(10, 0.001)
    assert not wide.stop
    assert re.search(r": b app\.wait value ±\d{3} µs \(wanted ±50\.0 µs\)", wide.words)
    assert difference(10, 0.00001).words == "after 10 blocks: every confirmatory interval is narrow enough"


def test_a_large_difference_is_narrow_enough_at_a_tenth_of_itself() -> None:
    assert difference(10, 0.001, mean_s=0.02).stop
    assert re.search(r"\(wanted ±50\d µs\)", difference(10, 0.001, mean_s=0.005).words)


def test_a_difference_far_above_one_in_its_unit_is_not_kept_open_by_delta() -> None:
    assert difference(10, 3.0, margin="20", unit="s").stop
    assert "±10.0 s" in difference(14, 100.0, margin="20", unit="s").words


def stops_after(last: int) -> Looking:
    return lambda trials, voids, looks: Look(trials[-1].block, trials[-1].block == last)


@pytest.mark.parametrize(
    ("look", "blocks"),
    [
        (None, {10, 12}),
        (stops_after(7), {7}),
        (stops_after(99), {14}),
    ],
    ids=["narrow", "stopped", "never stopped"],
)
def test_a_run_ends_where_its_look_says(tmp_path: Path, look: Looking | None, blocks: set[int]) -> None:
    suite = a_suite(noise=0.002)
    manifest, told = manifest_of(suite), Told()
    with (
        a_testbed(LocalHost(), tmp_path) as testbed,
        store.create(tmp_path / "results", manifest, clean=NOTHING_SECRET) as writer,
    ):
        chosen = look or adaptive.looking(suite, manifest)
        Runner(suite, manifest.plan, testbed, writer, told, chosen).run()
    assert max(trial.block for trial in told.trials) in blocks
