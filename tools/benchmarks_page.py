"""Writes the sections of docs/reference/benchmarks.md that say what a benchmark is, from the types.

python tools/benchmarks_page.py          # rewrites the page; a test says when it is not current
"""

import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec

from vbench.benchmarks import KINDS
from vbench.contracts import Benchmark
from vbench.model import Metric
from vbench.units import DASH, Bytes, Seconds, Share, show, show_bytes

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "benchmarks.md"
PART = re.compile(r"(<!-- kinds of (\w+), from the types -->\n).*?(<!-- end of \2 -->\n)", re.DOTALL)


def current(page: str) -> str:
    """The page with every family's sections as the types are now."""
    return PART.sub(lambda found: f"{found[1]}\n{sections(found[2])}\n{found[3]}", page)


def families() -> list[str]:
    return list(dict.fromkeys(kind.partition(".")[0] for kind in KINDS))


def sections(family: str) -> str:
    return "\n".join(section(kind, made) for kind, made in KINDS.items() if kind.partition(".")[0] == family)


def section(kind: str, made: type[Benchmark]) -> str:
    parts = [
        f"### `{kind}`",
        f"**{made.about}**",
        inspect.getdoc(made) or "",
        f"Exposes: {made.exposes.rstrip('.')}.",
        *keys(made),
        metrics(made.metrics),
    ]
    return "\n\n".join(parts) + "\n"


def keys(made: type) -> Iterator[str]:
    fields = msgspec.structs.fields(made)  # type: ignore[arg-type]
    if fields:
        rows = [f"| `{field.name}` | {default(field)} | {choices(field.type)} |" for field in fields]
        yield "\n".join(["| key | default | values |", "|---|---|---|", *rows])


def default(field: "msgspec.structs.FieldInfo") -> str:
    match field.default:
        case msgspec.NODEFAULT:
            return "required"
        case None:
            return DASH
        case Bytes(size):
            return show_bytes(size)
        case Seconds(seconds):
            return f"{seconds:g} s"
        case value:
            return f"`{value}`"


def choices(kind: object) -> str:
    """What a key takes, in the words that a suite's author knows."""
    if kind in (Bytes, Seconds, Share):
        return {Bytes: "a size", Seconds: "a duration", Share: "a share"}[kind]  # type: ignore[index]
    arguments = typing.get_args(kind)
    if hasattr(kind, "__metadata__"):
        return choices(arguments[0]) + bounds(kind.__metadata__)
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if typing.get_origin(kind) is tuple:
        return "a list of texts"
    if arguments:
        return ", ".join(choices(one) for one in arguments if one is not type(None))
    return {str: "a text", int: "a whole number", float: "a number", bool: "true, false"}[kind]  # type: ignore[index]


def bounds(metadata: tuple[object, ...]) -> str:
    limits = [meta for meta in metadata if isinstance(meta, msgspec.Meta)]
    low = next((meta.ge for meta in limits if meta.ge is not None), None)
    high = next((meta.le for meta in limits if meta.le is not None), None)
    return f", {low} to {high}" if low is not None and high is not None else ""


def metrics(known: tuple[Metric, ...]) -> str:
    rows = [f"| `{metric.name}` | {metric.unit} | {metric.better} | {what(metric)} |" for metric in known]
    return "\n".join(["| metric | unit | better | what |", "|---|---|---|---|", *rows])


def what(metric: Metric) -> str:
    margin = "" if metric.margin is None else f", of interest from {show(metric.margin, metric.unit)}"
    return metric.about + (f"; compared by difference{margin}" if metric.scale == "difference" else "")


if __name__ == "__main__":
    before = PAGE.read_text()
    PAGE.write_text(current(before))
    sys.stderr.write(f"{PAGE} {'was current' if current(before) == before else 'is rewritten'}\n")
