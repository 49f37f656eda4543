"""Which tests one worker runs, since they share a start, and in which order."""

from pathlib import Path

from tests.contract.stacks import ALONE, STACKS

LONGEST = (
    "qemu-tcg",
    "test_faults qemu-tcg",
    "test_no_network",
    "test_odd_paths",
    "test_same_surroundings",
    "test_image",
)
"""Units that begin first, the longest first: a worker that begins one last keeps the others waiting."""


def unit(nodeid: str) -> str:
    """The environment that a stack stands on. A module that opens a testbed of its own is a unit; so is each of its
    stacks, where it has its own starts.
    """
    module, name = Path(nodeid.partition("::")[0]).stem, stack_of(nodeid)
    match module:
        case "test_no_network" | "test_odd_paths" | "test_same_surroundings":
            return module
        case "test_faults" | "test_host_readings":
            return f"{module} {name}"
        case _:
            return lowest(name) or module


def stack_of(nodeid: str) -> str:
    """The stack that stands first or last among a test's parameters, or nothing."""
    parameters = nodeid.partition("::")[2].partition("[")[2].rstrip("]")
    named = [name for name in STACKS if f"-{parameters}-".startswith(f"-{name}-")]
    named += [name for name in STACKS if f"-{parameters}-".endswith(f"-{name}-")]
    return max(named, key=len, default="")


def lowest(name: str) -> str:
    """The name of the environment that a stack stands on, or nothing."""
    return next((alone for alone, (one,) in ALONE.items() if name and STACKS[name][0] == one), "")


def order(nodeid: str, *, is_first: bool) -> tuple[int, str, int, bool]:
    """Key that sorts by unit, then by stack; within a stack what is first, and the rest as it stands in its file."""
    whole, name = unit(nodeid), stack_of(nodeid)
    place = LONGEST.index(whole) if whole in LONGEST else len(LONGEST)
    return place, whole, list(STACKS).index(name) if name else -1, not is_first
