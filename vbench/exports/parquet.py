"""Writes every table of a run as Parquet from the journal, so that a run which did not end can be exported too."""

from pathlib import Path

from vbench.api import Run
from vbench.exports.format import Written
from vbench.frames import duck
from vbench.frames.columns import TABLES


def write(run: Run, path: Path, table: str) -> Written:
    """Write `<table>.parquet` for each table into the folder `path`."""
    del table
    paths = tuple(path / f"{name}.parquet" for name in TABLES)
    for name, file in zip(TABLES, paths, strict=True):
        duck.write(getattr(run, name), file, "parquet")
    return Written(paths)
