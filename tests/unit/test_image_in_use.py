"""Which image a run takes, what it refuses, and who may remove one: with images of a few files."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit import killed, small_image
from tests.unit.fakes import Told
from tests.unit.small_image import enter, folder, own_caches, written
from vbench import image, store
from vbench import suite as suites
from vbench.beneath import Image
from vbench.cli.image import image as command
from vbench.cli.plan import plan
from vbench.errors import EnvironmentUnavailable, RunFolderError
from vbench.host import proc
from vbench.image import cache, inventory, usage
from vbench.image.normal import normal_mode, normalize
from vbench.model import Run, State
from vbench.runner import conduct, image_of
from vbench.suite import plan as plans


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return own_caches(tmp_path, monkeypatch)


@pytest.fixture
def built() -> Image:
    return small_image.publish()


# --- which one ---------------------------------------------------------------------------------------------------


def test_an_image_that_would_be_built_otherwise_is_not_taken() -> None:
    old = small_image.publish(key="of other guest files")
    assert image.find() is None
    missing = image.lacking()
    assert f"{old.digest[:12]} was built by vbench 0.2.0" in missing.what
    assert "this vbench would build another one" in missing.what
    assert missing.hint == "run `vbench image build`"
    with pytest.raises(EnvironmentUnavailable, match="missing: an image that this vbench can use"):
        image.refuse_unusable()
    assert image.find(old.digest[:12]) == old, "a run that was begun with it may go on with it"


def test_a_newer_stale_image_does_not_hide_an_older_one_that_fits(built: Image) -> None:
    small_image.publish("other", created="2027-01-01T00:00:00+00:00", key="of other guest files")
    assert image.find() == built
    image.refuse_unusable()


def test_an_image_of_a_version_without_lists_is_told_as_old(built: Image) -> None:
    path = folder(built) / "image.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 1}))
    assert image.find() is None
    assert "would build another one" in image.lacking().what
    assert image.remove(built.digest) == built


def test_a_changed_guest_folder_makes_the_image_stale(built: Image, tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    shutil.copytree(proc.GUEST, guest)
    assert image.current(guest=guest) == built
    (guest / "kernels.c").write_text("int changed;")
    assert image.current(guest=guest) is None


def test_an_image_that_root_built_for_all_is_found(built: Image, tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    cache.folder().rename(tmp_path / "system/images")
    found = image.find()
    assert found is not None
    assert (found.digest, found.root.parent.parent) == (built.digest, tmp_path / "system/images")
    enter(found)


def test_a_list_says_which_images_a_run_may_take(built: Image) -> None:
    small_image.publish("other", created="2027-01-01T00:00:00+00:00", key="of other guest files")
    shared = small_image.publish("third", created="2028-01-01T00:00:00+00:00")
    folder(shared).chmod(0o777)
    rows = [line.split()[:2] for line in CliRunner().invoke(command, ["list"]).stdout.splitlines()[1:]]
    assert [row[1] for row in rows] == ["refused", "stale", "current"]
    assert rows[2][0] == built.digest[:12]


def test_a_list_shows_what_another_user_wrote_safely(built: Image) -> None:
    path = folder(built) / "image.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"suite": "\x1b[31mbookworm"}))
    shown = CliRunner().invoke(command, ["list"], color=True).stdout
    assert "⟨U+001B⟩[31mbookworm" in shown
    assert "\x1b" not in shown


def test_a_plan_says_which_image_a_run_would_take(built: Image) -> None:
    arguments = ["quick", "--env", "runc", "--bench", "cpu.hash"]
    assert f"image     {built.digest[:12]}" in CliRunner().invoke(plan, arguments).stdout
    shutil.rmtree(folder(built))
    lines = CliRunner().invoke(plan, arguments).stdout.splitlines()
    assert "image     missing: the image; run `vbench image build`" in lines


HOST = 'kind = "bare"\nroot = "host"'
FAKE = 'kind = "fake"'


@pytest.mark.parametrize(
    ("environment", "benchmark", "takes"),
    [
        (HOST, "cpu.hash", False),
        (FAKE, "start.ready", False),
        ('kind = "bare"', "cpu.hash", True),
        (HOST, "network.rr", True),
        (FAKE, "http.requests", True),
    ],
)
def test_a_run_takes_an_image_where_an_environment_or_the_peer_executes_it(
    built: Image, environment: str, benchmark: str, takes: bool
) -> None:
    base = f"[environments.base]\n{environment}\n"
    suite = suites.parse(f'name = "x"\nbenchmarks = ["{benchmark}"]\n{base}', source="x.toml")
    assert image_of(suite) == (built if takes else None)


def test_a_plan_says_that_a_run_takes_no_image(built: Image, tmp_path: Path) -> None:
    suite = tmp_path / "x.toml"
    suite.write_text(f'name = "x"\nbenchmarks = ["cpu.hash"]\n[environments.base]\n{HOST}\n')
    assert "image     none is needed" in CliRunner().invoke(plan, [str(suite)]).stdout.splitlines()


# --- who uses it -------------------------------------------------------------------------------------------------

HOLD = """
import sys
from vbench import image
with image.in_use(image.find()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_an_image_in_use_is_not_removed_and_its_user_named(built: Image) -> None:
    with proc.spawn([sys.executable, "-c", HOLD]) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(EnvironmentUnavailable, match=rf"is in use by process {process.pid} \(") as caught:
            image.remove(built.digest)
        assert caught.value.exit_code == 4
        enter(built)  # beside it
    assert image.remove(built.digest) == built
    assert not folder(built).exists()


def test_an_image_in_use_in_other_namespaces_is_not_removed(built: Image) -> None:
    done = proc.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"], timeout_s=10)
    if done.status != 0:
        pytest.skip("no namespaces here")
    held = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", sys.executable, "-c", HOLD]
    with proc.spawn(held) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(EnvironmentUnavailable, match="is in use by process"):
            image.remove(built.digest)


def test_a_build_does_not_replace_an_image_in_use(built: Image) -> None:
    with image.in_use(built):
        (folder(built) / inventory.NAME).unlink()  # so that the same bits would have to be put in its place
        with pytest.raises(EnvironmentUnavailable, match="is in use by process"):
            small_image.publish()
    small_image.publish()
    enter(built)


def test_the_same_bits_built_again_do_not_disturb_a_run(built: Image) -> None:
    with image.in_use(built):
        assert small_image.publish() == built
        image.refuse_changed(built)


def test_an_image_that_was_removed_since_it_was_chosen_is_told(built: Image) -> None:
    image.remove(built.digest)
    with pytest.raises(EnvironmentUnavailable):
        enter(built)


def test_an_image_of_a_version_without_locks_is_told_as_old(built: Image) -> None:
    (folder(built) / usage.NAME).unlink()
    with pytest.raises(EnvironmentUnavailable, match="has no lock file: an older vbench built it") as caught:
        enter(built)
    assert caught.value.hint == f"`vbench image remove {built.digest[:12]}`, then `vbench image build`"
    assert image.remove(built.digest) == built


def test_an_image_whose_files_go_while_they_are_listed_is_told_as_changed(
    built: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: bytes) -> Any:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)

    monkeypatch.setattr(os, "scandir", gone)
    with pytest.raises(image.ImageChanged, match="cannot be read: No such file or directory"):
        image.refuse_changed(built)


def test_an_image_being_removed_is_told(built: Image) -> None:
    with (
        usage.alone(folder(built)),
        pytest.raises(EnvironmentUnavailable, match="is being removed or replaced"),
    ):
        enter(built)


def test_holders_of_a_lock_are_read_from_the_kernels_list() -> None:
    locks = (
        "1: FLOCK  ADVISORY  READ 4711 fd:01:1234 0 EOF\n"
        "1: -> FLOCK  ADVISORY  WRITE 4712 fd:01:1234 0 EOF\n"
        "2: POSIX  ADVISORY  READ 4713 fd:01:1234 0 EOF\n"
        "3: FLOCK  ADVISORY  READ 4714 fd:01:11234 0 EOF\n"
        "4: FLOCK  ADVISORY  READ 0 fd:01:1234 0 EOF\n"
        "5: FLOCK  ADVISORY  READ -1 fd:01:1234 0 EOF\n"
        "6: FLOCK\n\n"
    )
    assert usage.holders(locks, 1234) == (4711,)


# --- a run -------------------------------------------------------------------------------------------------------


def run(tmp_path: Path, used: Image | None, at_trial: Callable[[int], None]) -> Run:
    """A run of fakes whose image is `used`; the function is told how many trials there are."""
    suite = killed.a_suite(tmp_path)
    folders: list[Path] = []
    try:
        conduct.conduct(
            suite,
            plans.make(suite),
            image=used,
            results=tmp_path / "results",
            progress=lambda testbed: Told(at_trial=lambda trial: at_trial(trial.block)),
            command=(),
            tags={},
            stored=folders.append,
            clocks=killed.clocks(),
        )
    finally:
        found = store.load(folders[0]) if folders else None
    assert found is not None
    return found


def test_a_run_holds_its_image(built: Image, tmp_path: Path) -> None:
    def remove(block: int) -> None:
        if block == 1:
            with pytest.raises(EnvironmentUnavailable, match=f"is in use by process {os.getpid()}"):
                image.remove(built.digest)

    found = run(tmp_path, built, remove)
    assert (found.manifest.state, found.manifest.image) == (State.COMPLETE, built.digest)


def test_a_run_whose_image_was_changed_meanwhile_does_not_carry_its_digest(built: Image, tmp_path: Path) -> None:
    def change(block: int) -> None:
        if block == 2:
            written(built)

    with pytest.raises(image.ImageChanged, match="while they were measured, so the run does not name the image"):
        run(tmp_path, built, change)
    (folder_of_run,) = (tmp_path / "results").iterdir()
    found = store.load(folder_of_run)
    assert found.manifest.state is State.PARTIAL
    assert found.manifest.image == f"changed-{found.manifest.run_id}"
    assert {record.image for record in found.manifest.environments} <= {"", "host", found.manifest.image}
    assert built.digest not in (folder_of_run / "manifest.json").read_text()
    with pytest.raises(RunFolderError, match="is not here"):
        conduct.resume(folder_of_run, None, progress=lambda suite, run: Told())


def test_a_run_does_not_begin_with_a_changed_image(built: Image, tmp_path: Path) -> None:
    written(built)
    with pytest.raises(EnvironmentUnavailable, match="not as they were built"):
        run(tmp_path, built, lambda block: None)
    assert not (tmp_path / "results").exists()


# --- one form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "is_folder", "normal"),
    [
        (0o600, False, 0o644),
        (0o664, False, 0o644),
        (0o666, False, 0o644),
        (0o700, False, 0o755),
        (0o4755, False, 0o755),
        (0o2755, False, 0o755),
        (0o400, False, 0o444),
        (0o000, False, 0o444),
        (0o700, True, 0o755),
        (0o2775, True, 0o755),
        (0o000, True, 0o755),
    ],
)
def test_modes_have_one_form(mode: int, normal: int, *, is_folder: bool) -> None:
    assert normal_mode(mode, folder=is_folder) == normal


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077, 0o000])
def test_an_image_does_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        (tmp_path / "root/folder").mkdir(parents=True)
        (tmp_path / "root/folder/file").touch()
        (tmp_path / "root/tmp").mkdir()
        (tmp_path / "root/tmp").chmod(0o1777)
        (tmp_path / "root/link").symlink_to("/nonexistent")
        normalize(tmp_path / "root")
    finally:
        os.umask(before)
    found = {path.name: f"{path.lstat().st_mode & 0o7777:o}" for path in (tmp_path / "root").rglob("*")}
    assert found == {"folder": "755", "file": "644", "tmp": "1777", "link": "777"}
