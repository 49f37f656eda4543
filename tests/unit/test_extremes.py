"""Extreme finite numbers in a run folder break nothing that reads it, and become no number that JSON cannot hold."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

import vbench as api
from tests.unit.folders import stored, with_counts
from tests.unit.runs import gated, make_run
from vbench import compare, cost, exports, report, store
from vbench.cli.table import draw
from vbench.compare import tables
from vbench.errors import RunFolderError
from vbench.frames import checking
from vbench.frames.columns import TABLES
from vbench.model import Fact, Measured, Run, Trial
from vbench.report.view import view_of
from vbench.serving.runs import summary

LEAST, MOST = 5e-324, sys.float_info.max
FLOATS = (LEAST, 1e308, -MOST)
Edit = Callable[[Run], Run]


def a_run() -> Run:
    return gated(with_counts(make_run(blocks=2, seed=3)))


def trials(change: Callable[[Trial], Trial]) -> Edit:
    """In every third trial: what is extreme stands beside what is not."""
    return lambda run: replace(run, trials=tuple(t if at % 3 else change(t) for at, t in enumerate(run.trials)))


def trial(**values: float) -> Edit:
    return trials(lambda found: replace(found, **values))


def measured(name: str, value: object) -> Edit:
    def change(found: Trial) -> Trial:
        is_number = isinstance(found.outcome, Measured)
        return replace(found, outcome=replace(found.outcome, **{name: value})) if is_number else found

    return trials(change)


def samples(value: float) -> Edit:
    def change(found: Trial) -> Trial:
        if not isinstance(found.outcome, Measured):
            return found
        each = {name: (value,) * len(values) for name, values in found.outcome.samples.items()}
        return replace(found, outcome=replace(found.outcome, samples=each))

    return trials(change)


def readings(**values: float) -> Edit:
    return lambda run: replace(run, readings=tuple(replace(found, **values) for found in run.readings))


def manifest(name: str, value: object) -> Edit:
    return lambda run: replace(run, manifest=replace(run.manifest, **{name: value}))


def facts(value: float) -> Edit:
    return lambda run: replace(
        run, facts={arm: {key: Fact(value, "x") for key in known} for arm, known in run.facts.items()}
    )


_TRIAL = ("started_s", "wall_s", "host_cpu_s", "operations_cpu_s", "clock_error_s", "clock_bound_s", "clock_limit_ppm")
_READING = ("wall_s", "busy_s", "ours_s", "steal_s", "run_delay_s", "queued_s", "clock_error_s", "clock_bound_s")
EDITS: dict[str, Edit] = {
    **{f"samples {value:g}": samples(value) for value in FLOATS},
    **{f"trial {value:g}": trial(**dict.fromkeys(_TRIAL, value)) for value in FLOATS},
    "start 1e+308": trial(started_s=1e308),
    "readings of no time": readings(**dict.fromkeys(_READING, 1e308) | {"wall_s": LEAST}),
    "readings of normal time": readings(**dict.fromkeys(_READING, 1e308) | {"wall_s": 8.0}),
    **{f"facts {value:g}": facts(value) for value in (1e308, 2**63)},
    **{f"trial {name}": trial(**{name: 2**63}) for name in ("block", "attempt")},
    **{f"loops {value}": measured("loops", value) for value in (-1, 2**63)},
    **{f"counts {value}": measured("counts", {"latency": {value: 3, 5: value}}) for value in (0, -1, 2**63)},
    **{f"manifest {name}": manifest(name, 2**63) for name in ("blocks", "seed")},
    "delta": manifest("delta", LEAST),
}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = a_run()
    return store.load(stored(tmp_path_factory.mktemp("others"), manifest("run_id", "other")(run), state=None))


@pytest.mark.parametrize("name", EDITS)
def test_every_reader_takes_an_extreme_number_or_refuses_it(name: str, tmp_path: Path, others: Run) -> None:
    folder = stored(tmp_path, EDITS[name](a_run()), state=None)
    assert summary(folder).name == folder.name
    try:
        run = store.load(folder)
    except RunFolderError as error:
        assert error.message.isprintable()
        return
    json.dumps(report.json_document(run), allow_nan=False)
    assert "inf" not in report.markdown(run).split()
    draw(view_of(run), Console(file=io.StringIO(), width=100))
    report.explain(run, "cpu.hash", run.manifest.environments[2].name)
    compared = compare.compare([run, others])
    json.dumps(compare.json_document(compared, ()), allow_nan=False)
    tables.text(compared)
    try:
        checking.check(folder)
        loaded = api.load(folder)  # computes each table once
        for table in TABLES:
            exports.write("csv", loaded, tmp_path / table, table=table)
        exports.write("openmetrics", loaded, tmp_path / "metrics")
        (tmp_path / "pyperf").mkdir()
        exports.write("pyperf", loaded, tmp_path / "pyperf")
    except RunFolderError as error:
        assert "no vbench wrote it" in error.message


@pytest.mark.parametrize("name", ["samples 1e+308", "start 1e+308"])
def test_the_page_is_made_whatever_the_numbers_are(tmp_path: Path, name: str) -> None:
    page = report.html(store.load(stored(tmp_path, EDITS[name](a_run()), state=None)))
    assert "Infinity" not in page.partition("<body")[2].partition("<script")[0]


@pytest.mark.parametrize("value", FLOATS)
def test_a_run_of_medians_has_the_same_costs(value: float) -> None:
    run = samples(value)(a_run())
    assert (
        cost.Analysis.of(replace(run, trials=tuple(map(cost.condensed, run.trials)))).costs
        == cost.Analysis.of(run).costs
    )


@pytest.mark.parametrize("arms", [("bare",), ("runc", "tcg"), ("bare", "control", "runc", "tcg")])
def test_a_page_holds_numbers_from_one_end_of_what_a_float_holds_to_the_other(arms: tuple[str, ...]) -> None:
    """Their ratios are beyond it, and so are the ends of an axis around them."""

    def change(found: Trial) -> Trial:
        if not isinstance(found.outcome, Measured) or found.environment not in arms:
            return found
        value = 1e300 if found.block % 2 else 1e-300
        each = {name: (value,) * len(values) for name, values in found.outcome.samples.items()}
        return replace(found, outcome=replace(found.outcome, samples=each))

    run = gated(with_counts(make_run(blocks=10, seed=3)))
    run = replace(run, trials=tuple(map(change, run.trials)))
    assert "<html" in report.html(run)
    assert report.markdown(run)
