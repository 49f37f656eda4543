"""A link whose end is a tap device: for the network card of a virtual machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from vbench.contracts import Bridge
from vbench.errors import StopFailed, VbenchError
from vbench.host.interrupts import held
from vbench.testbed.network import address, ip_batch, mac


@dataclass(frozen=True)
class Tap:
    """The device `interface` in the bridge's namespace, where the machine's process must run."""

    address: str
    mac: str
    interface: str
    bridge_netns: PurePosixPath

    @classmethod
    def missing(cls, bridge: Bridge) -> str:
        """Why no tap can be made, by making one: the kernel's module or the device may be missing."""
        try:
            ip_batch(bridge.host, bridge.netns, "tuntap add tap1 mode tap", "link del tap1")
        except VbenchError as error:
            stderr = error.message.partition(": ")[2].partition("\n")[0]
            return f"no tap can be made ({stderr}): `modprobe tun`; a container needs --device /dev/net/tun"
        return ""

    @classmethod
    def preview(cls) -> Self:
        return cls("198.18.0.N/15", "52:54:00:12:00:N", "tapN", PurePosixPath("/proc/PID/ns/net"))

    @classmethod
    @contextmanager
    def plugged(cls, bridge: Bridge, number: int) -> Iterator[Self]:
        tap = cls(address(number), mac(number), f"tap{number}", bridge.netns)
        name = tap.interface
        ip_batch(bridge.host, bridge.netns, f"tuntap add {name} mode tap", f"link set {name} master br0 up")
        try:
            yield tap
        finally:
            with held():
                _remove(bridge, name)


def _remove(bridge: Bridge, name: str) -> None:
    try:
        ip_batch(bridge.host, bridge.netns, f"link del {name}")
    except VbenchError as error:
        raise StopFailed(f"{name} could not be removed: {error.message}") from None
