"""A testbed that creates nothing, for `vbench plan`: words replace the paths and numbers of a real one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from vbench.beneath import ImageHere
from vbench.contracts import Environment, Host, L, Link, S, Session, Storage, Testbed, Workplace
from vbench.errors import TrialFailed


@dataclass(frozen=True)
class Preview:
    """A testbed (see contracts.Testbed) in which PID and RUN replace what only a run knows."""

    host: Host
    image: ImageHere | None
    cpus: tuple[int, ...]
    peer_cpus: tuple[int, ...]
    memory_b: int
    base: PurePosixPath  # the run's folder on the scratch file system
    peer_address: str | None = "198.18.0.1"
    no_network: str = ""
    beneath: Environment | None = None  # what it is the testbed on; None: the host itself
    prepared: dict[str, PurePosixPath] = field(default_factory=dict)

    @property
    def session(self) -> Session:
        return self.host.session

    @property
    def peer(self) -> Session:
        raise TrialFailed("a plan starts nothing")

    @contextmanager
    def attach(self, ends: type[L]) -> Iterator[L | None]:
        yield None if self.no_network or self.beneath else ends.preview()

    def detached(self, ends: type[Link]) -> str:
        del ends
        return self.no_network

    @contextmanager
    def folder(self, name: str) -> Iterator[PurePosixPath]:
        yield self.base / name

    @contextmanager
    def scratch(self, storage: Storage[S]) -> Iterator[S]:
        with self.folder("scratch") as folder:
            yield storage.preview(folder)

    @contextmanager
    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> Iterator[None]:
        del words, there
        yield

    @contextmanager
    def image_root(self) -> Iterator[PurePosixPath]:
        yield self.image.root if self.image else PurePosixPath("/IMAGE")

    @contextmanager
    def chroot(self, scratch: PurePosixPath | None) -> Iterator[tuple[str, ...]]:
        del scratch
        if self.beneath and self.beneath.needs_image:
            yield ()  # its root is the image
        else:
            yield ("nsenter", "--mount=/proc/PID/ns/mnt", "--", "chroot", str(self.base / "root"))

    def offline(self, why: str) -> "Preview":
        return replace(self, peer_address=None, no_network=why)

    def on(self, environment: Environment) -> "Preview":
        """The testbed on an environment that would start here, like a nested one but without a session."""
        image, base, cpus = self.image, self.base / "scratch", self.cpus
        if environment.needs_image:
            base = Workplace().scratch
            image = replace(image, root=PurePosixPath("/"), boot=None) if image else None
        if environment.has_own_kernel:
            cpus = tuple(range(len(cpus)))
        return replace(self, image=image, base=base, cpus=cpus, beneath=environment)

    def within(self, session: Session) -> Testbed:
        raise TrialFailed("a plan starts nothing")
