"""Writes costs, medians and verdicts in the OpenMetrics text format 1.0, for Prometheus and compatible readers.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vbench.api import Run
from vbench.exports.format import Written
from vbench.model import Verdict
from vbench.store.files import write_atomically
from vbench.text import plain

UNITS = {"s": "seconds", "B": "bytes", "B/s": "bytes_per_second", "1/s": "per_second"}
"""Base unit to the suffix of its families. Samples of any other unit have a family without a suffix."""

Labels = dict[str, str]
Sample = tuple[Labels, float]
Row = Mapping[Any, Any]


def write(run: Run, path: Path, table: str) -> Written:
    del table
    write_atomically(path, text(run).encode())
    return Written((path,))


def text(run: Run) -> str:
    """The whole exposition. An unknown value has no sample, because a gauge of NaN would be a number."""
    rows: list[Row] = list(run.costs.astype(object).to_dict("records"))
    families = [*_info(run), *_ratios(run, rows), *_in_units(run, rows), *_verdicts(run, rows)]
    return "".join(f"{line}\n" for line in (*families, "# EOF"))


def _info(run: Run) -> Iterator[str]:
    manifest = run.manifest
    about = {"suite": manifest.suite, "state": manifest.state.value, "baseline": manifest.baseline}
    about |= {"version": manifest.tool, "started": manifest.started, "image": manifest.image}
    yield from _head("vbench_run", "info", "", "The run that the other metrics come from.")
    yield _line("vbench_run_info", {"run": manifest.run_id, **about}, 1)


def _ratios(run: Run, rows: list[Row]) -> Iterator[str]:
    """Families of costs and blocks. OpenMetrics requires the samples of a family to be consecutive."""
    for name, column, about in (
        ("vbench_cost_ratio", "cost", "What isolation costs: ratio to the baseline, above 1 is worse."),
        ("vbench_cost_low_ratio", "low", "Lower end of the 95 % interval of the cost."),
        ("vbench_cost_high_ratio", "high", "Upper end of the 95 % interval of the cost."),
    ):
        yield from _family(name, "ratio", about, ((_labels(run, row), row[column]) for row in rows))
    yield from _family(
        "vbench_cost_blocks",
        "",
        "Blocks in which both arms have a number.",
        ((_labels(run, r), r["blocks"]) for r in rows),
    )


def _in_units(run: Run, rows: list[Row]) -> Iterator[str]:
    """Families of medians and differences, one for each unit. Other units share a family and are named in a label."""
    for suffix in dict.fromkeys(UNITS.get(row["unit"], "") for row in rows):
        end = f"_{suffix}" if suffix else ""
        same_unit = [row for row in rows if UNITS.get(row["unit"], "") == suffix]
        labelled = [(_labels(run, row) | ({} if suffix else {"unit": row["unit"]}), row) for row in same_unit]
        yield from _family(f"vbench_median{end}", suffix, "Median over the blocks.", _medians(run, labelled))
        for name, column, about in (
            ("vbench_difference", "difference", "Difference to the baseline, above 0 is worse."),
            ("vbench_difference_low", "difference_low", "Lower end of its 95 % interval."),
            ("vbench_difference_high", "difference_high", "Upper end of its 95 % interval."),
        ):
            yield from _family(f"{name}{end}", suffix, about, ((labels, row[column]) for labels, row in labelled))


def _medians(run: Run, rows: list[tuple[Labels, Row]]) -> Iterator[Sample]:
    """The median of each environment, and one of the baseline, over the blocks it shares with the first environment.

    Where the environments were alive in groups there is one of the baseline for each group.
    """
    metrics = set()
    for labels, row in rows:
        group = {"group": str(row["group"])} if run.manifest.plan.groups else {}
        if (row["benchmark"], row["metric"], row["group"]) not in metrics:
            metrics.add((row["benchmark"], row["metric"], row["group"]))
            yield labels | {"environment": run.manifest.baseline} | group, row["baseline_median"]
        yield labels | group, row["median"]


def _verdicts(run: Run, rows: list[Row]) -> Iterator[str]:
    judged = [row for row in rows if isinstance(row["verdict"], str)]
    if not judged:
        return
    yield from _head("vbench_verdict", "stateset", "", "Verdict on the cost.")
    for row in judged:
        for state in Verdict:
            yield _line("vbench_verdict", _labels(run, row) | {"vbench_verdict": state.value}, row["verdict"] == state)


def _labels(run: Run, row: Row) -> Labels:
    return {"run": run.manifest.run_id} | {name: row[name] for name in ("environment", "benchmark", "metric")}


def _family(name: str, unit: str, about: str, samples: Iterable[tuple[Labels, Any]]) -> Iterator[str]:
    """Lines of one family. None if no sample is known."""
    known = [(labels, float(value)) for labels, value in samples if value is not None and math.isfinite(value)]
    if known:
        yield from _head(name, "gauge", unit, about)
        yield from (_line(name, labels, value) for labels, value in known)


def _head(name: str, kind: str, unit: str, about: str) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {_escaped(about)}"


def _line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {int(value) if isinstance(value, bool) else repr(value)}"


def _escaped(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
