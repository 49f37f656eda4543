"""What is not the same run any more is not gone on with: said in words, and the folder stays as it is."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.fakes import Told
from tests.unit.killed import HERE, Killed, a_suite, content, resumed
from tests.unit.program import GOOD, Vbench, refused
from tests.unit.refusals import CLEAN, KILLED_AT, edited, refusal
from vbench import __version__, store
from vbench import suite as suites
from vbench.cli import run as run_command
from vbench.errors import NoSpace, RunFolderError, StopFailed
from vbench.host.proc import LocalSession
from vbench.model import Resumption, State
from vbench.runner import conduct, resumption
from vbench.store import privacy


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    return Killed(folder, a_suite(folder), (KILLED_AT,))


@pytest.fixture
def folder(runs: Killed, tmp_path: Path) -> Path:
    source = runs.folder(KILLED_AT)
    return Path(shutil.copytree(source, tmp_path / "results" / source.name))


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


def test_a_vbench_that_cannot_read_its_own_files_refuses_no_run(folder: Path) -> None:
    resumption.refuse_other_tool(store.read_manifest(folder), None)


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

    def begin(testbed: object) -> Told:
        (folder,) = (tmp_path / "results").iterdir()
        said.append(refusal(folder).message)
        return Told()

    suite = a_suite(tmp_path, ("blocks = 3", "blocks = 1"))
    from vbench.suite import plan

    conduct.conduct(
        suite, plan.make(suite), image=None, results=tmp_path / "results", progress=begin, command=(), tags={}
    )
    assert "is being written by another vbench" in said[0]


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
