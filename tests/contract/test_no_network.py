"""An arm without a link sees none of the host's network: it has loopback, which is up, and no route to elsewhere."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.stacks import STACKS, Floors, Stack
from tests.support.giving_up import give_up
from vbench.contracts import Session, Started, Testbed
from vbench.host.proc import LocalSession

ISOLATED = [name for name, environments in STACKS.items() if environments[-1].confines_root]
WHY = "it was asked for none"
SEEN = """
import json, socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname(), 30)
server.accept()[0].sendall(b"hello")
routes = [line.split() for line in open("/proc/net/route").readlines()[1:]]
routes6 = [line.split() for line in open("/proc/net/ipv6_route")] if socket.has_ipv6 else []
try:
    socket.create_connection(("198.18.0.1", 9), 5)
    elsewhere = "connected"
except OSError as error:
    elsewhere = error.strerror
print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "routed": sorted({words[0] for words in routes} | {words[-1] for words in routes6}),
    "loopback": client.recv(9).decode(),
    "elsewhere": elsewhere,
}))
"""


@pytest.fixture(scope="module")
def floors(host: LocalSession, testbed: Testbed) -> Iterator[Floors]:
    """Without a link."""
    with ExitStack() as exits:
        yield Floors(exits, host, testbed.offline(WHY))


@pytest.fixture
def sessions(stack: Stack, floors: Floors) -> tuple[Session, ...]:
    """Every session of the stack, the lowest first."""
    above = range(1, len(stack.environments) + 1)
    return tuple(floors.on(stack.environments[:number])[0] for number in above)


@pytest.mark.parametrize("stack", ISOLATED, indirect=True)
def test_without_a_link_an_environment_sees_loopback_alone(stack: Stack, sessions: tuple[Session, ...]) -> None:
    del stack
    for session in sessions:
        seen = json.loads(session.run([session.workplace.python, "-c", SEEN], timeout_s=120).check().text)
        assert seen.pop("routed") in ([], ["lo"])  # IPv6 has routes of loopback itself
        assert seen == {"interfaces": ["lo"], "loopback": "hello", "elsewhere": "Network is unreachable"}
        assert isinstance(session, Started)
        assert session.no_network == WHY
        probe = [session.workplace.python, str(session.workplace.guest / "probe.py"), "--network"]
        assert json.loads(session.run(probe, timeout_s=120).check().text)["network"] == []
    said = " ".join(word for session in sessions if isinstance(session, Started) for word in session.mechanisms)
    assert "network with loopback alone" in said or "a kernel of its own" in said
    assert "virtio-net" not in said


@pytest.mark.parametrize("stack", ["oci-runc"], indirect=True)
def test_with_a_link_an_environment_sees_it_too(request: pytest.FixtureRequest, stack: Stack) -> None:
    """Without this the look above might see nothing at all."""
    if stack.testbed.peer_address is None:
        give_up(request.config, stack.name, why=f"no network here: {stack.testbed.no_network}")
    with stack.environments[0].start(stack.host, stack.testbed) as session:
        seen = json.loads(session.run([session.workplace.python, "-c", SEEN], timeout_s=120).check().text)
    assert (seen["interfaces"], seen["elsewhere"]) == (["lo", "eth0"], "Connection refused")
