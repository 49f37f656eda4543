"""The commands of the documentation do what they are shown for: each runs as it is printed, among small runs.

A suite that a command names is one of fakes under that name, and RUN and its like stand for runs of it: behind --resume
for one that ended early. What cannot be run so is in ELSEWHERE, with the reason. The page of exports has its own test,
test_shown.py.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path

import pytest

from vbench.host import proc
from vbench.image import cache

ROOT = Path(__file__).parents[2]
PROSE = sorted([ROOT / "README.md", *{*(ROOT / "docs").rglob("*.md")} - {ROOT / "docs/use/export.md"}])
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = ("vbench ", "python -m ")
PLACEHOLDER = re.compile(r"(?<![\w-])(?:results/)?(?:RUN|quick-…)(?![\w-])")
RESUMED = re.compile(r"--resume (\S+)")
LIMIT_S = 120.0

CUTS = count(1)  # runs that ended early, each with a name of its own

ELSEWHERE = {
    "vbench doctor": "starts every environment that there is: tests/contract does",
    "vbench image build": "builds an image: tests/contract/test_image.py",
    "vbench clean": "acts on the whole machine: tests/real/test_cli.py",
    "vbench validate": "measures for minutes: tests/real/test_validate.py",
    "vbench validate --minutes 10": "measures for minutes",
    "vbench validate --minutes 30": "measures for minutes",
    "vbench validate --part dose": "measures for minutes",
    "vbench validate --json": "measures for minutes",
    "vbench view": "serves until it is stopped: tests/real/test_watching.py",
    "vbench view --port 0 --open": "serves until it is stopped, and opens a browser",
}

SUITE = """
name = "{name}"
about = "Made up."
benchmarks = ["cpu.hash", {{kind = "disk.randread", size = "1 MiB"}}]
[method]
baseline = "bare"
blocks = 3
trial = "1 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[testbed]
scratch = "{scratch}"
[environments.bare]
kind = "fake"
noise = 0.01
[environments.runc]
kind = "fake"
slowdown = 1.2
noise = 0.01
"""


def commands(block: str) -> list[str]:
    """The lines that are commands of ours, continued ones joined, without their comments."""
    lines = re.sub(r"\\\n\s*", " ", block).splitlines()
    return [re.split(r"\s+#", line)[0].strip() for line in lines if line.startswith(COMMANDS)]


def blocks() -> list[tuple[str, list[str]]]:
    found = [(path, commands(block)) for path in PROSE for block in BLOCK.findall(path.read_text())]
    return [(str(path.relative_to(ROOT)), shown) for path, shown in found if shown]


def sh(line: str, folder: Path) -> str:
    """What a shell prints. There is no image: a suite of fakes needs none, and `suite new` starts what needs none."""
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / "cache"),
        cache.SYSTEM: str(folder / "system"),
    }
    done = proc.run(["sh", "-ec", line], timeout_s=LIMIT_S, cwd=folder, env=env)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert done.status == 0, f"{line}: status {done.status}: {done.stderr.decode()}"
    return done.text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Suites of fakes under the names of the real ones, and two runs."""
    made = tmp_path_factory.mktemp("docs")
    (made / "suites").mkdir()
    (made / "scratch").mkdir()
    for suite in (ROOT / "suites").glob("*.toml"):
        (made / "suites" / suite.name).write_text(SUITE.format(name=suite.stem, scratch=made / "scratch"))
    for seed in (1, 2):
        sh(f"vbench run quick --seed {seed}", made)
    return made


@pytest.fixture
def runs(folder: Path) -> Iterator[str]:
    """Paths of the prepared runs, one after another and around again."""
    return cycle(sorted(str(path.relative_to(folder)) for path in (folder / "results").glob("quick-*"))[:2])


def cut(whole: Path, name: str) -> None:
    """A run as --max-time leaves it, under this name: without the last of its blocks."""
    made = shutil.copytree(whole, whole.with_name(name))
    manifest = json.loads((made / "manifest.json").read_text())
    (made / "manifest.json").write_text(json.dumps(manifest | {"state": "partial"}))
    lines = (made / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (made / "journal.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))


def prepared(command: str, folder: Path, runs: Iterator[str]) -> str:
    """The command with runs for its placeholders; what it resumes ended early."""
    resumed = RESUMED.search(command)
    if resumed:
        named = PLACEHOLDER.fullmatch(resumed[1])
        name = f"cut-{next(CUTS)}" if named else resumed[1]
        cut(folder / next(runs), name)
        return command.replace(resumed[1], name)
    return PLACEHOLDER.sub(lambda found: next(runs), command)


@pytest.mark.parametrize(("where", "shown"), blocks())
def test_what_is_shown_runs(where: str, shown: list[str], folder: Path, runs: Iterator[str]) -> None:
    del where
    for command in shown:
        if command not in ELSEWHERE:
            sh(prepared(command, folder, runs), folder)
    assert list((folder / "scratch").iterdir()) == []


def test_what_is_said_to_run_elsewhere_is_still_shown() -> None:
    assert set(ELSEWHERE) <= {command for _, shown in blocks() for command in shown}
    named = re.findall(r"tests/[\w/]+(?:\.py)?", " ".join(ELSEWHERE.values()))
    assert [name for name in named if not (ROOT / name).exists()] == []
