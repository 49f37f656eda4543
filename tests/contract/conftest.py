"""The real engines. What cannot run here skips with its own words, unless --real names it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from xdist.workermanage import WorkerController

from tests.contract import probed
from tests.contract.stacks import DEFAULTS, STACKS, Floors, Stack, a_testbed
from tests.contract.units import order, stack_of
from tests.support.giving_up import give_up, must_run
from tests.support.side_by_side import sort_own
from vbench.contracts import Session, Testbed
from vbench.host.proc import LocalSession
from vbench.model import Layer

OUTCOMES = pytest.StashKey[Path]()
AHEAD = pytest.StashKey[ExitStack]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort_own(
        items,
        Path(__file__).parent,
        lambda item: order(item.nodeid, is_first=item.get_closest_marker("first") is not None),
    )


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("outcomes")
    folder = TemporaryDirectory(prefix="vbench-tests-") if given is None else None
    if folder:
        config.add_cleanup(folder.cleanup)
    config.stash[OUTCOMES] = Path(given or folder.name)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["outcomes"] = str(node.config.stash[OUTCOMES])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController, ids: list[str]) -> None:
    """Begins the slow probes of what is going to be tested, once, in the process that runs no test itself."""
    if AHEAD in node.config.stash:
        return
    node.config.stash[AHEAD] = exits = ExitStack()
    node.config.add_cleanup(exits.close)
    tested = {stack_of(nodeid) for nodeid in ids}
    for name in probed.AHEAD:
        if name in tested and not STACKS[name][0].missing(LocalSession()):
            exits.enter_context(probed.ahead(name, node.config.stash[OUTCOMES]))


# What the tests of this folder share has the scope "package". It ends before the tests of another folder begin.
@pytest.fixture(scope="package")
def host() -> LocalSession:
    return LocalSession(layers=(Layer("host", "the machine of the test"),))


@pytest.fixture(scope="package")
def testbed(host: LocalSession) -> Iterator[Testbed]:
    with a_testbed(host, "contract") as opened:
        yield opened


@pytest.fixture(scope="package", params=list(STACKS))
def stack(request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed) -> Stack:
    """Every stack; one that cannot run here skips with its own reason."""
    name: str = request.param
    environments = STACKS[name]
    lacking = [f"{m.what} ({m.hint})" for m in environments[0].missing(host)]
    problem = ", ".join(lacking)
    # What users measure by default is not probed: where it lacks nothing, a start that fails fails the test.
    is_probed = len(environments) == 1 and name not in DEFAULTS and not must_run(request.config, name)
    if not problem and is_probed:
        outcomes = request.config.stash[OUTCOMES]
        problem = probed.problem(name, outcomes, lambda: probed.by_start(environments[0], host, testbed))
    if problem:
        give_up(request.config, name, why=f"{name}: {problem}")
    return Stack(name, environments, host, testbed)


@pytest.fixture(scope="package")
def floors(host: LocalSession, testbed: Testbed) -> Iterator[Floors]:
    """What tests share, such as one machine for all that is tested in a machine."""
    with ExitStack() as exits:
        yield Floors(exits, host, testbed)


@pytest.fixture(scope="package")
def session(stack: Stack, floors: Floors) -> Session:
    """The start that the tests of a stack share."""
    return floors.on(stack.environments)[0]
