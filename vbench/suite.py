"""Read a suite, strictly: what cannot be meant is refused with the path of the key, before anything is started."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from vbench import units
from vbench.contracts import Benchmark, Environment, Settings
from vbench.errors import SuiteError, nearest
from vbench.model import BenchmarkRecord, EnvironmentRecord
from vbench.units import Bytes, Seconds

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
RESERVED = {"host": "the facts of the host itself are stored under it"}
LARGEST_B = 2**20
T = TypeVar("T")


class Method(Settings, frozen=True):
    """How the numbers are taken: `[method]`."""

    baseline: str
    blocks: Annotated[int, Meta(ge=1, le=1000)]
    trial: Seconds
    warmup: Seconds
    budget: Seconds
    control: str = "control"
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class TestbedSettings(Settings, frozen=True):
    """What every environment gets alike: `[testbed]`."""

    cpus: Annotated[int, Meta(ge=1, le=4096)] = 1
    memory: Bytes = Bytes(2**30)
    scratch: str = "/var/tmp"  # on a disk: the folder all environments get their scratch space from


class Suite(Struct, frozen=True):
    """Environments × benchmarks × method. `arms` are measured; other `environments` are only stood on."""

    name: str
    about: str
    text: str  # the file as it was read
    method: Method
    testbed: TestbedSettings
    environments: dict[str, Environment]
    benchmarks: dict[str, Benchmark]
    arms: tuple[str, ...]  # without the control

    def environment(self, arm: str) -> Environment:
        """The settings of an arm; the control has the baseline's."""
        return self.environments[self.method.baseline if arm == self.method.control else arm]


class Document(Settings, frozen=True):
    """The file's first level; what stands below `environments` and `benchmarks` is decoded by its kind."""

    name: str
    benchmarks: list[Any]
    method: dict[str, Any]
    environments: dict[str, Any]
    about: str = ""
    testbed: dict[str, Any] = msgspec.field(default_factory=dict)


# --- finding and reading ----------------------------------------------------------------------------------------


def folders() -> tuple[Path, ...]:
    """Where a suite's name is looked up: the current folder's `suites/`, then those that come with vbench."""
    return Path("suites"), Path(__file__).parent / "suites"


def shipped() -> dict[str, Path]:
    """Every suite that a name finds, the nearest folder first."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def load(name_or_path: str) -> Suite:
    """A suite by path or name; raises SuiteError."""
    path = _find(name_or_path)
    return parse(_read(path), source=str(path))


def _find(name_or_path: str) -> Path:
    looks_like_path = "/" in name_or_path or name_or_path.endswith(".toml")
    if looks_like_path:
        return Path(name_or_path)
    known = shipped()
    if name_or_path in known:
        return known[name_or_path]
    hint = nearest(name_or_path, sorted(known)) if known else "give the path of a suite file"
    raise SuiteError(f"no suite is named {name_or_path!r}", hint=hint)


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise SuiteError(f"{path} {what}", hint="`vbench list suites` names those that come with vbench")
        with path.open("rb") as file:
            data = file.read(LARGEST_B + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise SuiteError(f"{str(path)!r} cannot be read: {_said(error)}") from error
    if len(data) > LARGEST_B:
        raise SuiteError(f"{path} is larger than {units.show_bytes(LARGEST_B)}: this is not a suite")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path} is not UTF-8: byte {error.start}", hint="save the file as UTF-8") from error


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def parse(text: str, *, source: str) -> Suite:
    """A suite from the text of its file; `source` is how messages name the file. Raises SuiteError."""
    try:
        table = _toml(text)
        suite = _suite(text, _convert(table, Document, ""))
        _check(suite)
    except SuiteError as error:
        raise SuiteError(f"{source}: {error.message}", hint=error.hint) from error
    return suite


def _toml(text: str) -> dict[str, Any]:
    if not text.strip():
        raise SuiteError("the file is empty", hint="copy one of those that `vbench list suites` names")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise SuiteError(f"not TOML: {error}", hint="https://toml.io shows the notation") from error


# --- decoding ---------------------------------------------------------------------------------------------------


def _suite(text: str, document: Document) -> Suite:
    environments = dict(_environments(document.environments))
    return Suite(
        name=_named(document.name, "name"),
        about=document.about,
        text=text,
        method=_convert(document.method, Method, "method"),
        testbed=_convert(document.testbed, TestbedSettings, "testbed"),
        environments=environments,
        benchmarks=_benchmarks(document.benchmarks),
        arms=tuple(environments),
    )


def _environments(tables: Mapping[str, Any]) -> Iterator[tuple[str, Environment]]:
    from vbench.environments import KINDS

    for name, table in tables.items():
        path = f"environments.{name}"
        _named(name, path)
        yield name, _of_kind(table, KINDS, path, "environment")


def _benchmarks(entries: Sequence[Any]) -> dict[str, Benchmark]:
    from vbench.benchmarks import KINDS

    found: dict[str, Benchmark] = {}
    for index, entry in enumerate(entries):
        path = f"benchmarks[{index}]"
        table = {"kind": entry} if isinstance(entry, str) else entry
        name = table.get("name", table.get("kind")) if isinstance(table, dict) else None
        settings = {key: value for key, value in table.items() if key != "name"} if isinstance(table, dict) else table
        benchmark: Benchmark = _of_kind(settings, KINDS, path, "benchmark")
        _in_family(name, benchmark.kind, f"{path}.name")
        if name in found:
            raise SuiteError(f"{path}: a second benchmark named {name!r}", hint="give one of them another `name`")
        found[str(name)] = benchmark
    return found


def _of_kind(table: Any, kinds: Mapping[str, type], path: str, what: str) -> Any:
    if not isinstance(table, dict):
        raise SuiteError(f"{path}: expected a table with a `kind`, got {_shown(table)}")
    kind = table.get("kind")
    if kind is None:
        raise SuiteError(f"{path}.kind: missing", hint=f"known: {', '.join(kinds)}")
    if not isinstance(kind, str) or kind not in kinds:
        raise SuiteError(f"{path}.kind: no {what} is of kind {_shown(kind)}", hint=nearest(str(kind), list(kinds)))
    return _convert({key: value for key, value in table.items() if key != "kind"}, kinds[kind], path)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _convert(table: object, kind: type[T], path: str) -> T:
    """msgspec's strict decoding, its message turned into the suite's own words and path."""
    try:
        return msgspec.convert(table, kind, dec_hook=units.decode)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind, path) from error
    except (OverflowError, RecursionError) as error:
        raise SuiteError(f"{path}: a value is too large") from error


_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>)?\$(?P<at>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_REQUIRED = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_TYPES = re.compile(r"`([a-z |]+)`")
_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
_WORDS |= {"array": "a list", "object": "a table"}


def _explained(message: str, kind: type, path: str) -> SuiteError:
    match = _MESSAGE.fullmatch(message)
    what, at = (match["what"], match["at"] or "") if match else (message, "")
    place = f"{path}{at}".lstrip(".")
    if unknown := _UNKNOWN.fullmatch(what):
        known = [] if at else list(getattr(kind, "__struct_fields__", ()))
        hint = nearest(unknown[1], known) if known else ""
        return SuiteError(f"{_join(place, unknown[1])}: unknown key", hint=hint)
    if required := _REQUIRED.fullmatch(what):
        return SuiteError(f"{_join(place, required[1])}: missing")
    what = _TYPES.sub(_plainly, what)
    return SuiteError(f"{place}: {what[:1].lower()}{what[1:]}" if place else what)


def _plainly(types: re.Match[str]) -> str:
    """`str | null` in words; TOML has no null, so it is not offered."""
    return " or ".join(_WORDS.get(word, f"`{word}`") for word in types[1].split(" | ") if word != "null")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


# --- what types cannot say ---------------------------------------------------------------------------------------


def _named(name: Any, path: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        hint = "a name has 1 to 40 letters, digits, dots, dashes or underscores and begins with a letter or digit"
        raise SuiteError(f"{path}: {_shown(name)} cannot be a name", hint=hint)
    return name


def _in_family(name: Any, kind: str, path: str) -> None:
    family = kind.partition(".")[0]
    _named(name, path)
    if not re.fullmatch(rf"{re.escape(family)}\..*[^.]", name):
        raise SuiteError(f"{path}: {name!r} is not of the family of {kind!r}", hint=f"begin it with '{family}.'")


def _check(suite: Suite) -> None:
    _check_method(suite)
    if not suite.benchmarks:
        raise SuiteError("benchmarks: the list is empty", hint="`vbench list benchmarks` names them")
    for name, environment in suite.environments.items():
        if name in RESERVED:
            raise SuiteError(f"environments.{name}: the name is taken: {RESERVED[name]}", hint="choose another name")
        _check_on(suite, name, environment)


def _check_method(suite: Suite) -> None:
    method, known = suite.method, list(suite.environments)
    if not known:
        raise SuiteError("environments: there is none", hint="`vbench list environments` names the kinds")
    if method.baseline not in known:
        hint = nearest(method.baseline, known)
        raise SuiteError(f"method.baseline: no environment is named {_shown(method.baseline)}", hint=hint)
    _named(method.control, "method.control")
    if method.control in {*known, *RESERVED}:
        raise SuiteError(f"method.control: {method.control!r} is another's name", hint="choose another name")
    for key, value in (("trial", method.trial), ("budget", method.budget), ("memory", suite.testbed.memory)):
        if value <= 0:
            table = "testbed" if key == "memory" else "method"
            raise SuiteError(f"{table}.{key}: must be above 0")


def _check_on(suite: Suite, name: str, environment: Environment) -> None:
    chain = [name]
    while environment.on is not None:
        path = f"environments.{chain[-1]}.on"
        if environment.on not in suite.environments:
            hint = nearest(environment.on, list(suite.environments))
            raise SuiteError(f"{path}: no environment is named {_shown(environment.on)}", hint=hint)
        if environment.on in chain:
            raise SuiteError(f"{path}: stands on itself: {' on '.join([*chain, environment.on])}")
        chain.append(environment.on)
        environment = suite.environments[environment.on]


# --- narrowing and recording -------------------------------------------------------------------------------------


def restrict(
    suite: Suite,
    *,
    environments: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    blocks: int | None = None,
    seed: int | None = None,
) -> Suite:
    """The suite of `--env`, `--bench` (a name or a family), `--blocks`, `--seed`; the baseline always stays."""
    method = suite.method
    wanted = {*_known(environments, list(suite.arms), "environment"), method.baseline} if environments else suite.arms
    if blocks is not None and not 1 <= blocks <= 1000:
        raise SuiteError(f"blocks: expected 1 to 1000, got {blocks}")
    if seed is not None and not 0 <= seed < 2**63:
        raise SuiteError(f"seed: expected 0 to {2**63 - 1}, got {seed}")
    arms = tuple(arm for arm in suite.arms if arm in wanted)
    return replace(
        suite,
        method=replace(method, blocks=blocks or method.blocks, seed=method.seed if seed is None else seed),
        arms=arms,
        environments={name: suite.environments[name] for name in suite.environments if _needed(suite, name, arms)},
        benchmarks=_selected(suite.benchmarks, benchmarks),
    )


def _known(names: Sequence[str], known: list[str], what: str) -> list[str]:
    for name in names:
        if name not in known:
            raise SuiteError(f"the suite has no {what} {name!r}", hint=nearest(name, known))
    return list(names)


def _needed(suite: Suite, name: str, arms: Sequence[str]) -> bool:
    return any(name in chain(suite, arm) for arm in arms)


def _selected(benchmarks: Mapping[str, Benchmark], wanted: Sequence[str]) -> dict[str, Benchmark]:
    if not wanted:
        return dict(benchmarks)
    families = {name.partition(".")[0] for name in benchmarks}
    chosen = _known(wanted, [*benchmarks, *sorted(families)], "benchmark")
    return {name: b for name, b in benchmarks.items() if name in chosen or name.partition(".")[0] in chosen}


def chain(suite: Suite, arm: str) -> tuple[str, ...]:
    """The environments that `arm` stands on, the lowest first, itself last."""
    environment, names = suite.environment(arm), [arm]
    while environment.on is not None:
        names.append(environment.on)
        environment = suite.environments[environment.on]
    return tuple(reversed(names))


def environment_records(suite: Suite) -> tuple[EnvironmentRecord, ...]:
    """What the manifest says of every arm before it was started, the control after its baseline's settings."""
    arms = (*suite.arms, suite.method.control)
    found = [(arm, suite.environment(arm)) for arm in arms]
    return tuple(EnvironmentRecord(name=arm, kind=e.kind, settings=settings(e)) for arm, e in found)


def benchmark_records(suite: Suite) -> tuple[BenchmarkRecord, ...]:
    return tuple(
        BenchmarkRecord(name=name, kind=b.kind, settings=settings(b), metrics=b.metrics, about=b.about)
        for name, b in suite.benchmarks.items()
    )


def settings(thing: Environment | Benchmark) -> dict[str, Any]:
    """The suite keys of an environment or benchmark as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(thing, enc_hook=units.encode)
    return plain
