"""The short form of `make fuzz`: a few inputs of each target by a fixed seed; and the fuzzer finds what it should."""

from collections.abc import Callable

import pytest

from tests.proof import fuzz
from tests.proof.fuzzing import Target, insane, said_by
from vbench.errors import VbenchError

INPUTS = 20
SLOW = {"agent": 5, "page": 1, "journal": 5, "exports": 3, "facts": 5, "host": 5, "manifest": 10}  # by the first word
TARGETS = {target.name: target for target in fuzz.targets()}
EXPECTED_REFUSALS = {"fio errors"}  # what is good about these is how they fail


@pytest.mark.parametrize("name", TARGETS)
def test_a_mutated_input_is_refused_in_order_or_read_as_something_finite(name: str) -> None:
    inputs = SLOW.get(name.partition(" ")[0], INPUTS)
    count = fuzz.fuzz(TARGETS[name], (f"{name}:ci:{number}" for number in range(inputs)))
    assert [(finding.seed, finding.what, finding.trace) for finding in count.findings] == []
    assert count.inputs == inputs


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in EXPECTED_REFUSALS])
def test_of_the_good_inputs_of_a_target_one_at_least_is_read(name: str) -> None:
    target = TARGETS[name]
    errors = []
    for good in target.good:
        try:
            target.read(good)
        except VbenchError as error:
            errors.append(error.message)
        else:
            return
    pytest.fail(f"all are refused: {errors}")


def test_a_seed_means_the_same_input_each_time() -> None:
    target = TARGETS["probe"]
    inputs = [said_by(target, f"probe:1:{number}") for number in range(50)]
    assert inputs == [said_by(target, f"probe:1:{number}") for number in range(50)]
    assert len(set(inputs)) > 40


def raising(error: Exception) -> Callable[[bytes], object]:
    def read(said: bytes) -> object:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (raising(KeyError("bins")), "KeyError"),
        (raising(VbenchError("x" * 10_000)), "a message of 10000 letters"),
        (raising(VbenchError("\ud800")), "no file can hold"),
        (raising(VbenchError("")), "without a message"),
        (lambda said: {"a": [float("nan")]}, "accepted as nan"),
        (lambda said: bytearray(2**33), "MemoryError"),
    ],
    ids=["error", "long", "letters", "nothing", "nan", "memory"],
)
def test_what_a_reader_must_not_do_is_found(read: Callable[[bytes], object], found: str) -> None:
    count = fuzz.fuzz(Target("odd", (b"1",), lambda good, random: good, read, 1), ["odd:1:1"])
    (finding,) = count.findings
    assert found in finding.what


def test_what_is_refused_or_sane_is_no_finding() -> None:
    fine = [raising(VbenchError("it is odd", hint="use another")), lambda said: [1.0, "é", None, {"a": 5e-324}]]
    for read in fine:
        count = fuzz.fuzz(Target("fine", (b"1",), lambda good, random: good, read, 1), ["fine:1:1"])
        assert (count.inputs, count.findings) == (1, [])
    assert list(insane({"a": (1, float("inf")), "\udc00": 1})) != []
