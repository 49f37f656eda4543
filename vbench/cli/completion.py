"""Completes names in the shell: runs, suites, their arms and benchmarks, images."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vbench.errors import VbenchError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from vbench.model import Manifest
    from vbench.suite import Suite

RESULTS = Path("results")
Names = Callable[[click.Context], Iterable[str]]
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _offering(otherwise: str = "") -> Callable[[Names], Complete]:
    """Offers the names that begin with the typed letters; where none does, files (`file`) or folders (`dir`)."""

    def completing(names: Names) -> Complete:
        @wraps(names)
        def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
            from click.shell_completion import CompletionItem

            del parameter
            matching: list[str] = []
            with suppress(VbenchError, OSError):  # a message would stand in the middle of the user's line
                matching = sorted(name for name in set(names(context)) if name.startswith(incomplete))
            items = [CompletionItem(name) for name in matching]
            return items or ([CompletionItem(incomplete, type=otherwise)] if otherwise else [])

        return complete

    return completing


@_offering("dir")
def runs(context: click.Context) -> Iterable[str]:
    from vbench import store

    return store.run_names(_results(context))


@_offering("dir")
def validations(context: click.Context) -> Iterable[str]:
    return [path.parent.name for path in _results(context).glob("*/validation.json")]


@_offering("file")
def suites(context: click.Context) -> Iterable[str]:
    del context
    from vbench.suite import shipped

    return shipped()


@_offering()
def environments(context: click.Context) -> Iterable[str]:
    """The arms of the suite on the line; without one, those of every suite that has a name."""
    return [arm for suite in _suites(context) for arm in suite.arms]


@_offering()
def benchmarks(context: click.Context) -> Iterable[str]:
    """Benchmarks and families of the suite on the line; without one, all that vbench has."""
    from vbench.benchmarks import KINDS

    named = _typed(context, "suite")
    names = [name for suite in _suites(context) for name in suite.benchmarks] if named else list(KINDS)
    return [*names, *(name.partition(".")[0] for name in names)]


@_offering()
def explained(context: click.Context) -> Iterable[str]:
    """Benchmarks, ladders and environments of the run on the line."""
    for manifest in _manifests(context):
        yield from (record.name for record in manifest.benchmarks)
        yield from (ladder.name for ladder in manifest.ladders)
        yield from (record.name for record in manifest.environments)


@_offering()
def tags(context: click.Context) -> Iterable[str]:
    return [tag for manifest in _manifests(context) for tag in manifest.tags]


@_offering()
def references(context: click.Context) -> Iterable[str]:
    """Values of the tag that is asked for, or else the runs on the line."""
    by, manifests = context.params.get("by"), _manifests(context)
    return [manifest.tags.get(by, "") if by else manifest.run_id for manifest in manifests]


@_offering()
def images(context: click.Context) -> Iterable[str]:
    del context
    from vbench import image

    return [record.digest for record in image.records()]


def _results(context: click.Context) -> Path:
    return context.params.get("results") or RESULTS


def _typed(context: click.Context, name: str) -> list[str]:
    """The words that the line has for an argument. Before an option without a value, click leaves them in `args`."""
    value = context.params.get(name) or context.args
    return [value] if isinstance(value, str) else list(value)


def _suites(context: click.Context) -> "list[Suite]":
    from vbench import suite

    loaded = []
    for name in _typed(context, "suite") or suite.shipped():
        with suppress(VbenchError, OSError):
            loaded.append(suite.load(name))
    return loaded


def _manifests(context: click.Context) -> "list[Manifest]":
    from vbench import store

    named = _typed(context, "runs") or _typed(context, "run")
    return [store.read_manifest(store.find(run, results=_results(context))) for run in named]
