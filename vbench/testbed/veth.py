"""A link whose end is a network interface in a namespace of its own: for processes and containers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from vbench.contracts import Bridge
from vbench.testbed.namespaces import network_holder
from vbench.testbed.network import address, ip_batch, mac


@dataclass(frozen=True)
class Veth:
    """`eth0` in the namespace at `netns`; the other end, `port`, is a port of the bridge in its namespace."""

    address: str
    mac: str
    netns: PurePosixPath
    port: str
    bridge_netns: PurePosixPath

    @classmethod
    def missing(cls, bridge: Bridge) -> str:
        del bridge
        return ""

    @classmethod
    def preview(cls) -> Self:
        netns = PurePosixPath("/proc/PID/ns/net")
        return cls("198.18.0.N/15", "52:54:00:12:00:N", netns, "portN", netns)

    @classmethod
    @contextmanager
    def plugged(cls, bridge: Bridge, number: int) -> Iterator[Self]:
        with network_holder(bridge.host) as pid:
            veth = cls(
                address(number), mac(number), PurePosixPath(f"/proc/{pid}/ns/net"), f"port{number}", bridge.netns
            )
            ip_batch(
                bridge.host,
                bridge.netns,
                f"link add {veth.port} type veth peer name eth0 address {veth.mac} netns {pid}",
                f"link set {veth.port} master br0 up",
            )
            up = (f"addr add {veth.address} dev eth0", "link set lo up", "link set eth0 up")
            ip_batch(bridge.host, veth.netns, *up)
            yield veth
