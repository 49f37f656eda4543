"""Reads the facts of a host or environment (`collect`) and interprets them (`confounds`, `layers`, `headline`)."""

from collections.abc import Iterable

from vbench.beneath import Engine
from vbench.contracts import Session
from vbench.errors import CommandFailed, CommandTimeout, StartFailed, TrialFailed
from vbench.facts import cgroup, clock, cloud, cpu, devices, kernel, process, tools, virtualization
from vbench.facts.diff import alike, confounds, show
from vbench.facts.evidence import Evidence, decode, failed, without_home
from vbench.facts.layers import headline, layers
from vbench.facts.registry import STATIC, in_order, key_of, title_of
from vbench.facts.tools import engines
from vbench.host import processors
from vbench.model import Fact, Facts

__all__ = [
    "alike",
    "collect",
    "confounds",
    "engines",
    "headline",
    "in_order",
    "key_of",
    "layers",
    "memory_of",
    "of_host",
    "parse",
    "quota_of",
    "show",
    "title_of",
    "with_engine",
    "with_limits",
]

_LIMIT_S = 60.0
_AREAS = (cpu, kernel, process, virtualization, cloud, cgroup, clock, devices, tools)


def collect(session: Session, *, scratch: str | None = None) -> Facts:
    """Runs the probe in a session and returns its facts; `scratch` defaults to the workplace's.

    Facts of the network are read on the run's network, where network benchmarks run. If the probe fails or prints
    nothing readable, every fact has status error. Raises SessionLost."""
    facts = _probed(session, scratch or str(session.workplace.scratch))
    try:
        networked = session.on_network()
    except (TrialFailed, StartFailed):  # no network: the benchmarks report it
        return facts
    if networked is session:
        return facts
    of_network = _probed(networked, "--network")
    return {
        name: of_network.get(name, fact) if key_of(name).area == "network" else fact for name, fact in facts.items()
    }


def of_host(host: Session, engines: Iterable[Engine] = (), *, cpu: int | None = None) -> Facts:
    """Facts of the host itself, with its kinds of processors and the versions of these engines.

    `cpu` is the processor whose caches and frequency are read, by default one that the harness runs on. The probe runs
    in the surroundings that an agent gives to commands, since no arm inherits the caller's. Raises SessionLost.
    """
    unlike = processors.described(processors.of_host(host))
    kinds = {"cpu.kinds": Fact(unlike or "all alike", "lscpu and /sys/devices/system/cpu")}
    workplace = host.workplace
    usual = (workplace.python, "-I", "-S", str(workplace.guest / "surroundings.py"))
    words = (str(workplace.scratch), *([] if cpu is None else [str(cpu)]))
    return _merged(_probed(host, *words, before=usual), kinds | tools.engines(host, engines))


def _probed(session: Session, *words: str, before: tuple[str, ...] = ()) -> Facts:
    workplace = session.workplace
    argv = [*before, workplace.python, str(workplace.guest / "probe.py"), *words]
    try:
        done = session.run(argv, timeout_s=_LIMIT_S)
    except CommandFailed as error:
        return failed(STATIC, f"the probe failed: {error.message}")
    except CommandTimeout:
        return failed(STATIC, f"the probe outlived {_LIMIT_S:.0f} s")
    if done.status != 0:
        return failed(STATIC, f"the probe ended with status {done.status}")
    return parse(done.stdout)


def parse(raw: bytes) -> Facts:
    """Parses the probe's output into facts, in the registry's order."""
    try:
        evidence = decode(raw)
    except ValueError:
        return failed(STATIC, "the probe's output is not what it prints")
    return _read(evidence)


def _read(evidence: Evidence) -> Facts:
    facts: Facts = {}
    for area in _AREAS:
        facts |= area.read(evidence)
    return {name: facts[name] for name in in_order(set(facts))}


def with_limits(
    facts: Facts,
    requested_cpus: int,
    requested_memory_b: int,
    *,
    configured_cpus: int | None = None,
    configured_memory_b: int | None = None,
    quota: float | None = None,
) -> Facts:
    """Adds the limits that the suite requests and that the engine configures. None is unknown and adds nothing.

    `quota` is the limit of vbench's own control group, in processors. All arms are below it, and neither a container
    nor a virtual machine sees it.
    """
    added = {
        "limits.cpus.requested": Fact(requested_cpus, "suite"),
        "limits.memory.requested": Fact(requested_memory_b, "suite"),
    }
    if configured_cpus is not None:
        added["limits.cpus.configured"] = Fact(configured_cpus, "engine's command line")
    if configured_memory_b is not None:
        added["limits.memory.configured"] = Fact(configured_memory_b, "engine's command line")
    measured = facts.get("limits.cpus.measured")
    if (
        quota is not None
        and measured is not None
        and isinstance(measured.value, int | float)
        and quota < measured.value
    ):
        added["limits.cpus.measured"] = Fact(quota, measured.source)  # which is compared, and speaks of a quota
    return _merged(facts, added)


def quota_of(facts: Facts) -> float | None:
    """Processors that control groups allow who collected these facts. None without a limit or for an unknown one."""
    quota = facts["cgroup.cpu.quota"].value
    return float(quota) if isinstance(quota, int | float) else None


def memory_of(facts: Facts) -> int | None:
    """Memory in B that who collected these facts may use: the machine's, or less by a cgroup's limit."""
    limit = facts.get("limits.memory.measured")
    return limit.value if limit and isinstance(limit.value, int) else None


def with_engine(facts: Facts, image: str, argv: tuple[tuple[str, ...], ...], versions: Facts) -> Facts:
    """Adds the image's digest (or `host`), the first command that started it and its engines' versions."""
    added = {"image.digest": Fact(image, "image"), **versions}
    if argv:
        added["engine.argv"] = Fact(tuple(without_home(word) for word in argv[0]), "engine")
    return _merged(facts, added)


def _merged(facts: Facts, added: Facts) -> Facts:
    everything = {**facts, **added}
    return {name: everything[name] for name in in_order(set(everything))}
