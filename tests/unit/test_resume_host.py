"""A run is not gone on with where its host, or what starts its environments, has become another."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.killed import HERE, REBOOTED, Killed, Known, a_suite, aged, resumed
from tests.unit.refusals import CLEAN, KILLED_AT, edited, host_was, refusal
from vbench import facts, store
from vbench import suite as suites
from vbench.beneath import Engine
from vbench.environments.fake import Fake
from vbench.errors import RunFolderError
from vbench.host.local import LocalHost
from vbench.model import Fact, State
from vbench.runner import resumption
from vbench.suite import plan as plans


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    return Killed(folder, a_suite(folder), (KILLED_AT,))


@pytest.fixture
def folder(runs: Killed, tmp_path: Path) -> Path:
    source = runs.folder(KILLED_AT)
    return Path(shutil.copytree(source, tmp_path / "results" / source.name))


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
