"""Creates devices of the run's network inside its namespaces, and checks whether this host can have one."""

from pathlib import PurePosixPath

from vbench.contracts import NOT_FOUND, Session, lacks
from vbench.host import rights
from vbench.host.capabilities import rights_missing

PEER_ADDRESS = "198.18.0.1"  # RFC 2544: 198.18.0.0/15 is reserved for benchmarking
PREFIX_LENGTH = 15
TUN = "/dev/net/tun"  # the network of a machine; all may open it on an ordinary host


def address(number: int) -> str:
    """Address of the environment with this number in its run. Number 1 is the peer's."""
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}/{PREFIX_LENGTH}"


def mac(number: int) -> str:
    """MAC address that belongs to `address(number)`."""
    return f"52:54:00:12:{number >> 8 & 255:02x}:{number & 255:02x}"


def ip_batch(host: Session, netns: PurePosixPath, *lines: str) -> None:
    """Runs all lines in one `ip -batch` (3 ms against 68) inside a namespace. Raises CommandFailed."""
    host.run(
        ["nsenter", f"--net={netns}", "ip", "-batch", "-"], timeout_s=30, stdin="\n".join(lines).encode() + b"\n"
    ).check()


def network_missing(host: Session) -> str:
    """Why this host can have no testbed network. Empty if it can."""
    lacks_rights = rights_missing(host, network=True)
    if lacks_rights:
        return f"network namespaces cannot be made, {lacks(lacks_rights)}"
    tools = ("ip", "nsenter", "setpriv", "unshare")
    lacking = [tool for tool in tools if host.run([tool, "--version"], timeout_s=5).status == NOT_FOUND]
    if lacking:
        return f"{', '.join(lacking)} not found"
    if rights.of(host) == "namespace" and host.run(["test", "-w", TUN], timeout_s=5).status != 0:
        return f"only root may open {TUN} here"
    return ""
