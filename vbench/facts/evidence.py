"""The probe's evidence as typed data, and the parsers that turn it into facts; unreadable evidence gives a status."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from vbench.host import foreign
from vbench.model import Fact, Facts, FactValue, Status

_DENIED = ("EACCES", "EPERM")
_ABSENT = ("ENOENT", "ENODEV", "ENOTDIR", "ENXIO", "EOPNOTSUPP", "ENOTSUP", "EINVAL")
_HIDDEN = "…"
_PRIVATE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUID
    r"|(?:[0-9a-f]{2}[:-]){5,}[0-9a-f]{2}"  # MAC, GUID
    r"|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,}"  # IPv6
    r"|\b[0-9a-f]{16,}\b"
    r"|\S{1,256}@\S+"  # bounded, so that a long word without an @ takes no time by its square
    r"|(?:/home|/root|/Users|/run/user|/var/home)(?:/\S*)?",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_STRANGE = re.compile(r"[^\w… .,:;()\[\]/+*#~<>=&%!'-]")
_WORD = re.compile(r"[A-Za-z0-9][\w.+~-]{0,63}")


class Absent(Exception):
    """Raised by a parser: the source exists and contains no value."""


class Unreadable(Struct, frozen=True):
    """A source that the probe could not read: `error` is the name of the errno."""

    error: str


class Output(Struct, frozen=True):
    """Result of a command of the probe; `error` if it could not be run."""

    status: int | None = None
    stdout: str = ""
    stderr: str = ""
    error: str | None = None


class Disk(Struct, frozen=True):
    """The block device behind the scratch space."""

    name: str
    driver: str | None = None
    model: str | Unreadable = ""
    scheduler: str | Unreadable = ""
    rotational: str | Unreadable = ""
    nr_requests: str | Unreadable = ""
    read_ahead_kb: str | Unreadable = ""
    logical_block_size: str | Unreadable = ""
    write_cache: str | Unreadable = ""


class Scratch(Struct, frozen=True):
    """File system of the scratch space; `error` if there is no scratch space."""

    error: str | None = None
    filesystem: str | None = None
    options: tuple[str, ...] | None = None
    block: Disk | None = None
    direct: bool | Unreadable | None = None


class Interface(Struct, frozen=True):
    """A network interface without name and address. `bench` says whether its address is in 198.18.0.0/15."""

    up: bool
    mtu: int
    bench: bool
    driver: str | None = None
    offloads: tuple[str, ...] | None = None


class Platform(Struct, frozen=True):
    """Evidence from the Python interpreter."""

    release: str = ""
    version: str = ""
    machine: str = ""
    libc: str | None = None
    python: str = ""
    compiler: str = ""
    page_b: int | None = None
    affinity: tuple[int, ...] | None = None
    processor: int = 0  # whose caches and frequency were read
    processors: int | None = None
    byteorder: str = ""
    packages: dict[str, str] = {}
    compilers: tuple[str, ...] | None = None


class Clocks(Struct, frozen=True):
    resolution_s: float | None = None
    read_ns: float | None = None


class Process(Struct, frozen=True):
    """Attributes of the probe's own process."""

    nice: int | None = None
    policy: int | None = None
    environment_b: int | None = None


class Marks(Struct, frozen=True):
    """Files and variables by which container engines mark a container."""

    dockerenv: bool | None = None
    containerenv: bool | None = None
    environ: str | Unreadable | None = None
    cgroup: tuple[str, ...] | Unreadable | None = None


class Evidence(Struct, frozen=True):
    """All output of the probe. Unknown members are ignored, so that an older vbench can read a newer probe."""

    format: int
    files: dict[str, str | Unreadable] = {}
    commands: dict[str, Output] = {}
    python: Platform = Platform()
    calls: Clocks = Clocks()
    process: Process = Process()
    namespaces: dict[str, int] = {}
    container: Marks = Marks()
    cgroup: dict[str, tuple[dict[str, str | Unreadable], ...]] = {}
    acpi: tuple[str, ...] | Unreadable = ()
    cpuid: str | Unreadable = Unreadable("ENOENT")
    devices: dict[str, bool] = {}
    network: tuple[Interface, ...] | Unreadable = Unreadable("ENOENT")
    scratch: Scratch = Scratch(error="ENOENT")

    def file(self, path: str, parse: Callable[[str], FactValue]) -> Fact:
        """Parses one file into a fact."""
        return fact_from(path, self.files.get(path, Unreadable("ENOENT")), parse)

    def command(self, name: str, parse: Callable[[Output], FactValue]) -> Fact:
        """Parses one command's output and status into a fact."""
        output = self.commands.get(name, Output(error="ENOENT"))
        return fact_from(name, output if output.error is None else Unreadable(output.error), parse)


def decode(raw: bytes) -> Evidence:
    """Decodes the probe's output. Raises ValueError for anything else."""
    return foreign.decode(raw, Evidence)


def fact_from(source: str, raw: Any, parse: Callable[[Any], FactValue]) -> Fact:
    """Parses raw evidence into a fact. None is absent, Unreadable says why, and a parser's ValueError is an error."""
    if raw is None:
        return Fact(None, source, Status.ABSENT)
    if isinstance(raw, Unreadable):
        return Fact(None, source, _status(raw.error))
    try:
        value = parse(raw)
    except Absent:
        return Fact(None, source, Status.ABSENT)
    except (ValueError, KeyError, IndexError, OverflowError):
        return Fact(None, source, Status.ERROR)
    return Fact(value, source) if value is not None else Fact(None, source, Status.ABSENT)


def _status(errno_name: str) -> Status:
    if errno_name in _DENIED:
        return Status.DENIED
    return Status.ABSENT if errno_name in _ABSENT else Status.ERROR


def clean(text: str) -> str:
    """Free text as one line without identifiers, addresses and home paths. Raises Absent when empty."""
    return _line(_IPV4.sub(_HIDDEN, text))


def clean_version(text: str) -> str:
    """As `clean`, for a text that begins with a version: `1.2.3.4` is no address there."""
    first = re.match(r"\S*", text)
    end = first.end() if first else 0
    return _line(text[:end] + _IPV4.sub(_HIDDEN, text[end:]))


def _line(text: str) -> str:
    line = " ".join(_STRANGE.sub(" ", _PRIVATE.sub(_HIDDEN, text.replace("\0", " "))).split())
    line = line.replace(f" {_HIDDEN}", _HIDDEN)
    if not line:
        raise Absent
    return line[:200]


def without_home(text: str) -> str:
    """Replaces home folders in a command's word by `~`, since their owner's name is no fact."""
    return re.sub(r"(?:/var)?/home/[^/\s,:=]+|/root\b|/Users/[^/\s,:=]+", "~", text)


def word(text: str) -> str:
    """One word of letters, digits and `._+~-`. Raises ValueError for more and Absent for nothing."""
    if not text.strip():
        raise Absent
    # A whole word of four numbers is an address; the kernel of WSL is called 5.15.167.4-microsoft-standard-WSL2.
    if not _WORD.fullmatch(text.strip()) or _PRIVATE.search(text.strip()) or _IPV4.fullmatch(text.strip()):
        raise ValueError(f"not one plain word: {text[:40]!r}")
    return text.strip()


def number(text: str) -> int:
    """A whole number that fits 64 bits and is not below zero: a size or a count."""
    value = signed(text)
    if value < 0:
        raise ValueError(f"below zero: {text[:40]!r}")
    return value


def signed(text: str) -> int:
    """A whole number that fits 64 bits, for files in which -1 means something."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text.strip()):
        raise ValueError(f"not a whole number: {text[:40]!r}")
    return int(text)


def chosen(text: str) -> str:
    """The bracketed word of `always [madvise] never`, or the only word there is."""
    match = re.search(r"\[([\w+-]+)\]", text)
    return match[1] if match else word(text)


def ranges(text: str) -> str:
    """A processor list such as `0-3,8`."""
    if not text.strip():
        raise Absent
    if not re.fullmatch(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", text.strip()):
        raise ValueError(f"not a processor list: {text[:40]!r}")
    return text.strip()


def on_off(text: str) -> bool:
    if text.strip() not in ("0", "1"):
        raise ValueError(f"neither 0 nor 1: {text[:40]!r}")
    return text.strip() == "1"


def line_value(key: str) -> Callable[[str], str]:
    """Reads `key: value` from a text of such lines; Absent when there is no such line."""

    def find(text: str) -> str:
        for line in text.splitlines():
            name, colon, value = line.partition(":")
            if colon and name.strip() == key:
                return value.strip()
        raise Absent

    return find


def then(first: Callable[[str], str], second: Callable[[str], FactValue]) -> Callable[[str], FactValue]:
    """A parser that applies `first`, then `second`."""
    return lambda text: second(first(text))


def failed(keys: tuple[str, ...], source: str) -> Facts:
    """These keys with status error, for a probe without readable output."""
    return {key: Fact(None, source, Status.ERROR) for key in keys}
