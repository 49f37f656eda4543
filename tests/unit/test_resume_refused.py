"""What is not the same run any more is not gone on with: said in words, and the folder stays as it is."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.fakes import Told
from tests.unit.killed import HERE, PER_BLOCK, REBOOTED, Killed, Known, a_suite, aged, content, resumed
from tests.unit.program import GOOD, Vbench, refused
from vbench import __version__, facts, store
from vbench import suite as suites
from vbench.beneath import Engine
from vbench.cli import run as run_command
from vbench.environments.fake import Fake
from vbench.errors import NoSpace, RunFolderError, StopFailed, UsageError
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.model import Fact, Resumption, State
from vbench.runner import conduct, resumption
from vbench.store import privacy
from vbench.suite import Suite
from vbench.suite import plan as plans

KILLED_AT = PER_BLOCK + 4
CLEAN = privacy.of_hosts([HERE.identity()])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    return Killed(folder, a_suite(folder), (KILLED_AT,))


@pytest.fixture
def folder(runs: Killed, tmp_path: Path) -> Path:
    source = runs.folder(KILLED_AT)
    return Path(shutil.copytree(source, tmp_path / "results" / source.name))


def edited(folder: Path, **changes: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def refusal(folder: Path, given: Suite | None = None, **more: Any) -> UsageError:
    """What resuming says; nothing in the folder is another than before."""
    before = content(folder)
    with pytest.raises(UsageError) as raised:
        resumed(folder, given, **more)
    assert content(folder) == before
    assert raised.value.hint
    return raised.value


def test_a_complete_run(runs: Killed) -> None:
    assert refusal(runs.whole.path).message == f"{runs.whole.path} is complete"


def test_another_suite(folder: Path, tmp_path: Path, runs: Killed) -> None:
    said = refusal(folder, a_suite(tmp_path, ("slowdown = 1.25", "slowdown = 1.3")))
    assert said.message == f"the file of suite few is not the one that {folder.name} was begun with"
    assert resumed(folder, runs.suite)[0].manifest.state is State.COMPLETE


def test_another_plan_than_the_suite_gives(folder: Path) -> None:
    plan = json.loads((folder / "manifest.json").read_text())["plan"]
    plan["blocks"][2]["steps"].reverse()
    assert "its suite gives another plan than the run has" in refusal(edited(folder, plan=plan)).message


OWN_FILES = (
    '"start.ready"]',
    '"start.ready", {kind = "command", name = "command.mine", argv = ["sh", "work.sh"], folder = "mine"}]',
)


def test_files_beside_the_suite_that_were_changed(tmp_path: Path) -> None:
    """They are not in the run folder, so the suite is needed to find them."""
    path, script = tmp_path / "few.toml", tmp_path / "mine" / "work.sh"
    script.parent.mkdir()
    script.write_text("echo 1")
    path.write_text(a_suite(tmp_path, OWN_FILES).text)
    runs = Killed(tmp_path, suites.load(str(path)), (5,))
    folder = runs.folder(5)
    assert "its suite has files of its own beside it" in refusal(folder).message
    script.write_text("echo 2")
    said = refusal(folder, suites.load(str(path)))
    assert said.message == f"the settings or files of command.mine are not those that {folder.name} was begun with"
    script.write_text("echo 1")
    assert resumed(folder, suites.load(str(path)))[0].manifest.state is State.COMPLETE


@pytest.mark.parametrize("text", ["", "name = 3", "[", 'name = "few"\n'])
def test_a_suite_in_the_folder_that_cannot_be_read(folder: Path, text: str) -> None:
    assert f"{folder.name} cannot be gone on with: the suite of {folder.name}: " in (
        refusal(edited(folder, suite_text=text)).message
    )


def test_an_image_that_is_gone(folder: Path) -> None:
    said = refusal(edited(folder, image="0123456789abcdef"))
    assert said.message == f"the image of {folder.name} is not here: 0123456789ab"
    assert "vbench image list" in said.hint


def test_another_vbench(folder: Path) -> None:
    said = refusal(edited(folder, tool="9.9"))
    assert "was begun by vbench 9.9" in said.message
    assert "install vbench 9.9" in said.hint


def test_the_same_vbench_with_other_files(folder: Path) -> None:
    assert store.read_manifest(folder).sources == resumption.sources()
    said = refusal(edited(folder, sources="0" * 64))
    assert said.message == f"{folder.name} was begun by vbench {__version__} as this is, but with other files of it"
    assert "the very installation or checkout that began it" in said.hint


def test_a_run_that_does_not_know_its_vbench_s_files_goes_on(folder: Path) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    del document["sources"]
    (folder / "manifest.json").write_text(json.dumps(document))
    run, _ = resumed(folder)
    assert (run.manifest.state, run.manifest.sources) == (State.COMPLETE, None)


def test_a_vbench_that_cannot_read_its_own_files_refuses_no_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumption, "sources", lambda: None)
    assert resumed(folder)[0].manifest.state is State.COMPLETE


def test_the_digest_of_the_sources_is_of_every_name_and_byte(tmp_path: Path) -> None:
    def digest(number: int, files: dict[str, str]) -> str | None:
        for name, text in files.items():
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return resumption.sources(tmp_path / str(number))

    files = {"a.py": "1", "b/c.py": "2"}
    first = digest(0, files)
    assert first is not None and len(first) == 64
    assert digest(1, dict(reversed(files.items()))) == first
    assert digest(2, files | {"__pycache__/a.pyc": "3", "b/__pycache__/c.pyc": "4"}) == first
    others = [{"a.py": "2", "b/c.py": "1"}, {"a.py": "12", "b/c.py": ""}, {"a.py": "1"}, files | {"b/d.html": ""}]
    assert len({first, *(digest(number, other) for number, other in enumerate(others, start=3))}) == 5
    assert resumption.sources(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("schema", "words"), [(99, "has schema 99, this vbench reads 1 to"), (1, "begun with schema 1")]
)
def test_another_schema(folder: Path, schema: int, words: str) -> None:
    assert words in refusal(edited(folder, schema=schema)).message


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"schema": 2}', b"[" * 100_000])
def test_a_damaged_manifest(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    assert "manifest.json cannot be read" in refusal(folder).message


def test_a_folder_without_a_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    assert "has no manifest.json: this is not a run folder" in refusal(folder).message
    os.mkfifo(folder / "manifest.json")
    assert refusal(folder).message == f"{folder / 'manifest.json'} is a named pipe, not a file"


@pytest.mark.parametrize("what", ["folder", "pipe", "link"])
def test_a_journal_that_no_vbench_wrote(folder: Path, tmp_path: Path, what: str) -> None:
    path = folder / "journal.jsonl"
    path.unlink()
    match what:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match="is not a file: no vbench wrote it"):
        resumed(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_without_a_journal_gains_none_by_a_refusal(folder: Path) -> None:
    (folder / "journal.jsonl").unlink()
    refusal(edited(folder, tool="9.9"))
    assert not (folder / "journal.jsonl").exists()


def test_a_lost_journal_is_begun_anew_and_locked(folder: Path) -> None:
    (folder / "journal.jsonl").unlink()
    with store.reopen(folder, clean=CLEAN) as first, store.reopen(folder, clean=CLEAN) as second:
        first.take_up(Resumption("now", 0))
        with pytest.raises(RunFolderError, match="is being written by another vbench"):
            second.take_up(Resumption("now", 0))


def test_a_run_that_still_goes_on(folder: Path) -> None:
    with store.reopen(folder, clean=CLEAN):
        assert refusal(folder).message == f"{folder} is being written by another vbench"


def test_a_new_run_is_locked_while_it_goes_on(tmp_path: Path) -> None:
    said = []

    def begin(host: object, testbed: object) -> Told:
        (folder,) = (tmp_path / "results").iterdir()
        said.append(refusal(folder).message)
        return Told()

    suite = a_suite(tmp_path, ("blocks = 3", "blocks = 1"))
    from vbench.suite import plan

    conduct.conduct(
        suite, plan.make(suite), image=None, results=tmp_path / "results", progress=begin, command=(), tags={}
    )
    assert "is being written by another vbench" in said[0]


# --- the host -----------------------------------------------------------------------------------------------------


def host_was(folder: Path, **values: object) -> None:
    path = folder / "facts" / "host.json"
    facts = json.loads(path.read_text())
    for key, value in values.items():
        name = key.replace("__", ".")
        facts[name] = {"source": "a test", **facts.get(name, {}), "value": value, "status": "ok"}
    path.write_text(json.dumps(facts))


def test_a_host_with_another_kernel(folder: Path) -> None:
    host_was(folder, kernel__release="2.6.32")
    said = refusal(folder)
    assert "was begun on another host, or this one was changed: kernel.release was 2.6.32, is " in said.message
    assert "the costs of one run are of one host" in said.hint


def test_a_host_with_another_processor(folder: Path) -> None:
    host_was(folder, cpu__model="i486DX2")
    assert "cpu.model was i486DX2, is " in refusal(folder).message


class Engined(Fake, frozen=True, kw_only=True):
    """Started by a program of a given version."""

    version: str = "1"

    def engines(self) -> tuple[Engine, ...]:
        return (Engine("made-up", ("echo", "made-up", self.version), r"made-up (\S+)"),)


@pytest.fixture(scope="module")
def engined(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("engined")
    suite = a_suite(folder)
    arms = {name: replace(arm, environment=Engined()) for name, arm in suite.environments.items()}
    return Killed(folder, replace(suite, environments=arms), (KILLED_AT,))


def test_the_facts_of_host_and_environments_name_the_versions_of_what_starts_them(
    engined: Killed, runs: Killed
) -> None:
    whole = engined.whole
    assert {found["tool.made-up"].value for found in (whole.host, *whole.facts.values())} == {"1"}
    assert not [key for key in runs.whole.host if facts.title_of(key).startswith("Engine: ")]


def test_another_engine_of_the_run(engined: Killed) -> None:
    run = store.load(engined.folder(KILLED_AT))
    engines = suites.engines(engined.suite)
    now = {**run.host, "tool.made-up": Fact("2", "a test")}
    assert "tool.made-up" not in " ".join(resumption.differences(run, now, CLEAN).identity)
    found = resumption.differences(run, now, CLEAN, engines)
    assert found.identity == ("tool.made-up was 1, is 2",)
    assert found.others == ()
    with pytest.raises(RunFolderError, match=r"tool\.made-up was 1, is 2"):
        resumption.refuse_other_host(run, found, HERE.identity())
    unknown = {name: fact for name, fact in now.items() if name != "tool.made-up"}
    assert resumption.differences(run, unknown, CLEAN, engines).identity == ()


NOBODY_KNOWS = Known(machine="", boot="")
OTHER_MACHINE = Known(machine="9" * 32, boot="8" * 32)
NO_MACHINE_ID = Known(machine="")


def test_another_machine_of_the_same_type(folder: Path) -> None:
    assert "it is another machine" in refusal(folder, host=OTHER_MACHINE).message


@pytest.mark.parametrize("machine", ["", "0" * 32])
@pytest.mark.parametrize("host", [NOBODY_KNOWS, Known(machine="", boot=REBOOTED.boot)])
def test_a_machine_without_an_identity_and_another_boot(folder: Path, machine: str, host: Known) -> None:
    said = refusal(edited(folder, machine=machine), host=host)
    assert f"nothing shows that {folder.name} was begun on this machine" in said.message
    assert "systemd-machine-id-setup" in said.hint


@pytest.mark.parametrize("host", [HERE, REBOOTED, OTHER_MACHINE])
def test_a_folder_that_names_no_machine_and_no_boot(folder: Path, host: Known) -> None:
    """As somebody's who wrote it by hand would."""
    assert "nothing shows that" in refusal(edited(folder, machine="", boot=""), host=host).message


@pytest.mark.parametrize(("machine", "host"), [("", HERE), ("", NO_MACHINE_ID), (None, NO_MACHINE_ID)])
def test_the_same_boot_is_evidence_enough(folder: Path, machine: str | None, host: Known) -> None:
    if machine is not None:
        edited(folder, machine=machine)
    assert resumed(folder, host=host)[0].manifest.state is State.COMPLETE


def test_the_marks_tell_nobody_which_machine_it_is(tmp_path: Path) -> None:
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    boot.write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    known = LocalHost(etc=tmp_path, procfs=tmp_path).identity()
    first, again, other = (known.marks(run) for run in ("one", "one", "two"))
    assert first == again
    assert not set(first) & set(other)
    assert "0123456789abcdef" not in "".join(first)


@pytest.mark.parametrize("text", ["uninitialized\n", "", "0" * 31, "x" * 32, "0" * 10**6, "\x00" * 32])
def test_a_machine_whose_identity_cannot_be_believed_has_none(tmp_path: Path, text: str) -> None:
    path, host = tmp_path / "machine-id", LocalHost(etc=tmp_path, procfs=tmp_path)
    path.write_text(text)
    assert (host.identity().machine, host.identity().boot) == ("", "")
    path.unlink()
    os.mkfifo(path)
    assert host.identity().machine == ""


@pytest.mark.parametrize("part", ["", "manifest.json", "journal.jsonl", "facts"])
def test_a_folder_that_another_user_could_have_written(folder: Path, part: str) -> None:
    (folder / part).chmod(0o777)
    said = refusal(folder)
    assert said.message.endswith(f"{folder / part} can be written by other users: it names commands to run")
    assert "as the user who began it" in said.hint


def test_a_folder_that_another_user_could_swap(folder: Path) -> None:
    folder.parent.chmod(0o777)
    said = refusal(folder)
    assert said.message == f"{folder} names commands to run, and other users can write to {folder.parent}"
    folder.parent.chmod(0o1777)
    store.refuse_foreign(folder)


def test_a_folder_that_is_not_there_is_left_to_who_reads_it(tmp_path: Path) -> None:
    store.refuse_foreign(tmp_path / "no results" / "no run")


def test_a_folder_of_another_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    if own:  # what is root's is everybody's to believe
        assert "belongs to another user" in refusal(folder).message


HOSTILE = """
name = "few"
benchmarks = ["cpu.hash"]
[method]
baseline = "a"
[environments.a]
kind = "fake"
[environments.b]
kind = "oci"
runtime = "{runtime}"
seccomp = false
"""


@pytest.mark.parametrize("what", ["owner", "tool", "sources", "machine", "kernel"])
def test_nothing_that_a_folder_names_is_run_before_all_else_is_found_right(
    folder: Path, tmp_path: Path, what: str
) -> None:
    """A runtime that would leave a mark stands in the suite of a folder in which one thing is wrong."""
    runtime = tmp_path / "runtime"
    runtime.write_text(f"#!/bin/sh\ntouch {tmp_path / 'mark'}\n")
    runtime.chmod(0o755)
    text = HOSTILE.format(runtime=runtime)
    suite = suites.parse(text, source="few.toml")
    records = [msgspec.to_builtins(record) for record in suites.environment_records(suite)]
    benchmarks = [msgspec.to_builtins(record) for record in suites.benchmark_records(suite)]
    planned = plans.make(suite, seed=1)
    edited(
        folder,
        suite_text=text,
        environments=records,
        benchmarks=benchmarks,
        plan=msgspec.to_builtins(planned),
        baseline="a",
        control=planned.control,
        seed=1,
        blocks=len(planned.blocks) - 1,
    )
    match what:
        case "owner":
            (folder / "manifest.json").chmod(0o666)
        case "tool":
            edited(folder, tool="9.9")
        case "sources":
            edited(folder, sources="0" * 64)
        case "machine":
            edited(folder, machine="", boot="")
        case "kernel":
            host_was(folder, kernel__release="2.6.32")
    refusal(folder)
    assert not (tmp_path / "mark").exists()


def test_what_else_has_changed_of_the_host_is_told_and_stays_with_the_run(folder: Path) -> None:
    host_was(folder, clock__source="sundial")
    aged(folder, pause_s=5.0)
    run, said = resumed(folder)
    (change,) = run.manifest.resumed[0].changes
    assert change.startswith("clock.source was sundial, is ")
    assert change in said
    assert f"the host had changed when the run was resumed: {change}" in run.warnings


# --- privacy ------------------------------------------------------------------------------------------------------


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Killed:
    """A run whose suite names a home folder."""
    home = tmp_path / "ada"
    (home / "scratch").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    return Killed(tmp_path, a_suite(tmp_path, (str(tmp_path / "scratch"), str(home / "scratch"))), (KILLED_AT,))


def test_a_suite_that_was_redacted_has_to_be_given_again(private: Killed) -> None:
    folder = private.folder(KILLED_AT)
    assert str(private.tmp_path / "ada") not in (folder / "manifest.json").read_text()
    said = refusal(folder)
    assert "its suite names the host or a home folder, which a run folder never keeps" in said.message
    assert "vbench run SUITE --resume RUN" in said.hint
    run, _ = resumed(folder, private.suite)
    assert run.manifest.state is State.COMPLETE
    clean = privacy.of_run(run.manifest, privacy.of_hosts([HERE.identity()]))
    assert clean.own(private.suite.text) == run.manifest.suite_text


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def here(folder: Path, tmp_path: Path, vbench: Vbench) -> Iterator[Callable[..., str]]:
    """What `vbench run --resume` of the killed run says when it is refused."""

    def call(*words: str) -> str:
        before = content(folder)
        said = refused(vbench("run", "--resume", folder.name, *words))
        assert content(folder) == before
        return said

    yield call


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("--env", "a"), "--env"),
        (("--bench", "cpu"), "--bench"),
        (("--blocks", "3"), "--blocks"),
        (("--seed", "0"), "--seed"),
        (("--tag", "a=b"), "--tag"),
        (("--seed", "1", "--env", "b", "--blocks", "9"), "--env, --blocks, --seed"),
    ],
)
def test_what_the_plan_has_fixed(here: Callable[..., str], words: tuple[str, ...], options: str) -> None:
    said = here(*words)
    assert f"vbench: {options} cannot stand beside --resume: a run goes on as it was planned" in said
    assert "hint: leave it out" in said


def test_time_that_does_not_suffice_for_what_comes_next(here: Callable[..., str]) -> None:
    assert "more than --max-time leaves" in here("--max-time", "1 us")


@pytest.mark.parametrize("text", ["0", "-1 s", "soon", "3 parsec", "nan", "inf", "1e400", ""])
def test_a_time_that_is_none(here: Callable[..., str], text: str) -> None:
    assert "Invalid value for '--max-time'" in here("--max-time", text)


def test_a_new_run_that_has_no_time_for_one_block(vbench: Vbench) -> None:
    Path("small.toml").write_text(GOOD.replace('"1 ms"', '"1 s"'))
    said = refused(vbench("run", "small.toml", "--max-time", "1 s"))
    assert "the calibration and one block are expected to take " in said
    assert not Path("results").exists()


@pytest.mark.parametrize("name", ["no-such-run", "x" * 5000, "nul\0byte"])
def test_a_run_that_is_not_there(vbench: Vbench, name: str) -> None:
    assert "no run folder is named" in refused(vbench("run", "--resume", name))


def test_an_interrupted_resumption_is_a_run_that_ended_early(folder: Path) -> None:
    def stop(trial: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conduct.resume(folder, None, progress=lambda suite, run: Told(at_trial=stop), host=HERE)
    assert store.read_manifest(folder).state is State.PARTIAL
    assert LocalSession().run(["true"], timeout_s=5).status == 0
    assert resumed(folder)[0].manifest.state is State.COMPLETE


@pytest.mark.parametrize("error", [NoSpace("full"), StopFailed("a machine still runs"), KeyboardInterrupt()])
def test_a_closed_stdout_does_not_hide_how_a_run_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    def course(stored: Callable[[Path], None]) -> conduct.Conducted:
        try:
            raise error
        finally:
            stored(folder)

    with os.fdopen(writer, "w") as closed:  # its own end writes what is buffered, and must not fail either
        monkeypatch.setattr("sys.stdout", closed)
        with pytest.raises(type(error)) as raised:
            run_command._followed(course)
        monkeypatch.undo()
    assert raised.value is error
