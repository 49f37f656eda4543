"""A container in a machine shares the machine's place on the network, and gives it back however it ends."""

import pytest

from tests.contract.stacks import Stack
from tests.contract.traces import adopting, own_traces
from vbench.contracts import Session

ADDRESSES = """
import json, subprocess
links = json.loads(subprocess.check_output(["ip", "-j", "address"]))
print(*[i["local"] for l in links for i in l["addr_info"] if i["local"].startswith("198.18.")])
"""


def addresses(session: Session) -> list[str]:
    return session.run([session.workplace.python, "-c", ADDRESSES], timeout_s=60).check().text.split()


def has_bridge(machine: Session) -> bool:
    return machine.run(["test", "-e", "/sys/class/net/br0"], timeout_s=60).status == 0


@pytest.mark.parametrize("stack", ["oci-on-qemu"], indirect=True)
def test_a_container_in_a_machine_has_a_port_beside_the_machines_own_until_an_exception_ends_both(stack: Stack) -> None:
    machine, container = stack.environments
    before = own_traces(stack.testbed.base)  # type: ignore[attr-defined]
    with adopting():
        with pytest.raises(ZeroDivisionError), machine.start(stack.host, stack.testbed) as guest:
            alone, mounts = addresses(guest), guest.run(["cat", "/proc/mounts"], timeout_s=60).text
            with pytest.raises(ZeroDivisionError), container.start(guest, stack.testbed.within(guest)) as session:
                (inside,) = addresses(session)
                assert addresses(guest) == alone  # now on its bridge
                assert inside not in alone
                assert has_bridge(guest)
                raise ZeroDivisionError
            assert addresses(guest) == alone
            assert not has_bridge(guest)
            assert guest.run(["cat", "/proc/mounts"], timeout_s=60).text == mounts
            assert guest.run(["sh", "-c", "ls -d /run/vbench-* /sys/fs/cgroup/vbench-*"], timeout_s=60).text == ""
            raise ZeroDivisionError
        after = own_traces(stack.testbed.base)  # type: ignore[attr-defined]
    assert {name: after[name] - before[name] for name in after} == {name: frozenset() for name in after}
