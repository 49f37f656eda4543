"""vbench installed from its wheel works without the checkout: in an environment of its own, from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

import vbench
from tests.real.program import suite
from vbench.host.lock import VARIABLE
from vbench.runner import resumption

ROOT = Path(vbench.__file__).parents[1]
RUN = max(ROOT.glob("results/quick-*"))  # the newest
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "vbench", "suites")


class Ended(NamedTuple):
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Installed:
    wheel: Path
    environment: Path
    empty: Path

    def program(self, name: str) -> str:
        return str(self.environment / "bin" / name)

    def run(self, *words: str) -> Ended:
        """In an empty folder, without what would lead back to the checkout."""
        left = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env = {**left, VARIABLE: str(self.empty.parent / "lock")}
        done = subprocess.run(words, cwd=self.empty, env=env, capture_output=True, text=True, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    def vbench(self, *words: str) -> Ended:
        return self.run(self.program("vbench"), *words)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built from a copy, since a build leaves its traces in the tree; with the libraries of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(folder), str(tree)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    into = ["--python", str(environment / "bin" / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, *into, "--force-reinstall", str(wheel)], check=True)
    (folder / "empty").mkdir()
    return Installed(wheel, environment, folder / "empty")


def files(package: Path) -> Iterator[str]:
    """Of the tree, through the link to the suites."""
    for folder, _, names in os.walk(package, followlinks=True):
        if not folder.endswith("__pycache__"):
            yield from (str(Path(folder, name).relative_to(package.parent)) for name in names)


def test_every_file_of_the_package_is_in_the_wheel(installed: Installed) -> None:
    inside = {name for name in zipfile.ZipFile(installed.wheel).namelist() if ".dist-info/" not in name}
    assert inside == set(files(ROOT / "vbench"))


def test_the_installed_vbench_is_the_one_that_answers(installed: Installed) -> None:
    code = "import vbench; print(vbench.__file__)"
    where = installed.run(installed.program("python"), "-c", code).stdout.strip()
    assert Path(where).is_relative_to(installed.environment)


def test_a_run_of_the_checkout_can_be_resumed_by_the_wheel(installed: Installed) -> None:
    code = "from vbench.runner import resumption; print(resumption.sources())"
    assert installed.run(installed.program("python"), "-c", code).stdout.strip() == resumption.sources()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--version"], "vbench, version"),
        (["--help"], "Usage: vbench"),
        (["doctor", "--help"], "Usage: vbench doctor"),
        (["list"], "disk.randread"),
        (["list", "suites"], "quick"),
        (["schema", "suite"], '"title": "vbench suite"'),
        (["report", str(RUN), "--format", "table"], "runc"),
        (["report", str(RUN), "--explain", "cpu.hash", "runc"], "cpu.hash"),
        (["export", str(RUN), "--format", "csv", "--table", "costs"], "randread"),
        (["check", str(RUN)], "whole"),
    ],
    ids=lambda value: " ".join(value).replace(str(RUN), "RUN") if isinstance(value, list) else "",
)
def test_what_needs_no_host_works(installed: Installed, words: list[str], said: str) -> None:
    ended = installed.vbench(*words)
    assert (ended.status, ended.stderr) == (0, "")
    assert said in ended.stdout


@pytest.mark.parametrize("words", [("--help",), ("list", "suites"), ("no-such-verb",)], ids=" ".join)
def test_the_module_is_the_script(installed: Installed, words: tuple[str, ...]) -> None:
    assert installed.run(installed.program("python"), "-m", "vbench", *words) == installed.vbench(*words)


def test_a_page_has_all_its_parts(installed: Installed) -> None:
    assert installed.vbench("report", str(RUN), "-o", "page.html").stdout == "page.html\n"
    theirs = (installed.empty / "page.html").read_bytes()
    ours = installed.empty.parent / "ours.html"
    script = Path(sys.executable).with_name("vbench")
    subprocess.run([script, "report", str(RUN), "-o", str(ours)], check=True, capture_output=True)
    assert theirs == ours.read_bytes()


def test_every_suite_that_comes_with_it_is_found_and_one_is_planned(installed: Installed) -> None:
    """That each can be planned is proved by tests/unit/test_shipped_suites.py, on the files that are in the wheel."""
    rows = json.loads(installed.vbench("list", "suites", "--json").stdout)
    assert {row["name"] for row in rows} == {path.stem for path in (ROOT / "suites").glob("*.toml")}
    assert all(Path(row["path"]).is_relative_to(installed.environment) for row in rows)
    ended = installed.vbench("plan", "standard")
    assert ended.status in (0, 4), ended.stderr  # 4: this host lacks something, which is told below the plan
    assert ended.stdout.startswith("suite ")


def test_facts_are_read_by_the_installed_probe(installed: Installed) -> None:
    ended = installed.vbench("facts", "--json")
    assert ended.status == 0, ended.stderr
    facts = json.loads(ended.stdout)["facts"]
    assert facts["kernel.release"]["value"] == os.uname().release


def test_a_suite_runs_on_the_hosts_own_files(installed: Installed) -> None:
    """The guest's agent and drivers come out of the wheel."""
    written = suite(installed.empty, base='kind = "bare"\nroot = "host"', benchmarks='"start.ready"')
    ended = installed.vbench("run", "-q", written, "--results", "results")
    assert ended.status == 0, ended.stderr
    assert installed.vbench("check", ended.stdout.strip()).status == 0


def test_the_recipe_of_the_image_is_complete(installed: Installed) -> None:
    """What the image is made of has the same key as in the checkout, so that both find the same image."""
    code = "from vbench.image import recipe; print(recipe.input_key('bookworm', ''))"
    theirs = installed.run(installed.program("python"), "-c", code)
    ours = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=installed.empty)
    assert (theirs.status, theirs.stdout) == (0, ours.stdout), theirs.stderr
