"""How fast the command line answers, in processor time, against what its libraries alone cost."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pairs import Row, Target, interleaved, table

from vbench.host import proc
from vbench.units import show

HELP_PAIRS, REPORT_PAIRS = 40, 10
ROOT = Path(__file__).parent.parent
PUBLISHED, REPORT_S = ROOT / "results" / "quick-20261122T214659Z-9303", 1.5


def help_() -> Iterator[str]:
    pairs = interleaved(lambda: used_s(vbench("--help")), lambda: used_s(python("import click")), HELP_PAIRS)
    yield from table([Row("vbench --help", "s", pairs, Target(0, 1.3), "against `python -c 'import click'`")])


def published() -> Iterator[str]:
    """The page of the run in the repository, with the start of Python and of every library."""
    libraries = "import click, jinja2, msgspec, numpy"
    with TemporaryDirectory(prefix="vbench-overhead-") as folder:
        words = vbench("report", str(PUBLISHED), "-o", str(Path(folder, "page.html")))
        pairs = interleaved(lambda: used_s(words), lambda: used_s(python(libraries)), REPORT_PAIRS)
    yield from table([Row("vbench report", "s", pairs, None, f"against `python -c '{libraries}'`")])
    least_s = min(ours for ours, _ in pairs)
    result = "within" if least_s <= REPORT_S else "outside"
    yield f"shortest {show(least_s, 's')} of a processor, median {show(median(s for s, _ in pairs), 's')}:"
    yield f"  target ≤ {REPORT_S:g} s, {result}"


def vbench(*words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "vbench"), *words]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def used_s(argv: list[str]) -> float:
    """Processor time of a command: other work on the machine lengthens its wall time first."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    proc.run(argv, timeout_s=120).check()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
