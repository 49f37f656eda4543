"""Run folders: the results of a run, written so that a crash, a full disk or a torn line costs one trial at most."""

from vbench.store.finding import find, run_names
from vbench.store.journal import storable
from vbench.store.owner import refuse_foreign
from vbench.store.reading import cells, load, missing_facts, read_manifest, unfinished
from vbench.store.writing import Writer, create, reopen, run_id

__all__ = [
    "Writer",
    "cells",
    "create",
    "find",
    "load",
    "missing_facts",
    "read_manifest",
    "refuse_foreign",
    "reopen",
    "run_id",
    "run_names",
    "storable",
    "unfinished",
]
