"""`vbench plan`: what a run would do, in which order and for how long, before it does anything."""

import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from vbench.cli import completion, options
from vbench.cli.output import as_json, deliver, page

if TYPE_CHECKING:
    from vbench.errors import EnvironmentUnavailable
    from vbench.host.processors import Processors
    from vbench.model import Plan
    from vbench.runner.refusing import Fit
    from vbench.suite import Suite
    from vbench.testbed.preview import Preview


@click.command("plan")
@click.argument("suite", shell_complete=completion.suites)
@options.environments()
@options.benchmarks()
@click.option("--blocks", type=int, metavar="N", help="Another number of blocks than the suite's.")
@click.option("--seed", type=int, metavar="N", help="Another order, the same one for the same number.")
@options.output(formats=("text", "json"))
@options.formats("text", "json")
def plan(
    *,
    suite: str,
    environments: tuple[str, ...],
    benchmarks: tuple[str, ...],
    blocks: int | None,
    seed: int | None,
    kind: str,
    output: Path | None,
) -> None:
    """Print the order, the environments and the expected duration of SUITE (a name or a file); starts nothing.

    What `vbench run` would refuse on this host is refused here too, with the same exit code."""
    from vbench import runner as runners
    from vbench import suite as suites
    from vbench.host.local import LocalHost
    from vbench.suite import plan as plans

    chosen = suites.restrict(
        suites.load(suite), environments=environments, benchmarks=benchmarks, blocks=blocks, seed=seed
    )
    chosen, left_out = _without_rights(chosen, environments)
    fit = runners.fitting(chosen, LocalHost())
    planned = plans.make(chosen, alive=fit.alive)
    lacking = _refused(chosen)
    shown = as_json(_document(chosen, planned, fit)) if kind == "json" else page(_lines(chosen, planned, fit))
    deliver(shown, output)
    if left_out:
        click.echo(left_out, err=True)
    if lacking:
        raise lacking


def _refused(suite: "Suite") -> "EnvironmentUnavailable | None":
    """What the host lacks; None if nothing. It is told after the plan, which may be meant for another host."""
    from vbench import facts
    from vbench import runner as runners
    from vbench.errors import EnvironmentUnavailable
    from vbench.host.local import LocalHost

    host = LocalHost()
    try:
        with runners.rooted(suite, host.session) as session:
            runners.refuse(suite, host.through(session), facts.collect(host.session), runners.image_of(suite))
    except EnvironmentUnavailable as error:
        return error
    return None


def _without_rights(suite: "Suite", asked: tuple[str, ...]) -> tuple["Suite", str]:
    """The suite as a run of this user measures it, and what it leaves out in words."""
    from vbench import runner as runners
    from vbench.host.proc import LocalSession

    left, left_out = runners.without_rights(suite, LocalSession(), asked=asked)
    return left, left_out.words() if left_out else ""


def _document(suite: "Suite", plan: "Plan", fit: "Fit") -> dict[str, Any]:
    import msgspec

    commands = _commands(suite)
    arms = {arm: _arm(suite, arm) | {"commands": commands[arm]} for arm in plan.environments}
    ladders = msgspec.to_builtins(suite.ladders)
    turns = {"loops": "calibrated", "why_not_together": fit.why if suite.method.interleave else ""}
    return {**msgspec.to_builtins(plan), **turns, "settings": arms, "ladders": ladders}


def _arm(suite: "Suite", arm: str) -> dict[str, Any]:
    from vbench import suite as suites
    from vbench.suite import plan as plans

    environment = suite.environment(arm)
    return {
        "kind": environment.kind,
        "title": environment.title(),
        "stack": list(suites.chain(suite, arm)),
        **suites.relations_of(suites.environment_record(suite, arm)),
        "expected_start_s": plans.start_s(suite, arm),
        **suites.settings(environment),
    }


def _lines(suite: "Suite", plan: "Plan", fit: "Fit") -> Iterator[str]:
    from vbench.suite.plan import parts

    yield from _head(suite, plan, fit)
    yield ""
    yield "environments"
    width = max(map(len, plan.environments))
    for arm in plan.environments:
        yield f"  {arm:<{width}}  {_stack(suite, arm)}"
    if suite.ladders:
        yield ""
        yield "ladders"
        names = max(len(ladder.name) for ladder in suite.ladders)
        for ladder in suite.ladders:
            yield f"  {ladder.name:<{names}}  {ladder.benchmark} {ladder.metric}: {' > '.join(ladder.arms)}"
    yield ""
    yield "commands"
    for arm, commands in _commands(suite).items():
        for words in commands:
            yield f"  {arm:<{width}}  {shlex.join(words)}"
    yield ""
    yield "order"
    for block in plan.blocks:
        name = "calibration" if block.index == 0 else f"block {block.index}"
        yield f"  {name}"
        yield f"    start    {' | '.join('  '.join(s.environment for s in part.steps) for part in parts(block))}"
        yield f"    measure  {' '.join(block.benchmarks)}"
        yield f"    padding  {'  '.join(f'{step.padding_b} B' for step in block.steps)}"


def _commands(suite: "Suite") -> dict[str, list[tuple[str, ...]]]:
    """The commands that start each arm's stack. PID, RUN, NAME and N stand for what only a run knows."""
    from vbench import runner as runners
    from vbench.host.local import LocalHost
    from vbench.testbed.network import network_missing
    from vbench.testbed.preview import Preview

    host, limits, chosen = LocalHost(), suite.testbed, _processors(suite)
    built = runners.image_of(suite)
    here = host.image(built) if built else None
    base = PurePosixPath(limits.scratch) / "vbench-RUN"
    with runners.rooted(suite, host.session) as session:
        preview = Preview(host.through(session), here, chosen.environment, chosen.peer, limits.memory, base)
        why = network_missing(session) or ("" if built else "there is no image for the peer")
        testbed = preview.offline(why) if why else preview
        return {arm: list(_stack_commands(suite, arm, testbed)) for arm in (*suite.arms, suite.method.control)}


def _stack_commands(suite: "Suite", arm: str, testbed: "Preview") -> Iterator[tuple[str, ...]]:
    from vbench import suite as suites

    for name in suites.chain(suite, arm):
        environment = suite.environment(name)
        here = testbed.offline("it has none") if suites.network(suite, name) == "none" else testbed
        yield from environment.commands(here.session, here)
        testbed = here.on(environment)


def _processors(suite: "Suite") -> "Processors":
    from vbench.host import processors
    from vbench.host.proc import LocalSession

    return processors.find(LocalSession(), suite.testbed.cpus, suite.testbed.cpu_list)


def _head(suite: "Suite", plan: "Plan", fit: "Fit") -> Iterator[str]:
    from vbench.host import processors
    from vbench.units import show, show_bytes, show_duration

    method, testbed = suite.method, suite.testbed
    starts = [name for name in plan.benchmarks if name not in plan.blocks[0].benchmarks]
    yield f"suite     {plan.suite}, seed {plan.seed}, baseline {plan.baseline}, control {plan.control}"
    yield f"blocks    {_blocks(suite)} and the calibration, {len(plan.starts)} starts each"
    yield f"trial     {show(method.trial, 's')} after {show(method.warmup, 's')} of warm-up, loops = calibrated"
    yield f"turns     {_turns(suite, plan, fit)}"
    for number, group in enumerate(plan.groups):
        yield f"          group {number}: {'  '.join(group)}"
    chosen = _processors(suite)
    count = "1 processor" if testbed.cpus == 1 else f"{testbed.cpus} processors"
    yield (
        f"each has  {count} ({processors.show_list(chosen.environment)}), "
        f"{show_bytes(testbed.memory)} of memory, scratch in {testbed.scratch}"
    )
    if chosen.unlike:
        yield f"          this host's processors are unlike ({chosen.unlike}): `cpu_list` in [testbed] chooses others"
    yield f"image     {_image(suite)}"
    limit = ", which ends the run" if plan.most_s < plan.expected_s else ""
    yield f"duration  {show_duration(plan.expected_s)} expected, budget {show_duration(plan.budget_s)}{limit}"
    if starts:
        yield f"          {', '.join(starts)}: from the starts themselves"


def _blocks(suite: "Suite") -> str:
    method = suite.method
    return f"{method.least} to {method.most}" if method.least < method.most else str(method.most)


def _turns(suite: "Suite", plan: "Plan", fit: "Fit") -> str:
    from vbench.suite import plan as plans

    if not suite.method.interleave:
        return "none: one arm is alive at a time"
    if fit.why and not plan.groups:
        return f"none: one arm is alive at a time, since {fit.why}"
    sizes = {len(group) for group in plan.groups or (plan.environments,)}
    rounds = {plans.rounds(suite, name, arms=size) for name in suite.benchmarks for size in sizes} - {1}
    slices = f"{min(rounds)} to {max(rounds)}" if len(rounds) > 1 else f"{max(rounds, default=1)}"
    who = f"the arms of a group are alive together, since {fit.why}" if plan.groups else "all arms are alive together"
    return f"{who}; a trial that can be cut has {slices} slices, taken in turns"


def _image(suite: "Suite") -> str:
    from vbench import image as images
    from vbench import suite as suites
    from vbench.contracts import lacks

    if not suites.takes_image(suite):
        return "none is needed"
    image = images.find()
    if image:
        return image.digest[:12]
    missing = images.lacking()
    return f"{lacks((missing,))}; {missing.hint}"


def _stack(suite: "Suite", arm: str) -> str:
    from vbench import suite as suites
    from vbench.suite import plan as plans
    from vbench.units import show

    titles = " on ".join(suite.environment(name).title() for name in reversed(suites.chain(suite, arm)))
    role = {suite.method.baseline: ", the baseline", suite.method.control: ", the baseline again"}.get(arm, "")
    network = ", without the run's network" if suites.network(suite, arm) == "none" else ""
    return f"{titles}{role}{network}, starts in {show(plans.start_s(suite, arm), 's')}"
