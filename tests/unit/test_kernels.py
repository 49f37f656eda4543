"""The compiled kernels compute what they say, and do it as often as they say."""

import ctypes
import hashlib
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.guest_folder import guest_folder
from vbench.host import proc

N = TypeVar("N", int, float)
MIB = 2**20
MASK = 2**64 - 1
WRONG, LACKS = -1, -2
# What each of STREAM's kernels makes of b = 2 and c = 0.5.
STREAM = {"copy": 2.0, "scale": 6.0, "add": 2.5, "triad": 3.5}
# Kernels with the number of loops whose duration is compared with that of a hundred times as many.
SCALED = {"hash": 20, "matrix": 1, "sha256": 1, "branchy": 5, "aes": 20, "fault": 200, "getpid": 200, "clock_call": 200}
SCALED |= {"vdso": 1000, "mmap": 100, "open": 100, "read_zero": 200, "write_null": 200, "pipe": 1000, "fork": 1}
SCALED |= {"futex": 50, "thread": 5, "chase": 50_000, "copy": 1, "triad": 1}


@pytest.fixture(scope="module")
def kernels() -> ctypes.CDLL:
    """The library, with what needs a set-up set up."""
    library = ctypes.CDLL(str(guest_folder() / "kernels.so"))
    assert library.vb_stream_init(ctypes.c_uint64(MIB), 0) == 0
    assert library.vb_chase_init(ctypes.c_uint64(MIB), 0, ctypes.c_uint64(1)) == 0
    assert library.vb_aes_init() == (0 if library.vb_aes_present() else LACKS)
    for name in ("fork", "open"):
        assert library[f"vb_{name}_init"](os.fsencode(guest_folder() / "echo")) == 0
    return library


def timed(kernels: ctypes.CDLL, name: str, loops: int) -> float:
    seconds = ctypes.c_double(-1)
    assert kernels[f"vb_{name}"](ctypes.c_uint64(loops), ctypes.byref(seconds)) == 0
    return seconds.value


# --- results ----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_sha256_is_the_standards(kernels: ctypes.CDLL, data: bytes) -> None:
    out = ctypes.create_string_buffer(32)
    kernels.vb_sha256_digest(data, ctypes.c_uint64(len(data)), out)
    assert out.raw == hashlib.sha256(data).digest()


@given(st.lists(st.integers(0, MASK), min_size=4, max_size=40), st.integers(0, MASK))
def test_the_hash_reads_every_word_of_whole_groups(kernels: ctypes.CDLL, words: list[int], seed: int) -> None:
    kernels.vb_hash_digest.restype = ctypes.c_uint64

    def digest(values: list[int]) -> int:
        array = (ctypes.c_uint64 * len(values))(*values)
        result: int = kernels.vb_hash_digest(array, ctypes.c_uint64(len(values)), ctypes.c_uint64(seed))
        return result

    for index in range(len(words) // 4 * 4):
        other = [word ^ (at == index) for at, word in enumerate(words)]
        assert digest(other) != digest(words)


def test_the_product_of_the_matrices_is_right(kernels: ctypes.CDLL) -> None:
    kernels.vb_matrix_at.restype = ctypes.c_double
    timed(kernels, "matrix", 1)
    for row, column in [(0, 0), (5, 60), (63, 63)]:
        expected = sum((row + 2 * k) * (k - column) for k in range(64))
        assert kernels.vb_matrix_at(row, column) == expected


def mixed(x: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = ((x ^ (x >> 33)) * factor) & MASK
    return x ^ (x >> 33)


def interpreted(seed: int) -> int:
    """What 4,096 instructions of the bytecode leave behind, written from its description in Python."""
    program = [(mixed(i + 1) % 8, mixed(i + 1) >> 32 & 255) for i in range(256)]
    registers = [mixed((seed + i + 1) & MASK) for i in range(8)]
    value, draw, at = seed, mixed(seed), 0
    for _ in range(4096):
        opcode, operand = program[at]
        at = (at + 1) % 256
        by = 1 + operand % 63
        if opcode >= 6:
            draw = (draw * 6364136223846793005 + 1442695040888963407) & MASK
        match opcode:
            case 0:
                value += registers[operand % 8]
            case 1:
                value ^= registers[operand % 8]
            case 2:
                value = value << by | value >> (64 - by)
            case 3:
                value *= 0x9E3779B97F4A7C15
            case 4:
                registers[operand % 8] = value
            case 5:
                value -= operand + 1
            case 6:
                at = (at + (draw >> 63)) % 256
            case _:
                at = draw >> 56
        value &= MASK
    return value


@pytest.mark.parametrize("seed", [0, 1, 12345, MASK])
def test_the_bytecode_is_interpreted_as_it_is_defined(kernels: ctypes.CDLL, seed: int) -> None:
    kernels.vb_branchy_expected.restype = ctypes.c_uint64
    assert kernels.vb_branchy_expected(ctypes.c_uint64(seed)) == interpreted(seed)


def test_the_interpreter_agrees_with_its_plain_form_whatever_it_ends_with(kernels: ctypes.CDLL) -> None:
    for loops in range(1, 50):
        timed(kernels, "branchy", loops)  # a difference is WRONG


# FIPS 197, appendices B and C.1; NIST SP 800-38A, F.1.1.
@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [
        ("2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"),
        ("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"),
        ("2b7e151628aed2a6abf7158809cf4f3c", "f69f2445df4f9b17ad2b417be66c3710", "7b0c785e27e8ad3f8223207104725dd4"),
    ],
)
def test_aes_is_the_standards(kernels: ctypes.CDLL, key: str, plain: str, cipher: str) -> None:
    out = ctypes.create_string_buffer(16)
    kernels.vb_aes_block(bytes.fromhex(key), bytes.fromhex(plain), out)
    assert out.raw.hex() == cipher


def test_where_the_instructions_are_absent_there_is_no_number(kernels: ctypes.CDLL) -> None:
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Feat")))
    assert bool(kernels.vb_aes_present()) == ("aes" in flags.split())


@pytest.mark.parametrize(("name", "expected"), STREAM.items())
def test_a_kernel_of_stream_writes_every_element(name: str, expected: float, kernels: ctypes.CDLL) -> None:
    kernels.vb_stream_wrong.restype = ctypes.c_uint64
    other = "copy" if name != "copy" else "add"
    timed(kernels, other, 1)
    assert kernels.vb_stream_wrong(ctypes.c_double(expected)) == MIB // 8
    timed(kernels, name, 1)
    assert kernels.vb_stream_wrong(ctypes.c_double(expected)) == 0


@pytest.mark.parametrize("size_b", [128, 4096, 16 * 1024, MIB, 3 * MIB])
def test_the_chase_meets_every_line_exactly_once(kernels: ctypes.CDLL, size_b: int) -> None:
    kernels.vb_chase_lines.restype = kernels.vb_chase_cycle.restype = ctypes.c_uint64
    assert kernels.vb_chase_init(ctypes.c_uint64(size_b), 0, ctypes.c_uint64(1)) == 0
    assert kernels.vb_chase_lines() == kernels.vb_chase_cycle() == size_b // 64


@pytest.mark.parametrize("name", ["aes", "triad", "copy", "chase", "open", "rr"])
def test_a_kernel_that_was_not_set_up_is_an_error_and_no_number(name: str, tmp_path: Path) -> None:
    again = tmp_path / "kernels.so"  # the loader knows a library by its file: a copy has a state of its own
    again.write_bytes((guest_folder() / "kernels.so").read_bytes())
    seconds = ctypes.c_double(-1)
    assert ctypes.CDLL(str(again))[f"vb_{name}"](ctypes.c_uint64(1), ctypes.byref(seconds)) > 0
    assert seconds.value == -1


# --- each operation really happens ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "loops"), SCALED.items())
def test_a_hundred_times_as_many_operations_last_much_longer(name: str, loops: int, kernels: ctypes.CDLL) -> None:
    # Processor time does not grow where others are busy, and no operations last less than they use on two processors.
    few_s = min(counted(processor_time_s, kernels, name, loops) for _ in range(7))
    assert timed(kernels, name, 100 * loops) > 10 * few_s


def counted(counter: Callable[[], N], kernels: ctypes.CDLL, name: str, loops: int) -> N:
    before = counter()
    timed(kernels, name, loops)
    return counter() - before


def processor_time_s() -> float:
    """Of all threads and of the children that were waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def switches() -> tuple[int, int]:
    """Voluntary ones, and those forced, of all threads and of the children that were waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_nvcsw for one in used), sum(one.ru_nivcsw for one in used)


def io(name: str) -> int:
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines[name])


@pytest.mark.parametrize("loops", [1, 1000, 10_000])
def test_each_operation_of_the_fault_kernel_is_one_page_fault(loops: int, kernels: ctypes.CDLL) -> None:
    assert loops <= counted(faults, kernels, "fault", loops) <= loops + 100


def test_nothing_is_read_from_or_written_to_a_device_but_by_system_calls(kernels: ctypes.CDLL) -> None:
    assert counted(lambda: io("rchar"), kernels, "read_zero", 1000) >= 1000 * 4096
    assert counted(lambda: io("syscw"), kernels, "write_null", 1000) >= 1000


@pytest.mark.parametrize("name", ["futex", "pipe"])
def test_on_one_processor_each_turn_is_two_waits_and_nobody_is_preempted(name: str, kernels: ctypes.CDLL) -> None:
    """Others of this machine preempt too: once, for the milliseconds that it lasts, they must leave it alone."""
    allowed, loops = os.sched_getaffinity(0), 500
    os.sched_setaffinity(0, {min(allowed)})
    try:
        found = [turns(kernels, name, loops)]
        while len(found) < 500 and not is_undisturbed(*found[-1], loops):
            found.append(turns(kernels, name, loops))
    finally:
        os.sched_setaffinity(0, allowed)
    assert is_undisturbed(*found[-1], loops), found


def turns(kernels: ctypes.CDLL, name: str, loops: int) -> tuple[int, int]:
    before = switches()
    timed(kernels, name, loops)
    waited, forced = (after - was for was, after in zip(before, switches(), strict=True))
    return waited, forced


def is_undisturbed(waited: int, forced: int, loops: int) -> bool:
    return 1.9 * loops <= waited <= 2.1 * loops and forced < loops / 10


@pytest.mark.parametrize("name", ["futex", "pipe"])
def test_the_scheduling_policy_is_put_back(name: str, kernels: ctypes.CDLL) -> None:
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    timed(kernels, name, 10)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_no_round_of_sha256_calls_the_c_library() -> None:
    done = proc.run(["nm", "-D", "--undefined-only", str(guest_folder() / "kernels.so")], timeout_s=10).check()
    called = {line.split()[-1].partition(b"@")[0] for line in done.stdout.splitlines()}
    assert b"clock_gettime" in called
    assert b"memmove" not in called


def test_a_file_that_went_away_is_an_error(kernels: ctypes.CDLL, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.touch()
    assert kernels.vb_open_init(os.fsencode(file)) == 0
    timed(kernels, "open", 3)
    file.unlink()
    seconds = ctypes.c_double(-1)
    assert kernels.vb_open(ctypes.c_uint64(1), ctypes.byref(seconds)) == 2
    assert kernels.vb_open_init(os.fsencode(guest_folder() / "echo")) == 0


@pytest.mark.parametrize("name", SCALED)
def test_a_kernel_leaves_no_memory_and_no_descriptor_behind(name: str, kernels: ctypes.CDLL) -> None:
    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) + len(Path("/proc/self/maps").read_text().splitlines())

    timed(kernels, name, 1)
    before = held()
    for _ in range(50):
        timed(kernels, name, 1)
    assert held() < before + 25  # the interpreter's own maps may grow meanwhile
