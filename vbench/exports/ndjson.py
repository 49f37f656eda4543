"""Writes one JSON object on each line, for jq and other readers of streams."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd

from vbench.api import Run
from vbench.exports.format import Written
from vbench.frames import duck
from vbench.store.files import replacing
from vbench.text import escaped


def write(run: Run, path: Path, table: str) -> Written:
    """Write one table. Unknown values are null; numbers have all their digits."""
    frame = getattr(run, table)
    with replacing(path) as aside:
        duck.copy(frame, aside, "json")
        if _hides(frame):
            _escape(aside)
    return Written((path,))


def _hides(frame: pd.DataFrame) -> bool:
    """Whether a text of the table needs escaping. Only distinct texts are read, because rows are many and names few."""
    texts = frame.select_dtypes(["category", "string"])
    return any(escaped(str(text)) != str(text) for name in texts for text in texts[name].unique())


def _escape(path: Path) -> None:
    with TemporaryFile(dir=path.parent) as lines:
        with path.open("rb") as written:
            shutil.copyfileobj(written, lines)
        lines.seek(0)
        with path.open("wb") as file:
            file.writelines(escaped(line.decode("utf-8")).encode() for line in lines)
