"""Lists the facts in which the hosts of two groups differ, and their environments of the same name."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from vbench import facts
from vbench.compare.grouping import Group
from vbench.model import Fact, Facts, Run, Status
from vbench.text import flat

_OF_A_START = frozenset(
    {
        "kernel.loadavg",
        "clock.read_cost",
        "cpu.affinity",
        "engine.argv",
        "process.capabilities",
        "process.security_label",
        "tool.compilers",
    }
)
"""Facts of one start or one reading. They differ between any two runs, so they do not tell hosts apart."""

_NO_FACT = Fact(None, "", Status.ABSENT)


class FactDifference(Struct, frozen=True):
    """One fact that differs between runs of the two groups, as text. ` / ` separates several values of a group."""

    where: str  # "host", or an environment's name
    key: str
    title: str
    reference: str
    group: str
    why: str = ""  # which numbers it can explain


def differences(reference: Group, group: Group) -> tuple[FactDifference, ...]:
    """Differences of the hosts, then of each environment that has facts in both groups, in the registry's order.

    A difference that an environment shares with its host is listed for the host alone.
    """
    return tuple(_differences(reference, group))


def _differences(reference: Group, group: Group) -> Iterator[FactDifference]:
    of_host: set[tuple[str, str, str]] = set()
    for difference in _between("host", [run.host for run in reference.runs], [run.host for run in group.runs]):
        of_host.add((difference.key, difference.reference, difference.group))
        yield difference
    for arm in _shared(reference.runs, group.runs):
        sides = [[run.facts[arm] for run in side.runs if run.facts.get(arm)] for side in (reference, group)]
        for difference in _between(arm, *sides):
            if (difference.key, difference.reference, difference.group) not in of_host:
                yield difference


def _shared(left: Sequence[Run], right: Sequence[Run]) -> list[str]:
    names = [
        [r.name for run in side for r in run.manifest.environments if run.facts.get(r.name)] for side in (left, right)
    ]
    controls = {run.manifest.control for run in (*left, *right)}
    return [name for name in dict.fromkeys(names[0]) if name in names[1] and name not in controls]


def _between(where: str, left: Sequence[Facts], right: Sequence[Facts]) -> Iterator[FactDifference]:
    for key in facts.in_order({key for side in (*left, *right) for key in side if _counts(key)}):
        sides = [[of_run.get(key, _NO_FACT) for of_run in side] for side in (left, right)]
        if _differs(key, [*sides[0], *sides[1]]):
            common = _common([*sides[0], *sides[1]])
            before, now = (
                flat(" / ".join(dict.fromkeys(_shown(key, fact, common) for fact in side))) for side in sides
            )
            yield FactDifference(where, key, flat(facts.title_of(key)), before, now, _why(key))


def _counts(key: str) -> bool:
    """Whether a difference in this fact is listed: a known fact that describes a host or can explain a number."""
    try:
        entry = facts.key_of(key)
    except KeyError:
        return False
    return (entry.nature or bool(entry.explains)) and key not in _OF_A_START and not key.startswith("namespace.")


def _differs(key: str, readings: Sequence[Fact]) -> bool:
    entry, values = facts.key_of(key), [fact.value for fact in readings if fact.status == Status.OK]
    if len(values) < len(readings) and (not values or not entry.matters):
        return False
    if len(values) < len(readings):
        return True
    if not all(facts.alike(readings[0], fact) for fact in readings):
        return False
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if entry.tolerance and len(numbers) == len(values):
        return max(numbers) - min(numbers) > entry.tolerance * max(map(abs, numbers))
    return any(value != values[0] for value in values)


def _common(readings: Sequence[Fact]) -> frozenset[str]:
    """Words that all lists have in common. Empty if any value is not a list."""
    lists = [frozenset(fact.value) for fact in readings if isinstance(fact.value, tuple)]
    return frozenset.intersection(*lists) if lists and len(lists) == len(readings) else frozenset()


def _shown(key: str, fact: Fact, common: frozenset[str]) -> str:
    if isinstance(fact.value, tuple) and common:
        return " ".join(word for word in fact.value if word not in common) or "nothing more"
    return facts.show(key, fact)


def _why(key: str) -> str:
    explains = facts.key_of(key).explains
    return f"can explain {', '.join(explains)}" if explains else "what the host is"
