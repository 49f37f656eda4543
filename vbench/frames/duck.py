"""The only module that imports duckdb: frames to files and back to a comparison, within bounds and without litter."""

import errno
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import duckdb
import pandas as pd

from vbench.errors import RunFolderError
from vbench.host import untrusted
from vbench.store.files import replacing

MEMORY = "512MB"
THREADS = 2
NOWHERE = "/nonexistent"
TOLERANCE = 1e-9
"""Relative, of computed columns: far above the last bits in which the exp and log of two systems differ, and far below
any digit that a report prints."""
FORMATS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json",
}
Format = Literal["parquet", "csv", "json"]
_CAUSES = {"no space left": errno.ENOSPC, "quota exceeded": errno.EDQUOT, "file too large": errno.EFBIG}


@cache
def database(pid: int) -> duckdb.DuckDBPyConnection:
    """The database of this process, in memory: a kill leaves no file. It reads no home folder and fetches nothing.

    Opening it takes about 20 ms of processor time, and a run writes several tables. A forked child opens its own,
    since it lacks the threads of its parent's.
    """
    del pid
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": THREADS,  # each has buffers of its own within that memory
        "temp_directory": "",
        "home_directory": NOWHERE,
        "extension_directory": NOWHERE,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    return duckdb.connect(":memory:", config=config)


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own: frames that are registered with it are gone when it ends."""
    with database(os.getpid()).cursor() as connection:
        yield connection


def write(frame: pd.DataFrame, path: Path, kind: Format) -> None:
    """The whole frame or nothing: written aside, synced, renamed. Raises NoSpace or RunFolderError."""
    with replacing(path) as aside:
        copy(frame, aside, kind)


def copy(frame: pd.DataFrame, path: Path, kind: Format) -> None:
    """The frame into a file that nobody reads yet. Raises OSError."""
    target = str(path.absolute()).replace("'", "''")
    try:
        with _database() as connection:
            connection.register("exported", frame)
            connection.execute(f"COPY (SELECT * FROM exported) TO '{target}' ({FORMATS[kind]})")
    except duckdb.Error as error:
        text = str(error)
        code = next((code for words, code in _CAUSES.items() if words in text.lower()), errno.EIO)
        raise OSError(code, text.partition("\n")[0]) from error


def differences(frame: pd.DataFrame, path: Path, *, computed: Collection[str] = ()) -> str:
    """How a Parquet file differs from the frame, in words; empty if all rows are equal.

    Columns named in `computed` are of floating point and the same within TOLERANCE, all others to the last bit.
    """
    try:
        file = untrusted.opened(path)
    except (OSError, untrusted.Untrusted) as error:
        return f"it cannot be read: {getattr(error, 'strerror', '') or error}"
    opened = f"/proc/self/fd/{file.fileno()}"  # a path of the user's could hold a pattern, which duckdb would expand
    try:
        with _database() as connection:
            connection.register("journal", frame)
            stored = f"read_parquet('{opened}', hive_partitioning = false)"
            return _compared(connection, frame, stored, computed)
    except duckdb.Error as error:
        return f"it cannot be read: {str(error).partition(chr(10))[0]}".replace(opened, path.name)
    finally:
        file.close()


def _compared(
    connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame, stored: str, computed: Collection[str]
) -> str:
    names = [record[0] for record in connection.execute(f"DESCRIBE SELECT * FROM {stored}").fetchall()]
    if names != list(frame.columns):
        return f"it has other columns: {', '.join(map(str, names))}"
    rows = _one(connection, f"SELECT count(*) FROM {stored}")
    if rows != len(frame):
        return f"it has {rows} rows, the journal gives {len(frame)}"
    unequal = " OR ".join(_unequal(frame, name, nearly=name in computed) for name in frame.columns)
    count = _one(connection, f"SELECT count(*) FROM {stored} s POSITIONAL JOIN journal m WHERE {unequal}")
    return f"{count} of its {rows} rows differ from the journal" if count else ""


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    record = connection.execute(query).fetchone()
    if record is None:
        raise RunFolderError("duckdb counted nothing")
    return int(record[0])


def _unequal(frame: pd.DataFrame, name: str, *, nearly: bool) -> str:
    """The condition that a column differs; never NULL, and an unknown value equals an unknown one alone."""
    stored, computed = f"s.{_quoted(name)}", f"m.{_text(frame, name)}"
    distinct = f"{stored} IS DISTINCT FROM {computed}"
    if not nearly:
        return distinct
    stored = f"try_cast({stored} AS DOUBLE)"
    finite = f"isfinite({stored}) AND isfinite({computed})"  # duckdb takes a NaN for equal to a NaN
    near = f"abs({stored} - {computed}) <= {TOLERANCE} * greatest(abs({stored}), abs({computed}))"
    return f"({distinct} AND NOT coalesce({finite} AND {near}, false))"


def _text(frame: pd.DataFrame, name: str) -> str:
    is_text = str(frame[name].dtype) in ("category", "string")
    return f"{_quoted(name)}::VARCHAR" if is_text else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
