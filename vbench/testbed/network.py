"""Devices of the run's network, made inside its namespaces; whether this host can have one."""

from vbench.contracts import Session, lacks
from vbench.host import rights
from vbench.host.capabilities import rights_missing

TUN = "/dev/net/tun"  # the network of a machine; all may open it on an ordinary host


def ip_batch(host: Session, netns: str, *lines: str) -> None:
    """All lines in one `ip -batch` (3 ms against 68) inside a namespace. Raises CommandFailed."""
    host.run(
        ["nsenter", f"--net={netns}", "ip", "-batch", "-"], timeout_s=30, stdin="\n".join(lines).encode() + b"\n"
    ).check()


def network_missing(host: Session) -> str:
    """Why this host can have no testbed network, or nothing."""
    lacks_rights = rights_missing(host, network=True)
    if lacks_rights:
        return f"network namespaces cannot be made, {lacks(lacks_rights)}"
    tools = ("ip", "nsenter", "setpriv", "unshare")
    lacking = [tool for tool in tools if host.run([tool, "--version"], timeout_s=5).status == 127]
    if lacking:
        return f"{', '.join(lacking)} not found"
    if rights.of(host) == "namespace" and host.run(["test", "-w", TUN], timeout_s=5).status != 0:
        return f"only root may open {TUN} here"
    return ""
