"""Writes `vbench report --format json` for programs. docs/reference/report-json.md describes every key."""

from typing import Any

import msgspec

from vbench.cost import Analysis, Climb, Finding, Spending
from vbench.model import Cost, EnvironmentRecord, Run, Void
from vbench.report import names
from vbench.report.citation import Citation
from vbench.report.view import Loss, Row, View, cost_key, view_of
from vbench.report.words import SCOPE, seldom
from vbench.text import finite, reason_document, reason_text
from vbench.units import encode

JSON_SCHEMA = 1
"""Number of the document's schema; its history is in docs/reference/report-json.md."""


def json_document(run: Run, *, analysis: Analysis | None = None, validation: Citation | None = None) -> dict[str, Any]:
    """The document as dicts, lists, strings, finite numbers and None."""
    manifest, view = run.manifest, view_of(run, analysis)
    return {
        "schema": JSON_SCHEMA,
        "run_id": manifest.run_id,
        "suite": manifest.suite,
        "seed": manifest.seed,
        "baseline": manifest.baseline,
        "control": manifest.control,
        "delta": finite(manifest.delta),
        "confirmatory": list(manifest.confirmatory),
        "scope": SCOPE,
        "unseen": seldom(view.analysed) if view.analysed else None,
        "validation": validation.sentence if validation else None,
        "blocks": view.analysed,
        "blocks_planned": manifest.blocks,
        "state": str(manifest.state),
        "started": manifest.started,
        "finished": manifest.finished,
        "tool": manifest.tool,
        "image": manifest.image,
        "environments": {record.name: _environment(record) for record in manifest.environments},
        "groups": [list(group) for group in manifest.plan.groups],
        "costs": _costs(view),
        "ladders": [_ladder(climb) for climb in view.analysis.ladders],
        "families": [_finite_tree(msgspec.to_builtins(family)) for family in view.families],
        "voided": _voided(view),
        "conditions": [_finite_tree(msgspec.to_builtins(arm)) for arm in view.conditions],
        "spending": _spending(view.analysis.spending),
        "confounds": [msgspec.to_builtins(confound) for confound in view.confounds],
        "trials": view.trials,
        "losses": [_loss(loss) for loss in view.losses],
        "warnings": list(run.warnings),
    }


def _spending(spending: Spending) -> dict[str, Any]:
    document: dict[str, Any] = _finite_tree(msgspec.to_builtins(spending))
    return document | {"rest_s": finite(spending.rest_s)}


def _voided(view: View) -> dict[str, Any]:
    void = view.voided
    return {
        "attempts": void.attempts,
        "blocks": list(void.blocks),
        "dropped": list(void.dropped),
        "arms": void.arms,
        "each": [_void(item) for item in view.run.voids],
        "reasons": [
            {"reason": cause.words, "kind": str(cause.reasons[0].kind), "attempts": cause.attempts}
            for cause in void.causes
        ],
    }


def _void(void: Void) -> dict[str, Any]:
    return {
        "block": void.block,
        "attempt": void.attempt,
        "harness": void.harness,
        "reasons": list(map(reason_text, void.reasons)),
        "causes": list(map(reason_document, void.reasons)),
    }


def _loss(loss: Loss) -> dict[str, Any]:
    return {
        "environment": loss.environment,
        "benchmark": loss.benchmark,
        "outcome": loss.outcome,
        "reason": loss.reason,
        "cause": reason_document(loss.cause),
        "hint": loss.hint,
        "blocks": list(loss.blocks),
    }


def _costs(view: View) -> list[dict[str, Any]]:
    rows = {cost_key(row.cost): row for row in view.rows}
    varied = {one.name: {"of": one.of, "varied": one.varied} for one in view.run.manifest.benchmarks}
    documents = []
    for cost in view.costs:
        row = rows.get(cost_key(cost))
        kept = _kept(row.kept) if row and row.kept else None
        notes = list(row.notes) if row else []
        documents.append(
            _cost(cost) | varied[cost.benchmark] | {"kept": kept, "notes": notes, "steadiness": _steadiness(row)}
        )
    return documents


def _steadiness(row: Row | None) -> dict[str, Any] | None:
    if row is None or row.steadiness is None:
        return None
    document: dict[str, Any] = _finite_tree(msgspec.to_builtins(row.steadiness))
    return document | {"drifting": row.steadiness.is_drifting}


def _ladder(climb: Climb) -> dict[str, Any]:
    ladder, metric = climb.ladder, climb.metric
    return {
        "name": ladder.name,
        "benchmark": ladder.benchmark,
        "metric": ladder.metric,
        "unit": metric.unit,
        "better": metric.better,
        "arms": list(ladder.arms),
        "steps": [_contrast(finding) for finding in climb.steps],
        "whole": _contrast(climb.whole),
    }


def _contrast(finding: Finding) -> dict[str, Any]:
    """A contrast of one arm against another. Keys of a cost that name the baseline name the arm `before` here."""
    (arm, _), (before, _) = finding.comparison.contrast.weights
    shared = ("benchmark", "metric", "unit", "better", "environment")
    own = {key: value for key, value in _cost(finding.cost).items() if key not in shared}
    cost = {key.replace("baseline_", "before_"): value for key, value in own.items()}
    unpaired = {str(block): why for block, why in sorted(finding.comparison.unpaired.items())}
    return {"arm": arm, "before": before, **cost, "unpaired": unpaired}


def _kept(cost: Cost) -> dict[str, Any]:
    return {
        "cost": finite(cost.cost),
        "low": finite(cost.low),
        "high": finite(cost.high),
        "difference": _difference(cost),
        "blocks": cost.blocks,
    }


def _difference(cost: Cost) -> dict[str, Any] | None:
    difference = cost.difference
    if difference is None:
        return None
    each = {str(block): finite(value) for block, value in sorted(difference.per_block.items())}
    return {
        "mean": finite(difference.mean),
        "low": finite(difference.low),
        "high": finite(difference.high),
        "per_block": each,
    }


def _environment(record: EnvironmentRecord) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "layers": [layer.name for layer in record.layers],
        "evidence": [layer.evidence for layer in record.layers],
        "settings": _finite_tree(msgspec.to_builtins(record.settings, enc_hook=encode)),
        "on": record.on,
        "network": record.network,
        "storage": record.storage,
        "argv": [list(words) for words in record.argv],
        "image": record.image,
        "mechanisms": list(record.mechanisms),
        "stack": [_finite_tree(msgspec.to_builtins(layer)) for layer in names.sessions(record)],
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
        "verdict": str(cost.verdict) if cost.verdict else None,
        "rule": cost.rule,
        "reason": cost.reason,
        "role": cost.role,
        "floor": finite(cost.floor),
        "half_width": finite(cost.half_width),
        "detectable": finite(cost.detectable),
        "blocks_to_decide": cost.blocks_to_decide,
        "unresolved": cost.unresolved,
        "p": finite(cost.p),
        "p_adjusted": finite(cost.p_adjusted),
        "hodges_lehmann": finite(cost.hodges_lehmann),
        "suspects": list(cost.suspects),
        "difference": _difference(cost),
        "baseline_processors": finite(cost.baseline_processors),
        "processors": finite(cost.processors),
        "baseline_cpu_s_per_operation": finite(cost.baseline_cpu_s_per_operation),
        "cpu_s_per_operation": finite(cost.cpu_s_per_operation),
        "group": cost.group,
    }


def _finite_tree(value: Any) -> Any:
    match value:
        case float():
            return finite(value)
        case dict():
            return {key: _finite_tree(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite_tree(inner) for inner in value]
        case _:
            return value
