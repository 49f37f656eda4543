"""What resuming refuses, and how a test changes the folder of a killed run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.killed import HERE, PER_BLOCK, content, resumed
from vbench.errors import UsageError
from vbench.store import privacy
from vbench.suite import Suite

KILLED_AT = PER_BLOCK + 4


CLEAN = privacy.of_hosts([HERE.identity()])


def edited(folder: Path, **changes: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def refusal(folder: Path, given: Suite | None = None, **more: Any) -> UsageError:
    """What resuming says; nothing in the folder is another than before."""
    before = content(folder)
    with pytest.raises(UsageError) as raised:
        resumed(folder, given, **more)
    assert content(folder) == before
    assert raised.value.hint
    return raised.value


def host_was(folder: Path, **values: object) -> None:
    path = folder / "facts" / "host.json"
    facts = json.loads(path.read_text())
    for key, value in values.items():
        name = key.replace("__", ".")
        facts[name] = {"source": "a test", **facts.get(name, {}), "value": value, "status": "ok"}
    path.write_text(json.dumps(facts))
