"""How fast the command line answers, against what its library alone costs."""

import sys
import time
from pathlib import Path

from pairs import Row, Target, interleaved

from vbench.host import proc

PAIRS = 20


def rows() -> list[Row]:
    vbench = [str(Path(sys.executable).parent / "vbench"), "--help"]
    click = [sys.executable, "-c", "import click"]
    pairs = interleaved(lambda: duration_s(vbench), lambda: duration_s(click), PAIRS)
    return [Row("vbench --help", "s", pairs, Target(0, 2.5), "against `python -c 'import click'`")]


def duration_s(argv: list[str]) -> float:
    begun = time.monotonic()
    proc.run(argv, timeout_s=60).check()
    return time.monotonic() - begun
