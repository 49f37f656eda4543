"""Writes runs for other tools: one module for each format, and one table of the formats."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from vbench.exports.format import Format, Written

if TYPE_CHECKING:
    from vbench.api import Run

# Each format is the module of its name, which `write` imports.
FORMATS: dict[str, Format] = {
    "pyperf": Format("one suite an environment, for `python -m pyperf`", into_folder=True),
    "parquet": Format("every table, for DuckDB, pandas, Spark", into_folder=True),
    "csv": Format("one table, for spreadsheets", has_tables=True),
    "ndjson": Format("one table, an object a line, for jq", has_tables=True),
    "openmetrics": Format("costs and medians as gauges, for Prometheus"),
}


def write(kind: str, run: "Run", path: Path, *, table: str = "samples") -> Written:
    """Write the run in the format `kind` to `path`: a file, or an existing folder if the format is `into_folder`."""
    written: Written = importlib.import_module(f"vbench.exports.{kind}").write(run, path, table)
    return written


__all__ = ["FORMATS", "Format", "Written", "write"]
