"""A testbed and its undo journal touch the host's files through the host alone, so that it can be another machine."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from vbench.beneath import Owner, Space
from vbench.contracts import Completed
from vbench.host.files import LocalFiles
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed import folders
from vbench.testbed.host import HostTestbed, open_testbed
from vbench.testbed.undo import abandoned, recorded, removal, sweep

FAR = PurePosixPath("/far-away")  # a folder of the other machine


@dataclass(frozen=True)
class FarFiles(LocalFiles):
    """Files of a machine that are below `root` here, and notes of what was asked."""

    root: Path
    notes: list[str] = field(default_factory=list)

    def here(self, path: PurePosixPath) -> PurePosixPath:
        return PurePosixPath(self.root, path.relative_to("/"))

    def there(self, path: PurePosixPath) -> PurePosixPath:
        return PurePosixPath("/", path.relative_to(self.root))

    def resolved(self, path: PurePosixPath, what: str) -> PurePosixPath:
        return self.there(super().resolved(self.here(path), what))

    def space(self, folder: PurePosixPath) -> Space:
        return super().space(self.here(folder))

    def make_folder(self, parent: PurePosixPath, prefix: str) -> PurePosixPath:
        return self.there(super().make_folder(self.here(parent), prefix))

    def remove_folder(self, folder: PurePosixPath) -> None:
        super().remove_folder(self.here(folder))

    def append(self, file: PurePosixPath, data: bytes, *, synced: bool) -> None:
        self.notes.append(f"{file.name} {'synced' if synced else 'written'}")
        super().append(self.here(file), data, synced=synced)

    def read(self, file: PurePosixPath, *, most_b: int) -> bytes:
        return super().read(self.here(file), most_b=most_b)

    def own_folders(self, parent: PurePosixPath, prefix: str) -> tuple[PurePosixPath, ...]:
        return tuple(map(self.there, super().own_folders(self.here(parent), prefix)))

    def others_could_swap(self, path: PurePosixPath) -> str:
        return super().others_could_swap(self.here(path))


@dataclass(frozen=True)
class FarSession(LocalSession):
    """A session on that machine, which notes the commands and executes none."""

    notes: list[str] = field(default_factory=list)

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        self.notes.append(Path(argv[0]).name)
        return Completed(tuple(argv), 0, b"", b"")


@dataclass(frozen=True)
class FarHost(LocalHost):
    """That machine. A run's process on it has another number than the harness here."""

    dead: bool = False

    def run_owner(self) -> Owner:
        return Owner(7, 11, "far")

    def has_ended(self, owner: Owner) -> bool:
        assert owner == Owner(7, 11, "far")
        return self.dead


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def host(tmp_path: Path, notes: list[str]) -> FarHost:
    (tmp_path / FAR.name).mkdir()
    return FarHost(FarSession(notes=notes), files=FarFiles(tmp_path, notes))


def opened(host: FarHost) -> AbstractContextManager[HostTestbed]:
    return open_testbed(
        host=host, image=None, processors=Processors((0,), (0,)), memory_b=2**20, scratch=FAR, name="unit"
    )


def test_folders_are_made_and_removed_on_the_host(host: FarHost, tmp_path: Path) -> None:
    folders.refuse(host.files, FAR, files_b=1)
    with opened(host) as bed, bed.folder("one") as one:
        assert one.is_relative_to(bed.base)
        assert bed.base.is_relative_to(FAR)
        assert Path(f"{tmp_path}{one}").is_dir()
        assert not Path(FAR).exists()
    assert list((tmp_path / FAR.name).iterdir()) == []


def test_a_removal_is_on_the_hosts_disk_before_the_thing_is_made_and_costs_no_process(
    host: FarHost, notes: list[str]
) -> None:
    with opened(host) as bed:
        notes.clear()
        with bed.undo(["rm", "x"]):
            assert notes == ["undo.jsonl synced"]
            assert recorded(host, bed.base) == ((removal(["rm", "x"]),), ())
        assert notes == ["undo.jsonl synced", "rm", "undo.jsonl written"]
        assert recorded(host, bed.base) == ((), ())


def test_what_a_killed_run_left_is_found_and_removed_on_the_host(
    host: FarHost, notes: list[str], tmp_path: Path
) -> None:
    with opened(host) as bed, bed.undo(["rm", "x"]):
        kept = Path(f"{tmp_path}{bed.base}")
        left = kept.rename(kept.with_name("vbench-killed"))
        kept.mkdir()
    assert abandoned(host, FAR) == ()
    after = FarHost(host.session, files=host.files, dead=True)
    notes.clear()
    assert abandoned(after, FAR) == (FAR / left.name,)
    assert list(sweep(after, FAR / left.name)) == ["rm x", str(FAR / left.name)]
    assert notes == ["pgrep", "rm"]  # nothing names the folder any more
    assert not left.exists()
