"""Rows to a pandas frame whose columns have the documented dtypes, unknown values included."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vbench.frames.columns import Column


def frame(columns: Sequence[Column], rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Each row has a value, or None for unknown, for each of `columns`."""
    each: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame({column.name: _series(column, values) for column, values in zip(columns, each, strict=True)})


def _series(column: Column, values: Sequence[Any]) -> Any:
    match column.dtype:
        case "category":
            return category(values)
        case "float64":
            return np.array([np.nan if value is None else value for value in values], dtype="float64")
        case _:
            return pd.array(list(values), dtype=column.dtype)


def category(values: Sequence[Any]) -> pd.Categorical:
    """Categories in order of appearance: as the suite has them, not by the alphabet."""
    positions = {value: at for at, value in enumerate(dict.fromkeys(v for v in values if v is not None))}
    codes = np.array([-1 if value is None else positions[value] for value in values], dtype=_codes(len(positions)))
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(positions), dtype="str"))


def repeated(values: Sequence[Any], counts: "np.ndarray[Any, Any]") -> pd.Categorical:
    """The category of each row, where each value stands for several rows."""
    few = category(values)
    codes = np.repeat(few.codes, counts)
    return pd.Categorical.from_codes(codes, categories=few.categories)


def _codes(count: int) -> str:
    return "int8" if count < 127 else "int32"
