"""Questions to the driver of the guest, as a process of its own."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.unit.guest_folder import guest_folder
from vbench.host import proc


def ask(*requests: dict[str, Any], padding_b: int = 0, folder: Path | None = None) -> list[dict[str, Any]]:
    """The driver's answers, one process for all requests."""
    whole = [{"loops": None, "trial_s": 0.01, "warmup_s": 0.001, "params": {}} | request for request in requests]
    stdin = "".join(json.dumps(request) + "\n" for request in whole).encode()
    argv = [sys.executable, "-I", "-S", "-B", str((folder or guest_folder()) / "driver.py")]
    done = proc.run(argv, timeout_s=60, stdin=stdin, env={"VBENCH_PADDING": "x" * padding_b}).check()
    return [json.loads(line) for line in done.stdout.splitlines()]
