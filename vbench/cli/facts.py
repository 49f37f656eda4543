"""`vbench facts`: what this host or an environment is, each fact with where it was read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vbench.cli import completion, options
from vbench.cli.output import as_json, deliver, page
from vbench.cli.stopping import stopping
from vbench.contracts import Session, hints, lacks
from vbench.errors import EnvironmentUnavailable, UsageError, nearest
from vbench.host.interrupts import unwinding
from vbench.model import Fact, Facts, Layer, Status

LONG_LIST = 12


@click.command()
@click.argument("env", required=False, shell_complete=completion.environments)
@options.formats("text", "json", about="json has lists in full.")
@options.output()
@click.option(
    "--suite",
    default="smoke",
    show_default=True,
    shell_complete=completion.suites,
    help="The suite, by name or file, that describes ENV.",
)
def facts(env: str | None, kind: str, output: Path | None, suite: str) -> None:
    """Say what the host is, or the environment ENV of a suite after one start of it."""
    from vbench import facts as reading

    with stopping("`vbench facts` begins again"), _session(env, suite) as session:
        collected = reading.collect(session)
        layers = session.layers or reading.layers(collected)
    headline = reading.headline(collected) if env is None else f"{env}: {' > '.join(layer.name for layer in layers)}"
    document = {"headline": headline, "layers": layers, "facts": collected}
    deliver(as_json(document) if kind == "json" else _page(headline, layers, collected), output)
    if all(fact.status == Status.ERROR for fact in collected.values()):
        raise EnvironmentUnavailable(f"nothing could be read: {next(iter(collected.values())).source}")


@contextmanager
def _session(env: str | None, suite: str) -> Iterator[Session]:
    """The host itself, or a fresh start of the environment and of what it stands on."""
    from vbench.host.proc import LocalSession

    here = LocalSession()
    if env is None:
        yield here
        return

    from vbench import facts as reading
    from vbench import image as images
    from vbench import runner as runners
    from vbench import suite as suites

    loaded = suites.load(suite)
    if env not in loaded.environments:
        raise UsageError(f"no environment is named {env!r} in {suite}", hint=nearest(env, list(loaded.environments)))
    chain = [loaded.environment(name) for name in suites.chain(loaded, env)]
    image = images.find()
    with runners.testbed_of_run(loaded, image, "facts", reading.collect(here)) as testbed, unwinding() as stack:
        lacking = chain[0].missing(testbed.session)
        if not lacking and image is None and any(environment.needs_image for environment in chain):
            lacking = (images.lacking(),)
        if lacking:
            raise EnvironmentUnavailable(f"environment {env} cannot run here, {lacks(lacking)}", hint=hints(lacking))
        stack.enter_context(chain[0].prepared(testbed.session, testbed))
        yield runners.start(loaded, env, testbed, stack.enter_context).session


def _page(headline: str, layers: tuple[Layer, ...], collected: Facts) -> str:
    from vbench import facts as reading

    lines = [headline, "", *(f"  {layer.name:12} {layer.evidence}" for layer in layers)]
    area = ""
    for name, fact in collected.items():
        key = reading.key_of(name)
        if key.area != area:
            area = key.area
            lines += ["", area]
        lines.append(f"  {reading.title_of(name):38} {_value(name, fact)}  ({_where(fact)})")
    return page(lines)


def _value(name: str, fact: Fact) -> str:
    from vbench import facts as reading

    if isinstance(fact.value, tuple) and len(fact.value) > LONG_LIST:
        return f"{len(fact.value)} words, see --json"
    return reading.show(name, fact)


def _where(fact: Fact) -> str:
    return fact.source if fact.status == Status.OK else f"{fact.status.value}: {fact.source}"
