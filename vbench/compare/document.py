"""`vbench compare --format json`: the contract that programs read; docs/use/compare.md describes every key."""

from typing import Any

import msgspec

from vbench.compare import words
from vbench.compare.cells import Cell, RunValue
from vbench.compare.comparison import Compared, Comparison
from vbench.compare.grouping import Group, machine
from vbench.compare.threshold import Judgement
from vbench.model import Run
from vbench.text import finite

JSON_SCHEMA = 1
"""Number of the document's schema; its history is in docs/use/compare.md."""


def json_document(compared: Compared, judgements: tuple[Judgement, ...] = ()) -> dict[str, Any]:
    """The document as dicts, lists, strings, finite numbers and None.

    `judgements` has one item for each comparison, in the same order, or is empty.
    """
    return {
        "schema": JSON_SCHEMA,
        "by": compared.by,
        "groups": [_group(group) for group in compared.groups],
        "comparisons": [
            _comparison(comparison, judgements[index] if judgements else None)
            for index, comparison in enumerate(compared.comparisons)
        ],
        "warnings": list(compared.warnings),
    }


def _group(group: Group) -> dict[str, Any]:
    return {"label": group.label, "value": group.value, "runs": [_run(run) for run in group.runs]}


def _run(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "run_id": manifest.run_id,
        "machine": machine(run),
        "suite": manifest.suite,
        "started": manifest.started,
        "state": str(manifest.state),
        "tool": manifest.tool,
        "image": manifest.image,
        "blocks_planned": manifest.blocks,
        "tags": dict(manifest.tags),
    }


def _comparison(comparison: Comparison, judgement: Judgement | None) -> dict[str, Any]:
    return {
        "reference": comparison.reference.label,
        "group": comparison.group.label,
        "support": str(comparison.support),
        "scope": words.scope(comparison),
        "finding": words.finding(comparison),
        "costs": [_cell(cell) for cell in comparison.costs],
        "hosts": [_cell(cell) for cell in comparison.hosts],
        "facts": [msgspec.to_builtins(fact) for fact in comparison.facts],
        "threshold": _threshold(judgement) if judgement else None,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "benchmark": cell.benchmark,
        "metric": cell.metric,
        "unit": cell.unit,
        "better": cell.better,
        "environment": cell.environment,
        "support": str(cell.support),
        "reference": [_reading(value) for value in cell.reference],
        "group": [_reading(value) for value in cell.group],
        "ratio": finite(cell.ratio),
        "low": finite(cell.low),
        "high": finite(cell.high),
        "p": finite(cell.p),
        "adjusted_p": finite(cell.adjusted_p),
        "differs": cell.differs,
        "own_intervals_overlap": words.own_intervals_overlap(cell),
        "why": cell.why,
        "reading": words.reading(cell),
    }


def _reading(run_value: RunValue) -> dict[str, Any]:
    return {
        "run_id": run_value.run_id,
        "value": finite(run_value.value),
        "low": finite(run_value.low),
        "high": finite(run_value.high),
        "blocks": run_value.blocks,
        "label": run_value.label,
        "verdict": str(run_value.verdict) if run_value.verdict else None,
    }


def _threshold(judgement: Judgement) -> dict[str, Any]:
    return {
        "share": judgement.share,
        "judged": judgement.judged,
        "beyond": [
            {"environment": cell.environment, "benchmark": cell.benchmark, "metric": cell.metric}
            for cell in judgement.beyond
        ],
        "warning": judgement.warning,
    }
