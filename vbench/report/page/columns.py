"""Defines the columns of the page's table of every number, and the style sheet that aligns, labels and hides cells."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vbench.report.view import View
from vbench.text import plain


@dataclass(frozen=True)
class Column:
    key: str
    name: str
    is_number: bool = True
    is_extra: bool = False  # shown when all columns are asked for
    is_labelled: bool = True  # on a phone, where each row is a card without headings


def columns(view: View) -> tuple[Column, ...]:
    base = view.baseline
    kept = (Column("kept", "Nothing voided", is_extra=True),) if view.voided.attempts else ()
    return (
        Column("benchmark", "Benchmark", is_number=False, is_labelled=False),
        Column("metric", "Metric", is_number=False, is_labelled=False),
        Column("environment", "Environment", is_number=False, is_labelled=False),
        Column("baseline", f"{base}, median"),
        Column("median", "Median"),
        Column("cost", "Cost"),
        Column("interval", "95 % interval"),
        Column("blocks", "Blocks", is_extra=True),
        Column("verdict", "Verdict", is_number=False),
        Column("floor", "Noise floor"),
        Column("detectable", "Detectable", is_extra=True),
        Column("decide", "Would decide", is_extra=True),
        Column("p", "p", is_extra=True),
        Column("adjusted", "p adjusted", is_extra=True),
        Column("role", "Role", is_number=False, is_extra=True),
        Column("hodges-lehmann", "Hodges-Lehmann", is_extra=True),
        *kept,
        Column("baseline-cpus", f"{base}, CPUs", is_extra=True),
        Column("cpus", "CPUs", is_extra=True),
        Column("baseline-cpu-op", f"{base}, CPU/op", is_extra=True),
        Column("cpu-op", "CPU/op", is_extra=True),
        Column("reason", "Reason", is_number=False, is_extra=True),
        Column("note", "Note", is_number=False, is_labelled=False),
    )


def extras(shown: tuple[Column, ...]) -> str:
    """The CSS selector of cells that are shown only with all columns."""
    return (
        f"#costs:not(.all) :is(th, td):where({_children(number for number, item in _numbered(shown) if item.is_extra)})"
    )


def style(shown: tuple[Column, ...]) -> str:
    """The style sheet of the columns. It replaces a class and a label at each cell: a page has up to 100,000 cells."""
    labels = [
        f"  #costs td:nth-child({number})::before {{ content: {_string(item.name + ': ')}; color: var(--muted); }}"
        for number, item in _numbered(shown)
        if item.is_labelled
    ]
    numbers = _children(number for number, item in _numbered(shown) if item.is_number)
    lines = (
        f"{extras(shown)} {{ display: none; }}",
        f"#costs td:where({numbers}) {{ text-align: right; }}",
        "@media (max-width: 40rem) {",
        *labels,
        "}",
    )
    return "\n".join(lines)


def _numbered(shown: tuple[Column, ...]) -> Iterable[tuple[int, Column]]:
    return enumerate(shown, start=1)


def _children(numbers: Iterable[int]) -> str:
    return ", ".join(f":nth-child({number})" for number in numbers)


def _string(text: str) -> str:
    """A string of CSS. Escaping keeps any name from ending the string or the style element."""
    return '"' + re.sub(r'[^ -~]|["\\<>&]', lambda match: f"\\{ord(match[0]):x} ", plain(text)) + '"'
