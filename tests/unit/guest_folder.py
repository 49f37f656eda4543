"""The guest folder compiled by this machine's compiler, once a test session."""

import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from vbench.host import proc


@cache
def _built() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="vbench-guest-")
    proc.run([sys.executable, str(proc.GUEST / "build.py"), str(proc.GUEST), folder.name], timeout_s=60).check()
    return folder


def guest_folder() -> Path:
    return Path(_built().name)
