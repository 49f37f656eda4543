"""Writes plain names of benchmarks, metrics and settings from the descriptions in their types.

A run folder keeps the descriptions of the version that measured it. They are used for kinds that this version does not
know, and for commands of the suite's own.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vbench import benchmarks, environments
from vbench.model import BenchmarkRecord, EnvironmentRecord, Metric, StackLayer
from vbench.store import older
from vbench.suite import NETWORKS, relations_of
from vbench.units import encode, show_bytes

PAGE = 4096
_TOOL = re.compile(r"^[a-z0-9]+: ")
_KEY = re.compile(r"`(\w+)`(?:((?: \w+)*) \(([^()`]*)\))?|, or ([^,`]+) \(`(\w+)`\)")


def short(record: BenchmarkRecord, metric: str) -> str:
    """Name for a headline: `start`, `random writes (randwrite16) latency p99`. The first metric is not named."""
    kind = benchmarks.KINDS.get(record.kind)
    family, _, own = record.name.partition(".")
    if kind is None or family == record.kind:
        name = own or record.name
    else:
        name = kind.short if record.name == record.kind else f"{kind.short} ({own or record.name})"
    is_first = bool(record.metrics) and record.metrics[0].name == metric
    return name if is_first else f"{name} {metric.replace('_', ' ')}"


def operation(record: BenchmarkRecord) -> str:
    """One operation in words, with this entry's settings: `4 KiB random overwrites, 16 at a time, O_DIRECT`."""
    about = record.about
    kind = benchmarks.KINDS.get(record.kind)
    if kind is not None and record.name.partition(".")[0] != record.kind:
        about = kind.about
    return with_values(_TOOL.sub("", about), record.settings)


def with_values(about: str, settings: Mapping[str, Any]) -> str:
    """The text with its keys replaced by their values.

    A key may be followed by its default in brackets, which replaces it if it is not set. `to A, or from A (`key`)`
    becomes `to A` if the key is not set, else `from A`, which replaces as many words as it has.
    """
    end, text = 0, ""
    for match in _KEY.finditer(about):
        text += about[end : match.start()]
        end = match.end()
        key, more, usual, other, flag = match.groups()
        if flag is not None:
            kept = text.split(" ")[: -len(other.split(" "))]
            text = " ".join([*kept, other]) if settings.get(flag) else text
        elif settings.get(key) is not None:
            text += f"{value_of(settings[key])}{more or ''}"
        else:
            text += f"{usual}{more or ''}" if usual else match[0]
    return text + about[end:]


def measured(metric: Metric) -> str:
    """A metric in words: `median of one fdatasync`, `time of one hash of 4 KiB`. Its name if it has no description."""
    if metric.about.startswith("of "):
        return f"{metric.name.replace('_', ' ')} {metric.about}"
    return metric.about or metric.name.replace("_", " ")


def measured_of(record: BenchmarkRecord, metric: str) -> str:
    return measured(_metric(record, metric))


def plain(record: BenchmarkRecord, metric: str) -> str:
    """`4 KiB random overwrites, 16 at a time, O_DIRECT: 99th percentile of latency, within the trial`."""
    return ": ".join(part for part in (operation(record), measured_of(record, metric)) if part)


def _metric(record: BenchmarkRecord, name: str) -> Metric:
    """The metric as this version defines it, or else as the run folder keeps it."""
    kind = benchmarks.KINDS.get(record.kind)
    candidates = (*(kind.metrics if kind else ()), *record.metrics)
    return next((metric for metric in candidates if metric.name == name), Metric(name, "1", "lower"))


def unusual_settings(record: EnvironmentRecord | BenchmarkRecord) -> dict[str, Any]:
    """Relations and settings that differ from the defaults. For an unknown kind, all that are set."""
    tables: dict[type, Mapping[str, type]] = {
        EnvironmentRecord: environments.KINDS,
        BenchmarkRecord: benchmarks.KINDS,
    }
    kind = tables[type(record)].get(record.kind)
    usual = _defaults(kind) if kind is not None else {}
    settings = older.settings(record) if isinstance(record, EnvironmentRecord) else record.settings
    unusual = {key: value for key, value in settings.items() if _is_set(value) and value != usual.get(key)}
    return (_unusual_relations(record) if isinstance(record, EnvironmentRecord) else {}) | unusual


def _unusual_relations(record: EnvironmentRecord) -> dict[str, str]:
    """Relations that differ from the defaults. The storage of a kind is its default."""
    usual = {"network": NETWORKS[0], "storage": relations_of(record).get("storage")}
    return {key: value for key, value in relations_of(record).items() if value != usual.get(key)}


def sessions(record: EnvironmentRecord) -> tuple[StackLayer, ...]:
    """The layers of the stack, the lowest first. A folder of an older version has the uppermost layer alone."""
    return record.stack or (StackLayer(record.name, record.kind, record.argv, record.mechanisms),)


def all_settings(record: EnvironmentRecord | BenchmarkRecord) -> dict[str, Any]:
    """Relations and settings: every key that a suite can set for this entry."""
    return (relations_of(record) if isinstance(record, EnvironmentRecord) else {}) | record.settings


def unnamed_settings(record: BenchmarkRecord) -> dict[str, Any]:
    """Settings that differ from the defaults and are not part of the plain name."""
    kind = benchmarks.KINDS.get(record.kind)
    about = record.about if kind is None else kind.about
    return {key: value for key, value in unusual_settings(record).items() if f"`{key}`" not in about}


def value_of(value: object) -> str:
    """A setting as text. A positive multiple of 4 KiB is written as a size."""
    is_size = type(value) is int and value > 0 and value % PAGE == 0
    return show_bytes(value) if is_size and isinstance(value, int) else str(value)


def pairs(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and text of each setting that is set."""
    return [(key, value_of(value)) for key, value in settings.items() if _is_set(value)]


def _is_set(value: object) -> bool:
    return value is not None and value not in ("", [], ())


def _defaults(kind: type) -> dict[str, Any]:
    """Defaults of a kind, as a manifest holds them."""
    defaults = {}
    for field in msgspec.structs.fields(kind):
        if field.default_factory is not msgspec.NODEFAULT:
            defaults[field.encode_name] = msgspec.to_builtins(field.default_factory(), enc_hook=encode)
        elif field.default is not msgspec.NODEFAULT:
            defaults[field.encode_name] = msgspec.to_builtins(field.default, enc_hook=encode)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}
