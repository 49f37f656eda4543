"""The program as a process of its own, with small suites, and what its tests wait for."""

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vbench.contracts import Completed
from vbench.host import lock, proc
from vbench.host.proc import LocalProcess

VBENCH = str(Path(sys.executable).with_name("vbench"))
LIMIT_S = 180.0


SUITE = """
name = "small"
benchmarks = [{benchmarks}]
[method]
baseline = "base"
blocks = {blocks}
trial = "20 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[testbed]
scratch = "{scratch}"
[environments.base]
{base}
{more}
"""


# Everything but the user's name and rights: reading stays allowed, so that the program itself can stand anywhere.
NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search", "--"),
)


def suite(
    folder: Path,
    *,
    base: str = 'kind = "fake"',
    more: str = "",
    blocks: int = 1,
    benchmarks: str = '"cpu.hash", "syscall.getpid", "start.ready"',
    scratch: Path | None = None,
) -> str:
    if scratch is None:
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
    path = folder / "small.toml"
    path.write_text(SUITE.format(benchmarks=benchmarks, blocks=blocks, scratch=scratch, base=base, more=more))
    return str(path)


def vbench(*words: str, before: tuple[str, ...] = (), env: dict[str, str] | None = None) -> Completed:
    done = proc.run([*before, VBENCH, *words], timeout_s=LIMIT_S, env=env)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def only(results: Path) -> Path:
    (folder,) = results.iterdir()
    return folder


SMALL_DISK = 'mkdir -p "$1" && mount -t tmpfs -o "size=$2" small "$1" && shift 2 || exit 99; "$@"; status=$?; '


@contextmanager
def running(*words: str) -> Iterator[tuple[LocalProcess, int]]:
    """A run whose progress can be waited for on its stdout; its stdin, its group and its lock are its own."""
    own = {lock.VARIABLE: f"{words[-1]}.lock"}
    with proc.spawn(["sh", "-c", 'exec "$@" 2>&1', "sh", VBENCH, "run", *words], env=own) as process:
        yield process, process.pid


def wait_for(process: LocalProcess, word: bytes) -> bytes:
    """What it said until it said `word`."""
    said, deadline = b"", time.monotonic() + LIMIT_S
    while word not in said:
        assert select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0], said.decode()
        data = process.stdout.read(65536)
        assert data, said.decode()
        said += data
    return said


def wait_for_container(scratch: Path) -> None:
    """Until runc has made one, as its state's folder shows."""
    deadline = time.monotonic() + LIMIT_S
    while not list(scratch.glob("vbench-*/bundle-*/state/vbench-*/state.json")):
        assert time.monotonic() < deadline
        os.sched_yield()


def rest(process: LocalProcess) -> str:
    data = b""
    while chunk := process.stdout.read(65536):
        data += chunk
    return data.decode()


def endless(tmp_path: Path) -> str:
    """A run of an hour with a container in each block, and one driver in each start."""
    more, benchmarks = '[environments.runc]\nkind = "oci"', '"cpu.hash", "start.ready"'
    return suite(tmp_path, base='kind = "bare"', more=more, benchmarks=benchmarks, blocks=1000)
