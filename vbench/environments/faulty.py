"""The native environment with a known fault, which `vbench validate` must detect."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, ClassVar, Literal, Self

from msgspec import Meta

from vbench.beneath import Beneath
from vbench.contracts import Missing, Needs, Session, Testbed
from vbench.environments.bare import Additions, Bare
from vbench.environments.settings import EnvironmentSettings
from vbench.testbed.veth import Veth
from vbench.units import Seconds, show


class Faulty(EnvironmentSettings, frozen=True, kw_only=True):
    """What `bare` is, plus a share of extra operations in every compiled kernel or a delay of the network each way."""

    kind: ClassVar[str] = "faulty"
    is_offered: ClassVar[bool] = False
    confines_root: ClassVar[bool] = False
    root: Literal["image", "host"] = "image"
    dose: Annotated[float, Meta(ge=0, le=10)] | None = None
    delay: Seconds = Seconds(0)

    @property
    def _native(self) -> Bare:
        return Bare(root=self.root)

    @property
    def needs_image(self) -> bool:
        return self._native.needs_image

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        return (cls(dose=0.0),)

    def title(self) -> str:
        return " ".join(("faulty", *self._named()))

    def _named(self) -> Iterator[str]:
        if self.root == "host":
            yield "root=host"
        if self.dose is not None:
            yield f"dose={self.dose:g}"
        if self.delay:
            yield f"delay={show(self.delay, 's')}"

    def expected_start_s(self) -> float:
        return self._native.expected_start_s()

    def needs(self) -> Needs:
        return self._native.needs()

    def misfit(self, beneath: Beneath) -> str:
        """Always a reason: on another environment more than the fault would differ from `bare`."""
        del beneath
        return "a known fault is added to native processes alone"

    def missing(self, host: Session) -> tuple[Missing, ...]:
        return self._native.missing(host)

    @contextmanager
    def prepared(self, host: Session, testbed: Testbed) -> Iterator[None]:
        with self._native.prepared(host, testbed):
            yield

    def start(self, host: Session, testbed: Testbed) -> AbstractContextManager[Session]:
        return self._native.start_with(host, testbed, self.additions())

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        return self._native.commands_with(host, testbed, self.additions())

    def additions(self) -> Additions:
        dosed = ("/usr/bin/env", f"VBENCH_DOSE={self.dose!r}") if self.dose is not None else ()
        more_work = (f"{self.dose:.1%} of extra work in every kernel",) if self.dose is not None else ()
        delayed = (f"netem delay {show(self.delay, 's')} each way",) if self.delay else ()
        return Additions(words=dosed, mechanisms=(*more_work, *delayed), on_link=self._slow_down)

    def _slow_down(self, host: Session, link: Veth) -> None:
        """Delays both ends of the environment's link by netem, in the run's namespaces. Raises CommandFailed."""
        if not self.delay:
            return
        netem = ("root", "netem", "delay", f"{self.delay * 1e6:.0f}us")
        for netns, device in ((link.netns, "eth0"), (link.bridge_netns, link.port)):
            argv = ["nsenter", f"--net={netns}", "--", "tc", "qdisc", "add", "dev", device, *netem]
            host.run(argv, timeout_s=10).check()
