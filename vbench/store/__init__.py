"""Run folders: what a run found, written so that a crash, a full disk or a torn line costs one trial at most."""

from vbench.store.finding import find, found
from vbench.store.journal import storable
from vbench.store.owner import refuse_foreign
from vbench.store.reading import cells, load, missing_facts, read_manifest, unfinished
from vbench.store.writing import Writer, create, reopen, run_id

__all__ = [
    "Writer",
    "cells",
    "create",
    "find",
    "found",
    "load",
    "missing_facts",
    "read_manifest",
    "refuse_foreign",
    "reopen",
    "run_id",
    "storable",
    "unfinished",
]
