"""`vbench doctor`: what works here, proved by one real, bounded start of each environment."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import click

from vbench.beneath import Image
from vbench.cli import options
from vbench.cli.output import as_json, deliver, page
from vbench.cli.stopping import stopping
from vbench.contracts import Environment, Missing, hints, lacks
from vbench.errors import EnvironmentUnavailable
from vbench.units import show

USABLE = ("works", "present")  # states of an environment that a suite can have

_RIGHTS = {
    "namespace": "not root: environments start in a user namespace, and what needs root rights of the host is left out",
    "user": "not root, and no user namespace can be made here: only what runs as this user works",
}


@click.command()
@options.formats("text", "json")
@options.output()
@click.option("--no-start", is_flag=True, help="Only look for what is missing.")
@click.option("--scratch", type=click.Path(path_type=Path), default=Path("/var/tmp"), show_default=True)
def doctor(kind: str, output: Path | None, no_start: bool, scratch: Path) -> None:
    """Say of each environment whether it works here, and how to get what is missing.

    Each one is really started once, within a bound: /dev/kvm that opens is not yet a KVM that boots.
    """
    again = "`vbench doctor` begins again; --no-start starts nothing"
    document = survey(again, scratch=scratch, start=not no_start, quiet=kind == "json")
    deliver(as_json(document) if kind == "json" else page(_lines(document)), output)


def survey(again: str, *, scratch: Path, start: bool, quiet: bool = False) -> dict[str, Any]:
    """What works here. `quiet` prints no progress; `again` is printed after an interruption."""
    from vbench import facts
    from vbench.host import processors, rights
    from vbench.host.local import LocalHost
    from vbench.testbed import folders as scratches
    from vbench.testbed.host import open_testbed
    from vbench.testbed.tap import Tap

    here, folder = LocalHost(), PurePosixPath(scratch)
    scratches.refuse(here.files, folder)
    host_facts = facts.collect(here.session)
    rows: list[dict[str, Any]] = []
    with (
        stopping(again),
        _image() as (image, no_image),
        rights.rooted(here.session) as host,
        open_testbed(
            host=here.through(host),
            image=image,
            processors=processors.find(here.session, 1),
            memory_b=2**30,
            scratch=folder,
            name="doctor",
        ) as testbed,
    ):
        for environment in offered():
            if not quiet:
                click.echo(f"{environment.title()} …", err=True)
            rows.append(inspect(environment, host, testbed, no_image, start=start))
        network, machines = testbed.no_network, testbed.detached(Tap)
        held = rights.of(host)
    return {
        "host": facts.headline(host_facts),
        "rights": held,
        "image": image.digest if image else None,
        "no_image": {"problem": no_image.what, "hint": no_image.hint},
        "network": {
            "ok": not network,
            "problem": network,
            "machines": {"ok": not (network or machines), "problem": network or machines},
        },
        "environments": rows,
    }


def offered() -> tuple[Environment, ...]:
    """Every variant of the kinds that users are offered."""
    from vbench.environments import KINDS

    return tuple(variant for kind in KINDS.values() if kind.is_offered for variant in kind.variants())


@contextmanager
def _image() -> Iterator[tuple[Image | None, Missing]]:
    """The image that a run would take, held as by a run; without one, why there is none."""
    from vbench import image as images

    image = images.find()
    with ExitStack() as stack:
        try:
            stack.enter_context(images.in_use(image))
        except EnvironmentUnavailable as error:
            yield None, Missing(error.message, error.hint)
            return
        yield image, (Missing("") if image else images.lacking())


def inspect(environment: Environment, host: Any, testbed: Any, no_image: Missing, *, start: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": environment.kind, "title": environment.title(), "state": "works", "problem": ""}
    entry |= {"hint": "", "ready_s": None, "keys": keys(environment), "needs_image": environment.needs_image}
    lacking = environment.missing(host)
    if not lacking and environment.needs_image and testbed.image is None:
        lacking = (no_image,)
    if lacking:
        return entry | {"state": "missing", "problem": lacks(lacking), "hint": hints(lacking)}
    if not start:
        return entry | {"state": "present"}
    probe = environment.probe(host, testbed)
    if probe.problem:
        return entry | {"state": "fails", "problem": probe.problem, "hint": probe.hint}
    return entry | {"ready_s": probe.ready_s}


def keys(environment: Environment) -> dict[str, Any]:
    """The suite keys of an environment: its kind, and the settings that are not the default."""
    from vbench.suite import settings

    usual = settings(type(environment)())
    own = {key: value for key, value in settings(environment).items() if value != usual[key]}
    return {"kind": environment.kind, **own}


def note(row: dict[str, Any]) -> str:
    """One line on an environment: how soon it is ready, or why it cannot run. It may stand in a suite's file."""
    from vbench.text import plain

    if row["problem"]:
        return plain(f"cannot run here: {row['problem']}" + (f" ({row['hint']})" if row["hint"] else ""))
    return f"ready in {show(row['ready_s'], 's')}" if row["ready_s"] else "nothing is missing; it was not started"


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield document["host"]
    if document["rights"] != "root":
        yield f"rights   {_RIGHTS[document['rights']]}"
    lacking = document["no_image"]
    yield f"image    {document['image'] or lacks((Missing(lacking['problem']),))}"
    if lacking["hint"]:
        yield f"         {lacking['hint']}"
    network = document["network"]
    yield f"network  {'works' if network['ok'] else network['problem']}"
    if network["ok"] and not network["machines"]["ok"]:
        yield f"         but machines have none: {network['machines']['problem']}"
    for row in document["environments"]:
        yield from environment_lines(row)


def environment_lines(row: dict[str, Any]) -> Iterator[str]:
    """The lines of one environment: its title and state, and below them the hint."""
    yield f"{row['title']:20} {_state(row)}"
    if row["hint"]:
        yield f"{'':29} {row['hint']}"


def _state(row: dict[str, Any]) -> str:
    """The state of one environment in words. A problem that names what is missing stands alone."""
    if row["state"] == "missing":
        return str(row["problem"])
    ready = f"ready in {show(row['ready_s'], 's')}" if row["ready_s"] else ""
    return f"{row['state']:8} {ready}{row['problem']}".rstrip()
