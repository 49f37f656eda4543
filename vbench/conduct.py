"""One run from suite to closed folder: opens the testbed, refuses what cannot run, executes and finishes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vbench import __version__, adaptive, interrupts, store
from vbench import runner as runners
from vbench import suite as suites
from vbench.contracts import Image, Testbed
from vbench.model import SCHEMA, Manifest, Plan, State
from vbench.proc import LocalSession
from vbench.runner import Count, Progress
from vbench.suite import Suite


@dataclass(frozen=True)
class Conducted:
    """Where a run was stored, and how its trials ended."""

    folder: Path
    count: Count


def conduct(
    suite: Suite,
    plan: Plan,
    *,
    image: Image | None,
    results: Path,
    progress: Callable[[LocalSession, Testbed], Progress],
    command: tuple[str, ...],
    tags: dict[str, str],
    stored: Callable[[Path], None] = lambda folder: None,
) -> Conducted:
    """Runs `plan` and stores it under `results`; `stored` is told the folder on every way out that has one.

    Raises EnvironmentUnavailable before anything is stored, and what Runner.run raises afterwards.
    """
    run_id = store.run_id(suite.name)
    with runners.place_of_run(suite, image, run_id) as (host, testbed):
        runners.refuse_missing(suite, host, image)
        manifest = _manifest(suite, plan, run_id, image=image, command=command, tags=tags)
        with store.create(results, manifest) as writer:
            look = adaptive.looking(suite, manifest)
            runner = runners.Runner(suite, plan, host, testbed, writer, progress(host, testbed), look)
            state = State.PARTIAL
            try:
                runner.run()
                state = State.COMPLETE
            finally:
                with interrupts.held():
                    try:
                        _finish(writer, state)
                    finally:  # on a full disk the manifest stays as it was, and the run can be reported all the same
                        stored(writer.folder)
            return Conducted(writer.folder, runner.count)


def _finish(writer: store.Writer, state: State) -> None:
    """Tables first, so that they have checksums; a run whose tables could not be written is finished all the same."""
    try:
        if state is State.COMPLETE:
            from vbench import frames  # pandas and duckdb, which must not be in memory while a trial runs

            frames.write(writer.folder)
    finally:
        writer.finish(state)


def _manifest(
    suite: Suite, plan: Plan, run_id: str, *, image: Image | None, command: tuple[str, ...], tags: dict[str, str]
) -> Manifest:
    return Manifest(
        schema=SCHEMA,
        run_id=run_id,
        state=State.RUNNING,
        tool=__version__,
        suite=suite.name,
        suite_text=suite.text,
        seed=plan.seed,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(plan.blocks) - 1,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        image=image.digest if image else "",
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
        plan=plan,
        delta=float(suite.method.delta),
        confirmatory=suites.confirmatory(suite),
        command=command,
        tags=tags,
    )
