"""Finds a suite and reads it, strictly: what cannot be meant is refused before anything is started."""

import tomllib
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from vbench import units
from vbench.benchmarks.command import Command
from vbench.contracts import Benchmark
from vbench.errors import SuiteError, nearest
from vbench.suite import keys
from vbench.suite.checks import check
from vbench.suite.converting import convert
from vbench.suite.decoding import suite_of
from vbench.suite.shape import Document, Suite

LARGEST_B = 2**20


def folders() -> tuple[Path, ...]:
    """Where a suite's name is looked up: the current folder's `suites/`, then those that come with vbench."""
    return Path("suites"), Path(__file__).parents[1] / "suites"


def shipped() -> dict[str, Path]:
    """Every suite that a name finds, the nearest folder first."""
    paths: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            paths.setdefault(path.stem, path)
    return paths


def load(name_or_path: str) -> Suite:
    """A suite by path or name; raises SuiteError."""
    path = _find(name_or_path)
    return anchored(parse(_read(path), source=str(path)), path.parent, source=str(path))


def anchored(suite: Suite, folder: Path, *, source: str) -> Suite:
    """The suite with what lies beside its file: folders of commands, looked at and sealed. Raises SuiteError."""
    benchmarks: dict[str, Benchmark] = {}
    for name, benchmark in suite.benchmarks.items():
        try:
            benchmarks[name] = benchmark.anchored(folder) if isinstance(benchmark, Command) else benchmark
        except ValueError as error:
            raise SuiteError(f"{source}: {name}: {error}") from None
    return replace(suite, benchmarks=benchmarks, folder=folder)


def _find(name_or_path: str) -> Path:
    looks_like_path = "/" in name_or_path or name_or_path.endswith(".toml")
    if looks_like_path:
        return Path(name_or_path)
    paths = shipped()
    if name_or_path in paths:
        return paths[name_or_path]
    hint = nearest(name_or_path, sorted(paths)) if paths else "give the path of a suite file"
    raise SuiteError(f"no suite is named {name_or_path!r}", hint=hint)


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise SuiteError(f"{path} {what}", hint="`vbench list suites` names those that come with vbench")
        with path.open("rb") as file:
            data = file.read(LARGEST_B + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise SuiteError(f"{str(path)!r} cannot be read: {_said(error)}") from error
    if len(data) > LARGEST_B:
        raise SuiteError(f"{path} is larger than {units.show_bytes(LARGEST_B)}: this is not a suite")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path} is not UTF-8: byte {error.start}", hint="save the file as UTF-8") from error


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def parse(text: str, *, source: str) -> Suite:
    """A suite from the text of its file; `source` is how messages name the file. Raises SuiteError."""
    try:
        table = _toml(text)
        keys.refuse(table)
        document = convert(table, Document, "")
        suite = suite_of(text, document)
        check(suite, document.method)
    except SuiteError as error:
        raise SuiteError(f"{source}: {error.message}", hint=error.hint) from error
    return suite


def _toml(text: str) -> dict[str, Any]:
    if not text.strip():
        raise SuiteError("the file is empty", hint="copy one of those that `vbench list suites` names")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise SuiteError(f"not TOML: {error}", hint="https://toml.io shows the notation") from error
