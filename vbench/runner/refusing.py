"""Refuses a suite that this host cannot measure, before anything starts, in `vbench plan` and `vbench run` alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from vbench import environments, facts
from vbench import image as images
from vbench import suite as suites
from vbench.beneath import Image
from vbench.contracts import Environment, Files, Host, Session, hints, lacks
from vbench.errors import EnvironmentUnavailable, SuiteError, UsageError
from vbench.model import Facts
from vbench.suite import Suite
from vbench.testbed import folders as scratch
from vbench.units import show_bytes


def refuse(suite: Suite, host: Host, known: Facts, image: Image | None) -> None:
    """Raises UsageError for settings that this host cannot meet, EnvironmentUnavailable for what the host lacks.

    `known` are the host's facts. Nothing is started or made.
    """
    refuse_misfits(suite)
    refuse_offline(suite)
    refuse_memory(suite, facts.memory_of(known))
    refuse_disks(suite)
    folder = PurePosixPath(suite.testbed.scratch)
    scratch.refuse(host.files, folder, files_b=files_b(suite), executing=executing(suite))
    refuse_missing(suite, host.session, image)


def refuse_misfits(suite: Suite) -> None:
    """Raises SuiteError for an environment that cannot start on the one it stands on: it would skip every trial."""
    for name in suite.environments:
        beneath = [suite.environment(other) for other in suites.chain(suite, name)[:-1]]
        why = suite.environment(name).misfit(environments.beneath(beneath)) if beneath else ""
        if why:
            raise SuiteError(
                f"{suite.name}: environments.{name} cannot stand on {suite.environments[name].on}: {why}",
                hint="leave out its `on`, or let it stand on another one",
            )


def refuse_offline(suite: Suite) -> None:
    """Raises SuiteError for a benchmark over the network beside an arm without network: it would be skipped there."""
    offline = [arm for arm in suite.arms if suites.network(suite, arm) == "none"]
    over_network = [name for name, benchmark in suite.benchmarks.items() if benchmark.needs().network]
    if offline and over_network:
        raise SuiteError(
            f"{suite.name}: environments.{offline[0]} has network = 'none', and {over_network[0]} needs the peer",
            hint=f"leave out {offline[0]} or what needs the network: {', '.join(over_network)}",
        )


def refuse_memory(suite: Suite, host_b: int | None) -> None:
    """Raises SuiteError for more memory than the host has, or too little for an environment or a benchmark in it."""
    memory_b = int(suite.testbed.memory)
    if host_b is not None and memory_b > host_b:
        raise SuiteError(
            f"{suite.name}: testbed.memory: {show_bytes(memory_b)} for each environment, "
            f"and this host has {show_bytes(host_b)}",
            hint="lower `memory` in [testbed]",
        )
    for arm in suite.arms:
        own_b = sum(environment.needs().memory_b for environment in _stack(suite, arm))
        if own_b > memory_b:
            raise SuiteError(
                f"{suite.name}: testbed.memory: {show_bytes(memory_b)} is too little for environment {arm}, "
                f"which itself takes {show_bytes(own_b)}",
                hint="raise `memory` in [testbed]",
            )
        for name, benchmark in suite.benchmarks.items():
            set_b = benchmark.needs().memory_b
            if set_b + own_b > memory_b:
                beside = f" beside the {show_bytes(own_b)} that environment {arm} takes" if own_b else ""
                raise SuiteError(
                    f"{suite.name}: {name} works on {show_bytes(set_b)}{beside}, "
                    f"and testbed.memory is {show_bytes(memory_b)}",
                    hint="raise `memory` in [testbed], or take a smaller `size`",
                )


@dataclass(frozen=True)
class Fit:
    """The number of a suite's arms that a host can have alive together, and why it is not all of them."""

    alive: int
    why: str = ""


def fit(suite: Suite, files: Files, known: Facts) -> Fit:
    """How many arms of this suite can be alive together on a host with these facts.

    Each arm has the suite's memory, and files of its own in scratch space. As much memory again is left to the host.
    """
    arms, memory_b, host_b = len(suite.arms) + 1, int(suite.testbed.memory), facts.memory_of(known)
    folder, needed_b = PurePosixPath(suite.testbed.scratch), files_b(suite)
    free_b = files.space(files.resolved(folder, "the scratch folder")).free_b
    by_memory = arms if host_b is None else max(0, host_b // memory_b - 1)
    by_space = free_b // needed_b if needed_b else arms
    if by_memory < arms and by_memory <= by_space:
        assert host_b is not None
        left = f"leave less than that of the {show_bytes(host_b)} of this host's memory"
        return Fit(by_memory, f"{arms} environments of {show_bytes(memory_b)} {left}")
    if by_space < arms:
        space = f"the {show_bytes(free_b)} that {folder} has free"
        return Fit(by_space, f"the files of {arms} environments need more space than {space}")
    return Fit(arms)


def fitting(suite: Suite, host: Host) -> Fit:
    """The same of a host on which nothing was refused yet: `refuse` tells what is wrong with its scratch folder."""
    try:
        return fit(suite, host.files, facts.collect(host.session))
    except (OSError, UsageError):
        return Fit(len(suite.arms) + 1)


def files_b(suite: Suite) -> int:
    """Bytes in scratch space at the end of a start. A file that several benchmarks share counts once."""
    files = {name: size for benchmark in suite.benchmarks.values() for name, size in benchmark.needs().files.items()}
    return sum(files.values())


def refuse_disks(suite: Suite) -> None:
    """Raises SuiteError for files that an environment's own scratch disk cannot hold."""
    needed_b = files_b(suite)
    for arm in suite.arms:
        disks = [e.scratch_b for e in _stack(suite, arm) if e.scratch_b is not None]
        if disks and needed_b > disks[-1]:
            raise SuiteError(
                f"{suite.name}: the files of the disk benchmarks take {show_bytes(needed_b)} together, "
                f"and the scratch disk of environment {arm} holds {show_bytes(disks[-1])}",
                hint=f"raise `scratch` of environments.{arm}, or take smaller `size`s",
            )


def executing(suite: Suite) -> str:
    """The arm or benchmark that runs programs from the host's scratch folder, in words; empty if there is none."""
    on_host = [arm for arm in suite.arms if all(e.scratch_b is None for e in _stack(suite, arm))]
    own = [f"environment {arm}" for arm in on_host if any(e.needs().executes for e in _stack(suite, arm))]
    benchmarks = [name for name, benchmark in suite.benchmarks.items() if benchmark.needs().executes]
    return next(iter([*own, *(benchmarks if on_host else [])]), "")


def _stack(suite: Suite, arm: str) -> list[Environment]:
    return [suite.environment(name) for name in suites.chain(suite, arm)]


def refuse_missing(suite: Suite, host: Session, image: Image | None) -> None:
    """Raises EnvironmentUnavailable for an environment on the host that lacks something."""
    for name, arm in suite.environments.items():
        environment = arm.environment
        lacking = () if arm.on else environment.missing(host)
        if not lacking and not image and environment.needs_image:
            lacking = (images.lacking(),)
        if lacking:
            ways = [hints(lacking), *without(suite, name)]
            raise EnvironmentUnavailable(
                f"environment {name} ({environment.title()}) cannot run here, {lacks(lacking)}",
                hint="; or ".join(way for way in ways if way),
            )


def without(suite: Suite, name: str) -> Iterator[str]:
    """Yields how to run the suite without this environment; nothing if the baseline needs it."""
    baseline = suite.method.baseline
    if name in suites.chain(suite, baseline):
        return
    others = [arm for arm in suite.arms if arm != baseline and name not in suites.chain(suite, arm)]
    if others:
        yield f"measure the others: {' '.join(f'--env {arm}' for arm in others)}"
    else:
        yield f"take environments.{name} out of the suite"
