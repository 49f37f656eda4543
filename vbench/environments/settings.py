"""Base of every environment's struct: the defaults of all methods that most environments share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Self

from vbench.beneath import Beneath, Engine
from vbench.contracts import Environment, Missing, Probe, Session, Settings, Started, Testbed
from vbench.errors import VbenchError


class EnvironmentSettings(Settings, frozen=True, kw_only=True):
    """An environment's own file adds `kind`, the suite keys, `missing` and `start`, and changes what differs here."""

    kind: ClassVar[str]
    known_as: ClassVar[Mapping[str, str]] = {}
    has_own_kernel: ClassVar[bool] = False
    confines_root: ClassVar[bool] = True

    @property
    def needs_image(self) -> bool:
        return True

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        """The environment with its defaults."""
        return (cls(),)

    def title(self) -> str:
        return self.kind

    def engines(self) -> tuple[Engine, ...]:
        return ()

    def expected_factor(self) -> float:
        return 1.0

    @property
    def scratch_b(self) -> int | None:
        return None

    def misfit(self, beneath: Beneath) -> str:
        """Always empty: `missing` decides on the environment beneath."""
        del beneath
        return ""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        del host
        return ()

    def probe(self: Environment, host: Session, testbed: Testbed) -> Probe:
        """Starts the environment and runs a command in it. Returns the ready time, or the problem in words."""
        try:
            with self.prepared(host, testbed), self.start(host, testbed) as session:
                session.run([session.workplace.python, "-c", "pass"], timeout_s=60).check()
                ready_s = session.timing.ready_s if isinstance(session, Started) else None
                return Probe(ready_s, layers=session.layers)
        except VbenchError as error:
            return Probe(None, error.message, error.hint)

    @contextmanager
    def prepared(self, host: Session, testbed: Testbed) -> Iterator[None]:
        del host, testbed
        yield

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        del host, testbed
        return ()


def beneath(environments: Sequence[Environment]) -> Beneath:
    """Abilities that these environments, the lowest first, give to one on top of them."""
    machine = False
    for environment in environments:
        machine = environment.has_own_kernel or (machine and not environment.confines_root)
    return Beneath(image=any(environment.needs_image for environment in environments), machine=machine)
