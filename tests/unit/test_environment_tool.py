"""How tools/environment installs, with a Python, a pip and a uv that only tell what they were asked for."""

import shutil
from pathlib import Path

import pytest

from vbench.host import proc

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
[ "$1" = -m ] || exit {old}
echo "python $*" >>"{asked}"
mkdir -p "$4/bin"
for name in pip uv; do cp "{tools}/$name" "$4/bin"; done
"""
TOLD = """#!/bin/sh
echo "{name} $*" >>"{asked}"
touch "$TMPDIR/lock"
case "$*" in {fails}) exit 5 ;; esac
"""


def made(folder: Path, *, old: int = 0, fails: str = "nothing") -> tuple[int, list[str]]:
    """Exit code, and what was asked; `old` is the status of a Python that is too old."""
    asked, tools, package = folder / "asked", folder / "bin", folder / "package"
    tools.mkdir()
    asked.touch()
    (package / "tools").mkdir(parents=True)
    script = str(shutil.copy(ROOT / "tools" / "environment", package / "tools"))
    tools.joinpath("python").write_text(PYTHON.format(asked=asked, tools=tools, old=old))
    for name in ("pip", "uv"):
        tools.joinpath(name).write_text(TOLD.format(name=name, asked=asked, fails=fails))
    for path in tools.iterdir():
        path.chmod(0o755)
    done = proc.run(["sh", script, str(tools / "python"), ".venv", "[dev]"], timeout_s=60)
    assert not (package / ".venv" / "tmp").exists()
    return done.status, [words.split()[0] for words in asked.read_text().splitlines()]


def test_pip_brings_uv_and_uv_installs_the_package(tmp_path: Path) -> None:
    assert made(tmp_path) == (0, ["python", "pip", "uv"])
    assert (tmp_path / "asked").read_text().splitlines()[-1].endswith("--editable .[dev]")


@pytest.mark.parametrize(("fails", "asked"), [("*uv", ["pip", "pip"]), ("*--no-cache*", ["pip", "uv", "pip"])])
def test_pip_installs_the_package_where_uv_is_not_to_be_had_or_fails(
    tmp_path: Path, fails: str, asked: list[str]
) -> None:
    assert made(tmp_path, fails=fails) == (0, ["python", *asked])
    assert (tmp_path / "asked").read_text().splitlines()[-1].endswith("--editable .[dev]")


def test_what_pip_cannot_install_ends_with_its_status(tmp_path: Path) -> None:
    assert made(tmp_path, fails="*") == (5, ["python", "pip", "pip"])


def test_a_python_that_is_too_old_makes_nothing(tmp_path: Path) -> None:
    assert made(tmp_path, old=1) == (1, [])
