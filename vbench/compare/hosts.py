"""In which facts the hosts of two groups differ, and their environments of the same name."""

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
"""Facts of one start or one reading, which differ between any two runs and mean nothing between hosts."""

_NO_FACT = Fact(None, "", Status.ABSENT)


class FactDifference(Struct, frozen=True):
    """One fact that is not the same in all runs of both groups, as text; several values of a group by ` / `."""

    where: str  # "host", or an environment's name
    key: str
    title: str
    reference: str
    group: str
    why: str = ""  # which numbers it can explain


def differences(reference: Group, group: Group) -> tuple[FactDifference, ...]:
    """Of the hosts first, then of each environment that has facts on both sides, in the registry's order.

    What an environment shares with its host is said of the host alone.
    """
    return tuple(_differences(reference, group))


def _differences(reference: Group, group: Group) -> Iterator[FactDifference]:
    said: set[tuple[str, str, str]] = set()
    for found in _between("host", [run.host for run in reference.runs], [run.host for run in group.runs]):
        said.add((found.key, found.reference, found.group))
        yield found
    for arm in _shared(reference.runs, group.runs):
        sides = [[run.facts[arm] for run in side.runs if run.facts.get(arm)] for side in (reference, group)]
        for found in _between(arm, *sides):
            if (found.key, found.reference, found.group) not in said:
                yield found


def _shared(left: Sequence[Run], right: Sequence[Run]) -> list[str]:
    names = [
        [r.name for run in side for r in run.manifest.environments if run.facts.get(r.name)] for side in (left, right)
    ]
    controls = {run.manifest.control for run in (*left, *right)}
    return [name for name in dict.fromkeys(names[0]) if name in names[1] and name not in controls]


def _between(where: str, left: Sequence[Facts], right: Sequence[Facts]) -> Iterator[FactDifference]:
    for key in facts.in_order({key for side in (*left, *right) for key in side if _counts(key)}):
        sides = [[found.get(key, _NO_FACT) for found in side] for side in (left, right)]
        if _differs(key, [*sides[0], *sides[1]]):
            common = _common([*sides[0], *sides[1]])
            before, now = (
                flat(" / ".join(dict.fromkeys(_shown(key, fact, common) for fact in side))) for side in sides
            )
            yield FactDifference(where, key, flat(facts.title_of(key)), before, now, _why(key))


def _counts(key: str) -> bool:
    """Known to this version, and either the nature of a host or able to explain a number."""
    try:
        entry = facts.key_of(key)
    except KeyError:
        return False
    return (entry.nature or bool(entry.explains)) and key not in _OF_A_START and not key.startswith("namespace.")


def _differs(key: str, found: Sequence[Fact]) -> bool:
    entry, known = facts.key_of(key), [fact.value for fact in found if fact.status == Status.OK]
    if len(known) < len(found) and (not known or not entry.matters):
        return False
    if len(known) < len(found):
        return True
    if not all(facts.alike(found[0], fact) for fact in found):
        return False
    numbers = [float(v) for v in known if isinstance(v, int | float) and not isinstance(v, bool)]
    if entry.tolerance and len(numbers) == len(known):
        return max(numbers) - min(numbers) > entry.tolerance * max(map(abs, numbers))
    return any(value != known[0] for value in known)


def _common(found: Sequence[Fact]) -> frozenset[str]:
    """Words that every list has; none where a value is no list."""
    lists = [frozenset(fact.value) for fact in found if isinstance(fact.value, tuple)]
    return frozenset.intersection(*lists) if lists and len(lists) == len(found) else frozenset()


def _shown(key: str, fact: Fact, common: frozenset[str]) -> str:
    if isinstance(fact.value, tuple) and common:
        return " ".join(word for word in fact.value if word not in common) or "nothing more"
    return facts.show(key, fact)


def _why(key: str) -> str:
    explains = facts.key_of(key).explains
    return f"can explain {', '.join(explains)}" if explains else "what the host is"
