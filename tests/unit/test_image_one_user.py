"""The filter by which a build without ids of other users believes that it gives files away."""

import struct

import pytest

from vbench.image import one_user

X86_64, I386 = 0xC000003E, 0x40000003
ALLOWED, IGNORED = 0x7FFF0000, 0x00050000


def verdict(architecture: int, call: int) -> int:
    """What the kernel's interpreter makes of the filter for one system call (seccomp_data: number, architecture)."""
    code = one_user.program(X86_64)
    steps = [struct.unpack_from("HBBI", code, at) for at in range(0, len(code), 8)]
    data, value, at = {0: call, 4: architecture}, 0, 0
    while True:
        operation, if_true, if_false, operand = steps[at]
        at += 1
        match operation:
            case 0x20:
                value = data[operand]
            case 0x15:
                at += if_true if value == operand else if_false
            case 0x06:
                return int(operand)
            case other:
                raise AssertionError(f"unknown operation {other:#x}")


@pytest.mark.parametrize("call", [92, 93, 94, 260, 105, 106, 116, 133, 259])
def test_calls_that_give_files_away_succeed_and_do_nothing(call: int) -> None:
    assert verdict(X86_64, call) == IGNORED


@pytest.mark.parametrize("call", [0, 1, 2, 59, 90, 91, 95, 257, 258, 261, 435])
def test_other_calls_are_made(call: int) -> None:
    assert verdict(X86_64, call) == ALLOWED


def test_the_numbers_of_another_architecture_mean_other_calls() -> None:
    assert verdict(I386, 92) == ALLOWED
