"""Base of every environment's struct: what an environment is unless its own file says otherwise."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Self

from vbench.beneath import Engine
from vbench.contracts import Environment, Missing, Probe, Session, Testbed
from vbench.environments.probing import probe
from vbench.settings import Settings


class EnvironmentSettings(Settings, frozen=True, kw_only=True):
    """An environment's own file adds `kind`, the suite keys, `missing` and `start`, and changes what differs here."""

    known_as: ClassVar[Mapping[str, str]] = {}
    has_own_kernel: ClassVar[bool] = False

    @property
    def needs_image(self) -> bool:
        return True

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        """The environment with its defaults."""
        return (cls(),)

    def engines(self) -> tuple[Engine, ...]:
        return ()

    def expected_factor(self) -> float:
        return 1.0

    @property
    def scratch_b(self) -> int | None:
        return None

    def misfit(self, *, in_image: bool) -> str:
        """Nothing: `missing` decides on the environment beneath."""
        del in_image
        return ""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        del host
        return ()

    def probe(self: Environment, host: Session, testbed: Testbed) -> Probe:
        return probe(self, host, testbed)

    @contextmanager
    def prepared(self, host: Session, testbed: Testbed) -> Iterator[None]:
        del host, testbed
        yield

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        del host, testbed
        return ()
