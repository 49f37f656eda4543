"""Makes a bridge inside an environment: its interface becomes a port, and arms on it get ports beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from vbench.beneath import Uplink
from vbench.contracts import Bridge, Testbed
from vbench.testbed.network import ip_batch

OWN = PurePosixPath("/proc/self/ns/net")


@contextmanager
def bridged(testbed: Testbed, uplink: Uplink) -> Iterator[Bridge]:
    """Makes a bridge that takes over the interface's IP and MAC address, so that nothing changes for the peer.

    At the end the interface gets its address back.
    """
    nic, address = uplink.interface, uplink.address
    bridge = Bridge(testbed.session, OWN)
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
