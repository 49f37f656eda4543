"""Containers by any runtime of the Open Container Initiative, called by its command line on a bundle of our own."""

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta, MsgspecError

from vbench import facts
from vbench.beneath import Beneath, Engine
from vbench.contracts import Missing, Needs, Session, Testbed, Workplace
from vbench.environments import container, seccomp
from vbench.environments.architecture import ARCHITECTURES
from vbench.environments.seccomp import LIMIT_B, PROFILE, Filter
from vbench.environments.settings import EnvironmentSettings
from vbench.environments.starting import agent_command, pinned, started
from vbench.environments.tools import tool_missing
from vbench.errors import StartFailed
from vbench.host.capabilities import rights_missing
from vbench.model import Layer
from vbench.testbed.images import image_of
from vbench.testbed.scratch_folder import FolderStorage
from vbench.testbed.undo import PROGRAM
from vbench.testbed.veth import Veth
from vbench.units import Seconds, show

LIMIT_S = 60.0
IN_IMAGE = ("runc",)  # of the runtimes
LEAST_MEMORY_B = 32 * 2**20  # measured: the agent starts with 12 MiB, fio and the agent with 24

_PACKAGED = ("runc", "crun")  # by Debian and Ubuntu, each under its own name
# Either exists where the kernel accounts swap: v1's root group has the first, every group of v2 but the root the other.
# In a machine there may be no group yet, and no swap either: then the limit of v2 says what is so anyway.
_SWAP = """
ls /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes /sys/fs/cgroup/*/memory.swap.max
[ -e /sys/fs/cgroup/cgroup.controllers ] && [ "$(wc -l </proc/swaps)" = 1 ] && echo "no swap"
"""
_OWN_QUOTA = """
[ -e /sys/fs/cgroup/cgroup.controllers ] || exit 0
while IFS=: read -r number _ group; do
    [ "$number" = 0 ] && [ "$group" != / ] && cat "/sys/fs/cgroup$group/cpu.max"
done </proc/self/cgroup
"""


_GET_PROFILE = "apt-get install golang-github-containers-common, or the containers-common of your distribution"
_WITHOUT = "set seccomp = false for a container without a system call filter"


class Oci(EnvironmentSettings, frozen=True, kw_only=True):
    """One container a start. `runtime` is the command of any OCI runtime; `options` go before its sub-command.

    It gets what Docker and podman give by default, their system call filter too, unless `seccomp` is false. `quota` is
    the number of processors whose time it may use up in each `period`.
    """

    kind: ClassVar[str] = "oci"
    known_as: ClassVar[Mapping[str, str]] = (
        {name: f'kind = "oci" with runtime = "{name}"' for name in ("runc", "crun", "youki", "runsc")}
        | dict.fromkeys(("gvisor",), 'kind = "oci" with runtime = "runsc"')
        | dict.fromkeys(("kata", "kata-containers"), 'kind = "oci" with the path of its OCI `runtime`, if it has one')
        | dict.fromkeys(
            ("docker", "podman", "containerd", "nerdctl", "lxc", "container", "containers"),
            'kind = "oci" starts a container by a runtime such as runc itself; no engine above it is measured',
        )
    )
    runtime: str = "runc"
    options: tuple[str, ...] = ()
    quota: Annotated[float, Meta(ge=0.01, le=4096)] | None = None
    period: Seconds = Seconds(0.1)
    seccomp: bool = True

    def __post_init__(self) -> None:
        if not 0.001 <= self.period <= 1:  # sched-bwc of the kernel's documentation
            raise ValueError(f"period: a quota's period lasts 1 ms to 1 s, got {show(self.period, 's')}")
        if not re.search(PROGRAM, self.runtime):
            raise ValueError("runtime: the name of a command or an absolute path is needed")

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        return (cls(), cls(runtime="crun"))

    def engines(self) -> tuple[Engine, ...]:
        version = r"\S+ version:? (\S+(?:\ncommit: \S+)?)"  # what a distribution changed is in its own version
        return (Engine(PurePosixPath(self.runtime).name, (self.runtime, "--version"), version),)

    def title(self) -> str:
        quota = f" quota={self.quota:g}" if self.quota else ""
        return f"oci runtime={self.runtime}{quota}{'' if self.seccomp else ' seccomp=false'}"

    def expected_start_s(self) -> float:
        return 0.5

    def needs(self) -> Needs:
        return Needs(memory_b=LEAST_MEMORY_B)

    def misfit(self, beneath: Beneath) -> str:
        if beneath.image and self.runtime not in IN_IMAGE:
            return f"it needs {self.runtime}, and the image beneath has none"
        if beneath.image and not beneath.machine:
            return "it needs root rights over a host or a machine, and root has fewer in the environment beneath"
        return ""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        lacking = tool_missing(host, [self.runtime, "--version"], _how_to_get(self.runtime))
        if self.seccomp and host.run(["test", "-r", PROFILE], timeout_s=10).status != 0:
            lacking.append(Missing(PROFILE, f"{_GET_PROFILE}; or {_WITHOUT}"))
        return (*lacking, *rights_missing(host, of_host=True), *_other_limits(host))

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        image = image_of(testbed)
        begun = time.monotonic()
        name = f"vbench-{uuid.uuid4().hex[:12]}"
        with (
            testbed.folder("bundle") as bundle,
            testbed.scratch(FolderStorage()) as scratch,
            testbed.attach(Veth) as link,
            testbed.image_root() as root,
        ):
            workplace = Workplace(image=image.digest)
            limits, filter_ = self.limits(host, testbed), self.filter(host)
            document = container.config(
                name=name,
                args=agent_command(workplace),
                root=root,
                scratch=scratch.path,
                limits=limits,
                seccomp=filter_,
                netns=link.netns if link else None,
            )
            _write(host, bundle / "config.json", document)
            argv = self._words(testbed, bundle, name)
            with (
                testbed.undo([*self._runtime(bundle), "delete", "--force", name], there=_state(bundle, name)),
                started(
                    host,
                    argv,
                    workplace=workplace,
                    layers=[Layer(self.runtime, "OCI runtime, namespaces and cgroup of its own")],
                    mechanisms=self._mechanisms(limits, filter_, networked=link is not None),
                    attach_s=time.monotonic() - begun,
                    limit_s=LIMIT_S,
                    memory_limit_b=testbed.memory_b,
                    no_network="" if link else testbed.detached(Veth),
                ) as session,
            ):
                _check_group(host, session, self.runtime)
                yield session

    def _runtime(self, bundle: PurePosixPath) -> list[str]:
        return [self.runtime, *self.options, "--root", str(bundle / "state")]

    def _words(self, testbed: Testbed, bundle: PurePosixPath, name: str) -> tuple[str, ...]:
        return (*pinned(testbed.cpus), *self._runtime(bundle), "run", "--bundle", str(bundle), name)

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        del host
        with testbed.folder("bundle") as bundle:
            return (self._words(testbed, bundle, "vbench-NAME"),)

    def limits(self, host: Session, testbed: Testbed) -> container.Limits:
        accounted = host.run(["sh", "-c", _SWAP], timeout_s=10).stdout.strip()
        return container.Limits(testbed.cpus, testbed.memory_b, bool(accounted), self._bandwidth())

    def filter(self, host: Session) -> Filter | None:
        """Filter of the host's profile for a container's capabilities. Raises StartFailed if it cannot be used."""
        if not self.seccomp:
            return None
        machine, kernel = (host.run(["uname", option], timeout_s=10).text.strip() for option in ("-m", "-r"))
        if machine not in ARCHITECTURES:
            raise StartFailed(f"no system call filter is known for {machine}", hint=_WITHOUT)
        read = host.run(["head", "-c", str(LIMIT_B), PROFILE], timeout_s=10).check()
        try:
            return seccomp.parse(read.stdout, ARCHITECTURES[machine], container.CAPABILITIES, kernel)
        except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StartFailed(f"{PROFILE} is no seccomp profile: {error}", hint=_WITHOUT) from None

    def _mechanisms(self, limits: container.Limits, filter_: Filter | None, *, networked: bool) -> list[str]:
        quota = f"cgroup quota of {self.quota or 0:g} processors, period {show(self.period, 's')}"
        affinity = f"affinity {','.join(map(str, limits.cpus))}"
        in_force = container.mechanisms(limits, filter_, networked=networked)
        return [affinity, *([quota] if self.quota else []), *in_force]

    def _bandwidth(self) -> dict[str, int]:
        if self.quota is None:
            return {}
        period_us = round(self.period * 1e6)
        return {"quota": round(self.quota * period_us), "period": period_us}


def _check_group(host: Session, session: Session, runtime: str) -> None:
    """Raises StartFailed if a v1 container is outside vbench's own group, whose limit it would escape."""
    own, inside = (_cpu_group(one.run(["cat", "/proc/self/cgroup"], timeout_s=30).text) for one in (host, session))
    if own is None or inside is None or PurePosixPath(inside).is_relative_to(own):
        return
    quota = facts.quota_of(facts.collect(host))
    if quota is not None:
        raise StartFailed(
            f"{runtime} made the container outside the cgroup that gives vbench {quota:g} processors",
            hint="run vbench without that limit, or take runc, which makes it inside",
        )


def _state(bundle: PurePosixPath, name: str) -> tuple[str, ...]:
    """Command that prints the runtime's state files of the container, which every runtime names after it."""
    return ("find", str(bundle), "-mindepth", "2", "-name", f"*{name}*")


def _cpu_group(text: str) -> str | None:
    """Group of the v1 cpu controller in the text of /proc/PID/cgroup. None without that controller."""
    lines = [line.split(":", 2) for line in text.splitlines()]
    return next((path for _, controllers, path in lines if "cpu" in controllers.split(",")), None)


def _other_limits(host: Session) -> tuple[Missing, ...]:
    """A processor limit of vbench's v2 group, which a container would escape.

    A v2 group with processes has no groups below it, so that the container's group is beside vbench's.
    """
    quota = host.run(["sh", "-c", _OWN_QUOTA], timeout_s=10).text.split()
    if not quota or not quota[0].isdigit():  # "max"
        return ()
    hint = "limit a slice: systemd-run --slice=bench.slice --scope, after systemctl set-property bench.slice CPUQuota="
    return (Missing(f"the processor limit of vbench's own cgroup ({' '.join(quota)}) for a container", hint),)


def _how_to_get(runtime: str) -> str:
    if runtime in _PACKAGED:
        return f"apt-get install {runtime}"
    return f"install it as its project says, or set `runtime` to its path; Debian packages {' and '.join(_PACKAGED)}"


def _write(host: Session, target: PurePosixPath, content: dict[str, Any]) -> None:
    host.run(["tee", str(target)], timeout_s=30, stdin=json.dumps(content).encode()).check()
