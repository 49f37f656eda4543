"""Brings records of older schemas into the form of this version."""

from typing import Any

from msgspec.structs import replace

from vbench.model import EnvironmentRecord, Manifest

_FAULTS = ("dose", "delay")


def brought_up(manifest: Manifest) -> Manifest:
    """The manifest as this version would have written it."""
    return replace(manifest, environments=tuple(map(_with_relations, manifest.environments)))


def settings(record: EnvironmentRecord) -> dict[str, Any]:
    """Settings of a record in the form of this version, without keys of known faults that are zero.

    The native environment had these two keys before the known faults became an environment of their own.
    """
    return {key: value for key, value in record.settings.items() if key not in _FAULTS or value}


def _with_relations(record: EnvironmentRecord) -> EnvironmentRecord:
    """Moves `on` from an old record's settings to its relations, and adds network and storage.

    Old versions had one network, and gave a machine a disk of the size in its `scratch` setting.
    """
    on = record.settings.get("on")
    if "on" not in record.settings or not (on is None or isinstance(on, str)):
        return record
    settings = {key: value for key, value in record.settings.items() if key != "on"}
    storage = "disk" if "scratch" in settings else "folder"
    return replace(record, settings=settings, on=on, network="bridge", storage=storage)
