"""`vbench report --format json`: the contract that programs read; docs/report-json.md describes every key."""

from typing import Any

import msgspec

from vbench.cost import confounds, costs
from vbench.model import Cost, EnvironmentRecord, Run
from vbench.report.text import finite
from vbench.report.view import analysed_blocks, losses, trial_counts
from vbench.units import encode

JSON_SCHEMA = 1
"""Number of the document's schema; its history is in docs/report-json.md."""


def json_document(run: Run) -> dict[str, Any]:
    """Plain dicts, lists, strings, finite numbers and None."""
    manifest, found = run.manifest, costs(run)
    return {
        "schema": JSON_SCHEMA,
        "run_id": manifest.run_id,
        "suite": manifest.suite,
        "seed": manifest.seed,
        "baseline": manifest.baseline,
        "control": manifest.control,
        "blocks": analysed_blocks(found),
        "blocks_planned": manifest.blocks,
        "state": str(manifest.state),
        "started": manifest.started,
        "finished": manifest.finished,
        "tool": manifest.tool,
        "image": manifest.image,
        "environments": {record.name: _environment(record) for record in manifest.environments},
        "costs": [_cost(cost) for cost in found],
        "confounds": [msgspec.to_builtins(confound) for confound in confounds(run)],
        "trials": trial_counts(run),
        "losses": [
            {
                "environment": loss.environment,
                "benchmark": loss.benchmark,
                "outcome": loss.outcome,
                "reason": loss.reason,
                "hint": loss.hint,
                "blocks": list(loss.blocks),
            }
            for loss in losses(run)
        ],
        "warnings": list(run.warnings),
    }


def _environment(record: EnvironmentRecord) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "layers": [layer.name for layer in record.layers],
        "evidence": [layer.evidence for layer in record.layers],
        "settings": _finite_tree(msgspec.to_builtins(record.settings, enc_hook=encode)),
        "argv": [list(words) for words in record.argv],
        "image": record.image,
        "mechanisms": list(record.mechanisms),
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "benchmark": cost.benchmark,
        "metric": cost.metric,
        "unit": cost.unit,
        "better": cost.better,
        "environment": cost.environment,
        "cost": finite(cost.cost),
        "low": finite(cost.low),
        "high": finite(cost.high),
        "blocks": cost.blocks,
        "baseline_median": finite(cost.baseline_median),
        "median": finite(cost.median),
        "per_block": {str(block): finite(value) for block, value in sorted(cost.per_block.items())},
        "label": cost.label,
    }


def _finite_tree(value: Any) -> Any:
    match value:
        case float():
            return finite(value)
        case dict():
            return {key: _finite_tree(inner) for key, inner in value.items()}
        case list():
            return [_finite_tree(inner) for inner in value]
        case _:
            return value
