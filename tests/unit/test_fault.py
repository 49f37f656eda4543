"""A fault of vbench itself ends with exit code 70, a few lines, and a file for a bug report; never with a traceback."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vbench.cli import fault

# A verb that fails in a way that nobody foresaw, as a verb of vbench's own would.
SCRIPT = """
import sys, types, click
from vbench import cli

@click.command()
@click.argument("word", nargs=-1)
@click.option("--token")
def boom(word, token):
    {statement}

module = types.ModuleType("vbench.cli.boom")
module.boom = boom
sys.modules["vbench.cli.boom"] = module
cli.VERBS["boom"] = ("boom", "boom", "fails")
cli.main()
"""


def boom(statement: str, *words: str, folder: Path, **surroundings: str) -> "subprocess.CompletedProcess[str]":
    (folder / "boom.py").write_text(SCRIPT.format(statement=statement), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(folder / "boom.py"), "boom", *words],
        env={**os.environ, "TMPDIR": str(folder), **surroundings},
        capture_output=True,
        text=True,
        check=False,
    )


def details(folder: Path) -> Path:
    (file,) = folder.glob("vbench-error-*.txt")
    return file


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('line one\\nline two')", "RuntimeError: line one line two"),
        ("raise MemoryError", "MemoryError\n"),
        ("f = lambda: f(); f()", "RecursionError: maximum recursion depth exceeded"),
        ("assert False", "AssertionError\n"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ExceptionGroup('two', [ValueError('a'), KeyError('b')])", "ExceptionGroup: two (2 sub-exceptions)"),
        ("raise ValueError('\\x1b[31m\\u202e')", "ValueError: \N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"),
        ("raise ValueError('x' * 100_000)", "xxx"),
    ],
)
def test_an_unexpected_error_has_an_exit_code_of_its_own(tmp_path: Path, statement: str, said: str) -> None:
    ended = boom(statement, folder=tmp_path)
    assert ended.returncode == fault.EXIT_CODE == 70
    assert ended.stdout == ""
    assert ended.stderr.startswith("vbench: an unexpected error, a fault of vbench: ")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 3
    assert len(ended.stderr) < 800
    assert f"details: {details(tmp_path)}\n" in ended.stderr
    assert "hint: " in ended.stderr


def test_the_details_are_the_users_own_and_hold_what_a_bug_report_needs(tmp_path: Path) -> None:
    boom("1 / 0", "smoke", folder=tmp_path)
    file = details(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    for part in ("Traceback (most recent call last)", "ZeroDivisionError", "vbench 0.", "Python 3.", "numpy "):
        assert part in text
    assert "command: vbench boom smoke\n" in text


@pytest.mark.parametrize(
    "words",
    [
        ("--token", "S3CRET"),
        ("--token", "two S3CRET words"),
        ("--token=S3CRET",),
        ("api_key=S3CRET x",),
        ("https://ada:S3CRET@example.org/x",),
        ("Authorization: Bearer S3CRET",),
    ],
)
def test_secrets_of_the_command_are_in_no_report(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = boom("raise ValueError(f'{sys.argv}')", *words, folder=tmp_path)
    assert ended.returncode == 70
    assert "S3CRET" not in ended.stderr
    text = details(tmp_path).read_text(encoding="utf-8")
    assert "command: vbench boom" in text
    assert "S3CRET" not in text


def test_a_text_that_repeats_a_secrets_name_takes_no_longer_than_its_length_asks_for() -> None:
    """Seconds where each name is tried with all that follows it, hours for a text as long as an output may be."""
    assert fault.without_secrets("token" * 200_000 + "=S3CRET") == "token" * 200_000 + f"={fault.HIDDEN}"


def test_a_report_that_cannot_be_saved_still_names_the_line(tmp_path: Path) -> None:
    statement = "import tempfile; tempfile.tempdir = '/nowhere'; 1 / 0"
    ended = boom(statement, folder=tmp_path, XDG_CACHE_HOME="/proc/self/nowhere")
    assert ended.returncode == 70
    assert "boom.py:9 in boom" in ended.stderr
    assert "could not be saved" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_of_another_is_never_written(tmp_path: Path) -> None:
    """The name is a new one each time, so that nothing that waits there is followed or replaced."""
    boom("1 / 0", folder=tmp_path)
    boom("1 / 0", folder=tmp_path)
    assert len(list(tmp_path.glob("vbench-error-*.txt"))) == 2
