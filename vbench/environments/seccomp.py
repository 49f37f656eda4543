"""Turns the seccomp profile that container engines share into the filter of one container (OCI linux.seccomp).

The profile is podman's and Docker's: a list of rules, each for some architectures, capabilities and kernels. Which of
them apply is decided as moby's profiles/seccomp and containers/common's pkg/seccomp decide it.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from vbench.environments.architecture import Architecture

PROFILE = "/usr/share/containers/seccomp.json"
LIMIT_B = 2**20  # a profile has about 20 KB


class Conditions(Struct, frozen=True):
    """For whom a rule is, or is not; what is empty asks nothing."""

    arches: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    minKernel: str | None = None


class Argument(Struct, frozen=True):
    """One comparison with an argument of the system call."""

    index: int
    value: int
    op: str
    valueTwo: int = 0


class Rule(Struct, frozen=True):
    """What happens to some system calls, under conditions."""

    action: str
    names: tuple[str, ...] = ()
    name: str | None = None
    args: tuple[Argument, ...] | None = None
    errnoRet: int | None = None
    includes: Conditions | None = None
    excludes: Conditions | None = None


class Architectures(Struct, frozen=True):
    """An architecture, and those whose system calls its processes can make too."""

    architecture: str
    subArchitectures: tuple[str, ...] | None = None


class Profile(Struct, frozen=True):
    """The whole file; members that nobody needs here are left out."""

    defaultAction: str
    syscalls: tuple[Rule, ...]
    archMap: tuple[Architectures, ...] = ()
    defaultErrnoRet: int | None = None


@dataclass(frozen=True)
class Filter:
    """A filter in the runtime's form, and the digest of the profile that it was made of."""

    rules: dict[str, Any]
    digest: str


def made(raw: bytes, architecture: Architecture, capabilities: Collection[str], kernel: str) -> Filter:
    """The filter of a profile's text. Raises msgspec.MsgspecError or UnicodeDecodeError for what is no profile."""
    profile = msgspec.json.decode(raw, type=Profile)
    return Filter(translated(profile, architecture, capabilities, kernel), hashlib.sha256(raw).hexdigest())


def translated(
    profile: Profile, architecture: Architecture, capabilities: Collection[str], kernel: str
) -> dict[str, Any]:
    """The rules for a container that has these capabilities, on a kernel of this release."""
    calls = [
        _call(rule)
        for rule in profile.syscalls
        if _includes(rule.includes or Conditions(), architecture.go, capabilities, kernel)
        and not _excludes(rule.excludes or Conditions(), architecture.go, capabilities, kernel)
    ]
    own = architecture.seccomp
    others = next((found.subArchitectures or () for found in profile.archMap if found.architecture == own), ())
    default = {} if profile.defaultErrnoRet is None else {"defaultErrnoRet": profile.defaultErrnoRet}
    return {
        "defaultAction": profile.defaultAction,
        **default,
        "architectures": [own, *others],
        "syscalls": calls,
    }


def _includes(wanted: Conditions, architecture: str, capabilities: Collection[str], kernel: str) -> bool:
    return (
        (not wanted.arches or architecture in wanted.arches)
        and set(wanted.caps) <= set(capabilities)
        and (wanted.minKernel is None or _version(kernel) >= _version(wanted.minKernel))
    )


def _excludes(unwanted: Conditions, architecture: str, capabilities: Collection[str], kernel: str) -> bool:
    return (
        architecture in unwanted.arches
        or bool(set(unwanted.caps) & set(capabilities))
        or (unwanted.minKernel is not None and _version(kernel) >= _version(unwanted.minKernel))
    )


def _version(release: str) -> tuple[int, int]:
    """`6.1.0-13-amd64` is 6.1; a release without two numbers is older than any."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _call(rule: Rule) -> dict[str, Any]:
    arguments = [msgspec.to_builtins(argument) for argument in rule.args or ()]
    return {
        "names": [*rule.names, *([rule.name] if rule.name else [])],
        "action": rule.action,
        **({} if rule.errnoRet is None else {"errnoRet": rule.errnoRet}),
        **({"args": arguments} if arguments else {}),
    }
