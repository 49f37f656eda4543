"""What a host or environment is: `collect` reads its facts, `confounds`, `layers` and `headline` say what they mean."""

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
    "of_host",
    "own_quota",
    "parse",
    "show",
    "title_of",
    "with_engine",
    "with_limits",
]

_LIMIT_S = 60.0
_AREAS = (cpu, kernel, process, virtualization, cloud, cgroup, clock, devices, tools)


def collect(session: Session, *, scratch: str | None = None) -> Facts:
    """The facts of a session, read by the probe inside it; `scratch` defaults to its workplace's.

    The network's facts are those of the session's place on the run's network, where its network benchmarks run. A probe
    that fails, or prints nothing readable, gives every fact in error. Raises SessionLost."""
    found = _probed(session, scratch)
    try:
        networked = session.on_network()
    except (TrialFailed, StartFailed):  # there is no network here, which the benchmarks say themselves
        return found
    if networked is session:
        return found
    there = _probed(networked, scratch)
    return {name: there.get(name, fact) if key_of(name).area == "network" else fact for name, fact in found.items()}


def of_host(host: Session, engines: Iterable[Engine] = (), *, cpu: int | None = None) -> Facts:
    """The facts of the host itself, with its kinds of processors and the versions of these engines on it.

    `cpu` is the processor whose caches and frequency are meant, where that is not one that the harness runs on. The
    probe runs in the surroundings that an agent gives to commands, since the caller's reach no arm.
    Raises SessionLost.
    """
    unlike = processors.described(processors.of_host(host))
    kinds = {"cpu.kinds": Fact(unlike or "all alike", "lscpu and /sys/devices/system/cpu")}
    place = host.workplace
    usual = (place.python, "-I", "-S", str(place.guest / "surroundings.py"))
    return _merged(_probed(host, None, cpu, before=usual), kinds | tools.engines(host, engines))


def _probed(session: Session, scratch: str | None, cpu: int | None = None, *, before: tuple[str, ...] = ()) -> Facts:
    place = session.workplace
    argv = [*before, place.python, str(place.guest / "probe.py"), scratch or str(place.scratch)]
    argv += [] if cpu is None else [str(cpu)]
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
    """Raw evidence to facts, in the registry's order; pure."""
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
    """The facts with what the suite asked for and what the engine was told; None is not known and adds nothing.

    `quota` is that of vbench's own control group, in processors: all arms are below it, and neither a container nor a
    virtual machine sees it.
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


def own_quota(host: Session) -> float | None:
    """Processors that the host's control groups leave to this process; None is no limit, or none that is known."""
    quota = collect(host)["cgroup.cpu.quota"].value
    return float(quota) if isinstance(quota, int | float) else None


def with_engine(facts: Facts, image: str, argv: tuple[tuple[str, ...], ...], versions: Facts) -> Facts:
    """The facts with the image's digest (or `host`), the first command that started it and its engines' versions."""
    added = {"image.digest": Fact(image, "image"), **versions}
    if argv:
        added["engine.argv"] = Fact(tuple(without_home(word) for word in argv[0]), "engine")
    return _merged(facts, added)


def _merged(facts: Facts, added: Facts) -> Facts:
    everything = {**facts, **added}
    return {name: everything[name] for name in in_order(set(everything))}
