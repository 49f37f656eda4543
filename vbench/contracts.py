"""The contracts everything else is written against: Session, Host, Testbed, Environment, Benchmark. Read this first.

An environment is started on a session and yields a session; a benchmark measures inside a session; a testbed holds
what all environments of a run share. Environments never use a local path or `subprocess`: whatever they touch goes
through the session they start on, and that is why they stack.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar, Protocol, Self, TypeVar, runtime_checkable

from msgspec import Struct

from vbench.beneath import Beneath, Engine, Identity, Image, ImageHere, Owner, ServedBy, Space, Uplink
from vbench.errors import CommandFailed
from vbench.gates import ClockReading, Counters, Spent
from vbench.model import Layer, Measured, Metric
from vbench.text import program

T = TypeVar("T")
NOT_FOUND = 127  # status of a command that is not found, or may not be executed


@dataclass(frozen=True)
class Completed:
    """Result of a command. A status is a fact: only `check()` turns it into a failure."""

    argv: tuple[str, ...]
    status: int  # a signal N is -N
    stdout: bytes
    stderr: bytes

    def check(self) -> "Completed":
        """Returns itself for status 0. Raises CommandFailed with the end of stderr."""
        if self.status == 0:
            return self
        how = f"was killed by signal {-self.status}" if self.status < 0 else f"ended with status {self.status}"
        how = "was not found" if self.status == NOT_FOUND else how
        output = (self.stderr or self.stdout).decode(errors="replace").strip()[-400:]
        name = program(self.argv)
        raise CommandFailed(f"{name} {how}: {output}" if output else f"{name} {how}")

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")


class Process(Protocol):
    """A spawned command. Its standard streams are binary pipes, and its whole process group dies with it."""

    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def stdin(self) -> BinaryIO: ...
    @property
    def stdout(self) -> BinaryIO: ...
    @property
    def pid(self) -> int: ...  # in the session's own numbering
    def poll(self) -> int | None: ...
    def wait(self, *, timeout_s: float) -> int: ...  # raises CommandTimeout
    def kill(self) -> None: ...
    def stderr(self) -> bytes: ...  # the last 64 KiB so far


@dataclass(frozen=True)
class Workplace:
    """Paths inside a session: the interpreter, vbench's guest folder, and scratch space."""

    python: str = "/opt/vbench/python"
    guest: PurePosixPath = PurePosixPath("/opt/vbench")  # agent.py, driver.py, kernels.so, echo
    scratch: PurePosixPath = PurePosixPath("/scratch")
    image: str = ""  # digest of the image it executes, or "host"


@dataclass(frozen=True)
class StartTiming:
    """Durations of a start, on the harness's monotonic clock."""

    attach_s: float  # attachment of the testbed before the start, reported separately
    ready_s: float  # from the command that starts the environment to the agent's first answer


class Session(Protocol):
    """A started environment. Raises SessionLost when it ended, and CommandTimeout after killing the command's group."""

    @property
    def workplace(self) -> Workplace: ...
    @property
    def layers(self) -> tuple[Layer, ...]: ...
    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed: ...
    def spawn(self, argv: Sequence[str]) -> AbstractContextManager[Process]: ...
    def put(self, source: Path, target: PurePosixPath) -> None: ...
    def get(self, source: PurePosixPath, target: Path) -> None: ...

    def on_network(self) -> "Session":
        """A session inside the run's network. It is the session itself, but for `bare`, which is native otherwise."""
        ...


@runtime_checkable
class Started(Protocol):
    """The part of a measured environment's session that other sessions lack."""

    @property
    def timing(self) -> StartTiming: ...
    @property
    def argv(self) -> tuple[tuple[str, ...], ...]: ...  # exact commands that started it
    @property
    def mechanisms(self) -> tuple[str, ...]: ...
    @property
    def memory_limit_b(self) -> int | None: ...  # as configured; None: it was given no limit
    @property
    def no_network(self) -> str: ...  # why it alone is not on the run's network; empty if it is
    @property
    def served_by(self) -> ServedBy: ...  # on the run's host; of a stack it is that of the lowest session
    @property
    def uplink(self) -> Uplink | None: ...  # None: what stands on it shares its network
    def clock(self) -> ClockReading | None: ...  # None: it has no clock of its own
    def evidence(self) -> dict[str, bytes]: ...  # file name to content: the guest's console


class HostSession(Session, Protocol):
    """A session on a machine itself, of which others on the same machine are made."""

    def prefixed(self, *words: str, workplace: Workplace | None = None) -> Self: ...  # they begin every command
    def layered(self, layers: Sequence[Layer]) -> Self: ...  # what the machine itself is made of


class Files(Protocol):
    """Files and folders of a host that no session holds: scratch space, undo journals. Raises OSError."""

    def resolved(self, path: PurePosixPath, what: str) -> PurePosixPath: ...  # raises UsageError for an odd name
    def space(self, folder: PurePosixPath) -> Space: ...  # OSError as well where no file can be made
    def make_folder(self, parent: PurePosixPath, prefix: str) -> PurePosixPath: ...  # fresh, and this user's alone
    def remove_folder(self, folder: PurePosixPath) -> None: ...  # with all that is in it
    def append(self, file: PurePosixPath, data: bytes, *, synced: bool) -> None: ...  # all or nothing after a kill
    def read(self, file: PurePosixPath, *, most_b: int) -> bytes: ...  # Untrusted: another user could have written it
    def own_folders(self, parent: PurePosixPath, prefix: str) -> tuple[PurePosixPath, ...]: ...
    def others_could_swap(self, path: PurePosixPath) -> str: ...  # why another user could, or nothing
    def program(self, name: str) -> PurePosixPath | None: ...  # Untrusted: another user could have changed it


class Host(Protocol):
    """The machine that a run measures: a session on it, its files, its counters and its identity."""

    @property
    def session(self) -> HostSession: ...
    @property
    def files(self) -> Files: ...
    def through(self, session: HostSession) -> "Host": ...  # the same machine by another session
    def image(self, image: Image) -> ImageHere: ...  # as this machine has it
    def run_owner(self) -> Owner: ...  # the process on it that is there as long as this run
    def has_ended(self, owner: Owner) -> bool: ...  # False too where it cannot be told
    def counters(self, cpus: Sequence[int], served_by: ServedBy) -> Counters: ...  # of these processors, now
    def spent(self, cpus: Sequence[int], served_by: ServedBy) -> Spent: ...  # the part of it that a trial needs
    def identity(self) -> Identity: ...
    @property
    def ticks_per_s(self) -> int: ...  # clock ticks, in which its kernel counts processor time
    def uptime_s(self) -> float: ...  # since its kernel booted, suspended time included

    def harness_on(self, cpus: Sequence[int]) -> AbstractContextManager[None]:
        """Keeps vbench itself, and what it starts without a choice of processors, on `cpus` of this host."""
        ...


@dataclass(frozen=True)
class Missing:
    """Something that an environment or benchmark lacks on this host, and how to get it."""

    what: str
    hint: str = ""
    rights: bool = False  # nothing but root rights of the host would help


def lacks(missing: Sequence[Missing]) -> str:
    """One phrase for everything that is missing: `missing: fio, root rights`."""
    return f"missing: {named(missing)}"


def named(missing: Sequence[Missing]) -> str:
    """Names of everything that is missing: `fio, root rights`."""
    return ", ".join(item.what for item in missing)


def hints(missing: Sequence[Missing]) -> str:
    """Hints of everything that is missing, each once."""
    return "; ".join(dict.fromkeys(item.hint for item in missing if item.hint))


@dataclass(frozen=True)
class Probe:
    """Result of one real start with a time limit: `ready_s` if it worked, or else `problem`."""

    ready_s: float | None
    problem: str = ""
    hint: str = ""
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Bridge:
    """The bridge `br0` of the run's network, in a network namespace of a host."""

    host: Session
    netns: PurePosixPath


class Link(Protocol):
    """One environment's attachment to the run's network. A kind of link is a class: its ends fit some environments."""

    @property
    def address(self) -> str: ...  # "198.18.0.2/15"
    @property
    def mac(self) -> str: ...
    @classmethod
    def missing(cls, bridge: Bridge) -> str: ...  # why this bridge can have no such link, or nothing
    @classmethod
    def preview(cls) -> Self: ...  # with words for what only a run knows
    @classmethod
    def plugged(cls, bridge: Bridge, number: int) -> AbstractContextManager[Self]: ...  # complete on entry


L = TypeVar("L", bound=Link)
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Storage(Protocol[S_co]):
    """A request for scratch space. Each kind yields a type of its own, which has a path on the host."""

    def preview(self, folder: PurePosixPath) -> S_co: ...  # as a plan shows it
    def create(self, testbed: "Testbed") -> AbstractContextManager[S_co]: ...  # fresh and empty


class Testbed(Protocol):
    """What all environments of a run share on one session: the host's, or that of a started environment."""

    @property
    def host(self) -> Host: ...  # the machine of the run
    @property
    def session(self) -> Session: ...  # what is started here starts on it
    @property
    def image(self) -> ImageHere | None: ...  # None: nothing but `root = "host"` can run
    @property
    def cpus(self) -> tuple[int, ...]: ...  # pinned set of every environment, VMM threads included
    @property
    def peer_cpus(self) -> tuple[int, ...]: ...  # harness and peer
    @property
    def memory_b(self) -> int: ...
    @property
    def prepared(self) -> dict[str, PurePosixPath]: ...  # what `prepared` of environments leaves for their starts
    @property
    def peer_address(self) -> str | None: ...  # None: no network here, and `no_network` says why
    @property
    def no_network(self) -> str: ...
    @property
    def peer(self) -> Session: ...  # on the bridge, pinned to peer_cpus; raises TrialFailed without network

    def attach(self, ends: type[L]) -> AbstractContextManager[L | None]: ...  # an own link; None: see `detached`
    def detached(self, ends: type[Link]) -> str: ...  # why `attach` gives None; empty where it attaches

    def folder(self, name: str) -> AbstractContextManager[PurePosixPath]:
        """A fresh empty folder on the run's scratch file system of this session, removed on exit."""
        ...

    def scratch(self, storage: Storage[S]) -> AbstractContextManager[S]: ...  # an environment's own, removed on exit

    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Records the words that remove a thing before it is made, so that `vbench clean` can run them after a kill.

        On exit the words run on this session, and a failure raises StopFailed. Removing a thing that is gone or half
        made must succeed, or else `there` are words that print something only as long as the thing exists.
        """
        ...

    def image_root(self) -> AbstractContextManager[PurePosixPath]: ...  # a folder that can be a container's root
    def chroot(self, scratch: PurePosixPath | None) -> AbstractContextManager[tuple[str, ...]]:
        """Command prefix that enters the image's root, in a mount namespace that dies with this context."""
        ...

    def offline(self, why: str) -> "Testbed": ...  # the same testbed for an arm that has no network, and `why`
    def within(self, session: Session) -> "Testbed": ...  # the nested testbed on a started environment


@dataclass(frozen=True)
class Needs:
    """Resources that a benchmark takes while it runs, or an environment for itself, as far as a plan can know."""

    memory_b: int = 0
    files: Mapping[str, int] = field(default_factory=dict)  # in scratch space: name to size, once a start
    executes: bool = False  # programs that lie in scratch space
    network: bool = False  # the peer, through the run's network


class Environment(Protocol):
    """A way to isolate a workload; a frozen struct whose fields are its suite keys."""

    kind: ClassVar[str]
    is_offered: ClassVar[bool]  # to users, in lists and hints
    has_own_kernel: ClassVar[bool]  # it is a machine, whose processors count from 0
    confines_root: ClassVar[bool]  # root in it may do less than beneath
    known_as: ClassVar[Mapping[str, str]]  # what others call it, in lower case, to what stands for it in a suite

    @property
    def needs_image(self) -> bool: ...
    @classmethod
    def variants(cls) -> tuple["Environment", ...]: ...  # what doctor tries
    def engines(self) -> tuple[Engine, ...]: ...  # of what starts it; their versions belong to its results
    def title(self) -> str: ...  # "qemu accel=tcg"
    def expected_start_s(self) -> float: ...  # for the plan's estimate
    def expected_factor(self) -> float: ...  # a whole trial with its set-up, against a native one
    def needs(self) -> Needs: ...
    @property
    def scratch_b(self) -> int | None: ...  # what its own scratch disk holds; None: it has a folder of the host's
    def misfit(self, beneath: Beneath) -> str: ...  # why it cannot start on another one, or nothing
    def missing(self, host: Session) -> tuple[Missing, ...]: ...
    def probe(self, host: Session, testbed: Testbed) -> Probe: ...
    def prepared(self, host: Session, testbed: Testbed) -> AbstractContextManager[None]: ...  # once a run
    def start(self, host: Session, testbed: Testbed) -> AbstractContextManager[Session]: ...

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        """Commands that `start` would spawn, for a plan. With a previewed testbed this creates nothing."""
        ...


@dataclass
class Start:
    """One start as its benchmarks see it. `shared` keeps resources for the whole start, such as a kernel driver."""

    session: Session
    testbed: Testbed
    padding_b: int
    trial_s: float
    warmup_s: float
    loops: int | None  # fixed in block 0; None: calibrate now
    raw: Callable[[str, bytes], None]  # store a tool's own output under a file name
    stack: ExitStack
    suite_folder: Path = field(default=Path(), kw_only=True)  # a user's own files are relative to it
    # Host CPU per operation is counted between these two, which a benchmark may call from any thread: 1 to 2 ms each.
    begin: Callable[[], None] = lambda: None  # call it once all is set up
    end: Callable[[], None] = lambda: None  # call it where a tool goes on after its last operation
    clock: Callable[[], float] = time.monotonic  # s; measures the time between the two
    rounds: int = 1  # slices of the trial
    number: int = 0  # of the arm among those that are alive together
    _shared: dict[str, Any] = field(default_factory=dict)

    def shared(self, key: str, make: Callable[[], AbstractContextManager[T]]) -> T:
        """The resource `key` of this start. The first use enters its context, and the end of the start leaves it."""
        if key not in self._shared:
            self._shared[key] = self.stack.enter_context(make())
        resource: T = self._shared[key]
        return resource

    def padded(self, argv: Sequence[str]) -> list[str]:
        """The command with this start's random environment padding (method.md section 1)."""
        return ["/usr/bin/env", f"VBENCH_PADDING={'x' * self.padding_b}", *argv]


class Slices(Protocol):
    """A trial that is cut into slices, between which other arms are measured. It was warmed up on entry."""

    def take(self) -> None: ...  # measures one slice; raises as `Benchmark.measure`
    def measured(self) -> Measured: ...  # of all slices; raises as `Benchmark.measure`


class Benchmark(Protocol):
    """A workload and the metrics it yields; a frozen struct whose fields are its suite keys."""

    kind: ClassVar[str]  # family.name
    about: ClassVar[str]  # one line: what one operation is; a key of its own stands as `key`
    short: ClassVar[str]  # one to three words for a headline
    exposes: ClassVar[str]  # what of virtualization its cost comes from; the docstring says the rest
    metrics: ClassVar[tuple[Metric, ...]]  # of "command" each entry has its own
    shortest_s: ClassVar[float | None]  # a shorter slice would say nothing; None: its tool measures a whole trial

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]: ...
    def prepare(self, start: Start) -> None: ...  # untimed, once a start
    def measure(self, start: Start) -> Measured: ...  # one trial; raises TrialFailed, SessionLost, CommandTimeout
    def wanted_slices(self, trial_s: float, slice_s: float) -> float: ...  # about as many, of a trial that can be cut
    def sliced(self, start: Start) -> AbstractContextManager[Slices]: ...  # a trial of `start.rounds` slices
    def expected_s(self, trial_s: float, warmup_s: float) -> float: ...  # for the plan's estimate
    def needs(self) -> Needs: ...


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a suite: unknown keys are refused."""


class Settings(Table, frozen=True, kw_only=True):
    """Base of every environment and benchmark struct."""

    is_offered: ClassVar[bool] = True

    def needs(self) -> Needs:
        return Needs()
