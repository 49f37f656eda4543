"""`vbench run`: a suite from start to stored trials, or on from where a run ended early."""

import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vbench.cli import complain, completion, options
from vbench.cli.progress import following
from vbench.cli.stopping import SAID
from vbench.errors import StopFailed, UsageError

if TYPE_CHECKING:
    from vbench.runner.conduct import Conducted

Course = Callable[[Callable[[Path], None]], "Conducted"]
"""A run that is ready to begin. It tells its argument the run folder."""
_PLANNED = {"environments": "--env", "benchmarks": "--bench", "blocks": "--blocks", "seed": "--seed", "words": "--tag"}


def _seconds(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """A duration in s, from a text such as `30 min` or a number of seconds."""
    del context
    if text is None:
        return None
    from vbench.units import Seconds

    try:
        seconds = float(Seconds.parse(float(text) if _is_number(text) else text))
    except ValueError as error:
        raise click.BadParameter(f"{error}", param=parameter) from None
    if seconds <= 0:
        raise click.BadParameter("a duration above 0 is needed", param=parameter)
    return seconds


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


@click.command()
@click.argument("suite", required=False, shell_complete=completion.suites)
@options.environments()
@options.benchmarks()
@click.option("--blocks", type=int, help="Instead of the suite's number.")
@click.option("--seed", type=int, help="Instead of the suite's.")
@click.option("--tag", "words", multiple=True, metavar="K=V", help="Say this of the run; compare --by K groups by it.")
@click.option(
    "--resume",
    "resumed",
    metavar="RUN",
    shell_complete=completion.runs,
    help="Go on with it: a folder or the name of one in --results.",
)
@click.option("--max-time", callback=_seconds, metavar="T", help="Begin no block that would end later: '30 min'.")
@click.option("--wait", is_flag=True, help="While another measures this host, wait for its end.")
@options.results("Folder that the run's folder is made in.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.pass_context
def run(
    context: click.Context,
    *,
    suite: str | None,
    environments: tuple[str, ...],
    benchmarks: tuple[str, ...],
    blocks: int | None,
    seed: int | None,
    words: tuple[str, ...],
    resumed: str | None,
    max_time: float | None,
    wait: bool,
    results: Path,
    quiet: bool,
) -> None:
    """Run SUITE (a name or a file) and store every trial under --results; prints the run folder.

    With --resume the run goes on as it was planned, and SUITE is not needed.
    """
    from vbench.host import lock
    from vbench.store import find

    until_s = None if max_time is None else time.monotonic() + max_time
    narrowed = Narrowing(environments, benchmarks, blocks, seed, words)
    if resumed is None:
        if suite is None:
            raise click.MissingParameter(ctx=context, param_hint="'SUITE'", param_type="argument")
        name, course = f"vbench run {suite}", narrowed.course(suite, results, until_s, quiet=quiet)
    else:
        _refuse_beside_resume(context)
        folder = find(resumed, results=results)
        name, course = f"vbench run --resume {folder.name}", _going_on(folder, suite, until_s, quiet=quiet)
    with lock.measuring(name, wait=wait, waiting=lambda words: click.echo(words, err=True)):
        _end(_followed(course))


@dataclass(frozen=True)
class Narrowing:
    """The options of a command line that narrow a suite, and the tags of the run."""

    environments: tuple[str, ...]
    benchmarks: tuple[str, ...]
    blocks: int | None
    seed: int | None
    words: tuple[str, ...]

    def course(self, suite: str, results: Path, until_s: float | None, *, quiet: bool) -> Course:
        """A new run that is ready to begin. Raises SuiteError and UsageError."""
        from vbench import runner as runners
        from vbench import suite as suites
        from vbench.cli.tags import tags
        from vbench.host import rights
        from vbench.host.local import LocalHost
        from vbench.host.proc import LocalSession
        from vbench.runner import conduct
        from vbench.suite import plan as plans

        run_tags, chosen = tags(self.words), self
        loaded = suites.restrict(
            suites.load(suite),
            environments=self.environments,
            benchmarks=self.benchmarks,
            blocks=self.blocks,
            seed=self.seed,
        )
        if not rights.is_root():
            loaded, left_out = runners.without_rights(loaded, LocalSession(), asked=self.environments)
            if left_out:
                click.echo(left_out.words(), err=True)
                chosen = replace(self, environments=loaded.arms, benchmarks=tuple(loaded.benchmarks))
        plan = plans.make(loaded, alive=runners.fitting(loaded, LocalHost()).alive)
        return lambda stored: conduct.conduct(
            loaded,
            plan,
            image=runners.image_of(loaded),
            results=results,
            progress=lambda testbed: following(loaded, quiet=quiet),
            command=chosen.command(suite, plan.seed, run_tags),
            tags=run_tags,
            stored=stored,
            until_s=until_s,
        )

    def command(self, suite: str, seed: int, tags: dict[str, str]) -> tuple[str, ...]:
        """The command that repeats this run exactly."""
        words = ["vbench", "run", suite if "/" not in suite else Path(suite).name]
        words += [word for name in self.environments for word in ("--env", name)]
        words += [word for name in self.benchmarks for word in ("--bench", name)]
        words += ["--blocks", str(self.blocks)] if self.blocks else []
        words += [word for key, value in tags.items() for word in ("--tag", f"{key}={value}")]
        return tuple(shlex.quote(word) for word in [*words, "--seed", str(seed)])


def _refuse_beside_resume(context: click.Context) -> None:
    options_beside = [option for name, option in _PLANNED.items() if context.params[name] not in (None, ())]
    if options_beside:
        raise UsageError(
            f"{', '.join(options_beside)} cannot stand beside --resume: a run goes on as it was planned",
            hint="leave it out, or begin another run without --resume",
        )


def _going_on(folder: Path, suite: str | None, until_s: float | None, *, quiet: bool) -> Course:
    from vbench import suite as suites
    from vbench.runner import conduct

    loaded_suite = None if suite is None else suites.load(suite)
    return lambda stored: conduct.resume(
        folder,
        loaded_suite,
        progress=lambda loaded, earlier: following(loaded, quiet=quiet, earlier=earlier),
        stored=stored,
        say=complain,
        until_s=until_s,
    )


def _followed(course: Course) -> "Conducted":
    """Executes a run. An interrupted one says how to resume it."""
    from vbench.host import interrupts

    folders: list[Path] = []

    def stored(folder: Path) -> None:
        folders.append(folder)
        _print(folder)

    with interrupts.once(SAID):
        try:
            return course(stored)
        except (KeyboardInterrupt, StopFailed):
            for folder in folders:
                click.echo(_how_to_go_on(folder), err=True)
            raise


def _print(folder: Path) -> None:
    """Prints the run folder. A closed stdout neither hides how the run ended nor changes its exit code."""
    try:
        click.echo(folder)
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(conducted: "Conducted") -> None:
    if conducted.stopped:
        click.echo(f"stopped: {conducted.stopped} of --max-time", err=True)
        click.echo(_how_to_go_on(conducted.folder), err=True)
    count = conducted.count
    if count.failed or count.skipped:
        click.echo(f"{count.failed} trials failed, {count.skipped} skipped; the rest is stored", err=True)
    if not conducted.analysed and not conducted.stopped:
        what = f"the last void: {conducted.voided}" if conducted.voided else "none was whole"
        hint = "measure while nothing else runs on this host, or set gates = 'record' in [method] to only note it"
        complain(f"no block could be analysed, so this run has no cost; {what}", hint if conducted.voided else "")
    if count.failed or count.skipped or not conducted.analysed:
        raise SystemExit(3)


def _how_to_go_on(folder: Path) -> str:
    return f"to go on: vbench run --resume {shlex.quote(str(folder))}"
