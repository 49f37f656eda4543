"""The scripts that print what vbench itself costs can be started: nothing else imports them."""

import sys
from pathlib import Path

from vbench.host import proc

SCRIPTS = Path(__file__).parents[2] / "overhead"


def test_every_script_is_found_and_imports_what_there_is() -> None:
    ended = proc.run([sys.executable, str(SCRIPTS / "run.py"), "nothing"], timeout_s=60)
    assert ended.status == 2, ended.stderr
    known = ended.stderr.decode().rpartition("known: ")[2].strip().split(", ")
    assert known == ["tools", "harness", "guest", "container", "store", "page", "report", "help"]
