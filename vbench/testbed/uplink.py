"""A bridge inside an environment: its own interface becomes a port, so that what stands on it has ports beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from vbench.beneath import Uplink
from vbench.contracts import Bridge, Testbed
from vbench.testbed.network import ip_batch

OWN = PurePosixPath("/proc/self/ns/net")


@contextmanager
def bridged(testbed: Testbed, uplink: Uplink) -> Iterator[Bridge]:
    """The bridge takes over address and hardware address, so that nothing changes for the peer.

    On the way out the interface has its address again.
    """
    nic, address = uplink.interface, uplink.address
    bridge = Bridge(testbed.host, OWN)
    with (
        testbed.undo(["ip", "address", "replace", address, "dev", nic]),
        testbed.undo(["ip", "link", "delete", "br0"], there=["ip", "-oneline", "link", "show", "br0"]),
    ):
        ip_batch(
            bridge.host,
            bridge.netns,
            f"link add br0 address {uplink.mac} type bridge",
            "link set br0 up",
            f"addr del {address} dev {nic}",
            f"link set {nic} master br0",
            f"addr add {address} dev br0",
        )
        yield bridge
