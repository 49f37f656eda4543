"""`vbench run`: a suite from start to stored trials."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vbench.cli.progress import Lines

if TYPE_CHECKING:
    from vbench.model import State
    from vbench.store import Writer

RESULTS = Path("results")


@click.command()
@click.argument("suite")
@click.option("--env", "environments", multiple=True, metavar="E", help="Only this environment (and the baseline).")
@click.option("--bench", "benchmarks", multiple=True, metavar="B", help="Only this benchmark or family.")
@click.option("--blocks", type=int, help="Instead of the suite's number.")
@click.option("--seed", type=int, help="Instead of the suite's.")
@click.option("--tag", "words", multiple=True, metavar="K=V", help="Say this of the run; compare --by K groups by it.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def run(
    suite: str,
    *,
    environments: tuple[str, ...],
    benchmarks: tuple[str, ...],
    blocks: int | None,
    seed: int | None,
    words: tuple[str, ...],
    results: Path,
    quiet: bool,
) -> None:
    """Run SUITE (a name or a file) and store every trial under results/; prints the run folder."""
    from vbench import __version__, adaptive, interrupts, store
    from vbench import image as images
    from vbench import plan as plans
    from vbench import runner as runners
    from vbench import suite as suites
    from vbench.cli.tags import tags
    from vbench.model import SCHEMA, Manifest, State

    said = tags(words)
    loaded = suites.restrict(
        suites.load(suite), environments=environments, benchmarks=benchmarks, blocks=blocks, seed=seed
    )
    plan = plans.make(loaded)
    image = images.find()
    run_id = store.run_id(loaded.name)
    with (
        interrupts.once("stopping what was started …"),
        runners.place_of_run(loaded, image, run_id) as (host, testbed),
    ):
        runners.refuse_missing(loaded, host, image)
        manifest = Manifest(
            schema=SCHEMA,
            run_id=run_id,
            state=State.RUNNING,
            tool=__version__,
            suite=loaded.name,
            suite_text=loaded.text,
            seed=plan.seed,
            baseline=plan.baseline,
            control=plan.control,
            blocks=len(plan.blocks) - 1,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            image=image.digest if image else "",
            environments=suites.environment_records(loaded),
            benchmarks=suites.benchmark_records(loaded),
            plan=plan,
            delta=float(loaded.method.delta),
            confirmatory=suites.confirmatory(loaded),
            command=_command(suite, environments, benchmarks, blocks, seed=plan.seed, tags=said),
            tags=said,
        )
        with store.create(results, manifest) as writer:
            look = adaptive.looking(loaded, manifest)
            runner = runners.Runner(loaded, plan, host, testbed, writer, Lines(quiet), look)
            state = State.PARTIAL
            try:
                runner.run()
                state = State.COMPLETE
            finally:
                with interrupts.held():
                    _finish(writer, state)
    if runner.count.failed or runner.count.skipped:
        click.echo(f"{runner.count.failed} trials failed, {runner.count.skipped} skipped; the rest is stored", err=True)
        raise SystemExit(3)


def _finish(writer: "Writer", state: "State") -> None:
    try:
        writer.finish(state)
    finally:  # on a full disk the manifest stays as it was, and the run can be reported all the same
        click.echo(writer.folder)


def _command(
    suite: str,
    environments: tuple[str, ...],
    benchmarks: tuple[str, ...],
    blocks: int | None,
    *,
    seed: int,
    tags: dict[str, str],
) -> tuple[str, ...]:
    """What repeats this run exactly."""
    words = ["vbench", "run", suite if "/" not in suite else Path(suite).name]
    words += [word for name in environments for word in ("--env", name)]
    words += [word for name in benchmarks for word in ("--bench", name)]
    words += ["--blocks", str(blocks)] if blocks else []
    words += [word for key, value in tags.items() for word in ("--tag", f"{key}={value}")]
    return tuple(shlex.quote(word) for word in [*words, "--seed", str(seed)])
