"""`import vbench` costs nothing, opens every run there is, and fails in words."""

import os
import re
import sys
from importlib import resources
from pathlib import Path

import pytest

import vbench
from tests.unit.folders import stored, writable
from tests.unit.runs import make_run
from vbench.frames.columns import TABLES
from vbench.host import proc
from vbench.model import State

PAGE = Path(__file__).parents[2] / "docs" / "use" / "api.md"
HEAVY = {"numpy", "pandas", "duckdb", "msgspec", "plotly", "rich", "click", "pyperf"}


def loaded_by(code: str) -> set[str]:
    """First names of the modules that an interpreter has after `code`."""
    say = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    return set(proc.run([sys.executable, "-c", f"{code}\n{say}"], timeout_s=60).check().text.split())


def test_importing_vbench_loads_nothing_heavy() -> None:
    assert loaded_by("import vbench; vbench.__version__; dir(vbench)") & HEAVY == set()
    assert loaded_by("import vbench; vbench.errors.RunFolderError") & HEAVY == set()


def test_opening_a_run_loads_no_frames_before_they_are_asked_for(tmp_path: Path) -> None:
    folder = stored(tmp_path, make_run(blocks=1))
    code = f"import vbench; run = vbench.load({str(folder)!r}); run.manifest"
    assert loaded_by(code) & {"numpy", "pandas", "duckdb"} == set()
    assert {"numpy", "pandas"} <= loaded_by(f"{code}; run.samples")
    assert "duckdb" not in loaded_by(f"{code}; run.samples, run.blocks, run.costs, run.histograms")


def test_a_run_is_opened_by_path_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = stored(Path("results"), make_run(blocks=1))
    for named in (folder.name, str(folder), folder, folder.absolute()):
        run = vbench.load(named)
        assert isinstance(run, vbench.Run)
        assert run.name == folder.name
        assert run.path.samefile(folder)
    assert repr(run) == f"<vbench.Run {folder.name}, complete: 4 environments, 13 benchmarks>"


@pytest.mark.parametrize("state", [State.COMPLETE, State.PARTIAL, None])
def test_runs_that_did_not_end_are_opened_too(tmp_path: Path, state: State | None) -> None:
    whole = make_run(blocks=2, losses=False)
    run = vbench.load(stored(tmp_path, whole, state=state))
    assert run.manifest.state is (state or State.RUNNING)
    assert run.trials == whole.trials
    assert run.facts == whole.facts
    assert run.host == whole.host
    assert run.readings == run.voids == ()
    assert len(run.samples) == sum(len(v) for t in run.trials for v in t.outcome.samples.values())  # type: ignore[union-attr]
    assert len(run.costs) == 3 * sum(len(record.metrics) for record in run.manifest.benchmarks)
    assert len(run.warnings) == (state is not State.COMPLETE)


def test_frames_are_made_once(tmp_path: Path) -> None:
    run = vbench.load(stored(tmp_path, make_run(blocks=1)))
    assert run.samples is run.samples
    assert run.costs is run.costs


def test_broken_parquet_changes_nothing_but_the_warnings(tmp_path: Path) -> None:
    folder = writable(stored(tmp_path, make_run(blocks=2)))
    before = vbench.load(folder)
    samples, blocks, costs = before.samples, before.blocks, before.costs
    for path in folder.glob("*.parquet"):
        os.truncate(path, 20)
    after = vbench.load(folder)
    assert samples.equals(after.samples) and blocks.equals(after.blocks) and costs.equals(after.costs)
    assert [warning for warning in after.warnings if warning not in before.warnings] == [
        f"'{name}.parquet' was changed after the run" for name in ("blocks", "histograms", "samples")
    ]


def test_what_is_no_run_raises_the_documented_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / ("x" * 300), "nul\0"):
        with pytest.raises(vbench.errors.RunFolderError):
            vbench.load(path)


def test_what_vbench_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        vbench.lod  # type: ignore[attr-defined]  # noqa: B018
    assert {"load", "Run", "errors"} <= set(dir(vbench))


def test_the_package_says_that_it_is_typed() -> None:
    assert resources.files("vbench").joinpath("py.typed").is_file()


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_documented_with_its_dtype_and_unit(table: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {table}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
    assert rows == [(c.name, c.dtype, c.unit or "–", c.about or "–") for c in TABLES[table]]
