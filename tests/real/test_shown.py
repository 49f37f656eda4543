"""What the pages on exports and on Python show is done here, line by line, on a run of the fake environment."""

import re
import sys
from pathlib import Path

import pytest

from vbench import store
from vbench.frames import checking, parquet
from vbench.host import lock, proc
from vbench.model import State

DOCS = Path(__file__).parents[2] / "docs" / "use"
BIN = Path(sys.executable).parent
LIMIT_S = 120.0
SUITE = """
name = "shown"
benchmarks = ["cpu.hash", "disk.randread", "disk.seqwrite", "start.ready"]
[method]
baseline = "bare"
blocks = 6
trial = "1 ms"
warmup = "1 ms"
budget = "10 min"
gates = "record"
[testbed]
scratch = "."
[environments.bare]
kind = "fake"
noise = 0.01
[environments.runc]
kind = "fake"
slowdown = 1.25
noise = 0.01
[environments.tcg]
kind = "fake"
slowdown = 9.0
noise = 0.01
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


COMMANDS = [line for text in blocks("export.md", "sh") for line in text.splitlines()]
SCRIPTS = blocks("api.md", "python")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose results/ a run is named RUN."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "shown.toml").write_text(SUITE.replace('scratch = "."', f'scratch = "{folder}"'))
    done = shown(folder, ["vbench", "run", "shown.toml", "--quiet"])
    (folder / done.strip()).rename(folder / "results" / "RUN")
    return folder


def shown(folder: Path, argv: list[str]) -> str:
    env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(folder), lock.VARIABLE: str(folder / "lock")}
    return proc.run(argv, timeout_s=LIMIT_S, env=env, cwd=folder).check().text


def test_a_run_ends_with_tables_that_are_its_journal_s(place: Path) -> None:
    folder = place / "results" / "RUN"
    found = checking.check(folder)
    assert (found.problems, found.notes) == ((), ())
    assert found.manifest.state is State.COMPLETE
    assert set(parquet.NAMES) <= set(found.manifest.checksums)
    assert all((folder / name).stat().st_mode & 0o222 == 0 for name in parquet.NAMES)
    assert store.load(folder).warnings == ()


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_on_the_page_of_exports_works(place: Path, line: str) -> None:
    command = line.partition("  #")[0]
    assert shown(place, ["sh", "-ec", command.replace("python ", f"{sys.executable} ")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda text: text.strip().splitlines()[-1])
def test_every_example_in_python_works(place: Path, script: str) -> None:
    assert shown(place, [sys.executable, "-c", script]).strip()


def test_nothing_is_left_but_what_was_asked_for(place: Path) -> None:
    asked = {"samples.csv", "blocks.csv", "costs.csv", "tables", "pyperf", "vbench.prom"}
    assert {path.name for path in place.iterdir()} <= asked | {"shown.toml", "lock", "results"}


def test_there_is_something_to_do() -> None:
    assert len(COMMANDS) >= 10
    assert len(SCRIPTS) >= 4
