"""Run folders: what a run found, written so that a crash, a full disk or a torn line costs one trial at most."""

from vbench.store.reading import load
from vbench.store.writing import Writer, create, run_id

__all__ = ["Writer", "create", "load", "run_id"]
