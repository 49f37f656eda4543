"""Says what this process may do: root rights, or a user namespace in which it is root over its own things."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar, cast

from vbench.contracts import Session
from vbench.host import proc

S = TypeVar("S", bound=Session)
Rights = Literal["root", "namespace", "user"]
"""Root of the host; root in a user namespace; neither."""
_ALL_USERS = ["0", "0", "4294967295"]

_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)
_ENTER = ("--user", "--map-root-user", "--mount", "--pid", "--fork")


def _local(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8")
    return ""


def is_root() -> bool:
    return os.geteuid() == 0


def no_user_namespace() -> str:
    """Why this user cannot be root in a namespace of their own, or nothing."""
    done = proc.run(["unshare", *_ENTER, "true"], timeout_s=10)
    return (done.stderr.decode(errors="replace").strip()[-200:] or f"status {done.status}") if done.status else ""


def namespaces_hint() -> str:
    """What to do where the kernel refuses namespaces."""
    if is_root():
        return "root lacks CAP_SYS_ADMIN, as in a container with few rights: `--cap-add SYS_ADMIN` gives it"
    return user_hint()


def user_hint(read: Callable[[str], str] = _local) -> str:
    """What a user does about it; `read` gives the text of one of the host's files."""
    sudo, opening = f"`{as_root('image build')}`", switch(read)
    if opening:
        return f"the administrator allows it by `{opening}`, or builds it for all: {sudo}"
    return f"let root build it for all users: {sudo}"


def switch(read: Callable[[str], str] = _local) -> str:
    """The command by which root lets users make user namespaces, where a switch of the kernel forbids them."""
    return next((f"sysctl {setting}" for path, closed, setting in _SWITCHES if read(path).strip() == closed), "")


def as_root(words: str) -> str:
    """A command line of vbench's for sudo, which does not know the folders of this user's PATH."""
    own, beside = Path(sys.argv[0]), Path(sys.executable).with_name("vbench")
    found = own.absolute() if own.name == "vbench" and own.exists() else beside
    if not found.exists():  # called as `python -m vbench` where no script was installed
        return f"sudo {shlex.quote(sys.executable)} -m vbench {words}"
    return f"sudo {shlex.quote(str(found))} {words}"


@contextmanager
def rooted(host: S) -> Iterator[S]:
    """This host as root sees it; without root rights its commands are root in a user namespace, where one can be made.

    There they may mount, make network namespaces and change root, over nothing but this user's own files. The
    namespace ends with the process that holds it, as that does with this context or the harness.
    """
    if is_root() or not isinstance(host, proc.LocalSession) or no_user_namespace():
        yield host
        return
    holding = ["unshare", "--user", "--map-root-user", "--", "sh", "-c", "echo ready; exec cat"]
    with host.spawn(holding) as holder:
        if holder.stdout.readline() != b"ready\n":
            yield host
            return
        enter = ("nsenter", f"--user=/proc/{holder.pid}/ns/user", "--preserve-credentials", "--")
        yield cast(S, replace(host, prefix=(*host.prefix, *enter)))


def of(session: Session) -> Rights:
    """What the commands of a session may do."""
    if session.run(["id", "-u"], timeout_s=10).text.strip() != "0":
        return "user"
    mapped = session.run(["cat", "/proc/self/uid_map"], timeout_s=10).text.split()
    own = len(mapped) >= 3 and all(word.isdigit() for word in mapped) and mapped != _ALL_USERS
    return "namespace" if own else "root"
