"""Containers by systemd-nspawn: the namespaces, capabilities and system call filter that it gives by itself."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import ClassVar

from vbench.beneath import Beneath, Engine
from vbench.contracts import Missing, Session, Testbed, Workplace
from vbench.environments.container import NAMESPACES, network_namespace
from vbench.environments.settings import EnvironmentSettings
from vbench.environments.starting import agent_command, pinned, started
from vbench.environments.tools import tool_missing
from vbench.host.capabilities import rights_missing
from vbench.model import Layer
from vbench.testbed.images import image_of
from vbench.testbed.scratch_folder import FolderStorage
from vbench.testbed.veth import Veth

LIMIT_S = 60.0
PROGRAM = "systemd-nspawn"
MACHINE_ID = "/etc/machine-id"
PROPAGATE = "/run/systemd/nspawn/propagate"
CGROUPS = "/sys/fs/cgroup"


class Nspawn(EnvironmentSettings, frozen=True, kw_only=True):
    """One container a start, in the foreground and registered nowhere; `options` are more words for systemd-nspawn.

    It has no cgroup of its own, so nothing limits its memory.
    """

    kind: ClassVar[str] = "nspawn"
    known_as: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("systemd-nspawn", "systemd", "machinectl"), 'kind = "nspawn" is a container by systemd-nspawn'
    )
    options: tuple[str, ...] = ()

    def title(self) -> str:
        return " ".join(["nspawn", *self.options])

    def engines(self) -> tuple[Engine, ...]:
        return (Engine("nspawn", (PROGRAM, "--version"), r"systemd (\S+)"),)

    def expected_start_s(self) -> float:
        return 0.5

    def misfit(self, beneath: Beneath) -> str:
        return f"it needs {PROGRAM}, and the image beneath has none" if beneath.image else ""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        lacking = tool_missing(host, [PROGRAM, "--version"], "apt-get install systemd-container")
        if host.run(["test", "-s", MACHINE_ID], timeout_s=10).status != 0:
            lacking.append(Missing(f"an id in {MACHINE_ID}", "`systemd-machine-id-setup` makes one"))
        return (*lacking, *rights_missing(host, of_host=True))

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        image = image_of(testbed)
        begun, name = time.monotonic(), f"vbench-{uuid.uuid4().hex[:12]}"
        with (
            testbed.scratch(FolderStorage()) as scratch,
            testbed.attach(Veth) as link,
            testbed.image_root() as root,
            ExitStack() as removals,
        ):
            # systemd-nspawn leaves its cgroups, and a folder of the container's name when it is killed.
            removals.enter_context(testbed.undo(["rm", "-rf", f"{PROPAGATE}/{name}"]))
            for group in _groups(host):
                words = ["rmdir", "--ignore-fail-on-non-empty", group]  # it may hold a container of somebody else
                removals.enter_context(testbed.undo(words, there=["find", group, "-maxdepth", "0"]))
            argv = self._words(testbed, name, root, scratch.path, link)
            with started(
                host,
                argv,
                workplace=Workplace(image=image.digest),
                layers=[Layer(self.kind, "systemd-nspawn, namespaces of its own")],
                mechanisms=self._mechanisms(testbed, networked=link is not None),
                attach_s=time.monotonic() - begun,
                limit_s=LIMIT_S,
                no_network="" if link else testbed.detached(Veth),
            ) as session:
                yield session

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        del host
        with (
            testbed.scratch(FolderStorage()) as scratch,
            testbed.attach(Veth) as link,
            testbed.image_root() as root,
        ):
            return (self._words(testbed, "vbench-NAME", root, scratch.path, link),)

    def _words(
        self, testbed: Testbed, name: str, root: PurePosixPath, scratch: PurePosixPath, link: Veth | None
    ) -> tuple[str, ...]:
        workplace = Workplace()
        return (
            *pinned(testbed.cpus),
            *(PROGRAM, "--quiet"),
            # Neither registered with systemd-machined nor in a scope of its own: both need a running systemd.
            *("--register=no", "--keep-unit"),
            *("--pipe", "--kill-signal=SIGTERM"),
            f"--machine={name}",
            f"--directory={root}",
            "--read-only",
            f"--bind={_bound(scratch)}:{workplace.scratch}",
            # Without a place on the run's network it gets a namespace with loopback alone.
            f"--network-namespace-path={link.netns}" if link else "--private-network",
            *self.options,
            "--",
            *agent_command(workplace),
        )

    def _mechanisms(self, testbed: Testbed, *, networked: bool) -> tuple[str, ...]:
        return (
            f"affinity {','.join(map(str, testbed.cpus))}",
            f"namespaces {', '.join(NAMESPACES)}, {network_namespace(networked=networked)}",
            "the capabilities and the system call filter of systemd-nspawn",
            "read-only root",
            "not in force: a memory limit, a cgroup of its own, a user namespace",
        )


def _groups(host: Session) -> tuple[str, ...]:
    """The cgroups that systemd-nspawn makes below the caller's own in each hierarchy: for itself, for the container."""
    is_v2 = host.run(["test", "-e", f"{CGROUPS}/cgroup.controllers"], timeout_s=10).status == 0
    folders = {"": CGROUPS if is_v2 else f"{CGROUPS}/unified", "name=systemd": f"{CGROUPS}/systemd"}
    lines = host.run(["cat", "/proc/self/cgroup"], timeout_s=10).check().text.splitlines()
    own = {controllers: group.strip("/") for _, controllers, group in (line.split(":", 2) for line in lines)}
    parents = [str(PurePosixPath(folder, own[name])) for name, folder in folders.items() if name in own]
    return tuple(f"{parent}/{group}" for parent in parents for group in ("payload", "supervisor"))


def _bound(path: PurePosixPath) -> str:
    """A path as a part of --bind=, where a colon separates and a backslash escapes."""
    return str(path).replace("\\", "\\\\").replace(":", "\\:")
