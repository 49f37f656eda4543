"""Folders of results as `vbench view` finds them."""

from pathlib import Path

from msgspec.structs import replace

from tests.unit.outcomes import error
from tests.unit.small_folders import CLEAN, a_manifest, a_trial, written
from vbench import store
from vbench.model import Failed, Skipped, State

TRICKY = Failed(error('"outcome":{"type":"measured" "trial":{"block":77,'))


def filled(folder: Path) -> Path:
    """A folder of results: a complete run of three blocks, a damaged one and things that are no run."""
    written(folder)
    (folder / "broken").mkdir()
    (folder / "broken" / "manifest.json").write_text("{")
    (folder / "README.md").write_text("about")
    (folder / ".hidden").mkdir()
    (folder / "validate-1").mkdir()
    (folder / "validate-1" / "validation.json").write_text("{}")
    return folder


def another(results: Path, name: str, *, started: str, state: State | None = State.COMPLETE, **tags: str) -> Path:
    manifest = a_manifest(run_id=name, started=started, tags=tags)
    with store.create(results, manifest, clean=CLEAN) as writer:
        writer.append(a_trial(0))
        writer.append(a_trial(1))
        writer.append(replace(a_trial(2), outcome=TRICKY))
        writer.append(replace(a_trial(2), outcome=Skipped(error("no fio"))))
        if state:
            writer.finish(state)
        return writer.folder
