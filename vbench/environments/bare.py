"""The native environment: processor affinity and the image as root, no added cgroup and no isolation."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar, Literal, Self

from vbench.beneath import Beneath
from vbench.contracts import (
    Missing,
    Needs,
    Session,
    Started,
    Testbed,
    Workplace,
)
from vbench.environments.channel import AgentSession
from vbench.environments.settings import EnvironmentSettings
from vbench.environments.starting import agent_command, pinned, started
from vbench.environments.tools import tool_missing
from vbench.errors import CommandFailed, CommandTimeout, StartFailed
from vbench.host import rights
from vbench.host.capabilities import rights_missing
from vbench.model import Layer
from vbench.testbed.scratch_folder import FolderStorage
from vbench.testbed.veth import Veth

LIMIT_S = 60.0
_GET_COMPILER = "apt-get install gcc libc6-dev"
_COMPILED = "compiled"  # the guest folder that the host's compiler has compiled


def _leave(host: Session, link: Veth) -> None:
    del host, link


@dataclass(frozen=True)
class Additions:
    """What an environment that is built on this one adds to its processes."""

    words: tuple[str, ...] = ()  # before the agent's command
    mechanisms: tuple[str, ...] = ()
    on_link: Callable[[Session, Veth], None] = _leave


_NOTHING = Additions()


class Bare(EnvironmentSettings, frozen=True, kw_only=True):
    """Native processes; they see the image as root (chroot), or without root rights the host's own files."""

    kind: ClassVar[str] = "bare"
    confines_root: ClassVar[bool] = False
    known_as: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("native", "host", "metal", "bare-metal", "baremetal", "none", "process"), 'kind = "bare" is native'
    ) | {"chroot": 'kind = "bare" is native, with the image as root by chroot'}
    root: Literal["image", "host"] = "image"

    @property
    def needs_image(self) -> bool:
        return self.root == "image"

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        return (cls(), cls(root="host"))

    def title(self) -> str:
        return "bare root=host" if self.root == "host" else "bare"

    def expected_start_s(self) -> float:
        return 0.3

    def needs(self) -> Needs:
        return Needs(executes=self.root == "host")  # the kernels are compiled into scratch space

    def misfit(self, beneath: Beneath) -> str:
        if self.root == "host" and beneath.image:
            return "root = 'host' needs a C compiler, and the image beneath has none"
        if self.root == "image" and not beneath.image:
            return "root = 'image' needs the image's files, and the environment beneath has the host's"
        return ""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        if self.root == "host":
            argv = ["cc", "-fsyntax-only", "-x", "c", "-"]  # the C library's headers come apart from the compiler
            return tuple(tool_missing(host, argv, _GET_COMPILER, stdin=b"#include <stdio.h>\n", what="a C compiler"))
        if host.workplace.image not in ("", "host"):
            return ()  # it stands on an environment that has the image as root
        opening = rights.switch(lambda path: host.run(["cat", path], timeout_s=10).text)
        allow = f"allow user namespaces{f' (`{opening}`)' if opening else ''}"
        return rights_missing(host, otherwise=f"{allow}, or set root = 'host' to measure with the host's own files")

    @contextmanager
    def prepared(self, host: Session, testbed: Testbed) -> Iterator[None]:
        """Compiles the guest folder for all starts, if the host's own files are measured: it takes about a second."""
        if self.root == "image" or _COMPILED in testbed.prepared:
            yield
            return
        with testbed.folder(_COMPILED) as folder:
            with suppress(StartFailed, CommandFailed, CommandTimeout):  # each start tries again, and reports it
                testbed.prepared[_COMPILED] = _compiled(host, folder / "vbench")
            try:
                yield
            finally:
                testbed.prepared.pop(_COMPILED, None)

    def start(self, host: Session, testbed: Testbed) -> AbstractContextManager[Session]:
        return self.start_with(host, testbed, _NOTHING)

    @contextmanager
    def start_with(self, host: Session, testbed: Testbed, additions: Additions) -> Iterator[Session]:
        entered = _namespace(host)
        begun = time.monotonic()
        with ExitStack() as stack:
            scratch = stack.enter_context(testbed.scratch(FolderStorage())).path
            if self.root == "image":
                prefix = stack.enter_context(testbed.chroot(scratch))
                nested = not prefix
                image = testbed.image.digest if testbed.image else ""
                workplace = Workplace(scratch=scratch if nested else PurePosixPath("/scratch"), image=image)
            else:
                prefix = ()
                workplace = _host_workplace(host, scratch)
                _provide(host, testbed, workplace.guest)
            argv = _words(testbed, prefix, workplace, additions)
            into = ("chroot into the image",) if prefix else ()
            mechanisms = [f"affinity {argv[2]}", *into, *entered, *additions.mechanisms]
            layers = [Layer("chroot", "the image as root")] if prefix else []

            def on_network() -> Session:
                return stack.enter_context(_networked(host, testbed, prefix, workplace, additions))

            session = stack.enter_context(
                started(
                    host,
                    argv,
                    workplace=workplace,
                    layers=layers,
                    mechanisms=mechanisms,
                    attach_s=time.monotonic() - begun,
                    limit_s=LIMIT_S,
                    network=None
                    if isinstance(host, Started)
                    else _once(on_network),  # what it stands on is its network
                )
            )
            yield session

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        return self.commands_with(host, testbed, _NOTHING)

    def commands_with(self, host: Session, testbed: Testbed, additions: Additions) -> tuple[tuple[str, ...], ...]:
        if self.root == "host":
            with testbed.scratch(FolderStorage()) as scratch:
                return (_words(testbed, (), _host_workplace(host, scratch.path), additions),)
        with testbed.chroot(None) as prefix:
            return (_words(testbed, prefix, Workplace(), additions),)


@contextmanager
def _networked(
    host: Session, testbed: Testbed, prefix: tuple[str, ...], workplace: Workplace, additions: Additions
) -> Iterator[AgentSession]:
    """Namespaced native: the same processes in the run's network, for the network family alone (method.md)."""
    begun = time.monotonic()
    with testbed.attach(Veth) as link:
        enter = ("nsenter", f"--net={link.netns}", "--") if link else ()
        if link:
            additions.on_link(host, link)
        with started(
            host,
            _words(testbed, (*enter, *prefix), workplace, additions),
            workplace=workplace,
            layers=[Layer("chroot", "the image as root")] if prefix else [],
            mechanisms=["network namespace", *additions.mechanisms] if enter else [],
            attach_s=time.monotonic() - begun,
            limit_s=LIMIT_S,
        ) as session:
            yield session


def _words(testbed: Testbed, prefix: tuple[str, ...], workplace: Workplace, additions: Additions) -> tuple[str, ...]:
    return (*pinned(testbed.cpus), *prefix, *additions.words, *agent_command(workplace))


def _namespace(host: Session) -> tuple[str, ...]:
    """The mechanism between workload and host where vbench has no root rights: a user namespace, or none."""
    on_host = host.workplace.image in ("", "host")
    return ("a user namespace, for want of root rights",) if on_host and rights.of(host) == "namespace" else ()


def _once(make: Callable[[], Session]) -> Callable[[], Session]:
    sessions: list[Session] = []

    def get() -> Session:
        if not sessions:
            sessions.append(make())
        return sessions[0]

    return get


def _host_workplace(host: Session, scratch: PurePosixPath) -> Workplace:
    """Each start has a guest folder of its own, in its scratch space."""
    return Workplace(host.workplace.python, scratch / "vbench", scratch, "host")


def _provide(host: Session, testbed: Testbed, target: PurePosixPath) -> None:
    """Copies the guest folder that was compiled for the whole run. If there is none, compiles one for this start."""
    if compiled := testbed.prepared.get(_COMPILED):
        host.run(["cp", "-r", str(compiled), str(target)], timeout_s=30).check()
    else:
        _compiled(host, target)


def _compiled(host: Session, target: PurePosixPath) -> PurePosixPath:
    """The guest folder, compiled by the host's compiler: same sources, other bits, which the facts show."""
    guest = host.workplace.guest
    host.run(["cp", "-r", str(guest), str(target)], timeout_s=30).check()
    built = host.run([host.workplace.python, str(guest / "build.py"), str(guest), str(target)], timeout_s=120)
    if built.status != 0:
        stderr = built.stderr.decode(errors="replace")[-300:]
        raise StartFailed(f"the micro-benchmarks could not be compiled: {stderr}", hint=_GET_COMPILER)
    return target
