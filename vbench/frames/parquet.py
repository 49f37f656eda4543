"""The Parquet files of a run folder: derived from the journal, which alone is the truth."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from vbench.frames import duck
from vbench.frames.columns import COMPUTED, STORED, stored_names
from vbench.frames.passing import read
from vbench.frames.tables import Tables
from vbench.store import files

NAMES = tuple(f"{name}.parquet" for name in STORED)


def write(folder: Path, into: Path | None = None) -> tuple[Path, ...]:
    """The stored tables of the run in `folder`, each atomically; into the same folder unless another is named."""
    tables = Tables(read(folder))
    paths = tuple((into or folder) / name for name in NAMES)
    for name, path in zip(STORED, paths, strict=True):
        duck.write(_frame(tables, name), path, "parquet")
    return paths


def differences(folder: Path, tables: Tables) -> Iterator[str]:
    """How each file that exists differs from the journal."""
    for name, file in zip(STORED, NAMES, strict=True):
        if not files.is_regular(folder, file):
            continue
        if difference := duck.differences(_frame(tables, name), folder / file, computed=COMPUTED[name]):
            yield f"{file}: {difference}"


def _frame(tables: Tables, name: str) -> pd.DataFrame:
    """The table with the columns of the run's own schema, so that the files of an older run stay as they are."""
    table: pd.DataFrame = getattr(tables, name)
    return table[stored_names(name, tables.passed.run.manifest.schema)]
