"""A strict reader of the OpenMetrics text format 1.0, written from its grammar: what it takes, a scraper takes."""

import re
from dataclasses import dataclass, field

# https://prometheus.io/docs/specs/om/open_metrics_spec/#abnf
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
ESCAPED = r'"(?:[^"\\\n]|\\["\\n])*"'
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"  # NaN and Inf are allowed, but never ours
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}={ESCAPED})(?:,{LABEL}={ESCAPED})*)?\}})? ({NUMBER})")
META = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)")
PAIR = re.compile(rf"({LABEL})=({ESCAPED})")
SUFFIXES = {"gauge": {""}, "info": {"_info"}, "stateset": {""}}
RESERVED = ("_total", "_created", "_count", "_sum", "_bucket", "_info")


@dataclass
class Family:
    name: str
    kind: str = ""
    unit: str = ""
    about: str = ""
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)


def parse(text: str) -> dict[str, Family]:
    """Families by name; an assertion fails at the first line that the grammar does not allow."""
    assert text.endswith("# EOF\n"), "an exposition ends with # EOF"
    families: dict[str, Family] = {}
    current: Family | None = None
    for line in text.removesuffix("# EOF\n").split("\n")[:-1]:
        if found := META.fullmatch(line):
            what, name, value = found.groups()
            if current is None or current.name != name:
                assert name not in families, f"the family {name} is interleaved"
                current = families[name] = Family(name)
            assert not current.samples, f"metadata of {name} after its samples"
            _meta(current, what, value)
        else:
            assert current is not None, line
            _sample(current, line)
    for family in families.values():
        _check(family)
    return families


def _meta(family: Family, what: str, value: str) -> None:
    match what:
        case "TYPE":
            assert not family.kind and value in SUFFIXES, value
            family.kind = value
        case "UNIT":
            assert not family.unit and family.name.endswith(f"_{value}"), value
            family.unit = value
        case "HELP":
            assert not family.about and re.fullmatch(r'(?:[^\\\n]|\\[\\n"])*', value), value
            family.about = value


def _sample(family: Family, line: str) -> None:
    found = SAMPLE.fullmatch(line)
    assert found, f"not in the grammar: {line!r}"
    name, labels, value = found.groups()
    assert name.removeprefix(family.name) in SUFFIXES[family.kind], f"{name} in the family {family.name}"
    pairs = PAIR.findall(labels or "")
    assert len({key for key, _ in pairs}) == len(pairs), f"a label twice: {line!r}"
    unescaped = {key: re.sub(r"\\(.)", _letter, text[1:-1]) for key, text in pairs}
    family.samples.append((unescaped, float(value)))


def _letter(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def _check(family: Family) -> None:
    assert family.kind, f"{family.name} has no TYPE"
    assert not family.name.endswith(RESERVED), family.name
    seen = [tuple(sorted(labels.items())) for labels, _ in family.samples]
    assert len(set(seen)) == len(seen), f"{family.name} has the same labels twice"
    match family.kind:
        case "info":
            assert not family.unit
            assert all(value == 1 for _, value in family.samples)
        case "stateset":
            assert not family.unit
            assert all(family.name in labels and value in (0, 1) for labels, value in family.samples)
