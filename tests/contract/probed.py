"""What one real start of an environment has shown, known to all workers: one that hangs takes its whole limit."""

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from msgspec import structs

from tests.contract.stacks import ALONE, DEFAULTS, a_testbed
from vbench.contracts import Environment, Testbed
from vbench.environments.qemu import Qemu
from vbench.host import proc
from vbench.host.proc import LocalSession

PATIENCE_S = 60.0  # for a probe to undo what it has started

AHEAD = tuple(name for name, (one,) in ALONE.items() if one.expected_start_s() > 1 and name not in DEFAULTS)
"""What starts slowly, or never here, and is not needed at once: it is probed while workers run other tests."""


def problem(name: str, folder: Path, probe: Callable[[], str]) -> str:
    """Why it does not start here, or nothing. Who asks first makes the start, and everyone else waits for it."""
    with (folder / f"probed-{name}").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        file.seek(0)
        known = file.read()
        if not known:
            known = f"{probe()}\n"
            file.write(known)
    return known.rstrip("\n")


class Impatient(Qemu, frozen=True, kw_only=True):
    """A KVM that works boots a guest in a second or two. One that does not keeps a processor busy all the while."""

    limits_s: ClassVar[Mapping[str, float]] = {**Qemu.limits_s, "kvm": 10.0}


def by_start(environment: Environment, host: LocalSession, testbed: Testbed) -> str:
    if isinstance(environment, Qemu):
        environment = Impatient(**structs.asdict(environment))
    return environment.probe(host, testbed).problem


@contextmanager
def ahead(name: str, folder: Path) -> Iterator[None]:
    """Probes beside what is done inside. On the way out a probe that nobody waited for is ended."""
    with proc.spawn([sys.executable, "-m", __name__, name, str(folder)], cwd=Path(__file__).parents[2]) as process:
        try:
            yield
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)
            process.wait(timeout_s=PATIENCE_S)


def main() -> None:
    name, folder = sys.argv[1:]
    host = LocalSession()

    def probe() -> str:
        with a_testbed(host, "ahead") as testbed:
            return by_start(ALONE[name][0], host, testbed)

    problem(name, Path(folder), probe)


if __name__ == "__main__":
    main()
