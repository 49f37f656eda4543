"""Writes comma-separated values for spreadsheets, in which no name can become a formula."""

from pathlib import Path
from typing import Any

import pandas as pd

from vbench.api import Run
from vbench.exports.format import Written
from vbench.frames import duck
from vbench.text import plain

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and the full-width ones


def write(run: Run, path: Path, table: str) -> Written:
    """Write one table with a header. Unknown values are empty; numbers have all their digits."""
    duck.write(harmless(getattr(run, table)), path, "csv")
    return Written((path,))


def safe(text: str) -> str:
    """A text that is safe in a spreadsheet: formulas get an apostrophe, and control characters are made visible."""
    shown = plain(text).replace("\n", " ")
    return f"'{shown}" if text.lstrip(" \n").startswith(_FORMULA) else shown


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: _harmless(frame[name]) for name in frame.columns}, copy=False)


def _harmless(column: "pd.Series[Any]") -> "pd.Series[Any]":
    match str(column.dtype):
        case "category":
            renamed = [safe(str(name)) for name in column.cat.categories]
            unique = len(set(renamed)) == len(renamed)
            return column.cat.rename_categories(renamed) if unique else _each(column.astype("string"))
        case "string":
            return _each(column)
        case _:
            return column


def _each(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.map(lambda text: safe(str(text)), na_action="ignore").astype("string")
