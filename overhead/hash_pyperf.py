"""A benchmark of pyperf: vbench's hash kernel from the library VBENCH_KERNELS, with the extra work VBENCH_DOSE."""

import ctypes
import os

import pyperf

LIBRARY = ctypes.CDLL(os.environ["VBENCH_KERNELS"])
DOSE = float(os.environ["VBENCH_DOSE"])


def seconds(loops: int) -> float:
    """Seconds of more operations than pyperf divides by, as in vbench's driver."""
    spent = ctypes.c_double()
    LIBRARY.vb_hash(ctypes.c_uint64(round(loops * (1 + DOSE))), ctypes.byref(spent))
    return spent.value


if __name__ == "__main__":
    pyperf.Runner().bench_time_func("hash", seconds)
