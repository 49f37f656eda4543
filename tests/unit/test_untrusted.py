"""A file of a stranger is looked at first: type, owner, mode and size, and only then read."""

import os
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from vbench.host import untrusted
from vbench.host.untrusted import Untrusted


class Numbers(msgspec.Struct):
    number: int


def stat_of(*, mode: int = 0o100644, user: int = 0, group: int = 0) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, user, group, 1, 0, 0, 0))


def test_a_file_is_read_whole_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert untrusted.read(path, most_b=10) == b"x" * 10
    with pytest.raises(Untrusted, match="larger than 9 bytes"):
        untrusted.read(path, most_b=9)


def test_what_is_not_there_is_said_as_ever(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        untrusted.read(tmp_path / "none", most_b=1)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "a named pipe"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "a link"),
        (lambda path: path.symlink_to("/etc/passwd"), "a link"),
        (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), "a socket"),
    ],
)
def test_what_is_no_file_is_named_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, what: str
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    path = Path("odd")
    make(path)  # type: ignore[operator]
    with pytest.raises(Untrusted, match=f"is {what}, not a file"):
        untrusted.read(path, most_b=10)


def test_a_device_is_not_read() -> None:
    with pytest.raises(Untrusted, match="is a device"):
        untrusted.read(Path("/dev/zero"), most_b=10)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_name_that_no_file_can_have(path: str) -> None:
    with pytest.raises(Untrusted, match="cannot be read"):
        untrusted.read(Path(path), most_b=10)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (stat_of(), ""),
        (stat_of(user=os.geteuid(), mode=0o100664, group=os.getegid()), ""),
        (stat_of(user=os.geteuid() + 1), "belongs to another user"),
        (stat_of(mode=0o100646), "can be written by other users"),
        (stat_of(mode=0o100664, group=os.getegid() + 1), "can be written by other users"),
        (stat_of(mode=0o100664), ""),
    ],
)
def test_another_user_could_have_written_it(found: os.stat_result, why: str) -> None:
    assert untrusted.others_could_write(found) == why
    assert stat.S_ISREG(found.st_mode)


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 200_000, '{"number": 1e308}', '{"number": "1"}', "\x00", '{"number": 1' + "0" * 5000 + "}"]
)
def test_json_of_another_shape(text: str) -> None:
    with pytest.raises(Untrusted, match="the file is not what vbench writes"):
        untrusted.decode(text.encode(), Numbers, "the file")
