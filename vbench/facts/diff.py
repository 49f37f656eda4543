"""Finds the differences between two environments' facts that could explain a number instead of the isolation."""

import re

from vbench.facts.registry import Key, in_order, is_known, key_of
from vbench.model import Confound, Fact, Facts, Status
from vbench.units import DASH, show_bytes

_NUMBER = re.compile(r"[0-9]+")
NO_FACT = Fact(None, "", Status.ABSENT)


def confounds(environment: str, baseline: Facts, other: Facts) -> tuple[Confound, ...]:
    """Confounds in the registry's order. Facts of the layer under study and facts that explain no benchmark are none.

    Keys that the registry does not have (a run of another version) are left out."""
    differing = []
    for name in in_order({name for name in {*baseline, *other} if is_known(name)}):
        key = key_of(name)
        before, now = baseline.get(name, NO_FACT), other.get(name, NO_FACT)
        if not key.nature and key.explains and _differs(key, before, now):
            shown = _difference(name, before, now)
            differing.append(Confound(environment, name, *shown, why=_why(key, before, now)))
    return tuple(differing)


def _differs(key: Key, before: Fact, now: Fact) -> bool:
    readable = (before.status == Status.OK) + (now.status == Status.OK)
    if readable < 2:
        return readable == 1 and key.matters
    if not alike(before, now):
        return False
    if _number(before.value) and _number(now.value) and key.tolerance:
        left, right = float(before.value or 0), float(now.value or 0)  # type: ignore[arg-type]
        return abs(left - right) > key.tolerance * max(abs(left), abs(right))
    return before.value != now.value


def alike(one: Fact, other: Fact) -> bool:
    """Whether two facts are of one source: another source may use other words for the same thing.

    Numbers in a source count as equal: they say which processor or cache was asked.
    """
    return _NUMBER.sub("#", one.source) == _NUMBER.sub("#", other.source)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _difference(name: str, before: Fact, now: Fact) -> tuple[str, str]:
    """Both values as text; for two lists only the words that the other one lacks."""
    if isinstance(before.value, tuple) and isinstance(now.value, tuple):
        left = [word for word in before.value if word not in now.value]
        right = [word for word in now.value if word not in before.value]
        if left or right:
            return " ".join(left) or "nothing more", " ".join(right) or "nothing more"
    return show(name, before), show(name, now)


def _why(key: Key, before: Fact, now: Fact) -> str:
    can = f"can explain {', '.join(key.explains)}"
    return can if before.status == now.status == Status.OK else f"unknown on one side; {can}"


def show(name: str, fact: Fact) -> str:
    """A fact's value for readers, with its unit; a list as words, unknown as a dash."""
    if fact.status != Status.OK:
        return DASH
    match fact.value:
        case bool():
            return "yes" if fact.value else "no"
        case tuple():
            return " ".join(fact.value) or "none"
        case int() | float():
            return _quantity(key_of(name), fact.value)
        case None:
            return DASH
        case str():
            return fact.value


def _quantity(key: Key, value: float) -> str:
    match key.unit:
        case "B":
            return show_bytes(value)
        case "Hz":
            return f"{value / 1e9:.3g} GHz"
        case "s":
            return f"{value * 1e9:.3g} ns"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
