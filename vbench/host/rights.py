"""Tells what this process may do: it has root rights, or can be root over its own files in a user namespace."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    """Why this user cannot be root in a user namespace. Empty if they can."""
    done = proc.run(["unshare", *_ENTER, "true"], timeout_s=10)
    return (done.stderr.decode(errors="replace").strip()[-200:] or f"status {done.status}") if done.status else ""


def namespaces_hint() -> str:
    """Hint for a kernel that refuses namespaces."""
    if is_root():
        return "root lacks CAP_SYS_ADMIN, as in a container with few rights: `--cap-add SYS_ADMIN` gives it"
    return user_hint()


def user_hint(read: Callable[[str], str] = _local) -> str:
    """Hint for a user without root rights. `read` returns the text of one of the host's files."""
    sudo, opening = f"`{as_root('image build')}`", switch(read)
    if opening:
        return f"the administrator allows it by `{opening}`, or builds it for all: {sudo}"
    return f"let root build it for all users: {sudo}"


def switch(read: Callable[[str], str] = _local) -> str:
    """Command by which root allows user namespaces. Empty if no switch of the kernel forbids them."""
    return next((f"sysctl {setting}" for path, closed, setting in _SWITCHES if read(path).strip() == closed), "")


def as_root(words: str) -> str:
    """A command line of vbench for sudo, with a full path since sudo does not use this user's PATH."""
    own, beside = Path(sys.argv[0]), Path(sys.executable).with_name("vbench")
    script = own.absolute() if own.name == "vbench" and own.exists() else beside
    if not script.exists():  # called as `python -m vbench` where no script was installed
        return f"sudo {shlex.quote(sys.executable)} -m vbench {words}"
    return f"sudo {shlex.quote(str(script))} {words}"


@contextmanager
def rooted(host: S) -> Iterator[S]:
    """Yields the host with root rights. Without them its commands run in a user namespace, if one can be made.

    In that namespace commands may mount, make network namespaces and change root, over this user's files only. The
    namespace ends with the process that holds it, and that process ends with this context or the harness.
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
        yield cast(S, host.prefixed(*enter))


def of(session: Session) -> Rights:
    """What the commands of a session may do."""
    if session.run(["id", "-u"], timeout_s=10).text.strip() != "0":
        return "user"
    mapped = session.run(["cat", "/proc/self/uid_map"], timeout_s=10).text.split()
    own = len(mapped) >= 3 and all(word.isdigit() for word in mapped) and mapped != _ALL_USERS
    return "namespace" if own else "root"
