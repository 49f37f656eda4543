"""`vbench run`: a suite from start to stored trials."""

import shlex
from pathlib import Path

import click

from vbench.cli.progress import following

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
    from vbench import conduct, interrupts
    from vbench import image as images
    from vbench import plan as plans
    from vbench import suite as suites
    from vbench.cli.tags import tags

    said = tags(words)
    loaded = suites.restrict(
        suites.load(suite), environments=environments, benchmarks=benchmarks, blocks=blocks, seed=seed
    )
    plan = plans.make(loaded)
    with interrupts.once("stopping what was started …"):
        count = conduct.conduct(
            loaded,
            plan,
            image=images.find(),
            results=results,
            progress=lambda host, testbed: following(loaded, quiet=quiet),
            command=_command(suite, environments, benchmarks, blocks, seed=plan.seed, tags=said),
            tags=said,
            stored=click.echo,
        ).count
    if count.failed or count.skipped:
        click.echo(f"{count.failed} trials failed, {count.skipped} skipped; the rest is stored", err=True)
        raise SystemExit(3)


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
