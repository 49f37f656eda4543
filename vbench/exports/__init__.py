"""A run for other tools: one file a format, one table of them."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from vbench.exports.format import Format, Written

if TYPE_CHECKING:
    from vbench.api import Run

# each is the module of this name, loaded when it is asked for
FORMATS: dict[str, Format] = {
    "pyperf": Format("one suite an environment, for `python -m pyperf`", into_folder=True),
    "parquet": Format("every table, for DuckDB, pandas, Spark", into_folder=True),
    "csv": Format("one table, for spreadsheets", has_tables=True),
    "ndjson": Format("one table, an object a line, for jq", has_tables=True),
    "openmetrics": Format("costs and medians as gauges, for Prometheus"),
}


def write(kind: str, run: "Run", path: Path, *, table: str = "samples") -> Written:
    """The run in the format `kind`, to a file or, where the format is `into_folder`, into a folder that is there."""
    written: Written = importlib.import_module(f"vbench.exports.{kind}").write(run, path, table)
    return written


__all__ = ["FORMATS", "Format", "Written", "write"]
