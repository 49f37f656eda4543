"""What `make demo` does after the set-up, with a vbench that only tells what it was asked for."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbench.host import proc

ROOT = Path(__file__).parents[2]
VBENCH = """#!/bin/sh
echo "$*" >>"{asked}"
case $1 in
    image) exit {image} ;;
    run) echo results/demo-1; exit {status} ;;
    report) case $* in *findings*) echo "runc: start 4.0x" ;; esac ;;
esac
"""


def demo(folder: Path, *, status: int = 0, image: int = 0, user: int | None = None) -> tuple[int, str, list[str]]:
    """Exit code, output and what was asked of vbench; `user` has no sudo."""
    asked, vbench, tools = folder / "asked", folder / "vbench", folder / "bin"
    script = str(shutil.copy(ROOT / "tools" / "demo", folder))
    tools.mkdir()
    asked.touch()
    vbench.write_text(VBENCH.format(asked=asked, status=status, image=image))
    for path, mode in ((folder, 0o755), (asked, 0o666), (vbench, 0o755)):
        path.chmod(mode)
    tools.joinpath("id").symlink_to("/usr/bin/id")
    words = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    shell = ["env", f"PATH={tools}", "/bin/sh", script, str(vbench)]
    done = proc.run([*words, *shell], timeout_s=60)
    return done.status, done.text + done.stderr.decode(), asked.read_text().splitlines()


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="vbench-demo-") as path:
        yield Path(path)


def test_the_demo_measures_and_prints_its_findings_and_the_page(folder: Path) -> None:
    status, said, asked = demo(folder)
    assert status == 0
    assert "runc: start 4.0x" in said
    assert said.rstrip().endswith("reports/demo.html")
    assert [words.split()[0] for words in asked] == ["image", "run", "report", "report"]


@pytest.mark.parametrize("failure", [2, 4, 70, 130])
def test_a_run_that_gave_nothing_ends_the_demo_with_its_code(folder: Path, failure: int) -> None:
    status, _, asked = demo(folder, status=failure)
    assert status == failure
    assert asked[-1].startswith("run")


def test_a_run_with_failed_trials_is_reported(folder: Path) -> None:
    status, said, _ = demo(folder, status=3)
    assert status == 0
    assert "runc: start" in said


def test_a_user_who_can_build_no_image_may_have_that_of_root(folder: Path) -> None:
    status, said, asked = demo(folder, image=3, user=12345 if os.geteuid() == 0 else None)
    assert status == 0
    assert "runc: start 4.0x" in said
    assert [words.split()[0] for words in asked] == ["image", "run", "report", "report"]


@pytest.mark.skipif(os.geteuid() != 0, reason="root rights are what is tested")
def test_with_root_rights_a_failed_build_ends_the_demo(folder: Path) -> None:
    status, _, asked = demo(folder, image=3)
    assert status == 4
    assert asked == ["image build"]
