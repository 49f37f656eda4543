"""For Python: a run folder as pandas frames. `import vbench; run = vbench.load("results/…")`."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vbench import store
from vbench.model import Facts, Manifest, Reading, Trial, Void
from vbench.model import Run as Record

if TYPE_CHECKING:
    import pandas as pd

    from vbench.frames.tables import Tables


def load(run: str | os.PathLike[str]) -> "Run":
    """A run by its folder or by its name in `results/`, complete or not.

    The journal is read when something of it is asked for, and never the Parquet files. Raises
    `vbench.errors.RunFolderError` when there is no such run, or when this vbench cannot read it.
    """
    path = store.find(os.fspath(run))
    return Run(path, store.read_manifest(path))


class Run:
    """One run. Frames are made when they are asked for and then kept; their columns are listed in docs/use/api.md."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def name(self) -> str:
        return self.manifest.run_id

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """One row a sample, in the journal's order; `value` is in the base unit in `unit`."""
        return self._tables.samples

    @cached_property
    def blocks(self) -> "pd.DataFrame":
        """One row a block, environment, benchmark and metric: the trial's number, and whether it enters the costs.

        Failed, skipped and voided trials are rows too, as is the calibration, block 0.
        """
        return self._tables.blocks

    @cached_property
    def histograms(self) -> "pd.DataFrame":
        """One row a bin of each trial and metric of which the latencies of all operations were counted."""
        return self._tables.histograms

    @cached_property
    def costs(self) -> "pd.DataFrame":
        """One row an environment, benchmark and metric, with interval and verdict: what the report says."""
        return self._tables.costs

    @cached_property
    def contrasts(self) -> "pd.DataFrame":
        """One row a step of a ladder, an arm against the one before it; and one for the whole ladder."""
        return self._tables.contrasts

    @property
    def trials(self) -> tuple[Trial, ...]:
        """As the journal has them, each with all its samples."""
        return self._record.trials

    @property
    def host(self) -> Facts:
        return self._tables.passed.run.host

    @property
    def facts(self) -> dict[str, Facts]:
        """Of each environment, by its name."""
        return self._tables.passed.run.facts

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What the host saw during each start."""
        return self._tables.passed.run.readings

    @property
    def voids(self) -> tuple[Void, ...]:
        """Attempts at blocks that a gate took out of the analysis."""
        return self._tables.passed.run.voids

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is damaged or missing, in words; reports print the same."""
        return self._tables.passed.run.warnings

    @cached_property
    def _tables(self) -> "Tables":
        from vbench.frames import passing, tables

        return tables.Tables(passing.read(self.path))

    @cached_property
    def _record(self) -> Record:
        return store.load(self.path)

    def __repr__(self) -> str:
        manifest = self.manifest
        arms, benchmarks = len(manifest.environments), len(manifest.benchmarks)
        return f"<vbench.Run {self.name}, {manifest.state}: {arms} environments, {benchmarks} benchmarks>"
