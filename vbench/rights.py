"""Says what this process may do: root rights, or a user namespace in which it is root over its own things."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from vbench import proc
from vbench.contracts import Session

Rights = Literal["root", "namespace", "user"]
"""Root of the host; root in a user namespace; neither."""
_ALL_USERS = ["0", "0", "4294967295"]

_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)
_ENTER = ("--user", "--map-root-user", "--mount", "--pid", "--fork")


def is_root() -> bool:
    return os.geteuid() == 0


def no_user_namespace() -> str:
    """Why this user cannot be root in a namespace of their own, or nothing."""
    done = proc.run(["unshare", *_ENTER, "true"], timeout_s=10)
    return (done.stderr.decode(errors="replace").strip()[-200:] or f"status {done.status}") if done.status else ""


def namespaces_hint(folder: Path = Path("/")) -> str:
    """What to do where the kernel refuses namespaces, by the switch that refuses them."""
    if is_root():
        return "root lacks CAP_SYS_ADMIN, as in a container with few rights: `--cap-add SYS_ADMIN` gives it"
    sudo = f"`{as_root('image build')}`"
    for path, closed, setting in _SWITCHES:
        with suppress(OSError):
            if (folder / path.lstrip("/")).read_text(encoding="utf-8").strip() == closed:
                return f"the administrator allows it by `sysctl {setting}`, or builds it for all: {sudo}"
    return f"let root build it for all users: {sudo}"


def as_root(words: str) -> str:
    """A command line of vbench's for sudo, which does not know the folders of this user's PATH."""
    own = Path(sys.argv[0])
    found = own.absolute() if own.name == "vbench" and own.exists() else Path(sys.executable).with_name("vbench")
    return f"sudo {shlex.quote(str(found))} {words}"


@contextmanager
def rooted(host: proc.LocalSession) -> Iterator[proc.LocalSession]:
    """The host as root sees it. Without root rights, its commands are root in a user namespace, where there can be one.

    There they may mount, make network namespaces and change root, over nothing but this user's own files. The
    namespace ends with the process that holds it, as that does with this context or the harness.
    """
    if is_root() or no_user_namespace():
        yield host
        return
    holding = ["unshare", "--user", "--map-root-user", "--", "sh", "-c", "echo ready; exec cat"]
    with host.spawn(holding) as holder:
        if holder.stdout.readline() != b"ready\n":
            yield host
            return
        enter = ("nsenter", f"--user=/proc/{holder.pid}/ns/user", "--preserve-credentials", "--")
        yield replace(host, prefix=(*host.prefix, *enter))


def of(session: Session) -> Rights:
    """What the commands of a session may do."""
    if session.run(["id", "-u"], timeout_s=10).text.strip() != "0":
        return "user"
    mapped = session.run(["cat", "/proc/self/uid_map"], timeout_s=10).text.split()
    return "root" if mapped in ([], _ALL_USERS) else "namespace"
