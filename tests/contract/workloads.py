"""Which benchmarks the contract tests run where, derived from the table of benchmarks."""

from collections.abc import Iterator
from contextlib import ExitStack

from tests.unit.scripted import of_kind
from vbench.benchmarks import KINDS
from vbench.benchmarks.disk import RandRead
from vbench.benchmarks.http import Requests
from vbench.contracts import Benchmark, Session, Start, Testbed
from vbench.model import Measured
from vbench.units import Bytes

Entry = tuple[str, dict[str, object]]  # a kind with its keys in a suite
OTHER_WAYS: dict[str, object] = {"depth": 16, "reverse": True}  # keys that choose another way to work


def fields(kind: str) -> tuple[str, ...]:
    return KINDS[kind].__struct_fields__  # type: ignore[attr-defined,no-any-return]


def entries(kind: str) -> Iterator[Entry]:
    """The benchmark with small files, and once more for every other way to work that it has."""
    keys: dict[str, object] = {"size": "4 MiB"} if of_kind(kind).needs().files else {}
    yield kind, keys
    yield from ((kind, keys | {key: value}) for key, value in OTHER_WAYS.items() if key in fields(kind))


# A start is measured where it is made: its trials are those of the runner.
FROM_STARTS = [kind for kind in KINDS if of_kind(kind).expected_s(1.0, 1.0) == 0]
# What needs files or the network: from the image, over the run's bridge.
INSIDE = [
    entry for kind in KINDS if of_kind(kind).needs().files or of_kind(kind).needs().network for entry in entries(kind)
]
# HTTP needs nginx and wrk, which the image has and the machine of the test need not.
ON_HOST = [kind for kind in KINDS if kind not in FROM_STARTS and not kind.startswith("http.")]


def in_slices(benchmark: Benchmark, start: Start) -> Measured:
    """A trial as a run measures it whose arms take turns; a tool that cannot be cut measures all of it at once."""
    start.rounds = 1 if benchmark.shortest_s is None else 2
    with benchmark.sliced(start) as slices:
        for _ in range(start.rounds):
            slices.take()
        return slices.measured()


def trial_on_files(session: Session, testbed: Testbed, *, may_lack: bool) -> None:
    """A trial of each of the tools that are told names of files."""
    with ExitStack() as exits:
        start = Start(session, testbed, 100, 0.1, 0.0, None, lambda name, data: None, exits)
        for benchmark in (RandRead(size=Bytes(2**22)), Requests()):
            if benchmark.missing(session, testbed):
                assert may_lack
            else:
                assert benchmark.measure(start).samples
