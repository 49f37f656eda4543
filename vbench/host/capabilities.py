"""Tells whether a session may make mounts and namespaces, by its capabilities and by a try, not by its user's name."""

from vbench.contracts import NOT_FOUND, Missing, Session
from vbench.host import rights

_BITS = {"CAP_NET_ADMIN": 12, "CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21}  # include/uapi/linux/capability.h
_FILES = ("CAP_SYS_CHROOT", "CAP_SYS_ADMIN")  # mounts, namespaces, another root
_AS_ROOT = "run as root"
_OF_HOST = "run as root of the host: root of a user namespace, as in a rootless container, is not enough"
_CAPABILITIES = "this root lacks capabilities, as in a container: start the container with --privileged"


def rights_missing(
    host: Session, *, network: bool = False, of_host: bool = False, otherwise: str = ""
) -> tuple[Missing, ...]:
    """Rights that the session lacks for mounts and namespaces, with `network` also for network devices.

    With `of_host` root of a user namespace is not enough. `otherwise` is the hint for users without root rights.
    """
    if (own := rights.of(host)) in ("user", "namespace" if of_host else "user"):
        how = _OF_HOST if own == "namespace" else _AS_ROOT
        return (Missing("root rights", f"{how}, or {otherwise}" if otherwise else how, rights=True),)
    wanted = [name for name in _BITS if network or name in _FILES]
    held = effective(host.run(["cat", "/proc/self/status"], timeout_s=10).text)
    lost = [name for name in wanted if held is not None and not held >> _BITS[name] & 1]
    if lost:
        return (Missing(" and ".join(lost), _CAPABILITIES),)
    kind = "--net" if network else "--mount"
    tried = host.run(["unshare", kind, "--", "true"], timeout_s=10)
    if tried.status in (0, NOT_FOUND):  # the check of tools reports that unshare is not there
        return ()
    stderr = tried.stderr.decode(errors="replace").strip()
    return (Missing(f"a new namespace ({stderr[-200:]})", namespace_hint(stderr)),)


def effective(status: str) -> int | None:
    """Effective capabilities in the text of /proc/PID/status. None if the line is missing."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return None


def namespace_hint(stderr: str) -> str:
    """Hint for a refused unshare(2), by unshare's message. Empty for an unknown one."""
    if "No space left" in stderr or "Too many users" in stderr:  # the limit on namespaces, not a disk
        return "the host's limit on namespaces is used up: see `sysctl -a | grep 'user.max_.*_namespaces'`"
    if "Operation not permitted" in stderr or "Permission denied" in stderr:
        return "a container's system call filter or a security module forbids it"
    return ""
