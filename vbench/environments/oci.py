"""Containers by any runtime of the Open Container Initiative, called by its command line on a bundle of our own."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from vbench.contracts import Attachment, Environment, Missing, Probe, Session, Settings, Testbed, Workplace
from vbench.environments.probing import probe
from vbench.environments.rights import rights_missing
from vbench.environments.starting import agent_command, pinned, started
from vbench.errors import CommandTimeout, StartFailed, StopFailed
from vbench.model import Layer
from vbench.units import Seconds, show, show_bytes

LIMIT_S = 60.0
RECORD = "oci.json"  # in the start's folder, for `sweep`

# The capabilities that container engines give by default (moby/profiles, containerd/oci).
_CAPABILITIES = [
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP"),
        *("SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
    )
]
_NAMESPACES = ("pid", "ipc", "uts", "mount")
_PACKAGED = ("runc", "crun")  # by Debian and Ubuntu, each under its own name


class Oci(Settings, frozen=True, kw_only=True):
    """One container a start. `runtime` is the command of any OCI runtime; `options` go before its sub-command.

    `quota` is the number of processors whose time it may use up in each `period`.
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
    on: str | None = None

    def __post_init__(self) -> None:
        if not 0.001 <= self.period <= 1:  # sched-bwc of the kernel's documentation
            raise ValueError(f"period: a quota's period lasts 1 ms to 1 s, got {show(self.period, 's')}")

    @property
    def needs_image(self) -> bool:
        return True

    @classmethod
    def variants(cls) -> tuple[Environment, ...]:
        return (Oci(), Oci(runtime="crun"))

    def title(self) -> str:
        return f"oci runtime={self.runtime}" + (f" quota={self.quota:g}" if self.quota else "")

    def expected_start_s(self) -> float:
        return 0.5

    def expected_factor(self) -> float:
        return 1.0

    def missing(self, host: Session) -> tuple[Missing, ...]:
        lacking = []
        if host.run([self.runtime, "--version"], timeout_s=10).status == 127:
            lacking.append(Missing(self.runtime, _how_to_get(self.runtime)))
        return (*lacking, *rights_missing(host))

    def probe(self, host: Session, testbed: Testbed) -> Probe:
        return probe(self, host, testbed)

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        if testbed.image is None:
            raise StartFailed("there is no image for the container's root", hint="run `vbench image build`")
        begun = time.monotonic()
        name = f"vbench-{uuid.uuid4().hex[:12]}"
        with (
            testbed.folder("bundle") as bundle,
            testbed.folder("scratch") as scratch,
            testbed.attach("veth") as attachment,
        ):
            workplace = Workplace(image=testbed.image.digest)
            runtime = self._runtime(bundle)
            _write(host, bundle / "config.json", self.config(testbed, workplace, name, scratch, attachment))
            _write(host, bundle / RECORD, {"runtime": runtime, "name": name})
            argv = self._words(testbed, bundle, name)
            try:
                with started(
                    host,
                    argv,
                    workplace=workplace,
                    layers=[Layer(self.runtime, "OCI runtime, namespaces and cgroup of its own")],
                    mechanisms=self.mechanisms(testbed, attachment),
                    attach_s=time.monotonic() - begun,
                    limit_s=LIMIT_S,
                    memory_limit_b=testbed.memory_b,
                ) as session:
                    yield session
            finally:
                _delete(host, runtime, name)

    def _runtime(self, bundle: Path) -> list[str]:
        return [self.runtime, *self.options, "--root", str(bundle / "state")]

    def _words(self, testbed: Testbed, bundle: Path, name: str) -> tuple[str, ...]:
        return (*pinned(testbed.cpus), *self._runtime(bundle), "run", "--bundle", str(bundle), name)

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        del host
        with testbed.folder("bundle") as bundle:
            return (self._words(testbed, bundle, "vbench-NAME"),)

    def mechanisms(self, testbed: Testbed, attachment: Attachment | None) -> tuple[str, ...]:
        cpus = ",".join(map(str, testbed.cpus))
        return (
            f"affinity {cpus}",
            f"cgroup cpuset {cpus}",
            f"cgroup memory limit {show_bytes(testbed.memory_b)}",
            *([f"cgroup quota of {self.quota:g} processors, period {show(self.period, 's')}"] if self.quota else []),
            f"namespaces {', '.join(_NAMESPACES)}{', network' if attachment else ''}",
            f"{len(_CAPABILITIES)} capabilities",
            "no new privileges",
            "no seccomp filter",
            "read-only root",
        )

    def config(
        self, testbed: Testbed, workplace: Workplace, name: str, scratch: Path, attachment: Attachment | None
    ) -> dict[str, Any]:
        """The bundle's config.json (OCI runtime specification 1.0)."""
        assert testbed.image is not None
        namespaces: list[dict[str, str]] = [{"type": kind} for kind in _NAMESPACES]
        if attachment and attachment.netns:
            namespaces.append({"type": "network", "path": attachment.netns})
        caps = dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES)
        return {
            "ociVersion": "1.0.2",
            "hostname": "guest",
            "process": {
                "terminal": False,
                "user": {"uid": 0, "gid": 0},
                "args": list(agent_command(workplace)),
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"],
                "cwd": "/",
                "capabilities": caps,
                "noNewPrivileges": True,
            },
            "root": {"path": str(testbed.image.root), "readonly": True},
            "mounts": _mounts(scratch),
            "linux": {
                "namespaces": namespaces,
                "cgroupsPath": f"/{name}",
                "resources": {
                    "memory": {"limit": testbed.memory_b},
                    "cpu": {"cpus": ",".join(map(str, testbed.cpus)), **self._bandwidth()},
                },
            },
        }

    def _bandwidth(self) -> dict[str, int]:
        if self.quota is None:
            return {}
        period_us = round(self.period * 1e6)
        return {"quota": round(self.quota * period_us), "period": period_us}

    @classmethod
    def sweep(cls, host: Session, folder: Path) -> tuple[str, ...]:
        undone = []
        for record in sorted(folder.glob(f"*/{RECORD}")):
            left = json.loads(record.read_text())
            _delete(host, left["runtime"], left["name"])
            undone.append(f"container {left['name']}")
        return tuple(undone)


def _how_to_get(runtime: str) -> str:
    if runtime in _PACKAGED:
        return f"apt-get install {runtime}"
    return f"install it as its project says, or set `runtime` to its path; Debian packages {' and '.join(_PACKAGED)}"


def _mounts(scratch: Path) -> list[dict[str, Any]]:
    def mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
        return {"destination": target, "type": kind, "source": source, "options": list(options)}

    return [
        mount("/proc", "proc", "proc"),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
        mount("/tmp", "tmpfs", "tmpfs", "mode=1777"),
        mount("/run", "tmpfs", "tmpfs", "mode=755"),
        mount("/scratch", "bind", str(scratch), "bind", "rw"),
    ]


def _write(host: Session, target: Path, content: dict[str, Any]) -> None:
    host.run(["tee", str(target)], timeout_s=30, stdin=json.dumps(content).encode()).check()


def _delete(host: Session, runtime: list[str], name: str) -> None:
    """Removes the container; a runtime that does not know it (any more) is content."""
    hint = f"run: {' '.join(runtime)} delete --force {name}"
    try:
        ended = host.run([*runtime, "delete", "--force", name], timeout_s=30)
        known = ended.status != 0 and host.run([*runtime, "state", name], timeout_s=30).status == 0
    except CommandTimeout as error:
        raise StopFailed(f"container {name} could not be removed: {error.message}", hint=hint) from error
    if known:
        said = ended.stderr.decode(errors="replace").strip()[-300:]
        raise StopFailed(f"container {name} could not be removed: {said}", hint=hint)
