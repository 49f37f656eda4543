"""What folders of older versions say in another place than this version does."""

from typing import Any

from msgspec.structs import replace

from vbench.model import EnvironmentRecord, Manifest

_FAULTS = ("dose", "delay")


def brought_up(manifest: Manifest) -> Manifest:
    """The manifest as this version would have written it."""
    return replace(manifest, environments=tuple(map(_with_relations, manifest.environments)))


def settings(record: EnvironmentRecord) -> dict[str, Any]:
    """What can be compared with a run of this version.

    The native environment had two keys of known faults before they became an environment of their own.
    """
    return {key: value for key, value in record.settings.items() if key not in _FAULTS or value}


def _with_relations(record: EnvironmentRecord) -> EnvironmentRecord:
    """Relations of an arm whose environment still had `on` among its settings.

    There was one network then, and a machine had a disk of the size that its `scratch` says.
    """
    on = record.settings.get("on")
    if "on" not in record.settings or not (on is None or isinstance(on, str)):
        return record
    settings = {key: value for key, value in record.settings.items() if key != "on"}
    storage = "disk" if "scratch" in settings else "folder"
    return replace(record, settings=settings, on=on, network="bridge", storage=storage)
