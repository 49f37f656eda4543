"""Files that anybody may have written: suites, run folders and their reports, validations, images, what a run left."""

import atexit
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from random import Random
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from zlib import crc32

from msgspec.structs import replace

from tests.proof import mutating
from tests.proof.fuzzing import Target, insane
from tests.unit.folders import stored, with_counts
from tests.unit.runs import gated, make_run
from vbench import api, report, store, validation
from vbench import suite as suites
from vbench.cli.output import as_json
from vbench.exports import write as export
from vbench.host.local import LocalHost
from vbench.image import records
from vbench.model import Run
from vbench.suite import plan as plans
from vbench.testbed.undo import JOURNAL, OWNER, abandoned, recorded

ROOT = Path(__file__).parents[2]
FEW = ("cpu.hash", "network.rr", "start.ready")  # benchmarks of the run that is mutated: two metrics, counts, a start
BASE = "VBENCH_FUZZ_FOLDER"  # of a worker: where its own folder goes
BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # turn what stands around them
ODD_LETTERS = frozenset(map(chr, (*range(32), *range(0x7F, 0xA0), *BIDI))) - {"\n", "\t"}


def _suite(text: bytes) -> object:
    suite = suites.parse(text.decode(), source="x.toml") if _decodes(text) else None
    if suite is None:
        return None
    plan = plans.make(suite, seed=1) if _is_small(suite) else None
    return [suites.environment_records(suite), suites.benchmark_records(suite), plans.expected_s(suite), plan]


def _is_small(suite: suites.Suite) -> bool:
    return (suite.method.blocks or 1) * len(suite.arms) < 5000


def _decodes(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache
def _few() -> Run:
    run = gated(with_counts(make_run(blocks=10)))
    kept = tuple(trial for trial in run.trials if trial.benchmark in FEW)
    benchmarks = tuple(one for one in run.manifest.benchmarks if one.name in FEW)
    plan = replace(run.manifest.plan, benchmarks=tuple(n for n in run.manifest.plan.benchmarks if n in FEW))
    return replace(run, trials=kept, manifest=replace(run.manifest, benchmarks=benchmarks, plan=plan))


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def folders() -> Iterator[None]:
    """All folders of this process and of those that it starts are below one, since workers are killed at the end."""
    with TemporaryDirectory(prefix="vbench-fuzz-", dir=_memory()) as base:
        os.environ[BASE] = base
        try:
            yield
        finally:
            del os.environ[BASE]


@cache
def _folder() -> Path:
    """One run folder of this process, whose files are overwritten in turn; in memory where there is such a place."""
    base = mkdtemp(prefix="vbench-fuzz-", dir=os.environ.get(BASE) or _memory())
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    folder = stored(Path(base), _few(), state=None)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    return folder


def _content(name: str) -> bytes:
    return (_folder() / name).read_bytes()


@contextmanager
def _with(name: str, content: bytes) -> Iterator[Path]:
    """The run folder with another content of one file."""
    path = _folder() / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield _folder()
    finally:
        path.write_bytes(before)


def _json(run: Run) -> object:
    document = report.json_document(run)
    return [document, _fit(as_json(document).decode())]


def _markdown(run: Run) -> object:
    return [_fit(report.markdown(run)), _fit(report.findings(run))]


def _page(run: Run) -> object:
    return _fit(report.html(run))


def _fit(text: str) -> str:
    """The text, if a terminal or browser shows all of it as it is."""
    odd = sorted(ODD_LETTERS & set(text))
    assert not odd, f"letters that steer a terminal: {odd[:5]}"
    return text


def _exports(run: Run) -> object:
    opened = api.load(run.path)
    with TemporaryDirectory() as folder:
        export("openmetrics", opened, Path(folder, "openmetrics"))
        export("ndjson", opened, Path(folder, "ndjson"))
        export("pyperf", opened, Path(folder))
        samples = [json.loads(line) for line in Path(folder, "ndjson").read_text().splitlines()]
        metrics = Path(folder, "openmetrics").read_text()
    assert not re.search(r"[ -](nan|inf)$", metrics, re.IGNORECASE | re.MULTILINE), "NaN or infinity among the metrics"
    return [samples, metrics]


def _loaded(name: str, *readers: Callable[[Run], object]) -> Callable[[bytes], object]:
    def read(content: bytes) -> object:
        with _with(name, content) as folder:
            run = store.load(folder)
            return [list(insane(run.trials)), *(read(run) for read in readers)]

    return read


def _journal(good: bytes, random: Random) -> bytes:
    """Some entries changed, as a rule with a checksum that is right: what a hostile writer would send."""
    lines = good.splitlines(keepends=True)
    for _ in range(random.randint(1, 6)):
        index = random.randrange(len(lines))
        if random.random() < 0.1:
            lines[index] = mutating.of_json_lines(lines[index], random)
            continue
        body = lines[index].partition(b'":')[2]
        kind, entry = _entry(lines[index])
        if body:
            changed = mutating.dumped(mutating.changed(entry, random), random)
            lines[index] = b'{"crc":"%08x","%s":%s}\n' % (crc32(changed), kind, changed)
    if random.random() < 0.15:
        lines = lines[: random.randrange(len(lines) + 1)] * random.choice((1, 2, 3))
    return b"".join(lines)


def _entry(line: bytes) -> tuple[bytes, Any]:
    try:
        entry = json.loads(line)
        (kind,) = entry.keys() - {"crc"}
        return kind.encode(), entry[kind]
    except (ValueError, AttributeError, RecursionError):
        return b"trial", {}


def _numbers(good: bytes, random: Random) -> bytes:
    """All numbers of one kind in a journal scaled to where floats end, with right checksums."""
    factor = random.choice((1e-320, 1e-300, 1e-150, 1e150, 1e300, -1.0, 0.0))
    arm = random.choice(("bare", "control", "runc", "tcg"))
    what = random.choice(("samples", "samples", "started_s", "wall_s", "host_cpu_s"))
    lines = []
    for line in good.splitlines():
        kind, entry = _entry(line)
        if kind == b"trial" and entry["environment"] == arm and random.random() < 0.9:
            _scale(entry, what, factor)
        body = json.dumps(entry).encode()
        lines.append(b'{"crc":"%08x","%s":%s}\n' % (crc32(body), kind, body))
    return b"".join(lines)


def _scale(entry: dict[str, Any], what: str, factor: float) -> None:
    if what == "samples":
        samples = entry["outcome"].get("samples", {})
        for name, values in samples.items():
            samples[name] = [value * factor for value in values]
    elif isinstance(entry.get(what), int | float):
        entry[what] *= factor


def _validation(content: bytes) -> object:
    path = _folder().parent / "validation.json"
    path.write_bytes(content)
    return validation.cited(path, Run(Path("x"), _few().manifest, (), {}, {}))


def _image(content: bytes) -> object:
    base = _folder().parent / "cache"
    place = base / "vbench/images" / DIGEST
    place.mkdir(parents=True, exist_ok=True)
    (place / "image.json").write_bytes(content)
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(base)
    try:
        return records()
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before


DIGEST = "a" * 64
IMAGE = {"schema": 1, "digest": DIGEST, "created": "2026-11-22T00:00:00Z", "suite": "bookworm", "input_key": "b" * 64}
IMAGE |= {"kernel_release": "6.1.0-1", "packages": {"fio": "3.33-3"}, "vbench": "0.2.0"}
HERE = LocalHost()
DEAD = {"pid": 999_999_999, "started": 5, "namespace": "pid:[4026531836]", "vbench": "0.2.0"}
REMOVAL = {"words": ["runc", "--root", "/var/tmp/vbench-x/state", "delete", "--force", "vbench-0123456789ab"]}
REMOVAL |= {"there": ["find", "/var/tmp/vbench-x/state", "-mindepth", "1"]}
LEFT = b"".join(json.dumps({"number": n, "undo": REMOVAL}).encode() + b"\n" for n in (1, 2)) + b'{"number": 1}\n'


def _owner(content: bytes) -> object:
    scratch = _folder().parent / "scratch"
    place = scratch / "vbench-smoke-1"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    (place / OWNER).write_bytes(content)
    return [str(path) for path in abandoned(HERE, PurePosixPath(scratch))]


def _undo(content: bytes) -> object:
    place = _folder().parent / "left"
    place.mkdir(exist_ok=True, mode=0o700)
    (place / JOURNAL).write_bytes(content)
    there, odd = recorded(HERE, PurePosixPath(place))
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f]", str(left)) for left in there), "an odd word"
    return [there, odd, [str(left) for left in there]]


def targets() -> Iterator[Target]:
    """Each with what stands in it when all is well, and its part of the inputs."""
    files = sorted((ROOT / "vbench/suites").glob("*.toml"))
    yield Target("suite", tuple(path.read_bytes() for path in files), mutating.of_toml, _suite, 25)
    journal, tree = (_content("journal.jsonl"),), mutating.of_json
    yield Target("journal", journal, _journal, _loaded("journal.jsonl", _json, _markdown), 8)
    yield Target("journal numbers", journal, _numbers, _loaded("journal.jsonl", _json, _markdown), 4)
    yield Target("manifest", (_content("manifest.json"),), tree, _loaded("manifest.json", _json, _markdown), 12)
    known = tuple(_content(f"facts/{name}.json") for name in ("bare", "tcg", "host"))
    yield Target("facts", known, tree, _loaded("facts/tcg.json", _json, _markdown), 5)
    yield Target("host facts", known, tree, _loaded("facts/host.json", _json, _markdown), 2)
    yield Target("page of journal", journal, _journal, _loaded("journal.jsonl", _page), 1)
    yield Target("page of manifest", (_content("manifest.json"),), tree, _loaded("manifest.json", _page), 1)
    yield Target("page of numbers", journal, _numbers, _loaded("journal.jsonl", _page), 1)
    yield Target("exports", journal, _journal, _loaded("journal.jsonl", _exports), 1)
    validations = tuple(path.read_bytes() for path in sorted((ROOT / "results").glob("validate-*/validation.json")))
    yield Target("validation", validations or (b"{}",), tree, _validation, 6)
    yield Target("image record", (json.dumps(IMAGE).encode(),), tree, _image, 5)
    yield Target("owner record", (json.dumps(DEAD).encode(),), tree, _owner, 3)
    yield Target("undo journal", (LEFT,), mutating.of_json_lines, _undo, 4)
