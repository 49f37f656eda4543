"""Leaves out of a suite what needs root rights of the host, before anything starts, and says so in one line."""

from collections.abc import Sequence
from dataclasses import dataclass

from vbench import suite as suites
from vbench.contracts import Session
from vbench.errors import EnvironmentUnavailable
from vbench.host import rights
from vbench.runner.host import rooted
from vbench.suite import Suite
from vbench.testbed.network import network_missing


@dataclass(frozen=True)
class LeftOut:
    """The arms and benchmarks that a suite loses here; `no_network` is why those over the network are among them."""

    arms: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    no_network: str = ""

    def __bool__(self) -> bool:
        return bool(self.arms or self.benchmarks)

    def words(self) -> str:
        """One line: `left out: runc (root rights of the host are needed); 6 benchmarks over the network (…)`."""
        count = len(self.benchmarks)
        benchmarks = "1 benchmark" if count == 1 else f"{count} benchmarks"
        parts = [f"{', '.join(self.arms)} (root rights of the host are needed)"] if self.arms else []
        parts += [f"{benchmarks} over the network ({self.no_network})"] if count else []
        return f"left out: {'; '.join(parts)}"


def without_rights(suite: Suite, local: Session, *, asked: Sequence[str] = ()) -> tuple[Suite, LeftOut]:
    """The part of the suite that this user can measure; for root all of it. The `asked` arms stay.

    What is missing for another reason stays too: `refuse` names it. Raises EnvironmentUnavailable where nothing is
    left to compare.
    """
    with rights.rooted(local) as host:
        closed = _closed(suite, host, asked)
    arms = [arm for arm in suite.arms if arm not in closed]
    left = suites.restrict(suite, environments=arms) if closed else suite
    over_network, no_network = _over_network(left, local)
    left_out = LeftOut(closed, over_network, no_network)
    benchmarks = [name for name in left.benchmarks if name not in over_network]
    if left_out and (not benchmarks or len(arms) < min(2, len(suite.arms))):
        raise EnvironmentUnavailable(
            f"without root rights nothing of {suite.name} is left to compare; {left_out.words()}",
            hint=f"run it as root: `{rights.as_root('run')} …`; `vbench doctor` says what works without",
        )
    return (suites.restrict(left, environments=arms, benchmarks=benchmarks) if over_network else left), left_out


def _closed(suite: Suite, host: Session, asked: Sequence[str]) -> tuple[str, ...]:
    """Arms that need root rights of the host, or stand on one that does."""
    kept = {*suites.chain(suite, suite.method.baseline), *asked}
    closed = {
        name
        for name, arm in suite.environments.items()
        if arm.on is None and any(item.rights for item in arm.environment.missing(host))
    }
    return tuple(arm for arm in suite.arms if arm not in kept and closed.intersection(suites.chain(suite, arm)))


def _over_network(suite: Suite, local: Session) -> tuple[tuple[str, ...], str]:
    """Benchmarks that need a network which only root can make here, and why."""
    names = tuple(name for name, benchmark in suite.benchmarks.items() if benchmark.needs().network)
    with rooted(suite, local) as host:
        if not names or rights.of(host) == "root":
            return (), ""
        why = network_missing(host)
    return (names, why) if why else ((), "")
