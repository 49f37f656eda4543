"""One JSON object a line, for jq and for whatever reads a stream."""

from pathlib import Path

from vbench.api import Run
from vbench.exports.format import Written
from vbench.frames import duck


def write(run: Run, path: Path, table: str) -> Written:
    """One table; unknown is null, numbers have all their digits."""
    duck.write(getattr(run, table), path, "json")
    return Written((path,))
