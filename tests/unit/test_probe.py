"""The probe as it runs here, and what of it is promised: quick, quiet, standard library alone, no identifiers."""

import ast
import importlib
import json
import os
import re
import sys
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from tests.support.linting import refuse
from vbench import facts
from vbench.contracts import Completed, Workplace
from vbench.errors import CommandTimeout, TrialFailed, UsageError
from vbench.host import proc
from vbench.model import Status

GUEST = proc.GUEST
SOURCES = sorted(GUEST.glob("probe*.py"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    scratch = str(tmp_path_factory.mktemp("scratch"))
    return proc.run([sys.executable, str(GUEST / "probe.py"), scratch], timeout_s=60).check().stdout


def test_the_probe_prints_one_object_that_the_parsers_understand(raw: bytes) -> None:
    assert isinstance(json.loads(raw), dict)
    found = facts.parse(raw)
    assert [key for key, fact in found.items() if fact.status == Status.ERROR] == []
    assert found["kernel.release"].status == Status.OK


def test_the_probe_leaves_nothing_in_the_scratch_space(tmp_path: Path) -> None:
    proc.run([sys.executable, str(GUEST / "probe.py"), str(tmp_path)], timeout_s=60).check()
    assert list(tmp_path.iterdir()) == []


def test_the_probe_runs_where_there_is_no_scratch_space() -> None:
    done = proc.run([sys.executable, str(GUEST / "probe.py"), "/nowhere"], timeout_s=60).check()
    assert facts.parse(done.stdout)["scratch.filesystem"].status == Status.ABSENT


def test_the_probe_does_not_print_this_machines_name(raw: bytes) -> None:
    found = json.loads(raw)
    del found["files"]["/proc/cmdline"]  # read whole, published by allow-list only
    name = Path("/proc/sys/kernel/hostname").read_text().strip()
    words = set(json.dumps(found).replace('"', " ").replace("\\n", " ").split())
    assert name not in words


def test_the_probe_reads_no_file_that_holds_an_identifier() -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    for forbidden in (
        "product_serial",
        "board_serial",
        "product_uuid",
        "machine-id",
        "boot_id",
        "hostname",
        "/address",
        "nodename",
        "passwd",
    ):
        assert forbidden not in text, forbidden


def test_the_probe_imports_little_and_only_the_standard_library() -> None:
    own = {source.stem for source in SOURCES}
    few = set(sys.stdlib_module_names) - {"subprocess", "platform", "re", "socket", "typing", "pathlib"}
    refuse(f"{path.name} imports {name}" for path in SOURCES for name in sorted(imported(path) - own - few))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> object:
    """The probe's module of layers, as its own folder sees it."""
    monkeypatch.syspath_prepend(str(GUEST))
    return importlib.import_module("probe_layers")


@pytest.mark.parametrize(
    ("root", "path", "inside"),
    [
        ("/", "/user.slice/x", "user.slice/x"),
        ("/", "/", ""),
        ("/docker/abc", "/docker/abc", ""),  # version 1 without a cgroup namespace
        ("/docker/abc", "/docker/abc/x", "x"),
        ("/docker/abc", "/docker/abcd", ""),
        ("/", "/../..", "../.."),  # a process outside its cgroup namespace
    ],
)
def test_a_group_is_looked_up_below_the_mounted_root(reading: object, root: str, path: str, inside: str) -> None:
    assert reading.below(root, path) == inside


def test_a_file_is_read_whole_or_not_at_all(reading: object, tmp_path: Path) -> None:
    """The end of a table of mounts can say where the scratch space lies."""
    path = tmp_path / "file"
    for size in (0, 1, 65536):
        path.write_bytes(b"x" * size)
        assert reading.read(str(path)) == "x" * size  # type: ignore[attr-defined]
    path.write_bytes(b"x" * 65537)
    assert reading.read(str(path)) == {"error": "EFBIG"}  # type: ignore[attr-defined]
    assert reading.read(str(path), 65537) == "x" * 65537  # type: ignore[attr-defined]
    assert reading.read_head(str(path), 36) == b"x" * 36  # type: ignore[attr-defined]


def test_limits_are_read_from_the_group_up_to_the_mounted_root(reading: object, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text("4096\n")
    assert reading.levels(str(tmp_path), "a/b", ("memory.max",)) == [{"memory.max": "max"}, {"memory.max": "4096"}, {}]


class Answer:
    """A session whose every command ends as it was told."""

    workplace = Workplace("python", PurePosixPath("/guest"), PurePosixPath("/scratch"))
    layers = ()

    def __init__(self, done: Completed | CommandTimeout, network: "Answer | TrialFailed | None" = None) -> None:
        self.done = done
        self.network = network
        self.asked: list[tuple[str, ...]] = []

    def on_network(self) -> "Answer":
        if isinstance(self.network, TrialFailed):
            raise self.network
        return self.network or self

    def run(self, argv: list[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        self.asked.append(tuple(argv))
        if isinstance(self.done, CommandTimeout):
            raise self.done
        return self.done


def test_collecting_runs_the_probe_on_the_sessions_own_scratch_space() -> None:
    session = Answer(Completed((), 0, b"{}", b""))
    facts.collect(session)
    facts.collect(session, scratch="/other")
    assert [argv[-1] for argv in session.asked] == ["/scratch", "/other"]
    assert session.asked[0][:2] == ("python", "/guest/probe.py")


def saying(mtu: int, release: str) -> Completed:
    interface = {"up": True, "mtu": mtu, "bench": True, "driver": "veth"}
    text = json.dumps({"format": 1, "python": {"release": release}, "network": [interface]})
    return Completed((), 0, text.encode(), b"")


def test_the_networks_facts_are_those_of_the_place_on_the_runs_network() -> None:
    found = facts.collect(Answer(saying(1400, "6.1.0"), network=Answer(saying(1500, "9.9.9"))))
    assert found["network.bench.mtu"].value == 1500
    assert found["kernel.release"].value == "6.1.0"


def test_on_the_runs_network_nothing_but_the_network_is_read() -> None:
    """The whole probe starts 30 processes."""
    networked = Answer(saying(1500, ""))
    facts.collect(Answer(saying(1400, "6.1.0"), network=networked))
    assert networked.asked == [("python", "/guest/probe.py", "--network")]
    read, whole = (
        proc.run([sys.executable, str(GUEST / "probe.py"), *words], timeout_s=60).check().stdout
        for words in (["--network"], [])
    )
    assert set(json.loads(read)) == {"format", "files", "network"}
    told, known = facts.parse(read), facts.parse(whole)
    of_network = [key for key in known if key.startswith("network.")]
    assert {key: told[key] for key in of_network} == {key: known[key] for key in of_network}


def test_without_a_network_the_other_facts_are_there() -> None:
    found = facts.collect(Answer(saying(1400, "6.1.0"), network=TrialFailed("no network")))
    assert found["kernel.release"].value == "6.1.0"


@pytest.mark.parametrize("done", [Completed((), 127, b"", b"no python"), CommandTimeout("too long")])
def test_a_probe_that_fails_gives_facts_in_error(done: Completed | CommandTimeout) -> None:
    found = facts.collect(Answer(done))
    assert {fact.status for fact in found.values()} == {Status.ERROR}


def test_the_command_prints_the_host_and_its_layers() -> None:
    from vbench.cli.facts import facts as command

    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0
    assert done.output.startswith(("this host is", "nothing tells"))
    assert "Clock source" in done.output


def test_an_unknown_environment_is_wrong_use_and_the_known_ones_are_named() -> None:
    from vbench.cli.facts import facts as command

    done = CliRunner().invoke(command, ["rnc", "--suite", "smoke"])
    assert isinstance(done.exception, UsageError)
    assert "runc" in done.exception.hint


def test_the_command_prints_json_with_every_fact_and_its_source() -> None:
    from vbench.cli.facts import facts as command

    document = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert set(document) == {"headline", "layers", "facts"}
    assert all(set(fact) == {"value", "source", "status"} for fact in document["facts"].values())


def test_the_probe_writes_nothing_beside_itself(tmp_path: Path) -> None:
    for source in SOURCES:
        (tmp_path / source.name).write_bytes(source.read_bytes())
    proc.run([sys.executable, str(tmp_path / "probe.py")], timeout_s=60).check()
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name for source in SOURCES]


def test_the_probe_reads_the_processor_that_it_is_asked_for() -> None:
    last = max(os.sched_getaffinity(0))
    done = proc.run([sys.executable, str(GUEST / "probe.py"), "/nowhere", str(last)], timeout_s=60).check()
    found = json.loads(done.stdout)
    assert found["python"]["processor"] == last
    assert f"/sys/devices/system/cpu/cpu{last}/cpufreq/scaling_governor" in found["files"]
    first = found["files"]["/proc/cpuinfo"].splitlines()[0]
    assert re.fullmatch(rf"processor\s*: {last}", first) or not first.startswith("processor")
