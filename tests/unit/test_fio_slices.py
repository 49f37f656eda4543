"""What a measured environment prints in the place of a waiting fio is bounded and never trusted."""

from collections.abc import Iterator

import pytest

from tests.unit.scripted import Scripted, of_kind, start_on
from vbench.contracts import Completed, Slices
from vbench.errors import OutputTooLarge, TrialFailed
from vbench.guest.collecting import MOST_B

READY = b"vbench: ready\n" * 2


def begun(output: bytes) -> Iterator[Slices]:
    """A trial of two slices with a fio that prints this; its file counts as laid out."""
    laid_out = b'{"jobs": [{"jobname": "layout", "write": {"total_ios": 1, "iops": 1, "bw_bytes": 1, "clat_ns": '
    laid_out += b'{"N": 1, "bins": {"1": 1}}}}]}'
    answers = {
        "--name=slice0": Completed(("fio",), 0, output, b""),
        "--name=layout": Completed(("fio",), 0, laid_out, b""),
    }
    with start_on(Scripted(answers)) as start:
        start.rounds = 2
        with of_kind("disk.randread", size="1 MiB").sliced(start) as slices:
            yield slices


@pytest.mark.parametrize(
    "named", [b"", b"vbench: pid -1\n", b"vbench: pid x\n", b"vbench: pid 0\n", b"vbench: pid 1e3\n"]
)
def test_a_process_that_is_not_named_in_order_is_never_signalled(named: bytes) -> None:
    with pytest.raises(TrialFailed, match="fio's process is not known"):
        next(begun(named + READY))


def test_a_fio_that_prints_without_end_is_killed() -> None:
    with pytest.raises(OutputTooLarge, match="fio printed more than"):
        next(begun(b"vbench: pid 7\n" + (b"x" * 65535 + b"\n") * (MOST_B // 65536 + 1) + READY))


def test_a_fio_that_ends_before_its_slices_fails_with_what_it_said() -> None:
    with pytest.raises(TrialFailed):
        next(begun(b"vbench: pid 7\nvbench: ready\n"))
