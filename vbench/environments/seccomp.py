"""Turns the seccomp profile that container engines share into the filter of one container (OCI linux.seccomp).

The profile is podman's and Docker's: a list of rules, each for some architectures, capabilities and kernels. Rules
apply here as in moby's profiles/seccomp and containers/common's pkg/seccomp.
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
    """Conditions under which a rule applies, or does not apply. An empty field is no condition."""

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
    """Action for some system calls, under conditions."""

    action: str
    names: tuple[str, ...] = ()
    name: str | None = None
    args: tuple[Argument, ...] | None = None
    errnoRet: int | None = None
    includes: Conditions | None = None
    excludes: Conditions | None = None


class Architectures(Struct, frozen=True):
    """An architecture, and the other architectures whose system calls its processes can make."""

    architecture: str
    subArchitectures: tuple[str, ...] | None = None


class Profile(Struct, frozen=True):
    """The profile's file, without members that vbench does not need."""

    defaultAction: str
    syscalls: tuple[Rule, ...]
    archMap: tuple[Architectures, ...] = ()
    defaultErrnoRet: int | None = None


@dataclass(frozen=True)
class Filter:
    """A filter in the runtime's form, and the digest of its profile."""

    rules: dict[str, Any]
    digest: str


def parse(raw: bytes, architecture: Architecture, capabilities: Collection[str], kernel: str) -> Filter:
    """Parses a profile into a filter. Raises msgspec.MsgspecError or UnicodeDecodeError for what is no profile."""
    profile = msgspec.json.decode(raw, type=Profile)
    return Filter(translated(profile, architecture, capabilities, kernel), hashlib.sha256(raw).hexdigest())


def translated(
    profile: Profile, architecture: Architecture, capabilities: Collection[str], kernel: str
) -> dict[str, Any]:
    """Rules for a container that has these capabilities, on a kernel of this release."""
    calls = [
        _call(rule)
        for rule in profile.syscalls
        if _includes(rule.includes or Conditions(), architecture.go, capabilities, kernel)
        and not _excludes(rule.excludes or Conditions(), architecture.go, capabilities, kernel)
    ]
    own = architecture.seccomp
    others = next((each.subArchitectures or () for each in profile.archMap if each.architecture == own), ())
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
    """First two numbers of a release: 6 and 1 for `6.1.0-13-amd64`. Without two numbers it counts as older than any."""
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
